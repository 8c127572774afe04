"""Numbers that may stay: within a range in which a physical quantity lies and a date, a telephone or a code does not.

A range is the grammar of a number.  The one that holds where a policy row names none ends at five digits, as a date
written without its century has six.  Binary numbers are judged by the same ranges, so that letters put in their place
are seen: they read as numbers that are far too large, or too small to be one (PS3.5 6.2, IEEE 754).
"""

import re
from typing import Final

from attrs import frozen

from fivesafes.data.header.ranges import is_number

LEAST, MOST = -99_999.0, 99_999.0
"""What a number may be where its row says no range."""

_RANGE: Final = re.compile(r"(-?\d{1,12}(?:\.\d{1,12})?)\.\.(-?\d{1,12}(?:\.\d{1,12})?)")


@frozen
class Number:
    """Lets numbers through that lie in one of its ranges (both ends included); ``whole`` ones have no fraction."""

    ranges: tuple[tuple[float, float], ...] = ((LEAST, MOST),)
    whole: bool = False

    @classmethod
    def parse(cls, text: str, *, whole: bool) -> "Number":
        """Read ``0..1000|60000000..65000000``.  Raises ValueError for anything else."""
        ranges = []
        for part in text.split("|"):
            match = _RANGE.fullmatch(part)
            if match is None or float(match.group(1)) > float(match.group(2)):
                raise ValueError(part)
            ranges.append((float(match.group(1)), float(match.group(2))))
        return cls(tuple(ranges), whole)

    def __call__(self, value: bytes) -> bytes:
        """Give a number as text back, or nothing; noughts in front would make a code of it."""
        return value if is_number(value, self.ranges, self.whole) else b""
