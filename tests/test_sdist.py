"""The source archive holds what its own tests read."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_what_the_tests_read_is_in_the_source_archive() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    held = set(project["tool"]["hatch"]["build"]["targets"]["sdist"]["include"])
    read = set()
    for path in (ROOT / "tests").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        depth = len(path.relative_to(ROOT).parts) - 1
        read |= set(re.findall(rf'(?:\bROOT|parents\[{depth}\]) / "([^"]+)"', text))
    assert {"docs", "requirements-dev.lock", "README.md"} <= read
    assert read <= held
