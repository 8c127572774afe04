"""Look into NIfTI header extensions: DICOM, AFNI, comments, dcmmeta, CIFTI, MATLAB, and whatever fills the gap."""

import io
import json
import re
import struct
import warnings
from collections.abc import Iterator
from typing import Final

import pydicom

from fivesafes.data.model import Residue, Severity
from fivesafes.data.residue.dicoms import judged_elements
from fivesafes.data.residue.loose import text_in_bytes
from fivesafes.data.residue.place import Place, Unreadable
from fivesafes.data.residue.sidecars import walk
from fivesafes.data.residue.spots import at_least_medium, spots

_DICOM: Final = 2
_SEVERITIES: Final = list(Severity)
_LOGIN: Final = re.compile(r"\[[\w.-]+@[\w.-]+: ")


def find(zone: bytes, place: Place, order: str) -> Iterator[Residue]:
    """Yield the worst finding of each kind in the bytes between header and data (NIfTI-1.1, extender flag first)."""
    if not zone.strip(b"\x00"):
        return
    best: dict[str, Residue] = {}
    for found in _all(zone, place, order):
        held = best.get(found.kind)
        if held is None or _SEVERITIES.index(found.severity) > _SEVERITIES.index(held.severity):
            best[found.kind] = found
    yield from best.values()


def _all(zone: bytes, place: Place, order: str) -> Iterator[Residue]:
    rest = zone[4:]
    if zone[:1] != b"\x01":
        yield from text_in_bytes(zone, place, "extension")
        return
    while len(rest) >= 8:  # noqa: PLR2004 - esize and ecode
        size, code = struct.unpack(order + "2i", rest[:8])
        if size < 8 or size > len(rest):  # noqa: PLR2004 - esize counts itself and ecode
            break
        yield from _one(code, rest[8:size], place)
        rest = rest[size:]
    if rest.strip(b"\x00"):
        yield from text_in_bytes(rest, place, "extension")


def _one(code: int, content: bytes, place: Place) -> Iterator[Residue]:
    body = content.rstrip(b"\x00")
    if not body:
        return
    if code == _DICOM:
        yield from _dicom(content, place)
    elif body.lstrip()[:1] in (b"{", b"["):
        yield from _json(body, place)
    elif body.lstrip().startswith(b"<"):
        yield from _texts(body.decode("utf-8", errors="replace"), place)
    else:
        yield from text_in_bytes(body, place, "extension")
        yield from _texts(body.decode("utf-8", errors="replace"), place)


def _dicom(content: bytes, place: Place) -> Iterator[Residue]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dataset = pydicom.dcmread(io.BytesIO(content), force=True, stop_before_pixels=True)
            for _, code, text in judged_elements(dataset):
                yield place.residue(code, "extension", text)
    except Exception:  # noqa: BLE001 - whatever pydicom trips over, the bytes are looked at as text
        yield from text_in_bytes(content, place, "extension")


def _json(body: bytes, place: Place) -> Iterator[Residue]:
    try:
        parsed = json.loads(body.decode("utf-8", errors="replace"))
    except (ValueError, RecursionError):
        yield from text_in_bytes(body, place, "extension")
        return
    try:
        for found in walk(parsed, place):
            yield place.residue(found.code.rsplit(".", 1)[-1], "extension", severity=found.severity)
    except Unreadable:
        yield place.residue("unchecked_content", "extension")


def _texts(text: str, place: Place) -> Iterator[Residue]:
    for line in re.split(r"[\n<>]", text):
        for spot in at_least_medium(list(spots(line))):
            yield place.residue(spot.code, "extension", line[spot.start : spot.end])
    if _LOGIN.search(text):
        yield place.residue("home_path", "extension")
