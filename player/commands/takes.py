"""``wordmorph render take.json``: a performed path as a film, every frame exact."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.progress import Progress

from player.commands.common import frames_of, interruptible, progress
from player.commands.playing.library import Library
from player.options import open_frames
from player.session.motion.moment import Moment
from player.session.opening import is_file_to_open
from player.session.reproduce import Invocation, own_name
from player.session.saving.takefile import Take, read_take
from runtime.errors import BundleError, RequestError
from runtime.output.film import check_fps, open_film
from runtime.output.overwrite import check_overwrite
from runtime.output.settings import settings_of
from runtime.output.target import check_target

MAX_FRAMES = 1_000_000


def is_take(text: str) -> bool:
    """Tell whether a person named a take rather than an expression."""
    return Path(text).suffix.lower() == ".json" and is_file_to_open(text)


def render_take(
    source: str,
    output: str,
    fps: float,
    invocation: Invocation,
    farm: str | None = None,
    *,
    force: bool,
    one_model: bool = False,
) -> None:
    """Render the take in ``source`` to a film; frame i shows what was asked for at i / fps.

    With ``one_model`` the model of ``invocation`` draws all of it; else each part is drawn by the
    model it was performed with. ``farm`` is as in ``open_frames``.

    Raises:
        KeptFileError, RequestError, BundleError, TargetError: before anything is written.
    """
    kind = check_target(output)
    if kind == "png":
        raise RequestError(
            f"{output} holds one picture: a take makes a film, .mp4, .gif or frames/"
        )
    check_fps(fps, kind)
    take = read_take(Path(source), lambda line: print(line, file=sys.stderr))
    if one_model:
        model = invocation.model
        events = tuple((at, replace(one, model=model, digest="")) for at, one in take.events)
        take = replace(take, events=events)
    moments = take.moments(fps)
    if len(moments) > MAX_FRAMES:
        raise RequestError(f"{len(moments)} frames are too many: use {MAX_FRAMES} or fewer")
    library = Library(invocation)
    size = _check(take, library, source)
    first = moments[0]
    more = {"frames": len(moments), "fps": fps, "performed": True}
    known = {**_names(first.model, library), "width": size[0], "height": size[1]}
    decisive = settings_of({"model": known["model"]}, first.request, "", **more)
    check_overwrite(output, decisive, force=force)
    with interruptible(output), progress() as bars:
        command = _command(source, output, fps, invocation, one_model=one_model)
        settings = settings_of(known, first.request, command, **more)
        with open_film(output, size, fps, settings) as film:
            for pixels, own in _pictures(moments, library, farm, bars):
                film.write(pixels, own)
            written = film.frames
    print(f"{output}: {written} frames, {written / fps:.1f} s at {fps:g} frames per second")


def _command(
    source: str, output: str, fps: float, invocation: Invocation, *, one_model: bool
) -> str:
    """Return the command that makes the film again, wherever its files lie."""
    words = ["wordmorph", "render", own_name(source), "-o", own_name(output)]
    words += ["--fps", repr(fps).removesuffix(".0")]
    shared = invocation.shareable()
    if one_model:
        words += ["--model", shared.model]
    return shlex.join([*words, *replace(shared, model=Invocation().model).options()])


def _names(model: str, library: Library) -> dict[str, Any]:
    """Return what names a model in metadata: not where it lies."""
    return {
        "model": library.planner(model).manifest.model,
        "digest": library.find(model).digest,
    }


def _check(take: Take, library: Library, source: str) -> tuple[int, int]:
    """Return the size of all pictures once every model has agreed to its part."""
    sizes: dict[str, tuple[int, int]] = {}
    checked = set()
    for _, moment in take.events:
        try:
            model = library.find(moment.model)
        except BundleError as error:
            why = f"{source}: {error}; or draw it with another: --model NAME"
            raise BundleError(why) from None
        if moment.model not in sizes and (doubt := moment.doubt(model.digest)):
            print(f"{source}: {doubt}", file=sys.stderr)
        sizes[moment.model] = model.picture
        plain = model.fitted(moment.request).at(0.0, 0.5)
        if (moment.model, plain) not in checked:
            checked.add((moment.model, plain))
            model.check(plain)
    if len(set(sizes.values())) > 1:
        named = ", ".join(f"{name} {w}x{h}" for name, (w, h) in sizes.items())
        raise RequestError(
            f"{source} was played with models of several sizes ({named}): use --model"
        )
    return next(iter(sizes.values()))


def _pictures(
    moments: list[Moment], library: Library, farm: str | None, bars: Progress
) -> Iterator[tuple[NDArray[np.uint8], dict[str, Any]]]:
    """Draw in order, with each picture's own settings; what stands still is drawn once.

    One model is open at a time.
    """
    for name, part in groupby(moments, key=lambda moment: moment.model):
        model, names = library.find(name), _names(name, library)
        runs = [
            (request, sum(1 for _ in run))
            for request, run in groupby(model.fitted(moment.request) for moment in part)
        ]
        with open_frames(library.invocation_of(name), library.planner(name), farm) as pipeline:
            drawn = frames_of(pipeline, [request for request, _ in runs], bars, "rendering")
            for frame, (request, count) in zip(drawn, runs, strict=True):
                for _ in range(count):
                    yield frame.pixels, {**names, **asdict(request)}
