"""Rectangles in a picture."""

from collections.abc import Iterable

from attrs import frozen


@frozen(order=True)
class Box:
    """A rectangle of pixels: rows ``top`` to ``bottom`` - 1, columns ``left`` to ``right`` - 1, counted from 0."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def empty(self) -> bool:
        """Whether no pixel lies in it."""
        return self.bottom <= self.top or self.right <= self.left

    @property
    def height(self) -> int:
        """Rows of it."""
        return self.bottom - self.top

    @property
    def width(self) -> int:
        """Columns of it."""
        return self.right - self.left

    def within(self, rows: int, columns: int) -> "Box":
        """Give the part of it that lies in a picture of that size; it may be empty."""
        top, left = min(max(self.top, 0), rows), min(max(self.left, 0), columns)
        return Box(top, left, max(top, min(self.bottom, rows)), max(left, min(self.right, columns)))

    def grown(self, by: int) -> "Box":
        """Give it with a margin all around."""
        return Box(self.top - by, self.left - by, self.bottom + by, self.right + by)

    def touches(self, other: "Box") -> bool:
        """Whether both share a pixel, or lie side by side."""
        return (
            self.top <= other.bottom
            and other.top <= self.bottom
            and self.left <= other.right
            and other.left <= self.right
        )

    def around(self, other: "Box") -> "Box":
        """Give the smallest box that holds both."""
        return Box(
            min(self.top, other.top),
            min(self.left, other.left),
            max(self.bottom, other.bottom),
            max(self.right, other.right),
        )


def joined(boxes: Iterable[Box]) -> tuple[Box, ...]:
    """Join boxes that touch, until none does; in order, so that the same boxes give the same answer."""
    rest = sorted({box for box in boxes if not box.empty})
    done: list[Box] = []
    while rest:
        box = rest.pop(0)
        touching = [other for other in rest if box.touches(other)]
        if not touching:
            done.append(box)
            continue
        rest = [other for other in rest if not box.touches(other)]
        for other in touching:
            box = box.around(other)
        rest.insert(0, box)
    merged = sorted(set(done))
    return tuple(merged) if len(merged) == len(done) and not _any_touch(merged) else joined(merged)


def _any_touch(boxes: list[Box]) -> bool:
    return any(one.touches(other) for place, one in enumerate(boxes) for other in boxes[place + 1 :])
