"""A session whose pictures another machine draws: a renderer that asks, a controller that tells."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, cast

from player.session.motion.moment import Moment
from player.session.rendering.models import Model
from player.session.session import Session
from player.web.client.connection import Connection
from player.web.wire.pictures import decode
from runtime.errors import BundleError, EngineError, MorphError, RequestError
from runtime.language.expression import parse
from runtime.mixing.mix import Plan, plan
from runtime.mixing.tokens import Tokenizer, Tokens
from runtime.planner import PlanKey, plan_key
from runtime.request import Frame, Request

PLANS = 64
CHECK_SECONDS = 3.0
"""How long a window waits to hear whether something can be drawn."""
PUSHED_SECONDS = 1.0
"""How long the picture of what is played there may take to come before it is asked for."""


@dataclass(frozen=True, slots=True)
class _EngineInfo:
    name: str
    precision: str


class _Told:
    """A tokenizer that knows what the server told of some prompts."""

    def __init__(self, told: dict[str, Any]) -> None:
        self.length = int(told["length"])
        self._known = {
            one["prompt"]: Tokens(
                one["prompt"],
                tuple(one["ids"]),
                tuple(one["texts"]),
                tuple((start, end) for start, end in one["offsets"]),
            )
            for one in told["tokens"]
        }

    def tokens(self, prompt: str) -> Tokens:
        return self._known[prompt]


class Plans:
    """Plans made here from the tokens of prompts, which the server tells."""

    def __init__(self, connection: Connection) -> None:
        """Ask over ``connection``; known plans are kept."""
        self._connection = connection
        self._known: dict[tuple[int, PlanKey, int], Plan] = {}

    def __call__(self, request: Request, seconds: float | None = None) -> Plan:
        """Return the plan of a request that the server's model can draw.

        Raises:
            RequestError: no answer came for ``seconds``, where that is given.
            MorphError: the server refuses it, or the connection is closed.
        """
        key = self._connection.version, plan_key(request), request.steps
        made = self._known.get(key)
        if made is None:
            asked = {"do": "tokens", "request": asdict(request)}
            told = self._connection.call(asked, seconds=seconds)
            made = plan(
                parse(request.expression),
                cast(Tokenizer, _Told(told)),
                edit=request.edit,
                edit_row=request.edit_row,
                interp=request.interp,
            )
            for oldest in list(self._known)[: 1 - PLANS]:
                self._known.pop(oldest, None)
            self._known[key] = made
        return made

    def check(self, request: Request) -> None:
        """Raise RequestError or ExpressionError if the server's model cannot render it, or if the
        server does not say so within ``CHECK_SECONDS``. What it plays it can.
        """
        played = Request(**self._connection.state.get("request", {"expression": ""}))
        if (plan_key(request), request.steps) != (plan_key(played), played.steps):
            self(request, CHECK_SECONDS)


class RemoteRenderer:
    """The part of ``Pipeline`` that a session uses, at the other end of a connection."""

    def __init__(self, connection: Connection, plans: Plans | None = None) -> None:
        """Wait until the server's model is open.

        Raises:
            MorphError: the connection is closed meanwhile.
        """
        self._connection = connection
        self.plan = plans or Plans(connection)
        self._version, self._settings = connection.opened()
        self._given_up = False

    @property
    def engine(self) -> _EngineInfo:
        """What draws there, and where that is."""
        settings = self._settings
        name = f"{settings.get('engine', '?')} at {self._connection.place}"
        return _EngineInfo(name, str(settings.get("precision", "")))

    def check(self, request: Request) -> None:
        """Raise RequestError or ExpressionError if the server's model cannot render it."""
        self.plan.check(request)

    def render(self, request: Request) -> Frame:
        """Return the server's picture, from here if it came before; waits while it is away.

        Raises:
            FrameCancelled: ``cancel`` was called meanwhile, another picture is asked for, or
                another model plays there.
            MorphError: the server refuses it, or the connection is closed.
        """
        started = time.perf_counter()
        self._given_up = False
        picture = self._connection.await_picture(request, PUSHED_SECONDS, self._over)
        if picture is None:
            self._connection.call({"do": "ask", "request": asdict(request)}, over=self._over)
            picture = self._connection.picture(request)
        if picture is None:
            raise EngineError(f"{self._connection.place} sent another picture than was asked for")
        return _frame(request, picture, (time.perf_counter() - started) * 1e3)

    def cancel(self) -> None:
        """End the ``render`` that waits, from any thread; the next is not touched."""
        self._given_up = True
        self._connection.wake()

    def settings(self) -> dict[str, Any]:
        """Return what the server's model and engine decide of a picture, and whether it lost
        something on its way here.
        """
        lossy = {} if self._connection.welcome["lossless"] else {"received_as": "JPEG"}
        return {**self._settings, **lossy}

    def close(self) -> None:
        """Leave the connection to whoever opened it."""

    def _over(self) -> str:
        if self._version != self._connection.version:
            return "another model plays there"
        return "the picture was given up" if self._given_up else ""


class RemoteModels:
    """The one model that can be played: the server's."""

    def __init__(self, connection: Connection, plans: Plans) -> None:
        """Know what the server says of its model."""
        self._connection = connection
        self._plans = plans

    def names(self) -> tuple[str, ...]:
        """Return its name alone."""
        return (str(self._connection.welcome["model"]),)

    def find(self, name: str) -> Model:
        """Return it.

        Raises:
            BundleError: it is another than ``name``.
        """
        connection, plans, welcome = self._connection, self._plans, self._connection.welcome
        if name not in self.names():
            raise BundleError(f"{connection.place} plays {self.names()[0]}, not {name}")
        width, height = welcome["picture"]
        return Model(
            name,
            (int(width), int(height)),
            lambda: RemoteRenderer(connection, plans),
            plans.check,
            steps=tuple(welcome["steps"]),
            default_steps=welcome["steps"][0],
        )


