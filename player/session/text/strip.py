"""The token strip as values: what the encoder read, row by row, and which rows are in the mix."""

from __future__ import annotations

from dataclasses import dataclass

from runtime.mixing.mix import Plan
from runtime.mixing.rownumbers import row_ranges


@dataclass(frozen=True, slots=True)
class TokenCell:
    """One token: its row of the embedding, its text, and whether its value is in the mix."""

    row: int
    text: str
    used: bool


@dataclass(frozen=True, slots=True)
class PromptTokens:
    """One prompt with its coefficient in each slot it edits; none for the unchanged layout."""

    coefficients: tuple[float, ...]
    cells: tuple[TokenCell, ...]


def prompts(plan: Plan, t: float, u: float) -> tuple[PromptTokens, ...]:
    """Return the prompts of a plan as the strip shows them, in the plan's order."""
    mixed = plan.coefficients(t, u)
    made = []
    for entry, tokens in enumerate(plan.tokens):
        edits = [edit for edit in plan.edited if edit.entry == entry]
        used = {row for edit in edits for row in edit.sources}
        slots = sorted({edit.slot for edit in edits})
        coefficients = tuple(float(mixed[slot][entry]) for slot in slots)
        cells = [TokenCell(row, text, row in used) for row, text in enumerate(tokens.texts)]
        padding = [row for row in used if row > tokens.eos]
        if padding:
            cells.append(TokenCell(tokens.eos + 1, f"padding to {max(padding)}", True))
        made.append(PromptTokens(coefficients, tuple(cells)))
    return tuple(made)


def rows_words(plan: Plan) -> str:
    """Return which rows of the embedding are edited, e.g. ``row 5`` or ``rows 1–76``."""
    rows = sorted({row for edit in plan.edited for row in edit.rows})
    words = row_ranges(rows, ", ")
    return f"row {words}" if len(rows) == 1 else f"rows {words}" if rows else "no rows edited"
