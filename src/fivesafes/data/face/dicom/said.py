"""Read single attributes of a data set, at any depth, from its bytes: texts and decimal numbers."""

import math
from itertools import pairwise
from struct import Struct
from typing import Final

from attrs import frozen
from pydicom.datadict import dictionary_VR

from fivesafes.data.header.elements import Element, Encoding, inner_encoding
from fivesafes.data.header.malformed import out_of_order
from fivesafes.data.header.part10 import DataSet
from fivesafes.data.header.scanner import read_items

DOUBLE, DOUBLE_BIG = Struct("<d"), Struct(">d")
_PADDING: Final = b" \0"
_LONGEST: Final = 1 << 12
"""Bytes: nothing that is read here as text is longer."""


@frozen(eq=False)
class Said:
    """The elements of a data set or of one item, by tag, and how they are written."""

    data_set: DataSet
    elements: dict[int, Element]
    encoding: Encoding
    depth: int = 0

    @classmethod
    def of(cls, data_set: DataSet) -> "Said":
        """Read the outermost level.  Raises Malformed when it is broken, or its tags are in no order."""
        elements = data_set.elements()
        if any(one.tag >= other.tag for one, other in pairwise(elements)):
            raise out_of_order()
        return cls(data_set, {element.tag: element for element in elements}, data_set.encoding)

    def value(self, tag: int) -> bytes:
        """Give the bytes of a value; none where the attribute is absent, or longer than any text."""
        element = self.elements.get(tag)
        if element is None or element.end - element.start > _LONGEST:
            return b""
        return self.data_set.buffer[element.start : element.end]

    def texts(self, tag: int) -> tuple[str, ...]:
        """Give the values of a text, without padding."""
        value = self.value(tag).strip(_PADDING)
        return tuple(part.strip() for part in value.decode("ascii", "replace").split("\\")) if value else ()

    def text(self, tag: int) -> str:
        """Give the first value of a text; empty where there is none."""
        return next(iter(self.texts(tag)), "")

    def decimals(self, tag: int, count: int) -> tuple[float, ...] | None:
        """Give decimal numbers (DS, IS); None unless there are so many, and all are finite."""
        try:
            numbers = tuple(float(text) for text in self.texts(tag))
        except ValueError:
            return None
        return numbers if len(numbers) == count and all(map(math.isfinite, numbers)) else None

    def decimal(self, tag: int, absent: float) -> float:
        """Give one decimal number, or what stands for it where there is none."""
        numbers = self.decimals(tag, 1)
        return absent if numbers is None else numbers[0]

    def double(self, tag: int) -> float | None:
        """Give one binary number (FD); None where there is none, or it is not finite."""
        value = self.value(tag)
        if len(value) != DOUBLE.size:
            return None
        (number,) = (DOUBLE if self.encoding.little else DOUBLE_BIG).unpack(value)
        return float(number) if math.isfinite(number) else None

    def whole(self, tag: int) -> int:
        """Give a whole number that is written as a text (IS); 0 where there is none."""
        return int(self.decimal(tag, 0.0))

    def items(self, tag: int) -> "tuple[Said, ...]":
        """Give the items of a sequence.  Raises Malformed when they are broken."""
        element = self.elements.get(tag)
        if element is None:
            return ()
        inner = inner_encoding(element, self.encoding)
        found = read_items(self.data_set.buffer, element, self.encoding, depth=self.depth)
        return tuple(Said(self.data_set, {one.tag: one for one in item}, inner, self.depth + 1) for item in found)

    def item(self, tag: int) -> "Said | None":
        """Give the first item of a sequence, or None."""
        return next(iter(self.items(tag)), None)


def is_sequence(element: Element) -> bool:
    """Tell whether an element holds items: by its VR, its undefined length, or the dictionary."""
    if element.vr:
        return element.vr == b"SQ" or (element.undefined and element.vr == b"UN")
    try:
        return element.undefined or dictionary_VR(element.tag) == "SQ"
    except KeyError:
        return False
