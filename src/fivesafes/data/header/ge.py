"""GE's protocol block and user data: parsed, and written anew with the fields that ge.csv names.

The protocol block is a gzip stream of ``NAME "value"`` lines, written by the console and full of typed text; the
user data is a binary record of which two flags tell the phase encoding direction.  Offsets as dcm2niix reads them.
"""

import gzip
import re
import zlib
from collections.abc import Mapping
from struct import Struct, pack_into
from typing import Final

from fivesafes.data.header.grammar import Clean

_LINE: Final = re.compile(rb'^(?:set )?([A-Z0-9]{1,32}) "([^"\n]*)"', re.MULTILINE)
_MOST_TEXT: Final = 1 << 20
_LENGTH: Final = Struct("<L")
_FLOAT: Final = Struct("<f")
_SHORT: Final = Struct("<H")
_OLDEST, _NEWEST = 5.0, 40.0
_REARRANGED: Final = 25.002
_EPI, _EPI_BIT = 0x003A, 0x0800
_POLARITY, _POLARITY_BIT = 0x0030, 0x0004
_ORDER: Final = 0x0394
_SHIFT, _ORDER_SHIFT = 0x004C, 0x008C
_LEAST: Final = _ORDER + 2
_MOST_ORDER: Final = 15


def clean_protocol_block(value: bytes, fields: Mapping[str, Clean]) -> bytes | None:
    """Rewrite the protocol block with the fields named; None when it can't be read or nothing is left."""
    if len(value) < _LENGTH.size:
        return None
    stream = zlib.decompressobj(16 + zlib.MAX_WBITS)
    try:
        text = stream.decompress(value[_LENGTH.size :], _MOST_TEXT)
    except zlib.error:
        return None
    lines = []
    for match in _LINE.finditer(text):
        name, said = match.groups()
        clean = fields.get(name.decode("ascii"))
        kept = clean(said.strip()) if clean else b""
        if kept:
            lines.append(b'%s "%s"\n' % (name, kept))
    if not lines:
        return None
    packed = gzip.compress(b"".join(lines), mtime=0)
    return _LENGTH.pack(len(packed)) + packed


def clean_user_data(value: bytes) -> bytes | None:
    """Keep version, EPI flag, phase polarity and view order; every other byte becomes zero."""
    if len(value) < _LEAST:
        return None
    (head,) = _SHORT.unpack_from(value, 24)
    if len(value) < head + _LEAST:
        return None
    (version,) = _FLOAT.unpack_from(value, head)
    if not _OLDEST <= version <= _NEWEST:
        return None
    rearranged = version >= _REARRANGED
    base = head + (_SHIFT if rearranged else 0)
    order_at = base + _ORDER - (_ORDER_SHIFT if rearranged else 0)
    (order,) = _SHORT.unpack_from(value, order_at)
    kept = bytearray(len(value))
    pack_into("<H", kept, 24, head)
    kept[head : head + _FLOAT.size] = value[head : head + _FLOAT.size]
    for place, bit in ((base + _EPI, _EPI_BIT), (base + _POLARITY, _POLARITY_BIT)):
        pack_into("<H", kept, place, _SHORT.unpack_from(value, place)[0] & bit)
    pack_into("<H", kept, order_at, order if order <= _MOST_ORDER else 0)
    return bytes(kept)
