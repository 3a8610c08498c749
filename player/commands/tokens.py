"""``wordmorph tokens``: what the encoder reads, row by row, and what edits which row."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from player.commands.common import name_untaught
from player.options import (
    AsJson,
    Expression,
    RequestOptions,
    close_open_range,
    open_planner,
    shared,
)
from player.session.reproduce import Invocation
from runtime.errors import RequestError
from runtime.language.expression import parse, slot_expression
from runtime.language.openaxis import open_axis
from runtime.mixing.mix import Edit, Plan
from runtime.mixing.rownumbers import row_ranges
from runtime.mixing.tokens import Tokens
from runtime.request import Request

EDITED = "bold cyan"


@shared
def tokens(
    expression: Expression,
    t: Annotated[float, typer.Option(help="Position of the weights, 0 to 1.")] = 0.5,
    u: Annotated[float, typer.Option(help="Position on the second axis, 0 to 1.")] = 0.5,
    invocation: Annotated[Invocation, ("model",)] = Invocation(),
    request_options: Annotated[RequestOptions, ("edit", "edit_row", "interp")] = RequestOptions(),
    word: Annotated[
        str | None,
        typer.Option(help="A word of a plain prompt to change; cat#2 is the second cat."),
    ] = None,
    to: Annotated[str | None, typer.Option(help="What --word becomes.")] = None,
    as_json: AsJson = False,
) -> None:
    """Print the token strip of each prompt, the rows that are edited, and their coefficients."""
    if (word is None) != (to is None):
        raise RequestError("--word and --to belong together, e.g. --word cat --to kitten")
    if word is not None and to is not None:
        expression = slot_expression(expression, word, to)
    if open_axis(expression) is None:
        expression = str(parse(expression))  # what cannot be read is said before a model is opened
    planner = open_planner(invocation)

    def begin(text: str) -> Request:
        return request_options.request(planner, text, t=t, u=u)

    request = begin(close_open_range(expression, invocation, planner, request_options, begin))
    made = planner.plan(request)
    name_untaught(planner, request)
    if as_json:
        print(json.dumps(describe(made, request), indent=1, ensure_ascii=False))
    else:
        show(made, request, Console(highlight=False))


def describe(made: Plan, request: Request) -> dict[str, object]:
    """Return the plan at the request's position as plain values for JSON.

    ``coefficient`` is the slot's c_j; ``rows`` of the layout take ``sources`` of the prompt.
    """
    coefficients = made.coefficients(request.t, request.u)
    return {
        "expression": request.expression,
        "t": request.t,
        "u": request.u,
        "edit": request.edit,
        "edit_row": request.edit_row,
        "interp": request.interp,
        "length": made.row_map.shape[1],
        "extrapolates": made.extrapolates(request.t, request.u),
        "prompts": [
            {
                "prompt": found.prompt,
                "tokens": [
                    {"row": row, "id": found.ids[row], "text": text}
                    for row, text in enumerate(found.texts)
                ],
            }
            for found in made.tokens
        ],
        "edits": [
            {
                "slot": edit.slot,
                "phrase": edit.phrase,
                "prompt": edit.entry,
                "coefficient": float(coefficients[edit.slot][edit.entry]),
                "rows": edit.rows,
                "sources": edit.sources,
            }
            for edit in made.edited
        ],
    }


def show(made: Plan, request: Request, console: Console) -> None:
    """Print the strips, the edits and what deserves a warning."""
    length = made.row_map.shape[1]
    for entry, found in enumerate(made.tokens):
        console.print(Text(found.prompt or '""', style="bold"), soft_wrap=True)
        cells = _cells(found, made, entry, length)
        for line in _wrapped(cells, console.width if console.is_terminal else None):
            console.print(line, soft_wrap=True)
        console.print()
    console.print(_edits(made, request))
    if any(edit.rows != edit.sources for edit in made.edited):
        console.print("token counts differ: the words are aligned at their last token")
    if request.interp == "slerp":
        console.print("slerp turns each row by its own angle: the weights shown are those of lerp")
    if made.extrapolates(request.t, request.u):
        console.print("extrapolating: a coefficient is outside 0 to 1", style="yellow")


def _cells(found: Tokens, made: Plan, entry: int, length: int) -> list[Text]:
    """Return the rows of a prompt. Edited ones of the layout, the first, say so, and by which slot
    where there are several; those of another that are read name the row they go to.
    """
    by_slot = len(made.expression.morphs) > 1
    marked: dict[int, list[int]] = {}
    for edit in made.edited:
        for row, source in zip(edit.rows, edit.sources, strict=True):
            if entry == 0:
                marked.setdefault(row, []).append(edit.slot + 1)
            elif edit.entry == entry:
                marked.setdefault(source, []).append(row)

    def cell(rows: list[int], text: str) -> Text:
        notes = [note for row in rows for note in marked.get(row, [])]
        name = f"{row_ranges(rows)} {text}"
        edited = f"←edit {row_ranges(notes)}" if by_slot else "←edit"
        mark = f"→{row_ranges(notes)}" if entry else edited
        return Text(f"{name} {mark}", style=EDITED) if notes else Text(name)

    cells = [cell([row], text) for row, text in enumerate(found.texts)]
    padding = groupby(range(found.eos + 1, length), key=lambda row: row in marked)
    return cells + [cell(list(rows), "padding") for _, rows in padding]


def _wrapped(cells: Sequence[Text], width: int | None) -> Iterable[Text]:
    """Join cells by bars into lines of at most ``width`` columns; None is one line."""
    line = Text()
    for cell in cells:
        if line.cell_len and width is not None and line.cell_len + 3 + cell.cell_len > width:
            yield line
            line = Text()
        line = Text.assemble(line, " | ", cell) if line.cell_len else cell.copy()
    yield line


def _edits(made: Plan, request: Request) -> Table:
    table = Table(title=f"t={request.t:g} u={request.u:g}", title_justify="left", box=None)
    for name in ("slot", "phrase", "weight", "rows ← rows of its prompt"):
        table.add_column(name, justify="right" if name == "weight" else "left", overflow="fold")
    coefficients = made.coefficients(request.t, request.u)
    for edit in made.edited:
        weight = float(coefficients[edit.slot][edit.entry])
        table.add_row(
            "whole" if made.expression.whole else str(edit.slot + 1),
            Text(edit.phrase or '""'),
            Text(f"{weight:+.3f}", style="" if 0 <= weight <= 1 else "yellow"),
            _pairs(edit),
        )
    return table


def _pairs(edit: Edit) -> str:
    """Return ``5 ← 6``, or ``2–4 ← 2, 5–76 ← 3–74`` where one row is taken three times."""
    stretches: list[tuple[list[int], list[int]]] = []
    for source, pairs in groupby(
        zip(edit.rows, edit.sources, strict=True), key=lambda pair: pair[1]
    ):
        rows = [row for row, _ in pairs]
        if len(rows) == 1 and stretches and len(stretches[-1][0]) == len(stretches[-1][1]):
            stretches[-1][0].append(rows[0])
            stretches[-1][1].append(source)
        else:
            stretches.append((rows, [source]))
    return ", ".join(f"{row_ranges(rows)} ← {row_ranges(sources)}" for rows, sources in stretches)
