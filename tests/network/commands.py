"""The commands that must not say a word to any network. A new command is one more row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

PLAY_SECONDS = 25
"""ONNX Runtime's report begins about 10 s after its import, by hand with its refusal taken out"""


@dataclass(frozen=True, slots=True)
class Command:
    """Words after ``wordmorph``, run in an empty folder that holds ``model/``, a checkpoint."""

    words: tuple[str, ...]
    seconds: int | None = None
    """stopped by SIGTERM after so long; None for those that end by themselves"""
    serves: bool = False
    """it may use the loopback, because it is a server"""
    builds: bool = False
    """it needs torch"""
    slow: bool = False


COMMANDS: Mapping[str, Command] = MappingProxyType(
    {
        "render": Command(("render", "cat -> kitten", "-o", "film.mp4", "--frames", "5")),
        "storms": Command(
            ("storms", "cat -> kitten", "--frames", "4", "-o", "storms.png"), slow=True
        ),
        "grid": Command(("grid", "cat -> kitten", "--cols", "3"), slow=True),
        "atlas": Command(("atlas", "cat", "dog", "--frames", "11", "--seeds", "1"), slow=True),
        "tokens": Command(("tokens", "cat -> kitten"), slow=True),
        "models": Command(("models",), slow=True),
        "engines": Command(("engines", "list"), slow=True),
        "doctor": Command(("doctor",)),
        "verify": Command(("verify", "--frames", "5"), slow=True),
        "bench": Command(("bench", "--frames", "5"), slow=True),
        "play": Command(("play", "cat -> kitten"), seconds=PLAY_SECONDS, slow=True),
        "serve": Command(
            ("serve", "cat -> kitten", "--port", "8791"),
            seconds=PLAY_SECONDS,
            serves=True,
            slow=True,
        ),
        "range": Command(("range", "cat", "tabby", "--seeds", "1", "--reach", "0.5"), slow=True),
        "build": Command(
            ("build", "model", "--name", "made", "--steps", "1"), builds=True, slow=True
        ),
    }
)


def shell_words(command: Command, program: Sequence[str]) -> list[str]:
    """Return what to run, ``program`` being what starts ``wordmorph``."""
    words = [*program, *command.words]
    if command.seconds is None:
        return words
    return ["timeout", "--preserve-status", "--signal=TERM", str(command.seconds), *words]
