"""What a rule makes of one value, and how the value is written back (PS3.5 sections 6 and 7)."""

import re
from collections.abc import Callable
from struct import Struct
from typing import Final, NamedTuple

from pydicom._uid_dict import UID_dictionary

from fivesafes.data.header.elements import LONG_VRS, Encoding
from fivesafes.data.header.ge import clean_protocol_block, clean_user_data
from fivesafes.data.header.grammar import BINARY_SIZES, MOST_BINARY
from fivesafes.data.header.numbers import Number
from fivesafes.data.header.outcome import Outcome, Result, Stand
from fivesafes.data.header.profile import BLOBS, Action, Profile, Rule
from fivesafes.data.header.pseudonyms import Pseudonyms
from fivesafes.data.header.ranges import holds_all, is_number
from fivesafes.data.header.shift import shift_datetime
from fivesafes.data.header.siemens import clean_image_header, clean_protocol, clean_series_header

_SINGLE: Final = frozenset({b"LT", b"ST", b"UT", b"UR"})
_SIZES: Final = {vr.encode(): size for vr, size in BINARY_SIZES.items()}
_MEASURED: Final = frozenset({b"FL", b"FD"})
_LETTERS: Final = re.compile(rb"[\x20-\x7e]{4}")
_PADDING: Final = b" \0"
_REGISTERED: Final = frozenset(uid.encode("ascii") for uid in UID_dictionary)
_ESCAPE: Final = b"\x1b"
_DAY: Final = rb"(?:0?[1-9]|[12]\d|3[01])"
_YEAR: Final = rb"(?:1[89]|20)\d\d"
_DATE: Final = re.compile(rb"%s\\%s\\%s|%s\\%s\\%s" % (_DAY, _DAY, _YEAR, _YEAR, _DAY, _DAY))
_FEWEST_LETTERS: Final = 8
_TYPED: Final = re.compile(rb"[A-Za-z^=.,' -]+\0*")
_MOST_SHORT: Final = 0xFFFE
_NULL_PADDED: Final = frozenset({b"UI", b"OB", b"UN"})


_KEPT, _REPLACED, _BLANKED, _REMOVED = Outcome.KEPT, Outcome.REPLACED, Outcome.BLANKED, Outcome.REMOVED
_Z, _D, _U = Action.Z, Action.D, Action.U
_result = tuple.__new__  # four times as quick as the class itself


class _Heads(NamedTuple):
    """How the heads of elements are packed in one byte order (PS3.5 7.1.2, 7.1.3)."""

    short: Callable[[int, int, bytes, int], bytes]
    long: Callable[[int, int, bytes, int], bytes]
    item: Callable[[int, int, int], bytes]


_HEADS: Final = {
    little: _Heads(*(Struct(order + form).pack for form in ("HH2sH", "HH2s2xL", "HHL")))
    for little, order in ((True, "<"), (False, ">"))
}


def apply_rule(rule: Rule, vr: bytes, value: bytes, stand: Stand, order: str = "<") -> Result:
    """Give what the rule leaves of a value.  Dates with a time, sequences and pixels are not its business.

    ``order`` is the byte order of binary numbers, as struct spells it.
    """
    if rule.action is _Z:
        return _result(Result, (b"", _BLANKED if value.strip(_PADDING) else _KEPT))
    if rule.action is _D:
        return _result(Result, (_dummy(rule, stand), _REPLACED))
    if rule.action is _U:
        return _mapped(value, stand.pseudonyms)
    return _checked(rule, vr, value, stand, order)


def _checked(rule: Rule, vr: bytes, value: bytes, stand: Stand, order: str) -> Result:
    """Give what a K or C rule leaves: its grammar decides."""
    if rule.grammar in BLOBS:
        return _rewritten(rule.grammar, value, stand.profile)
    if rule.grammar == "shift":
        moved = shift_datetime(value, stand.shift)
        return _result(Result, (moved, _outcome(value.strip(_PADDING), moved, True)))  # noqa: FBT003 - as there
    if vr in _SIZES:
        return _binary(rule, vr, value, order)
    return _text(rule, vr, value)


def encode(tag: int, vr: bytes, value: bytes, encoding: Encoding) -> bytes | None:
    """Write an element with a defined, even length; None when its VR has no room for the value."""
    if len(value) % 2:
        value += b"\0" if vr in _NULL_PADDED else b" "
    length, heads = len(value), _HEADS[encoding.little]
    if not encoding.explicit:
        return heads.item(tag >> 16, tag & 0xFFFF, length) + value
    if vr in LONG_VRS:
        return heads.long(tag >> 16, tag & 0xFFFF, vr, length) + value
    if length > _MOST_SHORT:
        return None
    return heads.short(tag >> 16, tag & 0xFFFF, vr, length) + value


def encode_items(items: list[bytes], encoding: Encoding) -> bytes:
    """Write the items of a sequence, each with a defined length."""
    head = _HEADS[encoding.little].item
    return b"".join([piece for item in items for piece in (head(0xFFFE, 0xE000, len(item)), item)])


