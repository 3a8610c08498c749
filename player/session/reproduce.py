"""The exact command that makes the present view again."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

from runtime.output.target import being_written
from runtime.request import Request


@dataclass(frozen=True, slots=True)
class Invocation:
    """The options of ``wordmorph play`` that choose the model and where it runs."""

    model: str = "critters"
    backend: str = "auto"
    precision: str = "auto"
    size: str | None = None

    def options(self) -> list[str]:
        """Return those that differ from the defaults, as command-line arguments."""
        plain = Invocation()
        chosen = []
        for field in fields(self):
            value = getattr(self, field.name)
            if value != getattr(plain, field.name):
                chosen += [f"--{field.name}", str(value)]
        return chosen

    def shareable(self) -> Invocation:
        """Return the same for a file that travels: a model by its name, not by where it lies here.

        The model's digest stands beside the command.
        """
        return replace(self, model=own_name(self.model).rstrip("/"))


def own_name(path: str) -> str:
    """Return a typed path without the folders it lies in; one that ends in / still does."""
    name = Path(os.path.abspath(path)).name if path in (".", "..") else Path(path).name
    return f"{name}/" if path.endswith(("/", os.sep)) else name


def play_command(request: Request, invocation: Invocation) -> str:
    """Return the ``wordmorph play`` line that opens the player at ``request``."""
    return command_line("play", request, None, invocation, _position(request))


def still_command(request: Request, invocation: Invocation, target: str) -> str:
    """Return the ``wordmorph render`` line that writes the picture of ``request``."""
    return command_line("render", request, target, invocation, _position(request))


def command_line(
    verb: str,
    request: Request,
    target: str | None,
    invocation: Invocation,
    options: Mapping[str, object],
    more: Sequence[str] = (),
) -> str:
    """Return the shell command that makes ``target`` again, or does what writes no file.

    ``options`` maps long option names to values; True is a bare flag, None and False are left out,
    a list is its option repeated. ``more`` are words after the expression.
    """
    given: dict[str, object] = {
        "edit": None if request.edit == "word" else request.edit,
        **options,
        "seed": request.seed,
        "steps": request.steps,
        "edit-row": request.edit_row,
        "interp": None if request.interp == "lerp" else request.interp,
    }
    words = ["wordmorph", verb]
    if target is not None:
        words += ["-o", target]
    for name, value in given.items():
        if value is True:
            words.append(f"--{name}")
        elif isinstance(value, list):
            words += [word for one in value for word in (f"--{name}", str(one))]
        elif value is not None and value is not False:
            text = repr(value).removesuffix(".0") if isinstance(value, float) else str(value)
            words += [f"--{name}", text]
    words += invocation.options()
    arguments = [request.expression, *more]
    if any(text.startswith("-") for text in arguments):
        words.append("--")
    return shlex.join([*words, *arguments])


def stem(request: Request) -> str:
    """Return a file name without suffix that says what a picture shows."""
    words = re.sub(r"[^\w]+", "-", request.expression).strip("-")[:60] or "morph"
    return f"{words}-seed{request.seed}"


def free_path(folder: Path, name: str, suffix: str) -> Path:
    """Return ``folder/name.suffix``, numbered if that exists or is just being written."""
    path = folder / f"{name}{suffix}"
    number = 2
    while path.exists() or being_written(path):
        path = folder / f"{name}-{number}{suffix}"
        number += 1
    return path


def _position(request: Request) -> dict[str, object]:
    return {"t": request.t, "u": None if request.u == 0.5 else request.u}
