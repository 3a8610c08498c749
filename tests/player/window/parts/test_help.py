"""The pages over the picture: keys, and statistics."""

from __future__ import annotations

import pygame
import pytest

from player.session.actions import HELP
from player.session.motion.tempo import Tempo
from player.window import theme
from player.window.parts import help as keys_help
from player.window.window import Window
from tests.player.fakes import FakeRenderer
from tests.player.window.stage import Script, exact, pixels, play, stage, tap

pytestmark = pytest.mark.usefixtures("dummy_display")


def test_pictures_behind_the_difference_of_the_marks_are_no_samples() -> None:
    def script(player: Window) -> Script:
        stats = player.session.stats
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

    play(script)


def test_the_statistics_are_a_page_of_their_own() -> None:
    def script(player: Window) -> Script:
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

    play(script)


def test_f1_turns_the_pages_of_the_help_and_then_closes_it() -> None:
    def script(player: Window) -> Script:
        yield exact(player)
        count = keys_help.pages(pygame.display.get_window_size())
        assert count >= 1
        pygame.display.set_mode((440, 400), pygame.RESIZABLE)
        yield 5
        count = keys_help.pages((440, 400))
        assert count > 1
        shots = set()
        for _ in range(count):
            tap(pygame.K_F1)
            yield 10
            assert player.state.panels.help
            shots.add(pixels().tobytes())
        tap(pygame.K_F1)
        yield 10
        assert not player.state.panels.help
        assert len(shots) == count

    play(script)


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
