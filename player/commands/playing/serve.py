"""``wordmorph serve``: the player as a page, on one port."""

from __future__ import annotations

import contextlib
import shutil
import socket
import sys
import tempfile
from collections.abc import Set
from pathlib import Path
from typing import Annotated

import typer

from player.commands.common import interruptible, is_loopback, name_untaught
from player.commands.playing.library import Library
from player.options import (
    CacheSize,
    CueFile,
    Expression,
    Lossless,
    RequestOptions,
    StartT,
    StartU,
    close_open_range,
    shared,
)
from player.session.filling.memory import parse_budget
from player.session.reproduce import Invocation
from runtime.engines.choose import check_backend
from runtime.errors import RequestError
from runtime.request import Request
from runtime.userfolders import state_folder

EXPRESSION = "cat -> kitten"


@shared
def serve(
    expression: Expression = EXPRESSION,
    t: StartT = 0.0,
    u: StartU = 0.5,
    invocation: Invocation = Invocation(),
    request_options: RequestOptions = RequestOptions(),
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.")] = 8765,
    lossless: Lossless = False,
    cache: CacheSize = None,
    cues: CueFile = None,
    new_token: Annotated[
        bool, typer.Option("--new-token", help="Make a new token: addresses told before end.")
    ] = False,
) -> None:
    """Play in a browser: on this machine, or on another through ssh -L."""
    library = Library(invocation)
    planner = library.planner(invocation.model)
    check_backend(invocation.backend)

    def begin(text: str) -> Request:
        return request_options.request(planner, text, t=t, u=u)

    request = begin(close_open_range(expression, invocation, planner, request_options, begin))
    from player.session.session import Session
    from player.web.server.access import Access, kept_token, names_of
    from player.web.server.serve import bind, make_server, run
    from player.web.server.stage import Stage

    picture = planner.manifest.width, planner.manifest.height
    budget = parse_budget(cache, picture)
    listener = bind(host, port)
    port = listener.getsockname()[1]
    kept = state_folder() / "serve-token"
    if new_token:
        try:
            kept.unlink(missing_ok=True)
        except OSError as error:
            raise RequestError(
                f"--new-token cannot remove {kept} ({error.strerror or error}), and what is kept "
                "there would still open: remove it"
            ) from None
    # the network is asked for a name only where it is listened to
    full_name = socket.gethostname() if is_loopback(host) else socket.getfqdn()
    access = Access(kept_token(kept), names_of(host, full_name))
    name_untaught(planner, request)
    folder = Path(tempfile.mkdtemp(prefix="wordmorph-"))
    session = Session(
        library.find(invocation.model).open,
        request,
        picture=picture,
        budget=budget,
        invocation=invocation,
        folder=folder,
        check=planner.check,
        remark=planner.untaught,
        models=library,
    )
    stage = Stage(session, planner, lossless=lossless, open_planner=library.planner)
    try:
        if cues is not None:
            session.cues.open(cues)
        _say_where(host, port, access.token, full_name)
        with interruptible(None):
            run(make_server(stage, access), stage, listener)
    finally:
        stage.close()
        session.finish()
        session.close()
        _leave_the_rest(folder, stage.fetched)


def _say_where(host: str, port: int, token: str, full_name: str) -> None:
    mine = socket.gethostname()
    inside = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    reached = inside
    if host in ("0.0.0.0", "::"):
        reached = full_name if full_name.startswith(mine) else mine
    print(f"open  http://{reached}:{port}/?token={token}")
    print(f"from another machine, first  ssh -L {port}:{inside}:{port} {mine}")
    if not is_loopback(host):
        print(
            f"--host {host}: there is no TLS, so whoever sees the traffic can read the token and "
            "play; ssh -L and the default host need none",
            file=sys.stderr,
        )
    sys.stdout.flush()


def _leave_the_rest(folder: Path, fetched: Set[Path]) -> None:
    """Delete what was fetched, and say where the rest is: nobody else has it."""
    rest = [path for path in sorted(folder.glob("*")) if path not in fetched]
    if not rest:
        shutil.rmtree(folder, ignore_errors=True)
        return
    for path in fetched:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
    for path in rest:
        print(f"nobody fetched {path}: it stays there")
