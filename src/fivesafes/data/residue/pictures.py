"""Look into pictures besides their pixels: PNG text chunks, EXIF, positions, JPEG comments, what follows the end."""

import io
import re
import struct
import warnings
import zlib
from collections.abc import Iterator
from typing import Final

from PIL import ExifTags, Image, UnidentifiedImageError

from fivesafes.data.model import Residue
from fivesafes.data.private_pictures import MARK
from fivesafes.data.residue.loose import text_in_bytes, worst_spot
from fivesafes.data.residue.place import Place, Unreadable
from fivesafes.data.residue.rules import is_benign
from fivesafes.data.residue.sidecars import judged_value
from fivesafes.data.residue.spots import PROSE
from fivesafes.data.residue.words import is_dummy, is_person, unknown_words

PNG: Final = b"\x89PNG\r\n\x1a\n"
JPEG: Final = b"\xff\xd8\xff"
_INFLATED_LIMIT: Final = 1 << 22
_XMP_KEY: Final = "XML:com.adobe.xmp"
_MADE_ON: Final = re.compile(
    r"(?i)creation ?time|create-?date|modify-?date|timestamp|date:(?:create|modify|timestamp)|software|date"
)
_TAG_CODES: Final = {
    **dict.fromkeys(("Artist", "CameraOwnerName", "XPAuthor", "Copyright", "OwnerName"), "staff_name"),
    **dict.fromkeys(
        ("HostComputer", "BodySerialNumber", "LensSerialNumber", "ImageUniqueID", "CameraSerialNumber"), "device"
    ),
    **dict.fromkeys(("DateTimeOriginal", "DateTimeDigitized"), "date"),
    "DateTime": "made_on",
}
_GPS_TAG: Final = 0x8825
_EXIF_IFD: Final = 0x8769


def find(content: bytes, place: Place) -> Iterator[Residue]:
    """Yield what a picture's metadata disclose: ``tEXt:KEY``, ``eXIf:TAG``, ``comment``, ``trailing_bytes``."""
    if content.startswith(PNG):
        yield from _png(content, place)
    elif content.startswith(JPEG):
        yield from _jpeg(content, place)
    yield from _exif(content, place)


def judged_text(key: str, text: str) -> str | None:
    """Judge a text that a program or a person wrote into a picture or document under a key."""
    if text.strip() == MARK:
        return "identifying_pictures"
    if is_dummy(text) or is_benign("chunk", text):
        return None
    judged = judged_value(key, text)
    if judged and judged[0] not in ("free_text", "unknown_text", "telling_text"):
        return "made_on" if judged[0] in ("date", "time_of_day") and _MADE_ON.fullmatch(key) else judged[0]
    best = worst_spot([text], PROSE)
    if best:
        return best[0]
    if is_person(text):
        return "name"
    return "free_text" if unknown_words(text) else None


def _png(content: bytes, place: Place) -> Iterator[Residue]:
    position = len(PNG)
    while position + 12 <= len(content):
        length, sort = struct.unpack(">I4s", content[position : position + 8])
        body = content[position + 8 : position + 8 + length]
        position += 12 + length
        name = sort.decode("latin-1")
        if name in ("tEXt", "zTXt", "iTXt"):
            yield from _text_chunk(name, body, place)
        elif name == "tIME":
            yield place.residue("made_on", "tIME")
        elif name == "IEND":
            after = content[position:]
            if after.strip(b"\x00"):
                yield from text_in_bytes(after, place, "trailing_bytes")
            return
        elif not _is_standard(name):
            yield from text_in_bytes(body, place, f"{name}:chunk")
    raise Unreadable(why="a PNG that ends too early")


def _is_standard(name: str) -> bool:
    known = (
        "IHDR PLTE IDAT tRNS cHRM gAMA iCCP sBIT sRGB cICP bKGD hIST pHYs sPLT eXIf acTL fcTL fdAT vpAg orNT caNv oFFs"
    )
    return name in known.split()


