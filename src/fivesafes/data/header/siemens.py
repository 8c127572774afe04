"""Siemens CSA headers and protocols: parsed, and written anew with the fields that csa.csv names.

The originals hold patient, operator and site in places that no tag shows; nothing of their bytes is copied but values
that passed their grammar.  A header that can't be parsed comes back as None and is removed.  The layout ("SV10") is the
one that dcm2niix, AFNI and nibabel read; Siemens has not published it.
"""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from struct import Struct, error, pack
from typing import Final

from fivesafes.data.header.grammar import Clean

_MAGIC: Final = b"SV10\4\3\2\1"
_COUNT: Final = Struct("<LL")
_TAG: Final = Struct("<64sL4sLLL")
_ITEM: Final = Struct("<LLLL")
_MARK: Final = 77
_MOST_TAGS: Final = 1024
_MOST_ITEMS: Final = 4096
_VRS: Final = frozenset(b"AS CS DA DS DT FD FL IS LO LT SH SL SS ST TM UI UL UN US UT".split())
_PROTOCOLS: Final = frozenset({"MrPhoenixProtocol", "MrProtocol"})
_BEGIN: Final = b"### ASCCONV BEGIN"
_END: Final = b"### ASCCONV END"
_LINE: Final = re.compile(rb'^([A-Za-z][\w.\[\]]*+)[ \t]*+=[ \t]*+("{0,2}+)([^"\n]*+)"{0,2}+[ \t\r]*+$')
"""Each part takes all it can and gives nothing back: lines made of blanks would otherwise take time to the third."""
_LONGEST_KEY: Final = 256
_INDEX: Final = re.compile(r"\[\d{1,4}\]")
_HEXADECIMAL: Final = re.compile(rb"0x[0-9a-fA-F]{1,8}")

Tag = tuple[str, int, bytes, int, list[bytes]]
"""Name, value multiplicity, VR, type number, and the items without padding."""


def clean_image_header(value: bytes, fields: Mapping[str, Clean]) -> bytes | None:
    """Rewrite a CSA image header with the fields named; None when it can't be parsed or nothing is left."""
    kept = []
    for name, multiplicity, vr, kind, items in _parsed(value):
        clean = fields.get(name)
        if clean is None:
            continue
        texts = [clean(item.strip(b" ")) if item.strip(b" ") else b"" for item in items]
        whole = all(text or not item.strip(b" ") for text, item in zip(texts, items, strict=True))
        if whole or name == "ImageHistory":  # a list of steps, of which only the known ones tell something
            kept.append((name, multiplicity, vr, kind, texts))
    return _composed(kept) if kept else None


def clean_series_header(value: bytes, fields: Mapping[str, Clean]) -> bytes | None:
    """Rewrite a CSA series header with nothing but the protocol, and that with the numbers named."""
    for name, multiplicity, vr, kind, items in _parsed(value):
        if name in _PROTOCOLS and items:
            text = clean_protocol(items[0], fields)
            if text is not None:
                return _composed([(name, multiplicity, vr, kind, [text])])
    return None


def clean_protocol(value: bytes, fields: Mapping[str, Clean]) -> bytes | None:
    """Rewrite the ASCCONV part of a protocol with the entries named; None when there is none."""
    begin = value.find(b"\n", value.find(_BEGIN)) if _BEGIN in value else -1
    end = value.find(_END, begin) if begin >= 0 else -1
    if end < 0:
        return None
    lines = []
    for line in value[begin + 1 : end].split(b"\n"):
        clean = fields.get(_entry_of(line.partition(b"=")[0].rstrip(b" \t")[:_LONGEST_KEY]))
        if clean is None:  # of a thousand entries, all but some hundred
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            continue
        key, quote, text = match.groups()
        text = text.strip()
        kept = text if _HEXADECIMAL.fullmatch(text) and clean(b"%d" % int(text, 16)) else clean(text)
        if kept:
            lines.append(b"%s\t = \t%s%s%s\n" % (key, quote, kept, quote))
    if not lines:
        return None
    # dcm2niix looks from the second byte on where no SV10 header comes before
    return b"\n\n### ASCCONV BEGIN ###\n" + b"".join(lines) + b"### ASCCONV END ###\n"


@lru_cache(maxsize=8192)
def _entry_of(key: bytes) -> str:
    """Name an entry as the policy does: with every index written as ``[#]``."""
    return _INDEX.sub("[#]", key.decode("latin-1"))


def _parsed(value: bytes) -> list[Tag]:
    """List the tags of a header; none when any length does not fit."""
    try:
        return list(_tags(value))
    except (error, ValueError):
        return []


def _tags(value: bytes) -> Iterator[Tag]:
    if not value.startswith(_MAGIC):
        raise ValueError
    count, mark = _COUNT.unpack_from(value, 8)
    if mark != _MARK or not 0 < count <= _MOST_TAGS:
        raise ValueError
    place = 16
    for _ in range(count):
        raw, multiplicity, vr, kind, number, _ = _TAG.unpack_from(value, place)
        place += _TAG.size
        if number > _MOST_ITEMS:
            raise ValueError
        items = []
        for _ in range(number):
            length = _ITEM.unpack_from(value, place)[1]
            place += _ITEM.size
            if place + length > len(value):
                raise ValueError
            items.append(value[place : place + length].split(b"\0", 1)[0])
            place += -(-length // 4) * 4
        yield raw.split(b"\0", 1)[0].decode("ascii"), multiplicity, vr, kind, items


def _composed(tags: list[Tag]) -> bytes:
    """Write tags as a header; every unused byte is zero."""
    pieces = [_MAGIC, _COUNT.pack(len(tags), _MARK)]
    for name, multiplicity, vr, kind, items in tags:
        letters = vr[:2] if vr[:2] in _VRS else b"UN"
        pieces.append(
            _TAG.pack(name.encode("ascii"), min(multiplicity, _MOST_ITEMS), letters, min(kind, 255), len(items), _MARK)
        )
        for item in items:
            text = item + b"\0" if item else b""
            pieces += [_ITEM.pack(len(text), len(text), _MARK, len(text)), text, bytes(-len(text) % 4)]
    return b"".join(pieces) + pack("<L", 0)
