"""Both ways to the display show the same: scaled by the CPU, and by SDL's renderer."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

from tests.support.screen import Pixels, missing, screen

pytestmark = pytest.mark.skipif(bool(missing()), reason=f"needs {', '.join(missing())}")

FAKE = """
import sys
from pathlib import Path
import numpy as np
from player.window.window import Window
from runtime.request import Frame, Request
from tests.player.fakes import FakeRenderer

class Smooth(FakeRenderer):
    def render(self, request):
        x, y = np.meshgrid(np.arange(96), np.arange(96))
        waves = [np.sin(x / 9 + i) * np.cos(y / 7) * 100 + 128 for i in range(3)]
        pixels = np.stack(waves, 2).astype(np.uint8)
        return Frame(pixels, request, {"total": 1.0})

window = Window(
    Smooth, Request("cat -> kitten | -tabby .. +tabby", t=0.5), picture=(96, 96),
    folder=Path(sys.argv[1]),
)
window.run(120)
end = f"{type(window.canvas.screen).__name__} {window.state.panels.zoom} {window.state.request.t}"
Path(sys.argv[2]).write_text(end)
"""
SETTLES_S = 0.6


def looks(driver: str, folder: Path) -> tuple[list[Pixels], str]:
    """Return what a person sees at four moments, and what the player said at its end."""
    seen: list[Pixels] = []
    with screen((1024, 768)) as shown:
        out = folder / f"{driver}.txt"
        process = shown.start(FAKE, str(folder), str(out), SDL_RENDER_DRIVER=driver)
        name, _ = shown.window(process)

        def look(*words: object) -> None:
            shown.do(*words)
            time.sleep(SETTLES_S)
            x, y, w, h = shown.window(process)[1]
            seen.append(shown.look((x, y, min(w, 1024 - x), min(h, 768 - y))))

        time.sleep(3)  # every frame of the line
        look("mousemove", 1, 1, "key", "Home", "sleep", "0.3", "key", "Right")
        look("key", "F1")
        look("key", "Escape", "key", "z")
        look("windowsize", name, 700, 500, "key", "z", "key", "z", "key", "z")
        shown.do("key", "Escape")
        assert process.wait(20) == 0
        return seen, out.read_text()


def test_the_renderer_shows_what_the_cpu_shows(tmp_path: Path) -> None:
    """SDL's OpenGL renderer runs on the CPU here; on a GPU it is chosen unasked."""
    drawn, first = looks("software", tmp_path)
    scaled, second = looks("opengl", tmp_path)
    assert "DrawnScreen" in first
    assert "ScaledScreen" in second
    assert first.split()[-2:] == second.split()[-2:]
    for moment, (one, other) in enumerate(zip(drawn, scaled, strict=True)):
        assert one.shape == other.shape, moment
        away = np.abs(one.astype(int) - other.astype(int))
        assert one.std() > 20, f"nothing is seen at moment {moment}"
        assert away.mean() < 1.5, f"moment {moment}: {away.mean():.2f} levels"


@pytest.mark.skipif(shutil.which("openbox") is None, reason="needs openbox, a window manager")
@pytest.mark.parametrize("driver", ["software", "opengl"])
def test_full_screen_and_back_keeps_the_window_and_its_smallest_size(
    tmp_path: Path, driver: str
) -> None:
    with screen((1024, 768)) as shown:
        manager = subprocess.Popen(["openbox"], env=shown.environment, stderr=subprocess.DEVNULL)
        time.sleep(1)
        process = shown.start(
            FAKE, str(tmp_path), str(tmp_path / "end.txt"), SDL_RENDER_DRIVER=driver
        )
        name, before = shown.window(process)
        time.sleep(1)
        for _ in range(3):
            shown.do("key", "f")
            time.sleep(SETTLES_S)
            assert shown.window(process)[1] == (0, 0, 1024, 768)
            assert shown.look()[:600].std() > 20
            shown.do("key", "f")
            time.sleep(SETTLES_S)
            assert shown.window(process)[1] == before
        shown.do("windowsize", name, 50, 50)
        time.sleep(SETTLES_S)
        _, _, width, height = shown.window(process)[1]
        assert width >= 300
        assert height >= 300
        shown.do("key", "Escape")
        assert process.wait(20) == 0
        manager.terminate()
        manager.wait()
