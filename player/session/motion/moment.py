"""A moment: everything that makes a frame."""

from __future__ import annotations

from dataclasses import dataclass

from runtime.request import Request


@dataclass(frozen=True, slots=True)
class Moment:
    """A model by its name (or bundle folder) and a request to it.

    ``digest`` is the model's content, empty where that is not known.
    """

    request: Request
    model: str
    digest: str = ""

    def doubt(self, digest: str) -> str:
        """Return what to say if the model of ``digest`` may draw something else; mostly nothing."""
        if not (self.digest and digest) or self.digest == digest:
            return ""
        return f"{self.model} has another content than when this was made: it may look different"
