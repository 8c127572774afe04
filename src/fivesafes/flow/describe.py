"""What is known of the scanned person and the scanner after de-identification, for linkage figures and participants."""

import warnings
from pathlib import Path
from typing import Final

import pydicom

from fivesafes.flow.record import Described

_KEYWORDS: Final = ("PatientAge", "PatientSex", "Manufacturer", "ManufacturerModelName", "MagneticFieldStrength")
_PER_YEAR: Final = {"Y": 1.0, "M": 1 / 12, "W": 7 / 365.25, "D": 1 / 365.25}


def describe(folder: Path) -> Described:
    """Read one de-identified instance of a series; whatever is missing or odd is None."""
    first = min(folder.iterdir())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's warnings quote values
        dataset = pydicom.dcmread(first, stop_before_pixels=True, specific_tags=list(_KEYWORDS))
        values = {keyword: str(dataset.get(keyword) or "").strip() for keyword in _KEYWORDS}
    return Described(
        age=_years(values["PatientAge"]),
        sex=values["PatientSex"] if values["PatientSex"] in {"F", "M", "O"} else None,
        manufacturer=values["Manufacturer"] or None,
        model=values["ManufacturerModelName"] or None,
        field_strength=_tesla(values["MagneticFieldStrength"]),
    )


def _years(age: str) -> int | None:
    """Read an age string (PS3.5 AS: three digits and Y, M, W or D) as whole years."""
    if len(age) != len("030Y") or not age[:3].isdecimal() or age[3] not in _PER_YEAR:
        return None
    return int(int(age[:3]) * _PER_YEAR[age[3]])


def _tesla(strength: str) -> float | None:
    """Read the field strength; some scanners write gauss."""
    try:
        value = float(strength)
    except ValueError:
        return None
    tesla = value / 10_000 if value > 100 else value  # noqa: PLR2004 - no scanner has 100 T
    return round(tesla, 1) if 0 < tesla <= 30 else None  # noqa: PLR2004 - nor 30
