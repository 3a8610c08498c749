"""``wordmorph serve`` as a person starts it: what it prints, and how it ends."""

from __future__ import annotations

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from player.commands.playing.serve import _say_where
from player.session.motion.moment import Moment
from player.session.saving.cues import read_cues, write_cues
from player.web.client.connection import Connection
from runtime.output.film import read_settings
from runtime.request import Request
from tests.player.web.browser import until

MAIN = "import sys; sys.argv[0] = 'wordmorph'; from player.cli import main; main()"
Server = subprocess.Popen[str]


def serve(*arguments: str, home: Path, first: str = "") -> Server:
    return subprocess.Popen(
        [sys.executable, "-c", first + MAIN, "serve", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "XDG_STATE_HOME": str(home), "HOME": str(home), "TMPDIR": str(home)},
    )


@contextmanager
def serving(*arguments: str, home: Path, first: str = "") -> Iterator[tuple[Server, str]]:
    """Serve at a free port in the block; yield the process and the first line it printed."""
    with serve("--port", "0", *arguments, home=home, first=first) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline()
        finally:
            process.kill()


def end(process: Server, number: signal.Signals) -> tuple[str, str]:
    """Send a signal and wait for the end; return what was printed to (stdout, stderr) since."""
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert "Traceback" not in out + err
    return out, err


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_it_prints_where_it_is_and_ends_when_told(tmp_path: Path) -> None:
    with serving("cat -> kitten", home=tmp_path) as (process, opened):
        found = re.fullmatch(r"open  (http://127\.0\.0\.1:(\d+)/\?token=([\w-]{43}))\n", opened)
        assert found, opened
        url, port, token = found.groups()
        assert process.stdout is not None
        told = process.stdout.readline()
        assert f"ssh -L {port}:127.0.0.1:{port}" in told
        with urllib.request.urlopen(url, timeout=20) as answer:
            assert token.encode() not in answer.read()
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(url.replace(token, "x" * 43), timeout=20)
        out, err = end(process, signal.SIGINT)
        assert token not in out + err
        assert process.returncode == 130


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_recording_is_finished_and_what_nobody_fetched_stays(
    tmp_path: Path, number: signal.Signals
) -> None:
    with (
        serving(home=tmp_path) as (process, opened),
        closing(Connection(opened.split()[1])) as connection,
    ):
        connection.opened()
        until(lambda: connection.state["shown"] == {}, what="a picture")
        connection.say({"do": "act", "name": "save", "value": None})
        [[kept, fetched]] = until(lambda: connection.state["kept"], what="the still")
        origin, token = opened.split()[1].split("/?token=")
        headers = {"Authorization": f"Bearer {token}"}
        asked = urllib.request.Request(f"{origin}/kept/{kept}", headers=headers)
        with urllib.request.urlopen(asked, timeout=20) as answer:
            assert answer.read().startswith(b"\x89PNG")
        connection.say({"do": "act", "name": "record", "value": None})
        until(lambda: (connection.state["recording"] or 0) > 0.3, what="a recording")
        out, _ = end(process, number)
    left = [Path(found) for found in re.findall(r"nobody fetched (.*): it stays there", out)]
    [film] = [path for path in left if path.suffix == ".mp4"]
    assert read_settings(film)["performed"] is True
    assert {path.suffix for path in left} == {".mp4", ".json"}, "the film and its take"
    assert set(left) == set(film.parent.iterdir()), fetched


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("--model", "nothing-like-this"), "nothing-like-this"),
        (("cat -> (kitten",), r"\^"),
        (("--host", "192.0.2.1"), r"\Awordmorph: cannot listen on 192\.0\.2\.1:8765.*\n\Z"),
        (("--port", "99999"), "--port 99999 is no port"),
        (("--steps", "77"), "no table for 77 steps"),
        (("--cues", __file__), r"\Awordmorph: .*test_serve\.py.*\n\Z"),
    ],
)
def test_what_cannot_be_served_is_one_line(
    tmp_path: Path, arguments: tuple[str, ...], line: str
) -> None:
    process = serve(*arguments, home=tmp_path)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1, out + err
    assert re.search(line, err), err
    assert "Traceback" not in err
    assert "token=" not in out


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_cues_are_those_of_a_file_and_kept_there(tmp_path: Path) -> None:
    cues = tmp_path / "set.json"
    write_cues(cues, [Moment(Request("dog -> fox", 0.25), "critters")], 2.0)
    with (
        serving("--cues", str(cues), home=tmp_path) as (process, opened),
        closing(Connection(opened.split()[1])) as connection,
    ):
        connection.opened()
        until(lambda: connection.state["cues"], what="the cue of the file")
        connection.say({"do": "act", "name": "keep_cue", "value": None})
        until(lambda: len(connection.state["cues"]) == 2, what="another")
        end(process, signal.SIGTERM)
    (first, second), seconds = read_cues(cues)
    assert first.request == Request("dog -> fox", 0.25)
    assert second.request.expression == "cat -> kitten"
    assert seconds == 2.0


def test_a_token_that_cannot_be_removed_is_one_line(tmp_path: Path) -> None:
    kept = tmp_path / "wordmorph" / "serve-token"
    kept.mkdir(parents=True)
    there = (
        "import platformdirs, pathlib; "
        f"platformdirs.user_state_path = lambda *_, **__: pathlib.Path({str(kept.parent)!r}); "
    )
    process = serve("--port", "0", "--new-token", home=tmp_path, first=there)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1, out + err
    assert re.fullmatch(r"wordmorph: --new-token cannot remove .*serve-token.*\n", err), err
    assert "token=" not in out


def test_an_open_address_is_warned_of(capsys: pytest.CaptureFixture[str]) -> None:
    mine = socket.gethostname()
    full_name = f"{mine}.office.lan"
    _say_where("0.0.0.0", 8765, "secret", full_name)
    printed = capsys.readouterr()
    assert "no TLS" in printed.err
    assert "secret" not in printed.err
    assert f"http://{full_name}:8765/?token=secret\n" in printed.out
    assert f"ssh -L 8765:127.0.0.1:8765 {mine}" in printed.out
    _say_where("::", 8765, "secret", "1.0.0.ip6.arpa")
    printed = capsys.readouterr()
    assert f"http://{mine}:8765/" in printed.out
    assert "ssh -L 8765:[::1]:8765" in printed.out
    _say_where("127.0.0.1", 8765, "secret", mine)
    printed = capsys.readouterr()
    assert printed.err == ""
    assert "http://127.0.0.1:8765/" in printed.out
    assert "ssh -L 8765:127.0.0.1:8765" in printed.out


def test_a_server_that_listens_to_the_network_is_reached_by_its_full_name(tmp_path: Path) -> None:
    named = "import socket; socket.getfqdn = lambda name='': socket.gethostname() + '.Office.lan'; "
    with serving("--host", "0.0.0.0", home=tmp_path, first=named) as (_, opened):
        found = re.search(r"http://(\S+):(\d+)(/\S+)", opened)
        assert found
        name, port, path = found.groups()
        assert name.endswith(".Office.lan")
        for host, status in ((name, 200), (f"{socket.gethostname()}.evil.lan", 403)):
            connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=20)
            connection.request("GET", path, headers={"Host": f"{host}:{port}"})
            assert connection.getresponse().status == status, host
            connection.close()
