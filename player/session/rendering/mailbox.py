"""Latest: a slot between two threads that holds only the newest value."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

T = TypeVar("T")


class Latest(Generic[T]):
    """A one-slot mailbox. A put replaces what was not taken yet, so nothing ever queues."""

    def __init__(self) -> None:
        """Start empty."""
        self._value: T | None = None
        self._closed = False
        self.puts = 0
        """values left so far"""
        self.replaced = 0
        """how many of them a newer one replaced"""
        self._changed = threading.Condition()

    def put(self, value: T) -> None:
        """Leave a value for the taker, replacing an older one."""
        with self._changed:
            self.puts += 1
            self.replaced += self._value is not None
            self._value = value
            self._changed.notify_all()

    def give_back(self, value: T) -> None:
        """Leave a value that was taken, unless a newer one is there."""
        with self._changed:
            if self._value is None:
                self._value = value
            else:
                self.replaced += 1
            self._changed.notify_all()

    def skip(self) -> None:
        """Count a value that was taken as replaced: nothing came of it, and a newer one is here."""
        with self._changed:
            self.replaced += 1

    def take(self, timeout: float | None = 0.0) -> T | None:
        """Empty the slot and return what was in it.

        Waits up to ``timeout`` seconds (None: for ever) for a value or for ``close``; returns
        None when there is none by then.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._value is not None or self._closed, timeout)
            value, self._value = self._value, None
            return value

    def waiting(self) -> bool:
        """Tell whether a value is in the slot."""
        return self._value is not None

    def close(self) -> None:
        """Wake whoever waits; ``take`` never blocks again."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def closed(self) -> bool:
        """Whether ``close`` was called."""
        return self._closed
