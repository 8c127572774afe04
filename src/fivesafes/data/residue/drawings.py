"""Look into SVG and PDF: their texts, titles, comments and document properties.  Nothing is run or fetched."""

import html
import re
import zlib
from collections.abc import Iterator
from typing import Final

from fivesafes.data.model import Residue
from fivesafes.data.residue.delimited import decoded
from fivesafes.data.residue.pictures import judged_text
from fivesafes.data.residue.place import Place
from fivesafes.data.residue.spots import PROSE, at_least_medium, spots

_SVG_COMMENT: Final = re.compile(r"<!--(.*?)-->", re.DOTALL)
_SVG_METADATA: Final = re.compile(r"<metadata\b.*?</metadata>", re.DOTALL)
_SVG_DATED: Final = re.compile(r"<dc:date>.*?</dc:date>", re.DOTALL)
_SVG_LEFT_OUT: Final = re.compile(r"<(script|style)\b.*?</\1>|data:[\w/+.-]+;base64,[A-Za-z0-9+/=\s]+", re.DOTALL)
_STREAM: Final = re.compile(rb"<<(.{0,2000}?)>>\s*stream\r?\n(.*?)\r?\nendstream", re.DOTALL)
_INFO: Final = re.compile(
    rb"/(Author|Title|Subject|Keywords|Creator|Producer|CreationDate|ModDate)\s*(\((?:\\.|[^\\)])*\)|<[0-9A-Fa-f\s]*>)"
)
_SHOWN: Final = re.compile(
    rb"\[((?:\((?:\\.|[^\\)])*\)|<[0-9A-Fa-f\s]*>|[^\]()<>])*)\]\s*TJ|(\((?:\\.|[^\\)])*\)|<[0-9A-Fa-f\s]+>)\s*(?:Tj|'|\")"
)
_STRING: Final = re.compile(rb"\((?:\\.|[^\\)])*\)|<[0-9A-Fa-f\s]+>")
_INFLATED_LIMIT: Final = 1 << 24
_TOTAL_LIMIT: Final = 1 << 27
_MOST_FINDINGS: Final = 100


def find_in_svg(content: bytes, place: Place) -> Iterator[Residue]:
    """Yield what the texts of an SVG disclose (``text:…``), its comments (``comment``) and when it was made."""
    text = decoded(content)
    if _SVG_DATED.search(text):
        yield place.residue("made_on", "text:metadata")
        text = _SVG_DATED.sub("", text)
    for comment in _SVG_COMMENT.findall(text):
        code = judged_text("comment", html.unescape(comment).strip())
        if code and code != "free_text":
            yield place.residue(code, "comment", comment)
    body = _SVG_LEFT_OUT.sub(" ", _SVG_COMMENT.sub(" ", text))
    for metadata in _SVG_METADATA.findall(body):
        yield from _lines(re.findall(r">([^<]+)<", metadata), place, "metadata")
    body = _SVG_METADATA.sub(" ", body)
    for name in ("title", "desc", "text"):
        inner = re.findall(rf"<{name}\b[^>]*>(.*?)</{name}>", body, re.DOTALL)
        shown = [html.unescape(re.sub(r"<[^>]*>", "", part)) for part in inner]
        yield from _lines(shown, place, name)
    attributes = re.findall(r"\b(?:id|inkscape:label|aria-label|sodipodi:docname|data-[\w-]+)=\"([^\"]{4,200})\"", body)
    yield from _lines(attributes, place, "attribute")


def _lines(texts: list[str], place: Place, where: str) -> Iterator[Residue]:
    """Yield the worst of each text; texts are also read in one line, as a name may be drawn in two pieces."""
    seen: set[str] = set()
    for text in [*texts, " ".join(texts)[:5000]]:
        for spot in at_least_medium(list(spots(text.strip(), PROSE)))[:1]:
            if spot.code not in seen and len(seen) < _MOST_FINDINGS:
                seen.add(spot.code)
                yield place.residue(spot.code, f"text:{where}", text.strip()[spot.start : spot.end])


def find_in_pdf(content: bytes, place: Place) -> Iterator[Residue]:
    """Yield what a PDF's properties and shown texts disclose (``text:Author``, ``text:content``).

    Only plain and deflated streams are read; an encrypted file, or one without any text, is named as such.
    """
    if b"/Encrypt" in content:
        yield place.residue("unchecked_content", "file")
        return
    parts = [content, *pdf_streams(content)]
    for part in parts:
        for name, value in _INFO.findall(part):
            yield from _property(name.decode("ascii"), _string(value), place)
    shown = [line for part in parts for line in _texts(part)]
    yield from _lines(shown, place, "content")
    if not shown and b"/Image" in content:
        yield place.residue("unchecked_note", "file")


def _property(name: str, text: str, place: Place) -> Iterator[Residue]:
    if name in ("CreationDate", "ModDate"):
        yield place.residue("made_on", f"text:{name}", text)
        return
    code = judged_text(name, text)
    if code:
        yield place.residue(code, f"text:{name}", text)


def pdf_streams(content: bytes) -> Iterator[bytes]:
    """Yield the streams of a PDF, deflated ones opened; pictures are left out, and so is what exceeds 128 MiB."""
    left = _TOTAL_LIMIT
    for head, body in _STREAM.findall(content):
        if b"/Image" in head or left <= 0:
            continue
        if b"FlateDecode" in head:
            try:
                body = zlib.decompressobj().decompress(body, min(_INFLATED_LIMIT, left))  # noqa: PLW2901 - the same stream, opened
            except zlib.error:
                continue
        left -= len(body)
        yield body


def _texts(part: bytes) -> Iterator[str]:
    for several, one in _SHOWN.findall(part):
        yield "".join(_string(piece) for piece in _STRING.findall(several or one))


def _string(written: bytes) -> str:
    if written.startswith(b"<"):
        digits = re.sub(rb"\s", b"", written[1:-1])
        raw = bytes.fromhex((digits + b"0" * (len(digits) % 2)).decode("ascii"))
    else:
        raw = re.sub(rb"\\([0-7]{1,3})", lambda found: bytes([int(found.group(1), 8) & 0xFF]), written[1:-1])
        raw = re.sub(
            rb"\\([nrtbf()\\])", lambda found: {b"n": b"\n", b"r": b"\r", b"t": b"\t"}.get(found[1], found[1]), raw
        )
    if raw.startswith(b"\xfe\xff"):
        return raw[2:].decode("utf-16-be", errors="replace")
    return raw.decode("latin-1")
