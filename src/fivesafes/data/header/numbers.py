"""Numbers that may stay: within a range in which a physical quantity lies and a date, a telephone or a code does not.

A range is the grammar of a number.  The one that holds where a policy row names none ends at five digits, as a date
written without its century has six.  Binary numbers are judged by the same ranges, so that letters put in their place
are seen: they read as numbers that are far too large, or too small to be one (PS3.5 6.2, IEEE 754).
"""

import re
from struct import Struct, error
from typing import Final

from attrs import frozen
from pydicom._dicom_dict import DicomDictionary

LEAST, MOST = -99_999.0, 99_999.0
"""What a number may be where its row says no range."""

_NUMBER: Final = re.compile(rb"[+-]?(?:(\d{1,12})(?:\.\d{0,20})?|\.\d{1,20})(?:[eE][+-]?\d{1,3})?")
_INTEGER: Final = re.compile(rb"[+-]?(\d{1,10})")
_RANGE: Final = re.compile(r"(-?\d{1,12}(?:\.\d{1,12})?)\.\.(-?\d{1,12}(?:\.\d{1,12})?)")
_FEWEST_DIGITS: Final = 5
_SMALLEST: Final = 1e-28
"""A digit or a blank in the highest byte of a double reads as less than this; what scanners compute does not."""
_NOT_SET: Final = 7.23e75
"""What Canon writes where a double has no value."""
_FORMS: Final = {b"US": "H", b"SS": "h", b"UL": "L", b"SL": "l", b"FL": "f", b"FD": "d", b"OV": "Q", b"SV": "q"}
_FORMS_AT: Final = "HH"


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
        match = (_INTEGER if self.whole else _NUMBER).fullmatch(value)
        if match is None:
            return b""
        digits = match.group(1) or b""
        if len(digits) > _FEWEST_DIGITS and digits[:1] == b"0":
            return b""
        return value if self.holds(float(value)) else b""

    def holds(self, number: float) -> bool:
        """Tell whether a number lies in a range; what is no number lies in none."""
        return any(low <= number <= high for low, high in self.ranges)

    def holds_all(self, vr: bytes, value: bytes, order: str) -> bool:
        """Tell whether each binary number of a value may stay; an AT must name an element that there is."""
        if vr == b"AT":
            return _names_elements(value, order)
        form = _FORMS.get(vr)
        if form is None:
            return False
        try:
            numbers = Struct(f"{order}{len(value) // Struct(order + form).size}{form}").unpack(value)
        except error:
            return False
        if form in "fd":
            return all(number == _NOT_SET or (self.holds(number) and _is_measured(number)) for number in numbers)
        return all(self.holds(number) for number in numbers)


def _is_measured(number: float) -> bool:
    return not number or abs(number) >= _SMALLEST


def _names_elements(value: bytes, order: str) -> bool:
    """Tell whether each tag is one of the dictionary's, or a private one of a block (PS3.5 7.8.1)."""
    pair = Struct(order + _FORMS_AT)
    if len(value) % pair.size:
        return False
    tags = list(pair.iter_unpack(value))
    return all((group << 16 | number) in DicomDictionary or _is_private(group, number) for group, number in tags)


def _is_private(group: int, number: int) -> bool:
    """Tell whether it lies in the first sixteen blocks of the groups that scanners' makers use."""
    return bool(group & 1) and 0x0009 <= group <= 0x7FDF and 0x1000 <= number <= 0x1FFF  # noqa: PLR2004 - PS3.5 7.8.1
