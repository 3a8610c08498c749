"""What pages ask besides the picture on show: other pictures, and how words become tokens."""

from __future__ import annotations

from collections.abc import Iterable

from player.session.session import Session
from player.web.server import shown
from player.web.server.viewer import ASKED, Viewer
from player.web.wire.messages import Ask, AskTokens
from runtime.errors import MorphError, RequestError
from runtime.planner import Planner
from runtime.request import Request


class Inquiries:
    """The questions of all viewers, answered by the planner at once or by the cache in time."""

    def __init__(self, session: Session, planner: Planner) -> None:
        """Have ``session`` draw what is asked for; ``planner`` is its model's."""
        self.planner = planner
        self._session = session
        self._missing: tuple[Request, ...] = ()
        """what was asked for and had not come, in the order in which it is drawn"""

    def hear(self, viewer: Viewer, message: Ask | AskTokens) -> bool:
        """Answer a question, or keep that of a picture; tell whether a picture is awaited now."""
        try:
            request = Request(**message.fields)
            if isinstance(message, Ask) and len(viewer.asks) >= ASKED:
                raise RequestError(f"{ASKED} pictures are asked for already")
            self.planner.check(request)
            if isinstance(message, Ask):
                viewer.asks.append((message.n, request, viewer.link.seq))
                return True
            tokens = [
                {"prompt": one.prompt, "ids": one.ids, "texts": one.texts, "offsets": one.offsets}
                for one in dict.fromkeys(self.planner.plan(request).tokens)
            ]
        except MorphError as error:
            viewer.reply(shown.refusal(message.n, error))
            return False
        length = self.planner.tokenizers[0].length
        viewer.reply({"say": "tokens", "n": message.n, "length": length, "tokens": tokens})
        return False

    def tend(self, viewers: Iterable[Viewer]) -> None:
        """Hand over the pictures that are there, and have the others drawn."""
        cache, priority = self._session.state.cache, self._session.priority
        problem = priority.take_problem("page")
        failed = None  # drawing ends at the first that cannot be drawn
        if problem is not None:
            failed = next((request for request in self._missing if request not in cache), None)
        missing: list[Request] = []
        for viewer in viewers:
            left = []
            for n, request, since in viewer.asks:
                frame = cache.peek(request)
                if frame is not None:
                    viewer.found.append((n, frame, since))
                elif problem is not None and request == failed:
                    viewer.reply(shown.refusal(n, RequestError(problem)))
                else:
                    left.append((n, request, since))
                    missing.append(request)
            viewer.asks = left
        self._missing = tuple(dict.fromkeys(missing))
        priority.want("page", self._missing)
