import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.errors import RequestError
from runtime.request import MAX_SEED, Request


@pytest.mark.parametrize(
    "settings",
    [
        {"t": math.nan},
        {"t": -0.01},
        {"u": 1.01},
        {"u": math.inf},
        {"seed": -1},
        {"seed": MAX_SEED + 1},
        {"steps": 0},
        {"edit": "words"},
        {"interp": "cubic"},
        {"edit_row": 0},
        {"edit_row": -3},
    ],
)
def test_what_cannot_be_served_is_refused_in_one_line(settings: dict[str, object]) -> None:
    with pytest.raises(RequestError) as caught:
        Request("cat", **settings)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


@given(t=st.floats(0, 1), u=st.floats(0, 1))
def test_equal_requests_are_one_key(t: float, u: float) -> None:
    first = Request("cat -> kitten", t, u, seed=7)
    assert {first: 1}[Request("cat -> kitten", seed=7).at(t, u)] == 1
