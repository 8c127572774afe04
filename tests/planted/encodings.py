"""Character sets of the standard, and every encoding in which a planted value could lie in a file."""

import base64
import unicodedata
from collections.abc import Iterator
from typing import Final

CODECS: Final = {
    "ISO_IR 6": "ascii",
    "ISO_IR 100": "latin_1",
    "ISO_IR 101": "iso8859_2",
    "ISO_IR 109": "iso8859_3",
    "ISO_IR 110": "iso8859_4",
    "ISO_IR 148": "iso8859_9",
    "ISO_IR 203": "iso8859_15",
    "ISO_IR 144": "iso8859_5",
    "ISO_IR 127": "iso8859_6",
    "ISO_IR 126": "iso8859_7",
    "ISO_IR 138": "iso8859_8",
    "ISO_IR 166": "tis_620",
    "ISO_IR 13": "shift_jis",
    "ISO_IR 192": "utf_8",
    "GB18030": "gb18030",
    "GBK": "gbk",
    "ISO 2022 IR 87": "iso2022_jp",
    "ISO 2022 IR 159": "iso2022_jp_1",
    "ISO 2022 IR 149": "euc_kr",
    "ISO 2022 IR 58": "gb2312",
}
"""Defined terms of SpecificCharacterSet (PS3.3 C.12.1.1.2) and Python's name for each."""

ESCAPES: Final = {
    "ISO 2022 IR 6": b"\x1b(B",
    "ISO 2022 IR 100": b"\x1b-A",
    "ISO 2022 IR 101": b"\x1b-B",
    "ISO 2022 IR 109": b"\x1b-C",
    "ISO 2022 IR 110": b"\x1b-D",
    "ISO 2022 IR 144": b"\x1b-L",
    "ISO 2022 IR 127": b"\x1b-G",
    "ISO 2022 IR 126": b"\x1b-F",
    "ISO 2022 IR 138": b"\x1b-H",
    "ISO 2022 IR 148": b"\x1b-M",
    "ISO 2022 IR 166": b"\x1b-T",
    "ISO 2022 IR 203": b"\x1b-b",
    "ISO 2022 IR 13": b"\x1b)I",
    "ISO 2022 IR 149": b"\x1b$)C",
    "ISO 2022 IR 58": b"\x1b$)A",
}
"""Escape sequences of the sets that are used with code extensions (PS3.3 Table C.12-3, C.12-4)."""

_KANJI: Final = "山田太郎鈴木花子佐藤健一高橋真理渡辺英雄中村和夫小林"
_HANZI: Final = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林罗高梁宋郑谢韩唐冯"
_GREEK, _CYRILLIC = "αβγδεζηθικλμνξοπρστυφχψω", "абвгдежзиклмнопрстуфхцчшщыэюя"
SCRIPTS: Final = {
    "ISO_IR 6": "bcdfghjklmnpqrtvwxz",
    "ISO_IR 100": "äöüßåæøçéèêñõ",
    "ISO_IR 101": "ąęłńóśźżčřšťů",
    "ISO_IR 109": "ħĥĝĉŭżġċ",
    "ISO_IR 110": "āčēģīķļņšūž",
    "ISO_IR 148": "ğışçöüâî",
    "ISO_IR 203": "œžšéèàçôû",
    "ISO_IR 144": _CYRILLIC,
    "ISO_IR 127": "ابتثجحخدذرزسشصضطظعغفقكلمنهوي",
    "ISO_IR 126": _GREEK,
    "ISO_IR 138": "אבגדהוזחטיכלמנסעפצקרשת",
    "ISO_IR 166": "กขคงจฉชซญฐณดตถทธนบปผพฟมยรลวศสหอ",
    "ISO_IR 13": "ｱｲｳｴｵｶｷｸｹｺｻｼｽｾｿﾀﾁﾂﾃﾄﾅﾆﾇﾈﾉﾊﾋﾌﾍﾎﾏﾐﾑﾒﾓﾔﾕﾖﾗﾘﾙﾚﾛﾜﾝ",
    "ISO_IR 192": _KANJI + _GREEK + _CYRILLIC + "äöüéèñ",
    "GB18030": _HANZI + "㐂㐄㐅㐆",
    "GBK": _HANZI + "鑫龍榮華國",
    "ISO 2022 IR 87": _KANJI,
    "ISO 2022 IR 159": "丂丄丅丌丒丟丣两丨丫丮丯丰丵乀乁乄乇乑",
    "ISO 2022 IR 149": "김이박최정강조윤장임한오서신권황안송류전홍고문양손배백허유남",
    "ISO 2022 IR 58": _HANZI,
}
_FEWEST_PACKED: Final = 8
FEWEST: Final = 5
"""Bytes a needle must have: shorter ones turn up by chance."""


def written(text: str, charset: str) -> bytes:
    """Write a text in a character set, with the escape sequences that it needs."""
    plain = charset.replace("ISO 2022", "ISO_IR").replace("ISO_IR IR", "ISO_IR")
    codec = CODECS.get(charset) or CODECS[plain]
    escape = ESCAPES.get(charset, b"")
    return escape + text.encode(codec)


def bare(raw: bytes) -> bytes:
    """Give the bytes of the letters without the escape sequences around them."""
    for escape in (b"\x1b$B", b"\x1b$(D", b"\x1b(B", *ESCAPES.values()):
        raw = raw.replace(escape, b"")
    return raw


def spelt(text: str) -> Iterator[tuple[str, bytes]]:
    """Yield the encodings of a text: (name, bytes).  Letters are compared without regard to ASCII capitals."""
    beyond = {text.upper(), text.lower(), unicodedata.normalize("NFD", text), _undotted(text)}
    forms = {text} if text.isascii() else {text, *beyond}
    for form in sorted(forms):
        for codec in ("utf-8", "utf-16-le", "utf-16-be", "latin-1"):
            try:
                made = form.encode(codec)
            except UnicodeEncodeError:
                continue
            yield codec, made
    plain = text.encode("utf-8")
    yield "hexadecimal", plain.hex().encode("ascii")
    if not plain.isdigit():  # digits in another order are another number, which may be anywhere
        yield "pairs of bytes swapped", swapped(plain, 2)
        if len(plain) > _FEWEST_PACKED + 1:
            yield "pairs of bytes swapped", swapped(b" " + plain, 2)[2:]
    for shift in range(3):
        packed = base64.b64encode(bytes(shift) + plain)[4 if shift else 0 : -4]
        if len(packed) >= _FEWEST_PACKED:
            yield "base64", packed


def swapped(content: bytes, width: int) -> bytes:
    """Reverse the bytes of each group of ``width``; what is left over is dropped."""
    whole = len(content) - len(content) % width
    return b"".join(content[place : place + width][::-1] for place in range(0, whole, width))


def _undotted(text: str) -> str:
    """Take the marks off letters."""
    return "".join(one for one in unicodedata.normalize("NFD", text) if not unicodedata.combining(one))