def _dummy(rule: Rule, stand: Stand) -> bytes | None:
    """Give the stand-in of a D rule; attributes that say how it was done are written at the end."""
    if rule.grammar == "pseudonym":
        return stand.label.encode("ascii")
    if rule.grammar.startswith("value:"):
        return rule.grammar.removeprefix("value:").encode("ascii")
    return None


def _mapped(value: bytes, pseudonyms: Pseudonyms) -> Result:
    """Map each UID; those that DICOM registers (well-known frames of reference) name no instance and stay."""
    old = value.strip(_PADDING).split(b"\\")
    new = [
        uid if uid in _REGISTERED or not uid else pseudonyms.uid(uid.decode("latin-1")).encode()
        for uid in (part.strip(_PADDING) for part in old)
    ]
    joined = b"\\".join(new)
    return _result(Result, (joined, _KEPT if new == [part.strip(_PADDING) for part in old] else _REPLACED))


def _rewritten(grammar: str, value: bytes, profile: Profile) -> Result:
    if grammar == "csa-image":
        kept = clean_image_header(value, profile.fields["image"])
    elif grammar == "csa-series":
        kept = clean_series_header(value, profile.fields["protocol"])
    elif grammar == "protocol":
        kept = clean_protocol(value, profile.fields["protocol"])
    elif grammar == "ge-protocol":
        kept = clean_protocol_block(value, profile.fields["ge-protocol"])
    else:
        kept = clean_user_data(value)
    return _result(Result, (kept, _REMOVED if kept is None else _REPLACED))


def _binary(rule: Rule, vr: bytes, value: bytes, order: str) -> Result:
    """Keep binary numbers if their size, count and range are what the rule says."""
    size = _SIZES[vr]
    most = rule.most_values * size or MOST_BINARY
    fits = len(value) % size == 0 and len(value) <= most and not _reads_as_text(value)
    fits = fits and not _holds_more(vr, value)
    number = rule.clean
    if not fits or not isinstance(number, Number) or not holds_all(vr, value, order, number.ranges):
        return _result(Result, (b"", _BLANKED if value else _KEPT))
    return _result(Result, (value, _KEPT))


def _reads_as_text(value: bytes) -> bool:
    """Tell whether binary numbers are words put there by somebody: no row of measured numbers is all letters."""
    return len(value) >= _FEWEST_LETTERS and _TYPED.fullmatch(value) is not None


def _holds_more(vr: bytes, value: bytes) -> bool:
    """Tell whether whole numbers are in truth fewer, and behind them what a wrong length swallowed.

    Four letters in a row tell; one number that reads as letters is larger than any that is kept.  Of floating-point
    numbers, ``ranges`` refuses what tags and lengths read as.
    """
    return vr not in _MEASURED and _LETTERS.search(value) is not None


def _text(rule: Rule, vr: bytes, value: bytes) -> Result:
    """Clean each value of a text; of numbers, either all stay or none.

    A text with an escape sequence goes whole: what lies between two backslashes may be half of a character of another
    set (PS3.5 6.1.2.5.3).
    """
    clean = rule.clean
    if clean is None:
        return _result(Result, (None, _REMOVED))
    if _ESCAPE in value:
        return _result(Result, (b"", _BLANKED))
    parts = [value] if vr in _SINGLE else value.split(b"\\")
    old = [part.strip(_PADDING) for part in parts]
    if _is_date(old):
        return _result(Result, (b"", _BLANKED))
    if isinstance(clean, Number):
        if not _all_numbers(rule, clean, old):
            return _result(Result, (b"", _BLANKED))
        new = old
    else:
        new = [clean(part) if part else b"" for part in old]
    if new == old:
        return _result(Result, (b"\\".join(new) if b"\0" in value else value, _KEPT))
    joined = b"\\".join(new) if any(new) else b""
    replaced = rule.grammar == "age" or "step:" in rule.grammar
    return _result(Result, (joined, _outcome(b"\\".join(old), joined, replaced)))


def _all_numbers(rule: Rule, clean: Number, parts: list[bytes]) -> bool:
    """Tell whether every value is a number that may stay, and no more are there than the dictionary allows."""
    if rule.most_values and len(parts) > rule.most_values:
        return False
    ranges, whole = clean.ranges, clean.whole
    for part in parts:  # noqa: SIM110 - a loop is quicker, and numbers are what headers hold
        if part and not is_number(part, ranges, whole):
            return False
    return True


def _is_date(parts: list[bytes]) -> bool:
    """Tell whether three numbers are day, month and year, in either order: no place lies at 5, 3, 1948."""
    return len(parts) == 3 and _DATE.fullmatch(b"\\".join(parts)) is not None  # noqa: PLR2004 - see above


def _outcome(old: bytes, new: bytes, replaced: bool) -> Outcome:  # noqa: FBT001 - a C function takes no keywords
    if old == new:
        return _KEPT
    return _REPLACED if new and replaced else _BLANKED
