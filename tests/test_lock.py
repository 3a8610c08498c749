"""The lock file holds what pyproject.toml asks of a developer's environment, with hashes."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
EXTRAS = ("dev", "export", "draw")


def locked() -> dict[str, list[str]]:
    """Return the versions of each package: several where platforms or Pythons differ."""
    versions: dict[str, list[str]] = {}
    text = (ROOT / "requirements-dev.lock").read_text(encoding="utf-8").replace("\\\n", " ")
    for line in text.splitlines():
        if not line.startswith("#"):
            pinned = re.match(r"([\w.-]+)==(\S+) .*--hash=sha256:[0-9a-f]{64}\b", line)
            assert pinned, f"not pinned to a hash: {line[:80]}"
            versions.setdefault(canonicalize_name(pinned[1]), []).append(pinned[2])
    return versions


def test_every_requirement_is_locked_to_a_version_that_serves_it() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    asked = [*project["dependencies"], *(text for extra in EXTRAS for text in extras[extra])]
    versions = locked()
    for requirement in map(Requirement, asked):
        found = versions.get(canonicalize_name(requirement.name), [])
        assert found, f"{requirement.name} is not in requirements-dev.lock: run .ci/lock"
        assert all(version in requirement.specifier for version in found), (
            f"requirements-dev.lock has {requirement.name} {found}, which {requirement} refuses: "
            "run .ci/lock"
        )


def test_no_place_of_one_machine_is_in_it() -> None:
    text = (ROOT / "requirements-dev.lock").read_text(encoding="utf-8")
    assert "file:" not in text
    assert "://" not in text
