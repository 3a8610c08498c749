"""The session on its stage: one performs, others watch, and nobody's slow link is waited for."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import secrets
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from player.session.actions import NAMES
from player.session.motion.playhead import Playhead
from player.session.rendering.mailbox import Latest
from player.session.rendering.renderer import Result
from player.session.session import LONGEST_TURN, Session
from player.web.server import shown
from player.web.server.encoder import Encoder
from player.web.server.inquiries import Inquiries
from player.web.server.kept import Kept
from player.web.server.roles import Roles
from player.web.server.viewer import LATER_SECONDS, Socket, Viewer
from player.web.wire.messages import (
    Ack,
    Act,
    Ask,
    AskTokens,
    ChangeRequest,
    Control,
    Forget,
    Have,
    Message,
    Move,
)
from runtime.errors import MorphError, RequestError
from runtime.language.line import TICKS
from runtime.planner import Planner
from runtime.request import Frame, Request

HERTZ = 60
IDLE_SECONDS = 0.25
"""Between turns while nobody is here."""
ASKING_SECONDS = 0.004
"""Between turns while somebody waits for a picture that only the cache will hold."""
MOST_VIEWERS = 16


class _Waking(Latest[Result]):
    """A mailbox that calls when something is put into it."""

    def __init__(self, wake: Callable[[], None]) -> None:
        super().__init__()
        self._wake = wake

    def put(self, value: Result) -> None:
        super().put(value)
        self._wake()


class Stage:
    """Turns a session and tells its viewers. Everything happens in the event loop's thread, but
    for rendering, which is the session's own, and for encoding large pictures.
    """

    def __init__(
        self,
        session: Session,
        planner: Planner,
        *,
        lossless: bool = False,
        open_planner: Callable[[str], Planner] = Planner.of,
    ) -> None:
        """Show ``session``, whose model is ``planner``'s, as JPEG unless ``lossless``.

        ``open_planner`` opens that of another model, by the name that the session plays it by.
        """
        self.session = session
        self.inquiries = Inquiries(session, planner)
        self._open_planner = open_planner
        self._model = session.state.invocation.model
        self.lossless = lossless
        self.kept = Kept(session.state.folder)
        self.fetched: set[Path] = set()
        """of what was kept, what somebody has taken home"""
        self.viewers: dict[int, Viewer] = {}
        self.roles = Roles(self.viewers, lambda: self._foresee(None))
        self.instance = secrets.token_hex(8)
        """another for each start, so that a page notices"""
        self.touched = False
        """whether anybody has played since the start"""
        self._numbers = itertools.count(1)
        """of viewers, none of them twice: one that was dismissed may end later"""
        self._foreseen = False
        """whether the performer said where it will be"""
        self._wake = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._encoder = Encoder()
        self._left: Frame | None = None
        """the last model's picture, on show until the first of the one that plays"""
        self._resting: dict[str, Any] = {}
        self._rested = 0.0
        self._closing: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Turn the session until the task is cancelled.

        Raises:
            MorphError: the model cannot be opened, or cannot serve the expression.
        """
        self._loop = asyncio.get_running_loop()
        self._listen()
        self.session.start()
        last = time.perf_counter()
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), self._patience())
            self._wake.clear()
            now = time.perf_counter()
            self.session.turn(min(now - last, LONGEST_TURN), now)
            last = now
            self._listen()
            self._follow_model()
            if self.session.state.printed:
                self.session.state.printed.clear()
                self.kept.look()
            self.inquiries.tend(self.viewers.values())
            self._drop_the_dead(now)
            self.roles.turn(now)
            self._tell(now)

    def enter(self, socket: Socket, *, client: str, lossless: bool, seq: int = 0) -> Viewer:
        """Let somebody in; who performs if nobody else does. ``seq`` is what it heard last."""
        viewer = Viewer(
            next(self._numbers),
            socket,
            self._encoder.encode,
            self.session.state.cache,
            client=client,
            lossless=lossless or self.lossless,
            seq=seq,
        )
        for other in list(self.viewers.values()):
            if client and other.client == client:  # the same page, whose old link went quiet
                self._dismiss(other, 4409, "this page is open elsewhere")
        self.roles.enter(viewer)
        viewer.reply(self._welcome(viewer))
        self.viewers[viewer.number] = viewer
        self._wake.set()
        return viewer

    def is_here(self, client: str) -> bool:
        """Tell whether a page is among the viewers already, and comes again."""
        return bool(client) and any(one.client == client for one in self.viewers.values())

    def leave(self, viewer: Viewer) -> None:
        """Forget somebody."""
        self.viewers.pop(viewer.number, None)
        self.roles.leave(viewer)
        self._wake.set()

    def hear(self, viewer: Viewer, message: Message) -> None:
        """Act on what a viewer says; one that was dismissed says nothing."""
        if viewer.number not in self.viewers:
            return
        if isinstance(message, Ack):
            viewer.link.ack(message.seq, time.perf_counter())
            viewer.poke()
        elif isinstance(message, Forget):
            viewer.forget(message.seqs)
        elif isinstance(message, Have):
            with contextlib.suppress(MorphError):  # a request that nobody can have had
                viewer.have(
                    {Request(**message.fields, t=t, u=u): seq for seq, t, u in message.places}
                )
        elif isinstance(message, Control):
            self.roles.hear(viewer, message)
            self._wake.set()
        elif isinstance(message, Ask | AskTokens):
            if self.inquiries.hear(viewer, message):
                self._wake.set()
        else:
            self._perform(viewer, message)

    def close(self) -> None:
        """Let go of the threads that encode."""
        self._encoder.close()

    def _perform(self, viewer: Viewer, message: Move | Act | ChangeRequest) -> None:
        viewer.heard = max(viewer.heard, message.n)
        if viewer is not self.roles.performer:
            viewer.reply(
                shown.refusal(message.n, RequestError("watching: ask for control to play"))
            )
            return
        viewer.last_input = self.session.beats.now = time.perf_counter()
        if not (isinstance(message, Move) and message.by_itself):
            viewer.last_act = viewer.last_input
        self.touched = True
        self._foresee(None)
        try:
            if isinstance(message, Move):
                self._move(message)
            elif isinstance(message, Act):
                self._act(message)
            else:
                self._change(message)
            if self.session.state.copied:
                text, self.session.state.copied = self.session.state.copied, ""
                viewer.reply({"say": "copied", "n": message.n, "text": text})
        except (MorphError, ValueError) as error:
            viewer.reply(shown.refusal(message.n, error))
        self.session.state.closing = False  # a page cannot end the session for all
        self._wake.set()

    def _move(self, message: Move) -> None:
        state = self.session.state
        if not state.moves:
            return
        state.gliding = None
        head = state.playhead
        if message.ahead is not None:
            state.playhead = self._standing(head, *message.ahead)
            self._foresee(state.request)
        state.playhead = self._standing(head, message.x, message.y)

    def _standing(self, head: Playhead, x: int, y: int) -> Playhead:
        x, y = min(x, TICKS), min(y, TICKS)
        return replace(
            head,
            x=float(x),
            y=float(y) if self.session.state.has_pad else head.y,
            grain=1,
            playing=False,
            direction=head.direction if x == head.x else 1 if x > head.x else -1,
        )

    def _foresee(self, coming: Request | None) -> None:
        self.session.asking.foresee(coming)
        self._foreseen = coming is not None

    def _act(self, message: Act) -> None:
        action = NAMES.get(message.name)
        if action is None or message.name in shown.PAGE_ACTIONS:
            raise RequestError(f"there is no action {message.name!r} here")
        action.perform(self.session, message.value)

    def _change(self, message: ChangeRequest) -> None:
        fields = dict(message.fields)
        if list(fields) == ["expression"]:
            self.session.write(fields["expression"])
        else:
            self.session.change(replace(self.session.state.request, **fields))

    def _drop_the_dead(self, now: float) -> None:
        for viewer in list(self.viewers.values()):
            if viewer.link.dead(now):
                self._dismiss(viewer, 4408, "no acknowledgement")

    def _dismiss(self, viewer: Viewer, code: int, reason: str) -> None:
        self.leave(viewer)

        async def close() -> None:
            with contextlib.suppress(Exception):  # it is gone either way
                await viewer.close(code, reason)

        task = asyncio.ensure_future(close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    def _follow_model(self) -> None:
        """Tell everybody of another model that plays now."""
        name = self.session.state.invocation.model
        if name == self._model:
            return
        self._model = name
        self.inquiries.planner = self._open_planner(name)
        self._left = self.session.state.frame
        self._encoder.clear()
        self._resting = {}
        for viewer in self.viewers.values():
            viewer.play_with(self.session.state.cache)
            viewer.asks.clear()
            viewer.found.clear()
            viewer.frame = None
            viewer.reply(self._welcome(viewer))

    def _tell(self, now: float) -> None:
        session, performer = self.session, self.roles.performer
        view = session.view(HERTZ)
        head = session.state.playhead
        moving = shown.moving(view, head)
        if now - self._rested >= LATER_SECONDS or not self._resting:
            self._resting = shown.resting(view, head, session.played.name)
            self._rested = now
        common = {
            **moving,
            **self._resting,
            "marks": shown.marks(session.state),
            "waits": session.beats.holds,
            "kept": self.kept.to_json(),
            "viewers": sorted(self.viewers),
            "performer": None if performer is None else performer.number,
            "asking": [viewer.number for viewer in self.roles.asking],
            "settings": None if session.state.info is None else dict(session.state.info.settings),
        }
        line = view.line if view.moves else None
        on_show = session.state.frame if session.state.frame is not self._left else None
        shown_now = session.picture()
        difference = shown_now if view.difference and shown_now is not session.state.frame else None
        for viewer in self.viewers.values():
            trip = viewer.link.round_trip
            viewer.state = {
                **common,
                "heard": viewer.heard,
                "trip": None if trip is None else round(trip * 1e3),
            }
            foreseen = session.asking.arrived if viewer is performer and self._foreseen else None
            viewer.frame = foreseen or on_show
            viewer.difference = difference
            viewer.line = line
            viewer.place = view.place
            viewer.poke()

    def _welcome(self, viewer: Viewer) -> dict[str, Any]:
        planner = self.inquiries.planner
        you = {"you": viewer.number, "lossless": viewer.lossless}
        return shown.welcome(planner, instance=self.instance, touched=self.touched) | you

    def _patience(self) -> float:
        if any(viewer.asks for viewer in self.viewers.values()):
            return ASKING_SECONDS
        return 1 / HERTZ if self.viewers else IDLE_SECONDS

    def _listen(self) -> None:
        """Let the render thread wake us; a session that changed its model has another."""
        worker = self.session.worker
        if not isinstance(worker.results, _Waking):
            worker.results = _Waking(self._from_elsewhere)

    def _from_elsewhere(self) -> None:
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # it ended meanwhile
                self._loop.call_soon_threadsafe(self._wake.set)
