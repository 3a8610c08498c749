"""``wordmorph bench``: how fast this machine draws, how far from its limit, and beside others."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from player.commands.common import INSTALL, can_export, interruptible
from player.options import (
    AsJson,
    RequestOptions,
    close_open_range,
    open_pipeline,
    open_planner,
    shared,
)
from player.session.reproduce import Invocation, command_line, own_name
from runtime.errors import BuildError, RequestError, TargetError

if TYPE_CHECKING:
    from runtime.bench.peers import PeerSpec
    from runtime.pipeline import Pipeline
    from runtime.request import Request


@shared
def bench(
    expression: Annotated[str, typer.Argument(help="What to morph.")] = "cat -> kitten",
    frames: Annotated[int, typer.Option(help="Distinct positions to time.")] = 100,
    invocation: Invocation = Invocation(),
    request_options: RequestOptions = RequestOptions(),
    against: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PEER",
            help="diffusers (or diffusers:bf16, diffusers:compile), another engine runtime, "
            "perhaps with a precision (onnxruntime, openvino:f32), or ours on openvino run "
            "otherwise (whole: nothing kept from frame to frame; batch: four frames at a time), "
            "drawing the same frames in turn; repeatable.",
        ),
    ] = None,
    turns: Annotated[int, typer.Option(help="Frames drawn in turn with each peer.")] = 12,
    checkpoint: Annotated[
        Path | None,
        typer.Option(help="What the bundle was built from, if it does not say: for diffusers."),
    ] = None,
    random_weights: Annotated[
        str | None,
        typer.Option(
            metavar="ARCH",
            help="Measure an architecture without a download: sd-turbo, sd15, sdxl or critters.",
        ),
    ] = None,
    layers: Annotated[
        int, typer.Option(help="So many kinds of operations of each graph, the slowest.")
    ] = 0,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw the figures as a .png.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure frames a second, each stage against this machine's limit, and peers beside them."""
    from player.session.rendering.latency import scrub_latencies
    from runtime.bench.run import bench_bundle

    for name, number in (("frames", frames), ("turns", turns)):
        if number < 1:
            raise RequestError(f"{number} {name} cannot be timed: use 1 or more")
    if layers < 0:
        raise RequestError(f"{layers} layers cannot be listed: use 0 or more")
    if plot is not None:
        from runtime.output.target import check_target

        if check_target(str(plot)) != "png":
            raise TargetError(f"{plot}: a plot is one picture, so its name ends in .png")
    typed = invocation
    options = {
        "against": against,
        "frames": frames,
        "turns": turns if against else None,
        "layers": layers or None,
        "checkpoint": None if checkpoint is None else own_name(str(checkpoint)),
        "random-weights": random_weights,
    }
    with interruptible(None):
        if random_weights is not None:
            bundle, checkpoint = _random(random_weights)
            invocation = replace(invocation, model=str(bundle))
        planner = open_planner(invocation)

        def begin(text: str) -> Request:
            return request_options.request(planner, text)

        def specs(ours: Pipeline | None) -> list[PeerSpec]:
            return _specs(invocation.model, against or [], checkpoint, ours)

        specs(None)  # a name that is none is said before minutes have passed
        request = begin(close_open_range(expression, invocation, planner, request_options, begin))
        command = command_line("bench", request, None, typed.shareable(), options)
        result = bench_bundle(
            lambda: open_pipeline(invocation),
            request,
            frames=frames,
            turns=turns,
            specs=specs,
            scrub=scrub_latencies,
            random_weights=random_weights is not None,
            command=command,
            layers=layers,
            progress=_say if sys.stderr.isatty() else lambda text: None,
        )
    if plot is not None:
        from runtime.bench.plot import draw_benchmark
        from runtime.output.film import save_still

        save_still(plot, draw_benchmark(result), {"command": command})
    if as_json:
        print(result.to_json(), end="")
    else:
        from runtime.bench.table import lines

        print("\n".join(lines(result)))


def _specs(
    model: str, names: list[str], checkpoint: Path | None, ours: Pipeline | None
) -> list[PeerSpec]:
    """Return who is named; ``ours`` is None where only the names are to be checked."""
    from runtime.bench.limits.limits import CPU
    from runtime.bench.peers import PeerSpec, engine_peer
    from runtime.bench.variants import NAMES, variant_peer
    from runtime.bundles.library import find_bundle

    on_gpu = ours is not None and ours.engine.name not in CPU
    found: list[PeerSpec] = []
    for name in names:
        peer, _, which = name.partition(":")
        if name in NAMES:
            found.append(variant_peer(name, ours))
        elif peer != "diffusers":
            found.append(engine_peer(model, name, on_gpu))
        elif not can_export():
            found.append(PeerSpec(name, _without_torch))
        else:
            from export.peers.diffusers import diffusers_peers

            found += diffusers_peers(find_bundle(model), checkpoint, on_gpu, which)
    return found


def _without_torch() -> NoReturn:
    raise BuildError(f"needs torch and diffusers: {INSTALL}")


def _random(kind: str) -> tuple[Path, Path]:
    """Return the bundle and checkpoint of an architecture with random weights, made if need be."""
    from export.peers.randomweights import check_kind, random_bundle

    check_kind(kind)
    if not can_export():
        raise BuildError(f"--random-weights needs torch and diffusers: {INSTALL}")
    return random_bundle(kind, _say)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
