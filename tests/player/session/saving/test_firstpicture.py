"""The window opens with the very picture that an earlier session drew, never with another."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from player.commands.playing import lastsession
from player.session.saving import firstpicture
from player.session.saving.firstpicture import FirstPicture, keep, kept_picture
from player.session.session import Session
from runtime.output.film import save_still
from runtime.request import Frame, Request
from tests.player.fakes import SIZE, FakeRenderer, picture, turn

REQUEST = Request("cat -> kitten", t=0.25, seed=3, steps=4)
DIGEST = "d" * 64
SETTINGS: dict[str, object] = {
    "model": "fake",
    "digest": DIGEST,
    "engine": "gradient",
    "precision": "f32",
    "version": "1",
    "width": SIZE,
    "height": SIZE,
}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "wordmorph" / "first"


def drawn(request: Request = REQUEST) -> Frame:
    return Frame(picture(request), request)


def session(folder: Path, fake: FakeRenderer, first: FirstPicture | None) -> Session:
    made = Session(
        lambda: fake, REQUEST, picture=(SIZE, SIZE), folder=folder, first=first, threads=False
    )
    made.start()
    return made


def test_what_is_kept_comes_back_to_the_pixel_for_its_request_and_bundle_only() -> None:
    keep(drawn(), SETTINGS)
    found = kept_picture(REQUEST, DIGEST)
    assert found is not None
    assert np.array_equal(found.frame.pixels, picture(REQUEST))
    assert found.frame.request == REQUEST
    assert kept_picture(REQUEST.at(0.5), DIGEST) is None
    assert kept_picture(REQUEST, "e" * 64) is None


@pytest.mark.parametrize("harm", ["cut", "text", "other request", "other size"])
def test_a_file_that_is_not_what_was_kept_is_nothing(cache: Path, harm: str) -> None:
    keep(drawn(), SETTINGS)
    (path,) = cache.glob("*.png")
    if harm == "cut":
        path.write_bytes(path.read_bytes()[:-200])
    elif harm == "text":
        path.write_text("no picture")
    elif harm == "other request":
        save_still(path, picture(REQUEST), {**SETTINGS, **asdict(replace(REQUEST, seed=4))})
    else:
        save_still(path, picture(REQUEST)[1:], {**SETTINGS, **asdict(REQUEST)})
    assert kept_picture(REQUEST, DIGEST) is None


def test_the_oldest_go(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(firstpicture, "KEPT", 3)
    for seed in range(6):
        keep(drawn(replace(REQUEST, seed=seed)), SETTINGS)
    assert len(list(cache.glob("*.png"))) == 3
    assert kept_picture(replace(REQUEST, seed=5), DIGEST) is not None


def kept() -> FirstPicture:
    keep(drawn(), SETTINGS)
    found = kept_picture(REQUEST, DIGEST)
    assert found is not None
    return found


def test_it_is_on_show_before_the_model_is_open_and_is_not_drawn_again(tmp_path: Path) -> None:
    fake = FakeRenderer(metadata=SETTINGS)
    played = session(tmp_path, fake, kept())
    assert played.picture() is not None
    assert not fake.rendered
    assert played.state.info is None
    turn(played, 4)
    assert played.state.info is not None
    assert REQUEST not in fake.rendered
    played.close()


@pytest.mark.parametrize(
    "changed", [{}, {"precision": "bf16"}, {"engine": "b"}, {"digest": "x"}], ids=str
)
def test_another_engine_or_machine_draws_it_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: dict[str, str]
) -> None:
    fake = FakeRenderer(metadata=SETTINGS | changed)
    old = FirstPicture(Frame((picture(REQUEST) ^ 1).astype(np.uint8), REQUEST), kept().settings)
    if not changed:
        monkeypatch.setattr(firstpicture, "_here", lambda: "a processor that rounds otherwise")
    played = session(tmp_path, fake, old)
    assert played.picture() is old.frame
    turn(played, 4)
    assert REQUEST in fake.rendered
    shown = played.picture()
    assert shown is not None
    assert np.array_equal(shown.pixels, picture(REQUEST))
    played.close()


def test_play_leaves_where_it_began_and_where_it_ended_and_no_session_by_itself(
    tmp_path: Path, cache: Path
) -> None:
    """A session that a server draws for has pictures that a JPEG changed: it must keep none."""
    played = session(tmp_path, FakeRenderer(metadata=SETTINGS), None)
    played.turn(1 / 60, 0.0)
    played.state.seek(0.75)
    turn(played, 4)
    played.finish()
    played.close()
    assert not cache.exists()
    lastsession.leave_behind(played, REQUEST, stats=None)
    for request in (REQUEST, played.state.request):
        found = kept_picture(request, DIGEST)
        assert found is not None
        assert np.array_equal(found.frame.pixels, picture(request))
