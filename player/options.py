"""The options that several commands share: each is a dataclass field, written once."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast, get_args, get_origin, get_type_hints

import typer

from player.session.reproduce import Invocation
from runtime.bundles.library import known_models
from runtime.errors import BundleError, RequestError
from runtime.language.line import Line
from runtime.language.openaxis import open_axis
from runtime.pipeline import Pipeline
from runtime.planner import Planner
from runtime.request import EditScope, Interp, Request, parse_size

if TYPE_CHECKING:
    from runtime.farm.farm import Farm

Expression = Annotated[str, typer.Argument(help="What to morph, e.g. 'cat -> kitten'.")]
Force = Annotated[bool, typer.Option("--force", help="Write over a file that is there.")]
ChartName = Annotated[
    str | None,
    typer.Option("--output", "-o", help="Picture to draw, a name ending in .png; none if absent."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print machine-readable figures.")]
PlaceOnU = Annotated[
    float | None, typer.Option(help="Place on the second axis, 0 to 1; its middle if left out.")
]
StartT = Annotated[float, typer.Option(help="Where to start, 0 to 1.")]
StartU = Annotated[float, typer.Option(help="Where to start on the second axis, 0 to 1.")]
CacheSize = Annotated[
    str | None, typer.Option(metavar="SIZE", help="Memory for pictures, such as 512M or 2G.")
]
CueFile = Annotated[
    Path | None,
    typer.Option("--cues", metavar="FILE", help="Open the cues of this file, and keep them there."),
]
Lossless = Annotated[
    bool, typer.Option("--lossless", help="A server sends PNG instead of JPEG, to look closely.")
]
FarmSpec = Annotated[
    str | None,
    typer.Option(
        "--farm", metavar="local[:N]|ray[:ADDRESS]", help="Draw on many processes or machines."
    ),
]


@dataclass(frozen=True, slots=True)
class RequestOptions:
    """Fields of a request besides words and place, as typed; ``Request`` checks the values."""

    seed: int = 0
    steps: int | None = None
    edit: str = "word"
    edit_row: int | None = None
    interp: str = "lerp"

    def request(
        self, planner: Planner, expression: str, *, t: float = 0.0, u: float = 0.5
    ) -> Request:
        """Return a request that the model can serve.

        Raises:
            ExpressionError, RequestError: what the user typed cannot be rendered.
        """
        made = self.of(expression, planner.manifest.default_steps, t=t, u=u)
        planner.check(made)
        return made

    def of(self, expression: str, default_steps: int, *, t: float = 0.0, u: float = 0.5) -> Request:
        """Return a request that no model has checked yet.

        Raises:
            RequestError: a value out of its range.
        """
        return Request(
            expression,
            t=t,
            u=u,
            seed=self.seed,
            steps=default_steps if self.steps is None else self.steps,
            edit=cast(EditScope, self.edit),
            edit_row=self.edit_row,
            interp=cast(Interp, self.interp),
        )


OPTIONS: dict[str, Any] = {
    "model": typer.Option("--model", "-m", help="A model's name, or the folder of its bundle."),
    "backend": typer.Option(
        help="auto, tensorrt, tensorrt_rtx, onnxruntime, onnxruntime-cpu or openvino."
    ),
    "precision": typer.Option(help="auto, f32, bf16, f16 or int8."),
    "size": typer.Option(metavar="WxH", help="Picture size in pixels."),
    "seed": typer.Option(help="Seed of the noise, 0 to 4294967295."),
    "steps": typer.Option(help="Sampler steps; the model's own default if left out."),
    "edit": typer.Option(help="What a slot edits: word, tail or all."),
    "edit_row": typer.Option(help="Edit only this row of the embedding (0 is BOS)."),
    "interp": typer.Option(help="lerp or slerp."),
}
"""What typer needs to know of each shared field, by its name."""


TYPED = "typed"


def shared(command: Callable[..., None]) -> Callable[..., None]:
    """Let typer see the fields of a command's dataclass parameters as options of their own.

    ``Annotated[Dataclass, (name, …)]`` takes some of its fields alone. A parameter ``typed`` is no
    option: it is given the names of those that were typed.

    Words after the expression are refused with what was probably meant: without quotes the shell
    takes an arrow for itself.
    """
    hints = get_type_hints(command, include_extras=True)
    groups: dict[str, tuple[Any, list[str]]] = {}
    parameters: list[inspect.Parameter] = []
    for parameter in inspect.signature(command).parameters.values():
        hint = hints[parameter.name]
        if parameter.name == TYPED:
            continue
        kind, *some = get_args(hint) if get_origin(hint) is Annotated else (hint,)
        if not is_dataclass(kind):
            parameters.append(parameter.replace(kind=parameter.KEYWORD_ONLY, annotation=hint))
            continue
        taken = [one for one in fields(kind) if not some or one.name in some[0]]
        groups[parameter.name] = kind, [one.name for one in taken]
        types = get_type_hints(kind)
        parameters += [
            inspect.Parameter(
                field.name,
                parameter.KEYWORD_ONLY,
                default=field.default,
                annotation=Annotated[types[field.name], OPTIONS[field.name]],
            )
            for field in taken
        ]

    parameters.append(
        inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
    )

    names = tuple(parameter.name for parameter in parameters)

    @functools.wraps(command)
    def flat(context: typer.Context, **given: Any) -> None:
        if context.args:
            raise RequestError(
                f"{context.args[0]!r} stands alone: put the whole expression in quotes, "
                f'as in wordmorph {context.info_name} "cat -> kitten"'
            )
        for name, (kind, taken) in groups.items():
            given[name] = kind(**{field: given.pop(field) for field in taken})
        if TYPED in hints:
            sources = {name: context.get_parameter_source(name) for name in names}
            given[TYPED] = frozenset(
                name for name, source in sources.items() if source and source.name == "COMMANDLINE"
            )
        command(**given)

    del flat.__wrapped__  # typer would read its signature instead
    flat.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    flat.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return flat


def close_open_range(
    expression: str,
    invocation: Invocation,
    planner: Planner,
    request_options: RequestOptions,
    check: Callable[[str], object],
    farm: str | None = None,
) -> str:
    """Return an expression with the range that it leaves open with ``?``; others as they are.

    With ``farm`` its workers draw what is looked at. ``check`` raises for an expression that the
    command's options do not go with: it is asked before the range is looked for, which takes a
    while.

    Raises:
        MorphError: as ``check``; or the axis has no range.
    """
    axis = open_axis(expression)
    if axis is None:
        return expression
    from player.ranging import close_range  # slow to import, and few expressions need it
    from runtime.perception.charting.range import REACH

    check(axis.close(-REACH, REACH))
    return close_range(
        axis,
        planner,
        lambda text: request_options.request(planner, text),
        lambda: open_frames(invocation, planner, farm),
        None if farm is not None and farm.startswith("ray") else invocation,
    )


def open_pipeline(invocation: Invocation) -> Pipeline:
    """Open a model with the options as the user typed them.

    What ``auto`` passes over although this machine could run it is said on stderr: a slow picture
    must never be a silent surprise.
    """
    return Pipeline.open(
        invocation.model,
        backend=invocation.backend,
        precision=invocation.precision,
        size=parse_size(invocation.size),
        passed_over=lambda reason: print(f"not used: {reason}", file=sys.stderr),
    )


def open_frames(invocation: Invocation, planner: Planner, farm: str | None) -> Pipeline | Farm:
    """Open what draws films and grids: the pipeline, or with ``--farm`` many of them.

    Raises:
        MorphError: workers that cannot be started, or differ among each other.
    """
    if farm is None:
        return open_pipeline(invocation)
    from runtime.farm.farm import Farm, open_crew  # which ``play`` has no use for
    from runtime.farm.worker import Opening

    opening = Opening(invocation.model, invocation.backend, invocation.precision)
    return Farm(planner, open_crew(farm, opening))


def open_planner(invocation: Invocation) -> Planner:
    """Read what a model can be asked: no engine, so that a typing error is said before one opens.

    Raises:
        BundleError, RequestError: an unknown model, or a size it was not built for.
    """
    try:
        planner = Planner.of(invocation.model)
    except BundleError:
        from export.checkpoints.presets import MODELS  # data only: no torch

        if invocation.model in MODELS and invocation.model not in known_models():
            raise BundleError(
                f"{invocation.model} is not built here yet: wordmorph build {invocation.model}"
            ) from None
        raise
    planner.check_size(parse_size(invocation.size))
    return planner


def film_line(request: Request, u: float | None) -> Line:
    """Return the line that a film of a request runs along; ``u`` is what ``--u`` was.

    Raises:
        RequestError: nothing moves, or ``--u`` would place what the film itself moves.
    """
    line = Line.through(request)
    if line.axis == "u" and u is not None:
        raise RequestError(
            f"only the second axis moves in {request.expression!r}, so the film runs along it: "
            "leave out --u"
        )
    return line
