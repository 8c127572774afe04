"""Rectangles: cut to a picture, grown, joined."""

from hypothesis import given
from hypothesis import strategies as st

from fivesafes.data.boxes import Box, joined

NUMBERS = st.integers(-20, 60)
BOXES = st.builds(Box, NUMBERS, NUMBERS, NUMBERS, NUMBERS)


def _pixels(boxes: list[Box]) -> set[tuple[int, int]]:
    return {
        (row, column) for box in boxes for row in range(box.top, box.bottom) for column in range(box.left, box.right)
    }


@given(box=BOXES, rows=st.integers(1, 40), columns=st.integers(1, 40))
def test_what_is_within_a_picture_is_what_both_share(box: Box, rows: int, columns: int) -> None:
    """No pixel beyond the picture, and none of the box's own lost."""
    picture = Box(0, 0, rows, columns)
    assert _pixels([box.within(rows, columns)]) == _pixels([box]) & _pixels([picture])


@given(boxes=st.lists(BOXES, max_size=8))
def test_joined_boxes_cover_all_and_touch_none(boxes: list[Box]) -> None:
    """Whatever lay in a box lies in one of the joined ones, and no two of these touch."""
    made = joined(boxes)
    assert _pixels(boxes) <= _pixels(list(made))
    assert not any(one.touches(other) for at, one in enumerate(made) for other in made[at + 1 :])


@given(boxes=st.lists(BOXES, max_size=8))
def test_the_order_of_boxes_does_not_matter(boxes: list[Box]) -> None:
    """The same boxes give the same answer."""
    assert joined(boxes) == joined(reversed(boxes))


def test_a_margin_goes_to_all_sides() -> None:
    """A box grows by as many pixels at each side."""
    assert Box(5, 6, 7, 9).grown(2) == Box(3, 4, 9, 11)
    assert (Box(5, 6, 7, 9).height, Box(5, 6, 7, 9).width) == (2, 3)
