"""The contracts in pyproject.toml hold, and each of them notices a wrong arrow."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("export", "runtime", "player")
WRONG = {
    "runtime stands alone": ("runtime/language/__init__.py", "torch"),
    "the builder never plays": ("export/graphs/__init__.py", "pygame"),
    "the player never touches torch": ("player/window/__init__.py", "torch"),
    "a session has no window": ("player/session/__init__.py", "pygame"),
    "runtime: words in": ("runtime/mixing/__init__.py", "runtime.engines"),
    "export: checkpoints in": ("export/checkpoints/__init__.py", "export.graphs"),
    "player: front ends": ("player/session/__init__.py", "player.window"),
    "session: what a player does": ("player/session/motion/__init__.py", "player.session.filling"),
    "perception: charts": ("runtime/perception/storms/__init__.py", "runtime.perception.charting"),
    "bench: what is measured": ("runtime/bench/timing.py", "runtime.bench.run"),
    "web: server and client": ("player/web/client/__init__.py", "player.web.server"),
    "critters: pictures": ("export/critters/pictures/__init__.py", "export.critters.training"),
    "one engine runtime": (
        "runtime/engines/openvino/__init__.py",
        "runtime.engines.tensorrt",
    ),
    "no circle of files": ("runtime/errors.py", "runtime.request"),
}
"""For the beginning of a contract's name: a file, and what it must not import."""


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    code = "import sys; from importlinter.cli import lint_imports_command as run; sys.exit(run())"
    return subprocess.run(
        [sys.executable, "-c", code, "--no-cache"],
        cwd=folder,
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=os.environ | {"PYTHONUTF8": "1"},
        check=False,
    )


def test_every_contract_notices_a_wrong_arrow(tmp_path: Path) -> None:
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            target = tmp_path / path.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
    done = lint(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    for file, module in WRONG.values():
        with (tmp_path / file).open("a", encoding="utf-8") as stream:
            stream.write(f"\nimport {module}\n")
    done = lint(tmp_path)
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    names = [one["name"] for one in contracts["tool"]["importlinter"]["contracts"]]
    assert len(names) == len(WRONG)
    assert all(sum(name.startswith(start) for name in names) == 1 for start in WRONG)
    assert f"0 kept, {len(names)} broken" in done.stdout, done.stdout + done.stderr