class Follower:
    """Keeps a session here and the one at the server at the same place."""

    def __init__(self, connection: Connection, models: RemoteModels) -> None:
        """Tell over ``connection`` what is played here while it performs, else follow."""
        self._connection = connection
        self._models = models
        self._agreed: Request | None = None
        self._sent = 0
        self._performed = False
        self._asked: list[int] = []
        """who was said to ask for the controls"""
        self._instance = connection.welcome["instance"]
        self._version = connection.version

    def poll(self, session: Session, now: float) -> None:
        """Tell the server of a new place here, or go where it is."""
        state = self._connection.state
        if not state:
            session.state.say(f"{self._connection.problem}: trying again")
            self._sent = 0
            return
        here, there = session.state.request, Request(**state["request"])
        if self._is_anew() and self._connection.performs:
            self._sent = self._connection.say({"do": "change", "request": asdict(here)})
            self._agreed = here
        if self._version != self._connection.version:
            self._open_model(session, here if state["heard"] < self._sent else there)
            return
        if self._agreed is None:
            self._agreed = there
        self._notice_roles(session, state)
        self._show_passing(session)
        if here != self._agreed and self._connection.performs:
            self._tell(session, here)
            self._agreed = here
        elif here != self._agreed:
            self._connection.tell({"do": "control", "want": True})
            session.state.say("watching: the performer was asked to hand over")
            self._follow(session, there)
        elif there != here and state["heard"] >= self._sent:
            self._follow(session, there)
        self._connection.expect(self._agreed)

    def hand_over(self, session: Session) -> None:
        """See ``Sharing``; it is said where nobody asks."""
        if not self._connection.performs:
            session.state.say("watching: only the performer hands over")
        elif not self._connection.state.get("asking"):
            session.state.say("nobody asks to perform")
        else:
            self._connection.tell({"do": "control", "want": False})

    def close(self) -> None:
        """End the connection, so that nobody waits for a server that is away."""
        self._connection.close()

    def _show_passing(self, session: Session) -> None:
        """Show what the server shows meanwhile: on a long way many pictures come between asking
        for one and having it.
        """
        live = self._connection.take_live()
        if live is None:
            return
        with contextlib.suppress(EngineError):  # said if that very picture is asked for
            session.asking.pass_by(_frame(*live))

    def _notice_roles(self, session: Session, state: Mapping[str, Any]) -> None:
        """Say who asks to perform; cease to play once somebody else does."""
        performs, asking = self._connection.performs, state.get("asking", [])
        if performs and asking and asking != self._asked:
            session.state.say(
                f"viewer {asking[0]} asks to perform: Y hands over, as doing nothing will", 20.0
            )
        self._asked = asking
        if self._performed and not performs:
            session.state.gliding = None
            session.state.playhead = replace(session.state.playhead, playing=False)
            session.state.say(f"watching: viewer {state['performer']} performs")
            self._agreed = session.state.request  # where playing led last is nothing to tell
        self._performed = performs

    def _is_anew(self) -> bool:
        """Tell, once, that the server was started again and nobody has played there."""
        welcome, before = self._connection.welcome, self._instance
        self._instance = welcome["instance"]
        return self._instance != before and not welcome["touched"]

    def _open_model(self, session: Session, request: Request) -> None:
        """Let the session begin anew with the model that plays there."""
        self._version = self._connection.version
        model = self._models.find(self._models.names()[0])
        self._agreed = model.fitted(request)
        session.state.switch = Moment(self._agreed, model.name)

    def _tell(self, session: Session, here: Request) -> None:
        agreed = self._agreed
        assert agreed is not None
        if here.at(0.0, 0.0) == agreed.at(0.0, 0.0):
            head = session.state.playhead
            x, y = head.point
            alone = head.playing or session.state.gliding is not None
            move = {"do": "move", "x": x, "y": y, **({"by_itself": True} if alone else {})}
            self._sent = self._connection.say(move)
        else:
            self._sent = self._connection.say({"do": "change", "request": asdict(here)})

    def _follow(self, session: Session, there: Request) -> None:
        try:
            session.change(there)
        except MorphError as error:
            session.state.say(str(error))
        self._agreed = session.state.request


def _frame(request: Request, picture: bytes, milliseconds: float | None = None) -> Frame:
    try:
        pixels = decode(picture)
    except OSError as error:
        raise EngineError(f"a picture cannot be read: {error}") from None
    return Frame(pixels, request, {} if milliseconds is None else {"total": milliseconds})


def first_request(connection: Connection, expression: str | None, **fields: Any) -> Request:
    """Return what to play first: what the server plays, with another expression where one is given,
    and with ``fields`` of ``Request`` instead of its own; ``steps`` None leaves that as it is.

    Raises:
        ExpressionError, RequestError: the expression cannot be read, or a field is out of range.
    """
    played = Request(**connection.state["request"])
    if fields.get("steps") is None:
        fields.pop("steps", None)
    elif fields["steps"] not in connection.welcome["steps"]:
        counts = ", ".join(map(str, connection.welcome["steps"]))
        raise RequestError(
            f"{connection.place} has no table for {fields['steps']} steps: use {counts}"
        )
    if expression is not None:
        fields["expression"] = str(parse(expression))
    return replace(played, **fields)
