"""Every row of the table has a test."""

from __future__ import annotations

import re
from pathlib import Path

from tests.faults.table import FAULTS


def test_every_row_has_a_test() -> None:
    modules = Path(__file__).parent.glob("test_*.py")
    text = "".join(path.read_text(encoding="utf-8") for path in modules)
    assert {int(row) for row in re.findall(r"^@fault\((\d+)\)", text, re.MULTILINE)} == set(FAULTS)
