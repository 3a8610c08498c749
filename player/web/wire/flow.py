"""One viewer's link: what is in flight, what the other side has, how far away it is. No sockets."""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass, field

from runtime.request import Request

FAR_SECONDS = 0.04
"""A round trip from which two pictures may be in flight."""
STATES = 4
"""Messages without a picture that may be unacknowledged."""
DEAD_SECONDS = 20.0
"""Unacknowledged for so long, a link is given up."""
KNOWN = 20_000
"""Pictures remembered as known to the other side,"""
KNOWN_CHARACTERS = 4 << 20
"""and how long their expressions may be together."""
RATE, BURST = 300.0, 300.0
"""Messages a second from a client, and how many at once. The acknowledgement of what is in flight
does not count: there are as many as the server sends."""


@dataclass(slots=True)
class Flow:
    """Counts messages; ``now`` is seconds of any steady clock."""

    seq: int = 0
    """number of the last message; a client that comes again goes on from what it heard last"""
    known: OrderedDict[Request, int] = field(default_factory=OrderedDict)
    """what the client keeps, with the message it came in"""
    _characters: int = 0
    """of the expressions of ``known``"""
    _by_seq: dict[int, Request] = field(default_factory=dict)
    _pictures: dict[int, float] = field(default_factory=dict)
    _states: dict[int, float] = field(default_factory=dict)
    _trips: deque[float] = field(default_factory=lambda: deque(maxlen=16))
    _allowance: float = BURST
    _counted: float | None = None
    most_in_flight: int = 0

    @property
    def round_trip(self) -> float | None:
        """Seconds from a small message to its acknowledgement: the least of the last."""
        return min(self._trips) if self._trips else None

    @property
    def window(self) -> int:
        """Pictures that may be in flight."""
        trip = self.round_trip
        return 2 if trip is not None and trip >= FAR_SECONDS else 1

    @property
    def in_flight(self) -> int:
        """Pictures that are."""
        return len(self._pictures)

    @property
    def takes_picture(self) -> bool:
        """Whether another picture may be sent."""
        return len(self._pictures) < self.window

    @property
    def takes_state(self) -> bool:
        """Whether another message without a picture may be sent."""
        return len(self._states) < STATES

    def send_state(self, now: float) -> int:
        """Number a message without a picture."""
        self.seq += 1
        self._states[self.seq] = now
        return self.seq

    def send_picture(self, request: Request | None, now: float) -> int:
        """Number a picture; the other side has it from now on. None: one that it will not keep."""
        self.seq += 1
        self._pictures[self.seq] = now
        self.most_in_flight = max(self.most_in_flight, len(self._pictures))
        if request is not None:
            self._remember(request, self.seq)
        return self.seq

    def have(self, request: Request, seq: int) -> None:
        """Hear that the other side kept a picture of an earlier connection."""
        if seq < self.seq and seq not in self._by_seq and request not in self.known:
            self._remember(request, seq)

    def ack(self, seq: int, now: float) -> None:
        """Hear that a message was received; one that is not in flight means nothing."""
        self._pictures.pop(seq, None)
        sent = self._states.pop(seq, None)
        if sent is not None:
            self._trips.append(now - sent)

    def awaits(self, seq: int) -> bool:
        """Whether a message is in flight."""
        return seq in self._pictures or seq in self._states

    def forget_all(self) -> None:
        """Hear that the other side dropped every picture."""
        self.known.clear()
        self._by_seq.clear()
        self._characters = 0

    def forget(self, seqs: tuple[int, ...]) -> list[Request]:
        """Hear that the other side dropped pictures; return which they are."""
        dropped = [self._by_seq.pop(seq) for seq in seqs if seq in self._by_seq]
        for request in dropped:
            self._drop(request)
        return dropped

    def dead(self, now: float) -> bool:
        """Whether something has been in flight for too long."""
        oldest = min((*self._pictures.values(), *self._states.values()), default=now)
        return now - oldest > DEAD_SECONDS

    def allows(self, now: float) -> bool:
        """Count a message from the client; False once there are too many."""
        passed = 0.0 if self._counted is None else now - self._counted
        self._counted = now
        self._allowance = min(BURST, self._allowance + passed * RATE) - 1
        return self._allowance >= 0

    def _remember(self, request: Request, seq: int) -> None:
        self._drop(request)
        self.known[request] = seq
        self._by_seq[seq] = request
        self._characters += len(request.expression)
        while len(self.known) > KNOWN or self._characters > KNOWN_CHARACTERS:
            self._drop(next(iter(self.known)))

    def _drop(self, request: Request) -> None:
        seq = self.known.pop(request, None)
        if seq is not None:
            self._by_seq.pop(seq, None)
            self._characters -= len(request.expression)
