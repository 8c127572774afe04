"""Compressed pixels with texts in them: comments, application data, offset tables, bytes behind frames and runs.

The codestreams are of a 16 by 16 ramp, made once with libjpeg-turbo, ljpeg, CharLS, OpenJPEG and OpenJPH.
"""

import base64
from collections.abc import Iterator
from struct import pack
from typing import Final

from attrs import frozen
from tests.planted.carriers import SIDE, classic
from tests.planted.files import PlantedFile, Sheet
from tests.planted.plants import Plant, plant_text
from tests.planted.values import Values
from tests.planted.writing import encapsulated, part10

_CATEGORY: Final = "compressed pixels"
_SYNTAX: Final = "1.2.840.10008.1.2."
SYNTAXES: Final = {
    "jpeg-baseline": f"{_SYNTAX}4.50",
    "jpeg-lossless": f"{_SYNTAX}4.70",
    "jpeg-ls": f"{_SYNTAX}4.80",
    "jpeg-2000": f"{_SYNTAX}4.90",
    "htj2k": f"{_SYNTAX}4.201",
    "rle": f"{_SYNTAX}5",
}
_ENCODED: Final = {
    "jpeg-baseline": (
        "|JeWF01!$>Nk#wx0RR9200961|JwjV00IF40RaI50RaI50s;a81OoyB0s;jD1Oo&H1qKEN1qKEN2MGuU2MGrT1_%oX2?`1d3JL}Y3k(Yi3<(Mf"
        "3je?W3kU!Z01yEI5di<h03QGV0R;g80RaI400000000000RjUA1qKHQ2?`7U!~nGr00IF60|EpC1qB2I0004f0RjU61Q7)iAu&M)6H#FYB5@Ql"
        "fsvsIBSNvk6;jdgBr{@if(Z&17Z@2DB_<~*DJnEIHa9pqIzvQ7Mn_0VN>fx-"
        "R##YAT4Q8oW@l(=YIAgTc6WGrdV_?8hKGoWijtF*m6n&7nVO=bq@|{(sHv*5v$VCgx45~w!o$SH#>dFX%F@%+)z;V8+1laa<K*S$=jiF`@$&QZ"
        "_4fDp`TGCb00;pA002J#{KNg0{t|!3xB4%qYW*Pnmi`id$G7?~r)v5C0QOt>N&f&I-{`)btMr5RTlh);03P4yzMZT8*#"
    ),
    "jpeg-lossless": (
        "|JeV;02TlN0RaF20000000000000062Mhnh01FHN5C9MX01*KH+5iXv000I60LRTLRH;&>N|h>9sZym&TU@zv<;#~YT)A@P%a>NyE?l{C<;#~Y"
        "T)A@P)wRo)E?l{C<;#~YT)A~^a^=gHE?l{C<;#~YU0Ynaa^=gHE?l{C<;#~=*DhSSa^=gHE?l{C<<+&zmo8kna^=gHE?l{FZF1$ymo8kna^=gH"
        "E?rw(xpL*pmo8kna^=gHR@W|ExpL*pmo8kna^=;v%a<-(xpL*pmo8knb!~Fx%a<-(xpL*pmo8mfT)A@P%a<-(xpL*pmsZy<T)A@P%a<-"
        "(xpL*zwab?-T)A@P%a<-(xp4p4"
    ),
    "jpeg-ls": (
        "|JeWN03cIPNk&Eh0ssI30000G0000G3J?YX0003j0003j|L6b+00001|JeWc01FTR5C9MX0TBTI_y7$7|Nj6I07C&306_oR00;pA00000et44+"
        "<XH}bKc3F#GkaS*8v5C75~4(nB2cIk>E!BhZE0m;5~a0uWmQErB^3np^yRBoB1E*YVzp|ODpaLPl`0e@YRZKQ6Q@p{I&{gCCQOkl36myFs;a80"
        "s;Z)j6<tLXQAHF@G}BEq)D2|QO*GR@G}1{Vl25f%r722Ml%**tPc;&hr722Ml%*+7w9=HNDN3rUs;3%Cs)&e)h=_}A6huTsL_|cEnh7M5NhFfX"
        "JtUGzB$8NXB&w>auK(E"
    ),
    "jpeg-2000": (
        "|4;u>04V?f0000G0000G00000000000000G0000G0000000000009pH0sm3}3;+NC0RRC61ONg5TmT0^fQX2Y|6~9q00BdCWnpw>WFTUBAWv{*"
        "Zc0!^M<8}(a&u{KZXhx)H7+#&kN^q*00000ivR)tlh6Dygb`3wuY}dqROO`8s|%3|#?gZ%0;`xLBMZaz>vvT|kko5?J!?V5Rf}6$lP&Lzo!<;3"
        "|8X=mGRSDbiU>GG9Z{ibQra&)HOOY26AbVi(Q2`&ucXydi%iv133^4`m-fH|>Ii@jv>-O2nXY4_M~gkCG&C}#1@-^g"
    ),
    "htj2k": (
        "|4;u>04YEK0000G0000G00000000000000G0000G0000000000009pH0sl|{2mk^A000XAQUDA90ssL31q1{@0smY86Cj9?kdTm&kdTm&kdTmw"
        "h=~7W02crOPjF>!N>E53R%LP^FfKASE;BCwkN^q*00000fB*silfVEbh4%#qbN~Rr024p}69A(A0ta*ee*OZ7bO68r6F>kHfKX5Yf^+~p^ZWpV"
        "Q~<yL6)*q=P$UwG^r~?JbpV(#F)_d~f$X*bzyK?t02Yu4f*=TjAm_?@dT@ex0JJn3jYgx<{{4tRd-fp#?79H|*#"
    ),
}


