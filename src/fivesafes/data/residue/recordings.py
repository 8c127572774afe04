"""Look into files of recordings and into bytes of unknown form: EDF and BDF headers, MATLAB, whatever else there is."""

import re
from collections.abc import Iterator
from typing import Final

from fivesafes.data.model import Residue
from fivesafes.data.residue.loose import runs_of_text, worst_spot
from fivesafes.data.residue.place import Place
from fivesafes.data.residue.spots import ANY, HIDDEN, at_least_medium, spots
from fivesafes.data.residue.words import is_dummy, is_person

_EDF_HEADER: Final = 256
_EDF_UNKNOWN_DATE: Final = "01.01.85"
_MATLAB: Final = b"MATLAB 5.0 MAT-file"
_SCANNED: Final = 1 << 24
_EDGE: Final = 1 << 14
_LONG_RUN: Final = 6
_HDF5: Final = b"\x89HDF\r\n\x1a\n"


def is_edf(content: bytes) -> bool:
    """Whether the bytes begin like the European Data Format or its 24-bit sibling."""
    return len(content) >= _EDF_HEADER and content[:8] in (b"0       ", b"\xffBIOSEMI")


def find_in_edf(content: bytes, place: Place) -> Iterator[Residue]:
    """Yield what the header of an EDF or BDF recording discloses: patient, recording, start date and time."""
    header = content[:_EDF_HEADER].decode("latin-1")
    fields = {"patient_id": header[8:88].strip(), "recording_id": header[88:168].strip()}
    for name, text in fields.items():
        stripped = re.sub(r"\b(?:X|Startdate|M|F)\b", "", text).strip()
        found = at_least_medium(list(spots(text, HIDDEN)))
        if found or is_person(stripped.replace("_", " ")):
            yield place.residue(found[0].code if found else "name", f"header.{name}", text)
        elif not is_dummy(stripped):
            yield place.residue("hidden_text", f"header.{name}", text)
    day, hour = header[168:176].strip(), header[176:184].strip()
    if day and day != _EDF_UNKNOWN_DATE and not is_dummy(day):
        yield place.residue("date", "header.startdate", day)
    if hour.strip("0.: "):
        yield place.residue("time_of_day", "header.starttime", hour)


def find_in_bytes(content: bytes, place: Place) -> Iterator[Residue]:
    """Yield that bytes of an unknown form can't be checked, and the worst of the texts among them."""
    yield place.residue("unchecked_content", "file", f"{len(content)} bytes")
    if content.startswith(_MATLAB) and b"Created on" in content[:116]:
        yield place.residue("made_on", "header.text")
        content = content[128:]
    content = content.removeprefix(_HDF5)
    runs = [run for run in runs_of_text(content[:_SCANNED]) if len(run) >= _LONG_RUN]
    best = worst_spot(runs, ANY)
    if best and _is_convincing(best[1]):
        yield place.residue(best[0], "text:bytes", best[1])


def find_in_geometry(content: bytes, place: Place) -> Iterator[Residue]:
    """Yield the worst of the texts at the beginning and end of a file of voxels, surfaces or transforms."""
    edges = content[:_EDGE] + b"\x00" * 8 + content[-_EDGE:]
    best = worst_spot([run for run in runs_of_text(edges) if len(run) >= _LONG_RUN], ANY)
    if best and _is_convincing(best[1]):
        yield place.residue(best[0], "text:bytes", best[1])


def _is_convincing(shown: str) -> bool:
    """Whether a match is long enough not to be chance among random bytes."""
    return len(shown) >= 8 and all(32 <= ord(character) < 127 for character in shown)  # noqa: PLR2004 - printable ASCII
