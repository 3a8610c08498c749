"""What a command and its children tried to say to a network, native code included.

``strace`` sees the system calls themselves. Without it an empty network namespace whose every
packet goes to a loopback that is listened to (``unshare``) sees what was sent. The standard
library alone, so that CI can use it where nothing is installed.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

CALLS = "socket,connect,bind,sendto,sendmsg,sendmmsg"
INTERNET = re.compile(r"\bAF_INET6?\b")
LOOPBACK = re.compile(r'inet_addr\("127\.|"::1"|"::ffff:127\.')
PORT = re.compile(r"sin6?_port=htons\((\d+)\)")
RESOLVERS = ("/run/systemd/resolve/", "/run/avahi-daemon/")
"""local sockets by which glibc has a name looked up"""
SNIFFER = Path(__file__).with_name("sniff.py")


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended, and one line for each thing it tried."""

    status: int
    output: str
    attempts: tuple[str, ...]


def missing_tool() -> str | None:
    """Return None if attempts can be seen here, else why not."""
    if _has_strace() or _has_namespaces():
        return None
    return "neither strace nor unshare can be used here: install strace"


def run(
    command: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    serves: bool = False,
    timeout: float = 600.0,
) -> Ran:
    """Run a command and return what it tried. ``serves``: it may use the loopback, as servers do.

    Raises:
        RuntimeError: ``missing_tool`` says why.
        subprocess.TimeoutExpired: it did not end.
    """
    if _has_strace():
        return _traced(command, cwd, env, serves, timeout)
    if _has_namespaces():
        return _sniffed(command, cwd, env, serves, timeout)
    raise RuntimeError(missing_tool())


def is_attempt(call: str, *, serves: bool = False) -> bool:
    """Tell whether one line of strace's shows the internet, a name look-up or an open port."""
    name = call.split("(")[0].split()[-1]
    if any(place in call for place in RESOLVERS):
        return True
    if not INTERNET.search(call):
        return False
    if name == "socket":
        return "SOCK_DGRAM" in call  # how names are looked up; streams show when they are used
    port = PORT.search(call)
    at_home = bool(LOOPBACK.search(call)) and (port is None or port[1] != "53")
    return not (at_home and (serves or name == "bind"))


def _traced(
    command: Sequence[str], cwd: Path, env: Mapping[str, str], serves: bool, timeout: float
) -> Ran:
    with tempfile.TemporaryDirectory() as folder:
        calls = Path(folder) / "calls"
        tracer = ["strace", "-f", "-qq", "--seccomp-bpf", "-e", f"trace={CALLS}", "-o", str(calls)]
        done = _run([*tracer, *command], cwd, env, timeout)
        lines = calls.read_text(encoding="utf-8", errors="replace").splitlines()
    calls_made = [line for line in lines if "(" in line and "---" not in line]
    tried = tuple(line for line in calls_made if is_attempt(line, serves=serves))
    return Ran(done.returncode, done.stdout, tried)


def _sniffed(
    command: Sequence[str], cwd: Path, env: Mapping[str, str], serves: bool, timeout: float
) -> Ran:
    with tempfile.TemporaryDirectory() as folder:
        packets = Path(folder) / "packets"
        words = [sys.executable, str(SNIFFER), str(packets), "serves" if serves else "", *command]
        done = _run(["unshare", "-rn", *words], cwd, env, timeout)
        return Ran(done.returncode, done.stdout, tuple(packets.read_text().splitlines()))


def _run(
    words: Sequence[str], cwd: Path, env: Mapping[str, str], timeout: float
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words,
        cwd=cwd,
        env=dict(env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=timeout,
        check=False,
    )


def _has_strace() -> bool:
    return _works("strace", "-qq", "--seccomp-bpf", "-f", "-o", os.devnull, "true")


def _has_namespaces() -> bool:
    probe = "import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)"
    return sys.platform == "linux" and _works("unshare", "-rn", sys.executable, "-c", probe)


def _works(*words: str) -> bool:
    if shutil.which(words[0]) is None:
        return False
    return subprocess.run(words, capture_output=True, check=False).returncode == 0
