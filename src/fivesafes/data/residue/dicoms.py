"""Look into DICOM files that lie inside a data set: by keyword, and by what their value representation can hold."""

import io
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import pydicom
from pydicom.dataset import Dataset

from fivesafes.data.model import Residue
from fivesafes.data.residue.columns import telling
from fivesafes.data.residue.dates import FIRST_REAL_YEAR
from fivesafes.data.residue.place import Place, Unreadable
from fivesafes.data.residue.rules import key_rules
from fivesafes.data.residue.sidecars import judged_value
from fivesafes.data.residue.spots import at_least_medium, spots
from fivesafes.data.residue.words import is_dummy

_NO_INSTANCE: Final = ("ClassUID", "SyntaxUID", "SchemeUID", "ContextUID")
"""UIDs that name a standard or a program, not an object."""
_MOST_ELEMENTS: Final = 200_000
_PREAMBLE: Final = 132


def is_dicom(content: bytes) -> bool:
    """Whether the bytes begin as PS3.10 says."""
    return content[_PREAMBLE - 4 : _PREAMBLE] == b"DICM"


def find(content: bytes, place: Place) -> Iterator[Residue]:
    """Yield that a DICOM file lies here and what its header discloses (``header.Keyword``); pixels are not read."""
    yield place.residue("dicom", "file")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dataset = pydicom.dcmread(io.BytesIO(content), stop_before_pixels=True)
            found = {f"header.{keyword}": (code, text) for keyword, code, text in judged_elements(dataset)}
    except Exception as error:
        raise Unreadable(why="a DICOM file that can't be parsed") from error
    for locator, (code, text) in found.items():
        yield place.residue(code, locator, text)


def judged_elements(dataset: Dataset) -> Iterator[tuple[str, str, str]]:
    """Yield keyword, short code and value of each element that discloses something, at any depth.

    A keyword that no rule names is judged by its VR: a person name, a date, a time, a UID is one whatever it is called.
    """
    for count, element in enumerate(dataset.iterall()):
        if count > _MOST_ELEMENTS:
            return
        if element.VR == "SQ" or element.tag.is_private or element.keyword.endswith(_NO_INSTANCE):
            continue
        for text in _texts(element.value):
            code = None if is_dummy(text) else _code(element.keyword, element.VR, text)
            if code:
                yield element.keyword or str(element.tag), code, text
                break


def _texts(value: Any) -> list[str]:  # noqa: ANN401 - pydicom's values are of many types
    if isinstance(value, bytes):
        return []
    items = list(value) if isinstance(value, list | tuple | pydicom.multival.MultiValue) else [value]
    return [str(item).strip() for item in items[:16] if item is not None]


def _code(keyword: str, vr: str, text: str) -> str | None:
    if key_rules(keyword, "dicom"):
        judged = judged_value(keyword, text, "dicom")
        return judged[0] if judged else None
    return _BY_VR[vr](text) if vr in _BY_VR else None


def _by_date(text: str) -> str | None:
    return "date" if text[:4].isdigit() and int(text[:4]) >= FIRST_REAL_YEAR else None


def _by_short_text(text: str) -> str | None:
    return next((spot.code for spot in at_least_medium(list(spots(text)))), None)


def _by_long_text(text: str) -> str | None:
    hit = telling(text)
    return hit.code if hit else None


_BY_VR: Final[Mapping[str, Callable[[str], str | None]]] = {
    "PN": lambda _: "name",
    "TM": lambda text: "time_of_day" if text.rstrip("0.") else None,
    "UI": lambda text: next((spot.code for spot in spots(text)), None),
    "DA": _by_date,
    "DT": _by_date,
    **dict.fromkeys(("LO", "SH", "CS"), _by_short_text),
    **dict.fromkeys(("LT", "ST", "UT"), _by_long_text),
}
