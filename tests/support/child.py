"""Runs Python code in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from textwrap import dedent

ROOT = Path(__file__).parents[2]


def run_code(code: str, *words: object) -> subprocess.CompletedProcess[str]:
    """Run it with words as its arguments, at the root of the repository, to whatever end."""
    command = [sys.executable, "-c", dedent(code), *map(str, words)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
