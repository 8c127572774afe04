"""What pictures and drawings disclose besides what they show."""

import io
import struct
import zlib
from collections.abc import Callable

import pytest
from PIL import Image

from fivesafes.data.model import Residue

Look = Callable[..., list[Residue]]
Make = Callable[..., bytes]


def places(found: list[Residue]) -> list[tuple[str, str]]:
    """Give kind and locator of each finding."""
    return [(one.kind, one.locator) for one in found]


def saved(form: str, *, tags: dict[int, object] | None = None, position: bool = False, **more: object) -> bytes:
    """Save a small picture with EXIF tags and, where asked, a position."""
    out, exif = io.BytesIO(), Image.Exif()
    for tag, value in (tags or {}).items():
        exif[tag] = value
    if position:
        exif[0x8825] = {1: "S", 2: (33.0, 52.0, 10.0), 3: "E", 4: (151.0, 12.0, 30.0)}
    Image.new("L", (8, 8)).save(out, form, exif=exif, **more)
    return out.getvalue()


def chunked(content: bytes, sort: bytes, body: bytes) -> bytes:
    """Put one more chunk into a PNG, before its pixels."""
    at = content.index(b"IDAT") - 4
    crc = struct.pack(">I", zlib.crc32(sort + body))
    return content[:at] + struct.pack(">I", len(body)) + sort + body + crc + content[at:]


@pytest.mark.parametrize(
    ("key", "text", "kind"),
    [
        ("Author", "Jane Smith", "name"),
        ("Comment", "patient MRN 1234567", "direct_identifier"),
        ("Description", "Scan of 2021-03-04", "date"),
        ("Source", "MRN1234567", "direct_identifier"),
    ],
)
def test_texts_in_a_png_are_read(look: Look, make_png: Make, key: str, text: str, kind: str) -> None:
    """Plain, compressed and international."""
    assert places(look("f.png", make_png(**{key: text}))) == [(kind, f"tEXt:{key}")]
    packed = key.encode() + b"\0\0" + zlib.compress(text.encode())
    assert places(look("f.png", chunked(make_png(), b"zTXt", packed))) == [(kind, f"zTXt:{key}")]
    told = key.encode() + b"\0\0\0en\0\0" + text.encode()
    assert places(look("f.png", chunked(make_png(), b"iTXt", told))) == [(kind, f"iTXt:{key}")]


def test_what_plotting_programs_write_is_left_alone(look: Look, make_png: Make) -> None:
    """The program's name, a title of plain words, the day of plotting."""
    told = {"Software": "Matplotlib version3.8.2", "Title": "Mean FD by group", "Creation Time": "2021-03-04"}
    assert look("f.png", make_png(**told)) == []


def test_positions_and_names_in_exif_are_found(look: Look) -> None:
    """In JPEG, PNG and TIFF."""
    assert places(look("p.jpg", saved("JPEG", position=True))) == [("location", "eXIf:GPSInfo")]
    assert places(look("p.png", saved("PNG", tags={0x13B: "Jane Smith"}, position=True))) == [
        ("location", "eXIf:GPSInfo"),
        ("name", "eXIf:Artist"),
    ]
    assert places(look("p.tif", saved("TIFF", tags={0x10E: "Patient: Jane Smith"}))) == [
        ("name", "eXIf:ImageDescription"),
    ]
    assert places(look("p.jpg", saved("JPEG", tags={0x9003: "2021:03:04 14:33:12"}))) == [
        ("date", "eXIf:DateTimeOriginal"),
    ]


def test_comments_and_bytes_behind_the_end_are_found(look: Look, make_png: Make) -> None:
    """Viewers show neither."""
    assert places(look("p.jpg", saved("JPEG", comment=b"Jane Smith"))) == [("name", "comment")]
    assert places(look("f.png", make_png() + b"Jane Smith")) == [("name", "trailing_bytes")]


SVG = '<svg xmlns="http://www.w3.org/2000/svg">{}</svg>'
PDF_HEAD = b"%PDF-1.4\n1 0 obj<</Author (Jane Smith) /CreationDate (D:20210304143312)>>endobj\n"


@pytest.mark.parametrize(
    ("body", "kind", "locator"),
    [
        ("<text>Jane Smith</text>", "name", "text:text"),
        ("<text><tspan>Jane</tspan> <tspan>Smith</tspan></text>", "name", "text:text"),
        ("<title>Scan 2021-03-04</title>", "date", "text:title"),
        ("<!-- Jane Smith --><path d='M0 0'/>", "name", "comment"),
        ("<metadata><dc:title>MRN 1234567</dc:title></metadata>", "direct_identifier", "text:metadata"),
    ],
)
def test_texts_of_an_svg_are_read(look: Look, body: str, kind: str, locator: str) -> None:
    """Shown ones, hidden ones, and those that a plotting program leaves as comments."""
    assert (kind, locator) in places(look("f.svg", SVG.format(body)))


def test_an_ordinary_svg_is_left_alone(look: Look) -> None:
    """The day of plotting is no residue of a scan."""
    body = "<metadata><dc:date>2021-03-04T14:33</dc:date></metadata><text>Time (s)</text><!-- 0.25 -->"
    assert look("f.svg", SVG.format(body)) == []


def test_properties_and_shown_texts_of_a_pdf_are_read(look: Look) -> None:
    """Deflated, kerned and hexadecimal."""
    shown = zlib.compress(b"BT (MRN 1234567) Tj [(DOB ) 20 (1962-03-04)] TJ <53 6d> Tj ET")
    pdf = PDF_HEAD + b"2 0 obj<</Filter/FlateDecode>>\nstream\n" + shown + b"\nendstream endobj\n%%EOF"
    assert set(places(look("r.pdf", pdf))) == {
        ("name", "text:Author"),
        ("direct_identifier", "text:content"),
        ("date", "text:content"),
    }
    assert places(look("r.pdf", PDF_HEAD + b"/Encrypt 1 0 R")) == [("unchecked_content", "file")]
