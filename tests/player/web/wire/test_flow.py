"""What the server remembers of a client: how much, and that it is of one piece."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from player.web.wire import flow
from player.web.wire.flow import Flow
from runtime.request import Request

WORDS = ["cat", "a" * 700, "b" * 2000]
MESSAGES = st.lists(
    st.tuples(
        st.sampled_from(["send", "have", "forget", "all"]), st.integers(0, 40), st.integers(0, 2)
    ),
    max_size=80,
)


@settings(max_examples=150, deadline=None)
@given(MESSAGES)
def test_no_more_is_remembered_than_was_meant_and_each_picture_once(
    messages: list[tuple[str, int, int]],
) -> None:
    link = Flow(seq=30)
    most, flow.KNOWN_CHARACTERS = flow.KNOWN_CHARACTERS, 5000
    try:
        for what, number, word in messages:
            request = Request(WORDS[word], t=number / 40)
            if what == "send":
                seq = link.send_picture(request, 0.0)
                assert link.known[request] == seq, "what was sent last is known"
            elif what == "have":
                link.have(request, number)
            elif what == "forget":
                link.forget((number,))
            else:
                link.forget_all()
            assert sum(len(known.expression) for known in link.known) <= 5000
            assert len(set(link.known.values())) == len(link.known)
            for known, seq in list(link.known.items()):
                assert link._by_seq[seq] == known
            assert len(link._by_seq) == len(link.known)
    finally:
        flow.KNOWN_CHARACTERS = most
