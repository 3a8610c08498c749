"""The arguments and options that several commands share."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from runtime.errors import RequestError
from runtime.language.line import Axis, axis_of
from runtime.pipeline import Pipeline
from runtime.planner import Planner
from runtime.request import Request
from runtime.size import parse_size

Expression = Annotated[str, typer.Argument(help="What to morph, e.g. 'cat -> kitten'.")]
Model = Annotated[
    str, typer.Option("--model", "-m", help="A model's name, or the folder of its bundle.")
]
Backend = Annotated[
    str,
    typer.Option(help="auto, tensorrt, tensorrt_rtx, onnxruntime, onnxruntime-cpu or openvino."),
]
Precision = Annotated[str, typer.Option(help="auto, f32, bf16 or f16.")]
Size = Annotated[str | None, typer.Option(metavar="WxH", help="Picture size in pixels.")]
Seed = Annotated[int, typer.Option(help="Seed of the noise, 0 to 4294967295.")]
Steps = Annotated[
    int | None, typer.Option(help="Sampler steps; the model's own default if left out.")
]
Rows = Annotated[str, typer.Option(help="Rows a slot edits: word, tail or all.")]
Row = Annotated[int | None, typer.Option(help="Edit only this row of the embedding (0 is BOS).")]
Interp = Annotated[str, typer.Option(help="lerp or slerp.")]


def open_pipeline(model: str, backend: str, precision: str, size: str | None) -> Pipeline:
    """Open a model with the options as the user typed them.

    What ``auto`` passes over although this machine could run it is said on stderr: a slow picture
    must never be a silent surprise.
    """
    return Pipeline.open(
        model,
        backend=backend,
        precision=precision,
        size=parse_size(size),
        passed_over=lambda reason: print(f"not used: {reason}", file=sys.stderr),
    )


def open_planner(model: str, size: str | None) -> Planner:
    """Read what a model can be asked: no engine, so that a typing error is said before one opens.

    Raises:
        BundleError, RequestError: an unknown model, or a size it was not built for.
    """
    planner = Planner.of(model)
    planner.check_size(parse_size(size))
    return planner


def make_request(
    planner: Planner,
    expression: str,
    *,
    seed: int,
    steps: int | None,
    rows: str,
    row: int | None,
    interp: str,
    t: float = 0.0,
    u: float = 0.5,
) -> Request:
    """Build a request from options as the user typed them; the model can serve it.

    Raises:
        ExpressionError, RequestError: what the user typed cannot be rendered.
    """
    asked = {"seed": seed, "rows": rows, "row": row, "interp": interp, "t": t, "u": u}
    return planner.request(expression, **asked, **({} if steps is None else {"steps": steps}))


def film_axis(request: Request, u: float | None) -> Axis:
    """Return the axis that a film of a request travels; ``u`` is what ``--u`` was.

    Raises:
        RequestError: nothing moves, or ``--u`` would place what the film itself moves.
    """
    axis = axis_of(request)
    if axis == "u" and u is not None:
        raise RequestError(
            f"only the second axis moves in {request.expression!r}, so the film runs along it: "
            "leave out --u"
        )
    return axis
