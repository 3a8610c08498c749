from __future__ import annotations

import io
import os
import shlex
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from player.commands import render as render_module
from runtime.errors import ExpressionError, MorphError, RequestError, TargetError
from runtime.output.film import read_settings
from runtime.request import Request
from tests.player.commands.commandline import Run, draws_again
from tests.support.child import run_code
from tests.support.drawn import DrawnPipeline, morph
from tests.support.seeds import draw_seed

SIZE = (64, 48)


@pytest.fixture
def pipeline() -> DrawnPipeline:
    return DrawnPipeline(SIZE)


def folder(name: str) -> list[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]:
    return [np.asarray(Image.open(path)) for path in sorted(Path(name).iterdir())]


def test_a_picture_is_named_though_ray_keeps_standard_output(
    run: Run, pipeline: DrawnPipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Quiet(DrawnPipeline):
        def __enter__(self) -> Quiet:
            self.kept, sys.stdout = sys.stdout, io.StringIO()
            return self

        def __exit__(self, *raised: object) -> None:
            sys.stdout = self.kept

    monkeypatch.setattr(render_module, "open_frames", lambda *_: Quiet(SIZE))
    assert run("render", "cat", "-o", "cat.png") == "cat.png\n"
    assert "2 frames" in run("render", "cat -> dog", "-o", "cat/", "--frames", "2")


def test_the_notes_film(run: Run, pipeline: DrawnPipeline) -> None:
    printed = run(
        "render", "cat -> kitten", "-o", "cat-kitten.mp4", "--frames", "400", "--fps", "20"
    )
    assert "400 frames, 20.0 s" in printed
    assert len(set(pipeline.asked)) == len(pipeline.asked) == 400
    assert [request.t for request in pipeline.asked] == [i / 399 for i in range(400)]
    with av.open("cat-kitten.mp4") as container:
        stream = container.streams.video[0]
        assert stream.duration is not None
        assert stream.time_base is not None
        assert stream.frames == 400
        assert stream.duration * stream.time_base == 20


def test_frames_are_what_the_pipeline_renders_and_ends_are_the_words(run: Run) -> None:
    seed = str(draw_seed())
    run("render", "cat -> kitten", "-o", "film/", "--frames", "9", "--seed", seed, "--u", "0.25")
    frames = folder("film")
    pending = Request("cat -> kitten", seed=int(seed), u=0.25)
    assert len(frames) == 9
    for index, pixels in enumerate(frames):
        assert (pixels == morph(pending.at(index / 8), SIZE)).all()
    for name, t, index in (("cat.png", "0", 0), ("kitten.png", "1", -1)):
        run("render", "cat -> kitten", "-o", name, "--t", t, "--seed", seed, "--u", "0.25")
        assert (np.asarray(Image.open(name)) == frames[index]).all()


def test_bounce_is_a_seamless_loop(run: Run, pipeline: DrawnPipeline) -> None:
    run("render", "cat -> kitten", "-o", "loop/", "--frames", "6", "--bounce")
    frames = folder("loop")
    assert len(frames) == 10
    assert len(pipeline.asked) == 6
    for index in range(6):
        assert (frames[index] == morph(pipeline.asked[index], SIZE)).all()
    for index in range(1, 5):
        assert (frames[-index] == frames[index]).all()


def test_retime_spends_the_frames_where_the_picture_changes(
    run: Run, pipeline: DrawnPipeline
) -> None:
    run("render", "cat -> kitten", "-o", "even/", "--frames", "20", "--retime")
    places = [request.t for request in pipeline.asked[-20:]]
    assert (places[0], places[-1]) == (0, 1)
    assert places == sorted(places)
    assert len(folder("even")) == 20


def test_a_second_axis_alone_is_travelled(run: Run, pipeline: DrawnPipeline) -> None:
    run("render", "cat | -tabby .. tabby", "-o", "tabby.gif", "--frames", "5")
    assert [request.u for request in pipeline.asked] == [0, 0.25, 0.5, 0.75, 1]
    with pytest.raises(RequestError, match="leave out --u"):
        run("render", "cat | -tabby .. tabby", "-o", "tabby.gif", "--frames", "5", "--u", "1")


def test_metadata_repeats_the_film(run: Run) -> None:
    run("render", "cat -> kitten", "-o", "a/", "--frames", "5", "--seed", "9", "--interp", "slerp")
    kept = read_settings("a")
    pending = {
        "expression": "cat -> kitten",
        "frames": 5,
        "fps": 20.0,
        "seed": 9,
        "steps": 1,
        "edit": "word",
        "edit_row": None,
        "interp": "slerp",
        "model": "drawings",
        "digest": "d1" * 32,
        "engine": "drawn",
        "precision": "f32",
    }
    assert pending.items() <= kept.items()
    assert kept["version"]
    first = folder("a")
    words = shlex.split(kept["command"])
    assert words[0] == "wordmorph"
    os.rename("a", "b")
    run(*words[1:])
    for one, two in zip(first, folder("a"), strict=True):
        assert (one == two).all()


def test_a_still_repeats_itself_even_from_a_negative_expression(run: Run) -> None:
    run("render", "-o", "x.png", "--frames", "1", "--t", "0.3", "--", "-3/7*tabby + cat -> kitten")
    draws_again(run, "x.png")


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
@pytest.mark.parametrize("name", ["film.mp4", "film.gif", "film/"])
def test_a_real_sigint_in_the_middle(tmp_path: Path, name: str) -> None:
    code = f"""
        import os, signal, typer
        from player.commands import render as module
        from tests.support.drawn import DrawnPipeline
        class Interrupted(DrawnPipeline):
            def render(self, request):
                if len(self.asked) == 20:
                    print(os.listdir())
                    os.kill(os.getpid(), signal.SIGINT)
                return super().render(request)
        module.open_frames = lambda *_: Interrupted()
        os.chdir({str(tmp_path)!r})
        app = typer.Typer(pretty_exceptions_enable=False)
        app.command()(module.render)
        app(["cat -> kitten", "-o", {name!r}])
    """
    done = run_code(code)
    assert done.returncode == 130
    assert ".partial" in done.stdout
    assert done.stderr.splitlines()[-1] == (
        f"wordmorph: interrupted, the partial {name} was removed"
    )
    assert "Traceback" not in done.stderr
    assert os.listdir(tmp_path) == []


def test_ctrl_c_removes_the_partial_film_and_says_so(run: Run, pipeline: DrawnPipeline) -> None:
    pipeline.stop_after = 30
    for name in ("film.mp4", "film.gif", "film/"):
        pipeline.asked.clear()
        with pytest.raises(SystemExit) as stopped:
            run("render", "cat -> kitten", "-o", name, "--frames", "60")
        assert stopped.value.args[0] == 130
        assert f"interrupted, the partial {name} was removed" in stopped.value.args[1]
        assert os.listdir() == []


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        ("-o a.mp4 --frames 0", RequestError, "0 frames make no film"),
        ("-o a.mp4 --frames -3", RequestError, "-3 frames make no film"),
        ("-o a.mp4 --frames 1000000000", RequestError, "use 1 to 100000"),
        ("-o a.mp4 --fps 0", TargetError, "0 frames per second"),
        ("-o a.mp4 --fps 99999", TargetError, "not between"),
        ("-o a.gif --fps 60", TargetError, "a gif cannot play faster, use .mp4"),
        ("-o a.webm", TargetError, r"nothing here writes \.webm"),
        ("-o a.png --frames 20", RequestError, "use --frames 1, or a folder such as a/"),
        ("-o a.mp4 --t 0.5 --frames 20", RequestError, "--t places a single picture"),
        ("-o a.png --t 1.5", RequestError, "between 0 and 1"),
        ("-o a.png --bounce", RequestError, "need a film"),
        ("-o missing/a.mp4", TargetError, "there is no folder missing"),
        ("-o a.mp4 --seed -1", RequestError, "seed -1 is out of range"),
    ],
)
def test_bad_input_is_one_line(
    run: Run, pipeline: DrawnPipeline, words: str, error: type[MorphError], message: str
) -> None:
    with pytest.raises(error, match=message):
        run("render", "cat -> kitten", *words.split())
    assert os.listdir() == []
    assert pipeline.asked == []


def test_a_morph_that_stands_still_is_refused_as_a_film(run: Run) -> None:
    with pytest.raises(RequestError, match="nothing moves in 'cat'"):
        run("render", "cat", "-o", "a.mp4")
    with pytest.raises(ExpressionError):
        run("render", "cat -> ", "-o", "a.mp4")
    run("render", "cat", "-o", "cat.png")
    assert os.listdir() == ["cat.png"]
