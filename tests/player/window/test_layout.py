from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from pygame import Rect

from player.window.layout import SMALLEST, Layout, arrange, first_window, fraction, share_x

SIDES = st.integers(64, 1024)


def boxes(layout: Layout) -> list[Rect]:
    shown = [layout.picture, layout.title, layout.strip, layout.bar, layout.readouts, layout.pad]
    return [box for box in shown if box.width and box.height]


@given(
    width=st.integers(SMALLEST[0], 4000),
    height=st.integers(SMALLEST[1], 2400),
    picture=st.tuples(SIDES, SIDES),
    pad=st.booleans(),
    strip=st.booleans(),
)
def test_nothing_overlaps_and_the_picture_keeps_its_shape(
    width: int, height: int, picture: tuple[int, int], pad: bool, strip: bool
) -> None:
    layout = arrange((width, height), picture, pad=pad, strip=strip)
    placed = boxes(layout)
    for number, box in enumerate(placed):
        assert layout.window.contains(box)
        assert box.collidelist(placed[number + 1 :]) == -1
    assert abs(layout.picture.width / picture[0] - layout.picture.height / picture[1]) < 0.06
    assert (layout.pad.width > 0) == pad


@given(picture=st.tuples(SIDES, SIDES), pad=st.booleans())
def test_the_first_window_fits_a_laptop_and_gives_the_picture_most_of_it(
    picture: tuple[int, int], pad: bool
) -> None:
    size = first_window(picture, (1366, 768), pad=pad)
    assert size[0] <= 1366
    assert size[1] <= 768
    square = arrange(
        first_window((512, 512), (1920, 1080), pad=pad), (512, 512), pad=pad, strip=True
    )
    assert square.picture.size == (768, 768)


@given(share=st.floats(0, 1), left=st.integers(0, 500), width=st.integers(401, 3000))
def test_a_click_lands_where_the_handle_is_drawn(share: float, left: int, width: int) -> None:
    box = Rect(left, 0, width, 10)
    assert abs(fraction(box, share_x(box, share)) - share) <= 0.5 / (width - 1) + 1e-9


@given(
    width=st.integers(1, 700),
    height=st.integers(1, 700),
    picture=st.tuples(SIDES, SIDES),
    pad=st.booleans(),
    scale=st.sampled_from([1.0, 1.5, 2.0, 3.0]),
)
def test_in_a_window_of_almost_nothing_the_picture_has_what_there_is(
    width: int, height: int, picture: tuple[int, int], pad: bool, scale: float
) -> None:
    layout = arrange((width, height), picture, pad=pad, strip=True, scale=scale)
    placed = [box for box in boxes(layout) if all(box.size)]
    for number, box in enumerate(placed):
        assert layout.window.contains(box)
        assert box.collidelist(placed[number + 1 :]) == -1
