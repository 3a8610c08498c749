from __future__ import annotations

import shlex
from pathlib import Path

from player.session.reproduce import Invocation, free_path, play_command, stem, still_command
from runtime.request import Request


def test_the_play_command_says_everything_that_is_not_a_default() -> None:
    request = Request(
        "a [cat -> kitten] on a sofa", t=0.3175, seed=5, steps=2, edit="tail", interp="slerp"
    )
    words = shlex.split(play_command(request, Invocation("sd-turbo", precision="f32")))
    assert words == [
        *("wordmorph", "play", "--edit", "tail", "--t", "0.3175", "--seed", "5", "--steps", "2"),
        *("--interp", "slerp", "--model", "sd-turbo", "--precision", "f32"),
        "a [cat -> kitten] on a sofa",
    ]


def test_an_expression_that_starts_with_a_minus_is_no_option() -> None:
    words = shlex.split(still_command(Request("-tabby -> cat"), Invocation(), "a still.png"))
    assert words[:4] == ["wordmorph", "render", "-o", "a still.png"]
    assert words[-2:] == ["--", "-tabby -> cat"]


def test_names_of_files_are_plain_and_never_taken(tmp_path: Path) -> None:
    name = stem(Request('"new york" -> a/b | -3/7*x .. 2*x', seed=9))
    assert name == "new-york-a-b-3-7-x-2-x-seed9"
    first = free_path(tmp_path, name, ".png")
    first.touch()
    second = free_path(tmp_path, name, ".png")
    assert second != first
    assert second.parent == tmp_path
    assert len(stem(Request("x" * 500))) < 80