@frozen
class Marked:
    """A codestream with texts in it, and those texts with their places."""

    content: bytes
    texts: tuple[tuple[str, str], ...]


def codestream(name: str) -> bytes:
    """Give a codestream without texts."""
    return rle() if name == "rle" else base64.b85decode(_ENCODED[name])


def marked(name: str, values: Values) -> Marked:
    """Give a codestream with a word wherever one fits."""
    if name == "rle":
        return _marked_rle(values)
    return _marked_j2k(values, name) if codestream(name).startswith(b"\xff\x4f") else _marked_jpeg(values, name)


def rle(behind: bytes = b"", spare: bytes = b"") -> bytes:
    """Write a frame of two segments in runs of literals; ``behind`` follows the first, ``spare`` the offsets."""
    pixels = bytes(number * 3 % 256 for number in range(SIDE * SIDE))
    runs = b"".join(b"\x7f" + pixels[place : place + 128] for place in range(0, len(pixels), 128))
    second = b"\x81\0" * (SIDE * SIDE // 128)
    first = runs + behind + b"\0" * ((len(runs) + len(behind)) % 2)
    head = pack("<3L", 2, 64, 64 + len(first))
    return head + spare.ljust(52, b"\0") + first + second


def _marked_rle(values: Values) -> Marked:
    behind, spare = values.word(), values.word()
    texts = (("behind the runs of a segment", behind), ("unused offsets", spare))
    return Marked(rle(behind.encode(), spare.encode()), texts)


def _marked_jpeg(values: Values, name: str) -> Marked:
    plain = codestream(name)
    words = [values.word() for _ in range(6)]
    segments = {
        "COM": _segment(0xFE, words[0].encode()),
        "APP1 (Exif)": _segment(0xE1, b"Exif\0\0" + words[1].encode()),
        "APP13": _segment(0xED, words[2].encode()),
        "APP0 beside JFIF": _segment(0xE0, words[3].encode()),
        "APP14 behind Adobe": _segment(0xEE, b"Adobe\0\x64\0\0\0\0\0" + words[4].encode()),
    }
    content = plain[:2] + b"".join(segments.values()) + plain[2:] + words[5].encode()
    return Marked(content, tuple(zip((*segments, "behind EOI"), words, strict=True)))


def _marked_j2k(values: Values, name: str) -> Marked:
    plain = codestream(name)
    words = [values.word() for _ in range(4)]
    main = b"".join(_segment(0x64, pack(">H", kind) + word.encode()) for kind, word in ((1, words[0]), (0, words[1])))
    inside = _segment(0x64, pack(">H", 1) + words[2].encode())
    tile, data = plain.index(b"\xff\x90"), plain.index(b"\xff\x93")
    length = int.from_bytes(plain[tile + 6 : tile + 10])
    part = plain[tile : tile + 6] + pack(">L", length + len(inside) if length else 0) + plain[tile + 10 : data]
    content = plain[:tile] + main + part + inside + plain[data:] + words[3].encode()
    places = ("COM", "binary COM", "COM of a tile-part", "behind EOC")
    return Marked(content, tuple(zip(places, words, strict=True)))


def _segment(marker: int, content: bytes) -> bytes:
    return pack(">BBH", 0xFF, marker, len(content) + 2) + content


def packed_files(values: Values) -> Iterator[PlantedFile]:
    """Yield a file per codec, with one frame and with two, and with odd offset tables and fragments."""
    for name in SYNTAXES:
        one = marked(name, values)
        yield _file(values, name, f"{name}.dcm", [one.content], one.texts)
        two = marked(name, values)
        yield _file(values, name, f"{name}-two.dcm", [one.content, two.content], (*one.texts, *two.texts), frames=2)
        word = values.word()
        table = (word * 2).encode()[:12]
        yield _file(values, name, f"{name}-table.dcm", [codestream(name)], (("offset table", word),), table=table)
        yield _file(
            values,
            name,
            f"{name}-more.dcm",
            [codestream(name), word.encode()],
            (("a fragment too many", word),),
            accepted=False,
        )
        if name != "rle":
            cut = len(one.content) // 2 & ~1
            pieces = [one.content[:cut], one.content[cut:]]
            yield _file(values, name, f"{name}-cut.dcm", pieces, one.texts)
    word = values.word()
    yield _file(
        values, "jpeg-ls", "no-codestream.dcm", [b"JUNK" + word.encode()], (("no codestream", word),), accepted=False
    )
    yield _video(values)


def _file(  # noqa: PLR0913 - a file is said by what is odd about it
    values: Values,
    name: str,
    path: str,
    fragments: list[bytes],
    texts: tuple[tuple[str, str], ...],
    *,
    frames: int = 1,
    table: bytes = b"",
    accepted: bool = True,
) -> PlantedFile:
    sheet = Sheet(classic(values))
    del sheet.level[0x7FE00010]
    if name == "jpeg-baseline":
        for keyword, number in (("BitsAllocated", 8), ("BitsStored", 8), ("HighBit", 7)):
            sheet.level.put(keyword, number)
    if frames > 1:
        sheet.level.put("NumberOfFrames", str(frames))
    sheet.plants += [_plant(name, place, word) for place, word in texts]
    content = part10(sheet.level, SYNTAXES[name]) + encapsulated(fragments, table)
    return sheet.file(f"packed/{path}", accepted=accepted, content=content)


def _plant(name: str, place: str, word: str) -> Plant:
    return plant_text(_CATEGORY, f"{name}: {place}", word)


def _video(values: Values) -> PlantedFile:
    """Write pixels in a syntax whose streams nobody reads here."""
    sheet = Sheet(classic(values))
    del sheet.level[0x7FE00010]
    word = values.word()
    sheet.plants.append(_plant("MPEG-4", "user data", word))
    content = part10(sheet.level, f"{_SYNTAX}4.102") + encapsulated([b"\0\0\1\xb2" + word.encode()])
    return sheet.file("packed/video.dcm", accepted=False, content=content)
