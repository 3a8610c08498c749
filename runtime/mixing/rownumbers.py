"""Row numbers in words."""

from __future__ import annotations

from collections.abc import Iterable


def row_ranges(rows: Iterable[int], separator: str = ",") -> str:
    """Return ``1–3,5`` for 1, 2, 3, 5 in any order."""
    runs: list[list[int]] = []
    for row in sorted(set(rows)):
        if runs and row == runs[-1][-1] + 1:
            runs[-1].append(row)
        else:
            runs.append([row])
    return separator.join(str(r[0]) if len(r) == 1 else f"{r[0]}–{r[-1]}" for r in runs)