def _text_chunk(name: str, body: bytes, place: Place) -> Iterator[Residue]:
    key, _, rest = body.partition(b"\x00")
    keyword = key.decode("latin-1")
    try:
        text = _chunk_text(name, rest)
    except (zlib.error, IndexError):
        yield place.residue("unchecked_content", f"{name}:{keyword}")
        return
    code = judged_text(keyword, text) if keyword != _XMP_KEY else _xmp_code(text)
    if code:
        yield place.residue(code, f"{name}:{keyword}", text)


def _chunk_text(name: str, rest: bytes) -> str:
    if name == "tEXt":
        return rest.decode("latin-1")
    if name == "zTXt":
        return _inflated(rest[1:]).decode("latin-1")
    compressed, body = rest[0], rest[2:]
    _, _, after_language = body.partition(b"\x00")
    _, _, content = after_language.partition(b"\x00")
    return (_inflated(content) if compressed else content).decode("utf-8", errors="replace")


def _inflated(content: bytes) -> bytes:
    return zlib.decompressobj().decompress(content, _INFLATED_LIMIT)


def _xmp_code(text: str) -> str | None:
    parts = [part for part in re.split(r"[<>\n\"]", text) if part.strip() and "://" not in part]
    best = worst_spot(parts, PROSE)
    if best:
        return "made_on" if best[0] in ("date", "time_of_day") else best[0]
    return None


def _jpeg(content: bytes, place: Place) -> Iterator[Residue]:
    position = 2
    while position + 4 <= len(content) and content[position] == 0xFF:  # noqa: PLR2004 - every marker begins so
        marker, length = struct.unpack(">BH", content[position + 1 : position + 4])
        body = content[position + 4 : position + 2 + length]
        if marker == 0xFE:  # noqa: PLR2004 - COM
            text = body.decode("utf-8", errors="replace")
            code = judged_text("comment", text)
            if code:
                yield place.residue(code, "comment", text)
        elif marker == 0xED and (text := body.decode("latin-1")):  # noqa: PLR2004 - APP13, Photoshop and IPTC
            yield from _loose_metadata(text, place, "IPTC")
        elif marker == 0xE1 and body.startswith(b"http://ns.adobe"):  # noqa: PLR2004 - APP1 with XMP
            code = _xmp_code(body.decode("utf-8", errors="replace"))
            if code:
                yield place.residue(code, "XMP")
        elif marker == 0xDA:  # noqa: PLR2004 - the scan begins
            break
        position += 2 + length
    after = content[content.rfind(b"\xff\xd9") + 2 :] if b"\xff\xd9" in content else b""
    if after.strip(b"\x00"):
        yield from text_in_bytes(after, place, "trailing_bytes")


def _loose_metadata(text: str, place: Place, locator: str) -> Iterator[Residue]:
    best = worst_spot(re.findall(r"[\x20-\x7e\xa0-\xff]{4,}", text), PROSE)
    if best:
        yield place.residue(best[0], locator, best[1])


def _exif(content: bytes, place: Place) -> Iterator[Residue]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(content)) as image:
                exif = image.getexif()
                tags = {**exif, **exif.get_ifd(_EXIF_IFD)}
                position = exif.get_ifd(_GPS_TAG)
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise Unreadable(why="a picture that can't be opened") from error
    if position:
        yield place.residue("location", "eXIf:GPSInfo", "GPS")
    for tag, value in tags.items():
        name = ExifTags.TAGS.get(tag, str(tag))
        code = _tag_code(name, value)
        if code:
            yield place.residue(code, f"eXIf:{name}", value)


def _tag_code(name: str, value: object) -> str | None:
    text = value.decode("latin-1", errors="replace") if isinstance(value, bytes) else str(value)
    text = text.replace("\x00", "").strip()
    if not text or is_dummy(text):
        return None
    if name in _TAG_CODES:
        return _TAG_CODES[name]
    if not isinstance(value, str | bytes) or name in ("Make", "Model", "Software", "MakerNote"):
        return None
    return judged_text(name, text.removeprefix("ASCII"))
