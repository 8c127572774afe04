"""Tell whether numbers, written out or binary, lie in the ranges that a rule allows; see numbers.py for what these are.

The module runs as it stands, and compiled with Cython as ``_ranges`` (types: ranges.pxd).  ``scanner`` chooses.
"""

import re
from struct import error, unpack

from pydicom._dicom_dict import DicomDictionary

Ranges = tuple[tuple[float, float], ...]

_NUMBER = re.compile(rb"[+-]?(?:(\d{1,12})(?:\.\d{0,20})?|\.\d{1,20})(?:[eE][+-]?\d{1,3})?").fullmatch
_INTEGER = re.compile(rb"[+-]?(\d{1,10})").fullmatch
_FEWEST_DIGITS = 5
_SMALLEST = 1e-28
"""A digit or a blank in the highest byte of a double reads as less than this; what scanners compute does not."""
_NOT_SET = 7.23e75
"""What Canon writes where a double has no value."""
_FORMS = {
    b"US": ("H", 2),
    b"SS": ("h", 2),
    b"UL": ("L", 4),
    b"SL": ("l", 4),
    b"FL": ("f", 4),
    b"FD": ("d", 8),
    b"OV": ("Q", 8),
    b"SV": ("q", 8),
}
_FLOATS = frozenset({b"FL", b"FD"})
_TAG_SIZE = 4


def holds(ranges: Ranges, number: float) -> bool:
    """Tell whether a number lies in a range, both ends included; what is no number lies in none."""
    for low, high in ranges:  # noqa: SIM110 - a loop is three times as quick, and numbers are what headers hold
        if low <= number <= high:
            return True
    return False


def is_number(value: bytes, ranges: Ranges, whole: bool) -> bool:  # noqa: FBT001 - a C function takes no keywords
    """Tell whether a text is a number that may stay; noughts in front would make a code of it."""
    match = _INTEGER(value) if whole else _NUMBER(value)
    if match is None:
        return False
    digits = match.group(1)
    if digits is not None and len(digits) > _FEWEST_DIGITS and digits[:1] == b"0":
        return False
    return holds(ranges, float(value))


def holds_all(vr: bytes, value: bytes, order: str, ranges: Ranges) -> bool:
    """Tell whether each binary number of a value may stay; an AT must name an element that there is."""
    if vr == b"AT":
        return _names_elements(value, order)
    form = _FORMS.get(vr)
    if form is None:
        return False
    letter, size = form
    try:
        numbers = unpack(f"{order}{len(value) // size}{letter}", value)
    except error:
        return False
    measured = vr in _FLOATS
    for number in numbers:
        if measured and number == _NOT_SET:
            continue
        if not holds(ranges, number) or (measured and number and -_SMALLEST < number < _SMALLEST):
            return False
    return True


def _names_elements(value: bytes, order: str) -> bool:
    """Tell whether each tag is one of the dictionary's, or a private one of a block (PS3.5 7.8.1)."""
    if len(value) % _TAG_SIZE:
        return False
    halves = unpack(f"{order}{len(value) // 2}H", value)
    tags = zip(halves[::2], halves[1::2], strict=True)
    return all((group << 16 | number) in DicomDictionary or _is_private(group, number) for group, number in tags)


def _is_private(group: int, number: int) -> bool:
    """Tell whether it lies in the first sixteen blocks of the groups that scanners' makers use."""
    return bool(group & 1) and 0x0009 <= group <= 0x7FDF and 0x1000 <= number <= 0x1FFF  # noqa: PLR2004 - PS3.5 7.8.1
