"""Show a value to a person: as it is where it leaves as it is, else by kind and length alone."""

from struct import iter_unpack
from typing import Final


def mask(kind: str) -> str:
    """Put what is said in place of a value between angle quotation marks, which no value of DICOM's own has."""
    return f"\u2039{kind}\u203a"


_PADDING: Final = b" \0"
_KINDS: Final = {
    "DA": mask("date"),
    "TM": mask("time"),
    "DT": mask("date and time"),
    "UI": mask("UID"),
    "AS": mask("age"),
    "DS": mask("number"),
    "IS": mask("number"),
}
_NUMBERS: Final = {
    "US": "H",
    "SS": "h",
    "UL": "L",
    "SL": "l",
    "FL": "f",
    "FD": "d",
    "UV": "Q",
    "SV": "q",
}
_BYTES: Final = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN", "AT", "SQ"})
_MOST_SHOWN: Final = 48
_MOST_NUMBERS: Final = 4
_EMPTY: Final = mask("empty")


def masked(value: bytes, vr: str) -> str:
    """Give the kind of a value and, of texts, how long it is; nothing else of it."""
    text = value.strip(_PADDING)
    if not text:
        return _EMPTY
    if vr in _KINDS:
        return _KINDS[vr]
    if vr in _NUMBERS or vr in _BYTES:
        return mask(f"{len(value)} bytes")
    if text.isdigit():
        return _counted(len(text), "digit")
    return _counted(len(text), "letter" if text.isalpha() else "character")


def shown(value: bytes, vr: str, order: str) -> str:
    """Give a value that leaves, as far as a person can read it: no line breaks, no control characters, not too long."""
    if vr in _NUMBERS:
        return _numbers(value, order + _NUMBERS[vr])
    text = value.strip(_PADDING)
    if not text:
        return _EMPTY
    if vr in _BYTES or not text.isascii() or not text.decode("ascii").isprintable():
        return mask(f"{len(value)} bytes")
    said = text.decode("ascii")
    return said if len(said) <= _MOST_SHOWN else f"{said[:_MOST_SHOWN]}… {mask(f'{len(said)} characters')}"


def _numbers(value: bytes, code: str) -> str:
    size = {"H": 2, "h": 2, "L": 4, "l": 4, "f": 4}.get(code[1:], 8)
    if not value:
        return _EMPTY
    if len(value) % size:
        return mask(f"{len(value)} bytes")
    numbers = [f"{number:.6g}" if isinstance(number, float) else str(number) for (number,) in iter_unpack(code, value)]
    if len(numbers) > _MOST_NUMBERS:
        return f"{', '.join(numbers[:_MOST_NUMBERS])}… {mask(f'{len(numbers)} numbers')}"
    return ", ".join(numbers)


def _counted(number: int, what: str) -> str:
    return mask(f"{number} {what}{'' if number == 1 else 's'}")
