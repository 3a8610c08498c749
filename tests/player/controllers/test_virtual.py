"""Devices that a real driver shows: SDL's virtual gamepad, and MIDI ports of a JACK server."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pygame
import pytest

from player.controllers.gamepad import Gamepad
from tests.player.fakes import started, ticking

ROOT = Path(__file__).parents[3]
XBOX = 1
"""SDL_JOYSTICK_TYPE_GAMECONTROLLER"""


def sdl() -> ctypes.CDLL | None:
    """The very SDL that pygame has loaded, if its functions for virtual joysticks can be had."""
    loaded = Path("/proc/self/maps")
    if not loaded.exists():
        return None
    for line in loaded.read_text().splitlines():
        path = line.split(" ", 5)[-1].strip()
        if "libSDL2-2" in Path(path).name:
            library = ctypes.CDLL(path)
            library.SDL_JoystickOpen.restype = ctypes.c_void_p
            library.SDL_JoystickSetVirtualAxis.argtypes = [
                ctypes.c_void_p, ctypes.c_int, ctypes.c_int16,
            ]  # fmt: skip
            library.SDL_JoystickSetVirtualButton.argtypes = [
                ctypes.c_void_p, ctypes.c_int, ctypes.c_uint8,
            ]  # fmt: skip
            return library
    return None


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Iterator[ctypes.CDLL]:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    pygame.display.init()
    pygame.joystick.init()
    found = sdl()
    if found is None:
        pytest.skip("needs SDL's virtual joysticks")
    yield found
    pygame.joystick.quit()
    pygame.display.quit()


@pytest.mark.fault(26)
def test_sdls_own_gamepad_drives_both_axes_and_is_plugged_in_again(
    library: ctypes.CDLL, tmp_path: Path
) -> None:
    session = started(tmp_path, "cat -> kitten | -tabby .. tabby")
    session.controllers.append(Gamepad())
    turn = ticking(session, pygame.event.get)

    def plug_in() -> tuple[int, int]:
        number = library.SDL_JoystickAttachVirtual(XBOX, 2, 10, 0)
        assert number >= 0
        turn(70)
        return number, library.SDL_JoystickOpen(number)

    turn(2)
    number, pad = plug_in()
    assert "gamepad" in session.state.notice
    library.SDL_JoystickSetVirtualAxis(pad, 0, 32767)
    library.SDL_JoystickSetVirtualAxis(pad, 1, -32768)
    turn(60)
    assert session.state.request.t == pytest.approx(0.1, abs=0.01)
    assert session.state.request.u == pytest.approx(0.6, abs=0.01)
    assert library.SDL_JoystickDetachVirtual(number) == 0
    before = session.state.request
    turn(90)
    assert "gone" in session.state.notice
    assert session.state.request == before
    number, pad = plug_in()
    assert library.SDL_JoystickDetachVirtual(number) == 0
    _, pad = plug_in()  # within a second
    library.SDL_JoystickSetVirtualAxis(pad, 0, -32768)
    turn(20)
    assert session.state.request.t < before.t
    library.SDL_JoystickSetVirtualAxis(pad, 0, 0)
    library.SDL_JoystickSetVirtualButton(pad, 0, 1)
    turn(5)
    assert session.state.playhead.playing


KNOBS = """
import sys, time
from pathlib import Path
import pytest, rtmidi2
from player.controllers.midi import Midi, RtMidiPorts
from tests.player.fakes import session_of

folder = Path(sys.argv[1])
session = session_of(folder, "cat -> kitten | -tabby .. tabby")
session.start()
midi = Midi(RtMidiPorts(rtmidi2.API_UNIX_JACK), folder / "midi.json")
session.controllers.append(midi)
now = 0.0

def turn(seconds=2.5):
    global now
    time.sleep(0.3)
    now += seconds
    session.turn(0.0, now)

def plug_in():
    port = rtmidi2.MidiOut(clientname="knobs", api=rtmidi2.API_UNIX_JACK)
    port.open_virtual_port("knobs")
    turn()
    return port

knobs = plug_in()
for action, number in (("seek", 21), ("seek_u", 22)):
    midi.learn(action, session)
    knobs.send_cc(0, number, 40)
    turn(0.1)
knobs.send_cc(0, 21, 127)
knobs.send_cc(0, 22, 0)
turn(0.1)
assert (session.state.request.t, session.state.request.u) == (1.0, 0.0), session.state.request
knobs.close_port()
del knobs
turn()
assert "gone" in session.state.notice, session.state.notice
knobs = plug_in()
knobs.send_cc(0, 21, 0)
knobs.send_cc(0, 22, 127)
turn(0.1)
assert (session.state.request.t, session.state.request.u) == (0.0, 1.0), session.state.request
knobs.send_raw(0xFA)
begun = time.perf_counter()
for _ in range(60):
    knobs.send_raw(0xF8)
    time.sleep(1 / 48)
sent = 60 * 60 / 24 / (time.perf_counter() - begun)
turn(0.1)
tempo = session.beats.tempo
assert tempo is not None, "no clock came through"
assert abs(tempo.bpm / sent - 1) < 0.3, (tempo, sent)
print("played")
"""


@pytest.mark.fault(26)
@pytest.mark.skipif(
    shutil.which("jackd") is None or importlib.util.find_spec("rtmidi2") is None,
    reason="needs jackd and rtmidi2",
)
def test_a_virtual_midi_port_drives_both_axes_and_is_plugged_in_again(tmp_path: Path) -> None:
    """The wheel's own client of JACK may be older than the server, so the system's is loaded."""
    name = f"wordmorph-{os.getpid()}"
    environment = os.environ | {"JACK_DEFAULT_SERVER": name, "PYTHONPATH": str(ROOT)}
    client = next(Path("/usr/lib").glob("*/libjack.so.0"), None)
    if client is not None:
        environment["LD_PRELOAD"] = str(client)
    server = subprocess.Popen(
        ["jackd", "-n", name, "--no-realtime", "--no-mlock", "-d", "dummy"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        time.sleep(1.5)
        ran = subprocess.run(
            [sys.executable, "-c", KNOBS, str(tmp_path)],
            cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert ran.returncode == 0, ran.stderr
        assert "played" in ran.stdout
    finally:
        server.terminate()
        server.wait(10)
