"""Hover, zoom, cues, the statistics and files that are dropped, in the window."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pygame
import pytest
from numpy.typing import NDArray

from player.controllers.midi import Midi
from player.session.actions import HELP
from player.session.motion.tempo import Tempo
from player.window import theme
from player.window.layout import share_x
from player.window.parts import cuestrip
from player.window.parts import help as keys_help
from player.window.window import Window
from runtime.output.film import save_still
from tests.player.controllers.test_midi import Ports
from tests.player.fakes import FakeRenderer
from tests.player.window.stage import HERTZ, Script, exact, mouse, stage, tap

pytestmark = pytest.mark.usefixtures("dummy_display")


class NoPorts:
    """No MIDI input; what is played is given to ``Midi.hear``."""

    def names(self) -> tuple[str, ...]:
        return ()

    def open(self, name: str, hear: object) -> None:
        raise AssertionError(name)


def pixels() -> NDArray[np.uint8]:
    surface = pygame.display.get_surface()
    assert surface is not None
    return pygame.surfarray.array3d(surface).transpose(1, 0, 2)


def box(rect: pygame.Rect) -> tuple[slice, slice]:
    return slice(rect.top, rect.bottom), slice(rect.left, rect.right)


def test_the_bar_says_what_is_under_the_mouse(monkeypatch: pytest.MonkeyPatch) -> None:
    player, conductor = stage(FakeRenderer())

    def script() -> Script:
        yield lambda: len(player.session.view(60).cached) > 200
        layout = player.canvas.layout
        assert layout is not None
        before = pixels()
        at = share_x(layout.bar, 0.5), layout.bar.centery
        monkeypatch.setattr(pygame.mouse, "get_pos", lambda: at)
        monkeypatch.setattr(pygame.mouse, "get_focused", lambda: True)
        yield 20
        tip = pygame.Rect(0, 0, 60, 60)
        tip.midbottom = at[0], layout.bar.top - 30
        assert (pixels()[box(tip)] != before[box(tip)]).mean() > 0.5
        monkeypatch.setattr(pygame.mouse, "get_pos", lambda: (2, 2))
        yield 20
        assert (pixels()[box(layout.picture)] == before[box(layout.picture)]).all()

    conductor.script = script()
    player.run()


def test_the_tip_shows_the_picture_of_the_seed_that_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    player, conductor = stage(FakeRenderer())
    shown: list[NDArray[np.uint8]] = []

    def script() -> Script:
        yield exact(player)
        layout = player.canvas.layout
        assert layout is not None
        at = share_x(layout.bar, 0.5), layout.bar.centery
        monkeypatch.setattr(pygame.mouse, "get_pos", lambda: at)
        monkeypatch.setattr(pygame.mouse, "get_focused", lambda: True)
        mouse(pygame.MOUSEBUTTONDOWN, at)
        mouse(pygame.MOUSEBUTTONUP, at)
        tip = pygame.Rect(0, 0, 40, 40)
        tip.midbottom = at[0], layout.bar.top - 50
        for key in ((), (pygame.K_n,), (pygame.K_n, pygame.KMOD_SHIFT)):
            if key:
                tap(*key)
            yield 3
            yield exact(player)
            yield 10
            shown.append(pixels()[box(tip)])

    conductor.script = script()
    player.run()
    assert (shown[0] != shown[1]).any()  # both are known, and are of the same place
    assert (shown[0] == shown[2]).all()


def drag(start: tuple[int, int], by: tuple[int, int]) -> None:
    mouse(pygame.MOUSEBUTTONDOWN, start)
    end = start[0] + by[0], start[1] + by[1]
    moved = {"pos": end, "rel": by, "buttons": (1, 0, 0)}
    pygame.event.post(pygame.event.Event(pygame.MOUSEMOTION, moved))
    mouse(pygame.MOUSEBUTTONUP, end)


def test_an_enlarged_picture_is_dragged_as_far_as_its_edge_and_a_double_click_resets_it() -> None:
    player, conductor = stage(FakeRenderer())

    def script() -> Script:
        yield exact(player)
        layout = player.canvas.layout
        assert layout is not None
        middle = layout.picture.center
        for _ in range(2):
            tap(pygame.K_z)
            yield 2
        assert player.state.panels.zoom == 4
        drag(middle, (40, 0))
        yield 2
        assert player.canvas.centre[0] == pytest.approx(0.5 - 10 / layout.picture.width, abs=0.002)
        assert not player.state.playhead.playing  # a drag is no click
        drag(middle, (9000, 9000))
        yield 2
        assert player.canvas.centre == (0.125, 0.125)
        for _ in range(2):
            mouse(pygame.MOUSEBUTTONDOWN, middle)
            mouse(pygame.MOUSEBUTTONUP, middle)
        yield 2
        assert player.state.panels.zoom == 1
        assert not player.state.playhead.playing  # played and paused

    conductor.script = script()
    player.run()


def test_a_double_click_shows_the_whole_picture_and_moves_nothing() -> None:
    player, conductor = stage(FakeRenderer())

    def script() -> Script:
        yield exact(player)
        tap(pygame.K_3)
        tap(pygame.K_z)
        yield 3
        before = player.state.request
        layout = player.canvas.layout
        assert layout is not None
        for _ in range(2):
            mouse(pygame.MOUSEBUTTONDOWN, layout.picture.center)
            mouse(pygame.MOUSEBUTTONUP, layout.picture.center)
            yield 15  # as slowly as a double click may be
        assert player.state.panels.zoom == 1
        assert player.state.request == before
        assert not player.state.playhead.playing

    conductor.script = script()
    player.run()


def test_a_click_on_a_cue_waits_for_the_beat_as_its_key_does() -> None:
    player, conductor = stage(FakeRenderer())

    def script() -> Script:
        yield exact(player)
        for code in (pygame.K_7, pygame.K_m, pygame.K_HOME):
            tap(code)
            yield 3
        beats = player.session.beats
        beats.tempo, beats.quantum = Tempo(60.0, beats.now - 0.1), 1
        layout = player.canvas.layout
        assert layout is not None
        (first,) = cuestrip.places(layout.cues, 1)
        mouse(pygame.MOUSEBUTTONDOWN, first.center)
        mouse(pygame.MOUSEBUTTONUP, first.center)
        yield 20
        assert player.state.request.t == 0.0
        yield HERTZ
        assert player.state.request.t == 0.7

    conductor.script = script()
    player.run()


def test_a_tap_counts_when_it_is_heard() -> None:
    player, conductor = stage(FakeRenderer())
    heard: list[float] = []

    def script() -> Script:
        yield exact(player)
        for _ in range(4):
            tap(pygame.K_k)
            heard.append(conductor.turn / HERTZ)
            yield HERTZ // 2

    conductor.script = script()
    player.run()
    tempo = player.session.beats.tempo
    assert tempo is not None
    assert tempo.start == pytest.approx(heard[0], abs=1e-6)


def test_the_title_of_the_window_follows_the_words() -> None:
    player, conductor = stage(FakeRenderer())
    titles = []

    def script() -> Script:
        yield exact(player)
        titles.append(pygame.display.get_caption()[0])
        player.session.write("dog -> fox")
        yield 2
        titles.append(pygame.display.get_caption()[0])
        tap(pygame.K_z, pygame.KMOD_CTRL)
        yield 2
        titles.append(pygame.display.get_caption()[0])

    conductor.script = script()
    player.run()
    words = "cat -> kitten", "dog -> fox", "cat -> kitten"
    assert titles == [f"wordmorph  {one}" for one in words]


def test_cues_stand_under_the_bar_and_a_click_recalls_them() -> None:
    player, conductor = stage(FakeRenderer())

    def script() -> Script:
        yield exact(player)
        for code in (pygame.K_2, pygame.K_m, pygame.K_7, pygame.K_m, pygame.K_END):
            tap(code)
            yield 3
        layout = player.canvas.layout
        assert layout is not None
        assert layout.cues.height
        first = cuestrip.places(layout.cues, 2)[0]
        yield lambda: player.session.cues.kept[0].thumbnail is not None
        yield 10
        assert pixels()[box(first)].std() > 5
        mouse(pygame.MOUSEBUTTONDOWN, first.center)
        mouse(pygame.MOUSEBUTTONUP, first.center)
        yield 3
        assert player.state.request.t == 0.2
        tap(pygame.K_F3)
        yield 3
        assert player.state.request.t == 0.7
        tap(pygame.K_F2, pygame.KMOD_SHIFT)
        yield 60
        assert 0.3 < player.state.request.t < 0.6
        yield 80
        assert player.state.request.t == 0.2

    conductor.script = script()
    player.run()


def test_pictures_behind_the_difference_of_the_marks_are_no_samples() -> None:
    player, conductor = stage(FakeRenderer())
    stats = player.session.stats

    def script() -> Script:
        yield exact(player)
        for key in (pygame.K_2, pygame.K_a, pygame.K_8, pygame.K_b, pygame.K_d):
            tap(key)
            yield 3
        yield lambda: player.session.picture() is not player.state.frame
        tap(pygame.K_5)
        yield exact(player)
        yield 10
        seen = len(stats.known) + len(stats.unknown)
        tap(pygame.K_d)
        yield 5
        assert player.session.picture() is player.state.frame
        assert len(stats.known) + len(stats.unknown) == seen
        tap(pygame.K_3)
        yield exact(player)
        yield 2
        assert len(stats.known) + len(stats.unknown) == seen + 1

    conductor.script = script()
    player.run()


def test_the_page_of_figures_is_a_page_of_its_own() -> None:
    player, conductor = stage(FakeRenderer())

    def script() -> Script:
        yield exact(player)
        tap(pygame.K_5)
        yield 20
        tap(pygame.K_x)
        yield 3
        page = player.session.view(60).stats
        assert page is not None
        figures = dict(page)
        assert figures["requests asked"] == "2"
        assert figures["= served + superseded + waiting + being drawn"] == "2 + 0 + 0 + 0"
        tap(pygame.K_ESCAPE)
        yield 3
        assert player.session.view(60).stats is None

    conductor.script = script()
    player.run()


def test_c_copies_the_command_or_prints_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    player, conductor = stage(FakeRenderer())
    copied: list[str] = []

    def script() -> Script:
        yield exact(player)
        monkeypatch.setattr(pygame.scrap, "put_text", copied.append)
        tap(pygame.K_3)
        yield 2
        tap(pygame.K_c)
        yield 2

        def refuse(_: str) -> None:
            raise pygame.error("no clipboard")

        monkeypatch.setattr(pygame.scrap, "put_text", refuse)
        tap(pygame.K_c)
        yield 2

    conductor.script = script()
    player.run()
    command = "wordmorph play --t 0.3 --seed 0 --steps 4 'cat -> kitten'"
    assert copied == [command]
    assert command in capsys.readouterr().out


def drop(player: Window, path: Path) -> None:
    pygame.event.post(pygame.event.Event(pygame.DROPFILE, file=str(path)))


def test_a_dropped_picture_opens_where_it_was_made_and_others_are_one_line(tmp_path: Path) -> None:
    player, conductor = stage(FakeRenderer(), folder=tmp_path)
    notices = []

    def script() -> Script:
        yield exact(player)
        player.session.write("dog -> fox")
        tap(pygame.K_n)
        tap(pygame.K_7)
        yield 2
        yield exact(player)
        tap(pygame.K_s)
        tap(pygame.K_HOME)
        yield 3
        (still,) = tmp_path.glob("*.png")
        made_with = player.state.request
        player.session.write("cat -> kitten")
        yield 2
        other = tmp_path / "other.png"
        save_still(other, np.zeros((4, 4, 3), np.uint8), {"expression": "cat"})
        plain = tmp_path / "plain.mp4"
        plain.write_bytes(b"no film")
        for path in (other, plain, tmp_path / "gone.png", tmp_path):
            drop(player, path)
            yield 2
            notices.append(player.state.notice)
        assert player.state.request.expression == "cat -> kitten"
        player.state.invocation = player.state.invocation.__class__(model="fake")
        drop(player, still)
        yield 2
        assert player.state.request == made_with.at(0.7)

    conductor.script = script()
    player.run()
    assert len(notices) == 4
    assert all(notice and "\n" not in notice for notice in notices)


def test_f1_turns_the_pages_of_the_help_and_then_closes_it() -> None:
    player, conductor = stage(FakeRenderer())
    shots: list[bytes] = []

    def script() -> Script:
        yield exact(player)
        count = keys_help.pages(pygame.display.get_window_size())
        assert count >= 1
        pygame.display.set_mode((440, 400), pygame.RESIZABLE)
        yield 5
        count = keys_help.pages((440, 400))
        assert count > 1
        for _ in range(count):
            tap(pygame.K_F1)
            yield 10
            assert player.state.panels.help
            shots.append(pixels().tobytes())
        tap(pygame.K_F1)
        yield 10
        assert not player.state.panels.help
        assert len(set(shots)) == count

    conductor.script = script()
    player.run()


@pytest.mark.parametrize("size", [(420, 360), (420, 528), (520, 720), (1024, 600), (3840, 2160)])
def test_every_key_is_on_some_page(size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    pygame.font.init()
    try:
        theme.use_scale(2.0 if size[0] > 2000 else 1.0)
        written: list[str] = []
        real = theme.write

        def write(surface: pygame.Surface, font: object, words: str, *rest: object) -> pygame.Rect:
            written.append(words)
            box = real(surface, font, words, *rest)  # type: ignore[arg-type]
            assert surface.get_rect().contains(box), words
            return box

        monkeypatch.setattr(theme, "write", write)
        for page in range(keys_help.pages(size)):
            keys_help.draw(pygame.Surface(size), page)
        assert {name for name, _ in HELP} <= set(written)
    finally:
        theme.use_scale(1.0)
        theme.forget()
        pygame.font.quit()


def test_pads_learned_from_two_keys_do_what_each_key_does(tmp_path: Path) -> None:
    player, conductor = stage(FakeRenderer(), folder=tmp_path)
    midi = Midi(NoPorts(), tmp_path / "midi.json")
    player.session.controllers.append(midi)
    done = []

    def script() -> Script:
        yield exact(player)
        for place in (0.25, 0.75):
            player.state.seek(place)
            yield 2
            tap(pygame.K_m)
            yield 2
        for note, key, mod in ((60, pygame.K_F2, 0), (61, pygame.K_F3, 0), (62, pygame.K_n, 1)):
            tap(pygame.K_l)
            yield 2
            tap(key, pygame.KMOD_SHIFT * mod)
            yield 2
            midi.hear([0x90, note, 100])
            yield 2
        seed = player.state.request.seed
        for note, place in ((60, 0.25), (61, 0.75)):
            midi.hear([0x90, note, 100])
            yield 2
            assert player.state.request.t == place
        midi.hear([0x90, 62, 100])
        yield 2
        assert player.state.request.seed == (seed - 1) % 2**32
        done.append(True)

    conductor.script = script()
    player.run()
    assert done


@pytest.mark.parametrize("after", [(), (pygame.K_p,)], ids=["before the key", "after it"])
@pytest.mark.parametrize("key", [pygame.K_ESCAPE, pygame.K_l])
def test_learning_a_knob_is_given_up(tmp_path: Path, after: tuple[int, ...], key: int) -> None:
    ports = Ports()
    ports.there["knobs"] = None
    midi = Midi(ports, tmp_path / "midi.json")
    player, conductor = stage(FakeRenderer(), controllers=(lambda: midi,))

    def script() -> Script:
        yield exact(player)
        for pressed in (pygame.K_l, *after, key):
            tap(pressed)
            yield 1
        assert not player.state.closing
        assert player.state.notice == "no knob is learned"
        ports.play("knobs", 0xB0, 21, 40)
        yield 2
        assert midi.bindings == {}
        for pressed in (pygame.K_l, pygame.K_p):
            tap(pressed)
            yield 2
        ports.play("knobs", 0xB0, 21, 40)
        yield 2
        assert [one.action for one in midi.bindings.values()] == ["perceptual"]

    conductor.script = script()
    player.run()
    assert len(midi.bindings) == 1, "Esc ended the session"


def test_what_the_window_does_besides_playing_stays_written_on_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    player, conductor = stage(FakeRenderer())
    written: list[str] = []
    real = theme.write

    def write(surface: pygame.Surface, font: object, words: str, *rest: object) -> pygame.Rect:
        written.append(words)
        return real(surface, font, words, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(theme, "write", write)

    def shown() -> set[str]:
        player.state.notice = ""
        player.canvas.forget()
        written.clear()
        player.canvas.draw(player.session.view(60), player.state.frame, 1e9, None, None)
        return {words for words in written if "difference" in words or "wait" in words}

    def script() -> Script:
        yield exact(player)
        assert shown() == set()
        for code in (pygame.K_2, pygame.K_a, pygame.K_8, pygame.K_b, pygame.K_d):
            tap(code)
            yield 3
        assert shown() == {"difference of A and B"}
        tap(pygame.K_d)
        tap(pygame.K_q)
        yield 3
        assert shown() == {"jumps wait for the beat, once K taps the tempo"}
        player.session.beats.tempo = Tempo(20.0, player.session.beats.now)
        assert shown() == {"jumps wait for the beat"}
        tap(pygame.K_q)
        tap(pygame.K_5)
        yield 3
        assert shown() == {"a jump waits for the bar …"}

    conductor.script = script()
    player.run()
