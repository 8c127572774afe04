"""Differences that a converter makes itself when every time of day is moved.

dcm2niix keeps AcquisitionTime (HHMMSS) of each slice in single precision before it subtracts (nii_dicom.h,
sliceTiming).  Such a number is exact to 1/64 s in the evening and to 1/2048 s or better before 2 o'clock, so that slice
timing made of it lies on a grid, and moves on it by up to 1/32 s with the hour of the scan.
"""

from typing import Final, TypeGuard

_GRID: Final = 2048
_MOST: Final = 1 / 32
_WRITTEN: Final = 6e-6
"""How far a value with six digits, as the sidecar writes it, may lie from the grid; more above ten seconds."""
_CLOCK_ONLY: Final = frozenset({"UIH"})
"""Makers that tell the moment of each slice in no other way.  Of others both lists must lie on the grid, so that a
list of the maker's own that was lost, and made up for by the times of day, is seen."""


def same_but_for_rounding(old: object, fresh: object, *, maker: object) -> bool:
    """Tell whether two lists of seconds are one, seen through times of day in single precision."""
    if not (_are_seconds(old) and _are_seconds(fresh)) or len(old) != len(fresh):
        return False
    if maker not in _CLOCK_ONLY and not (_on_grid(old) and _on_grid(fresh)):
        return False
    return all(abs(was - now) <= _MOST + _WRITTEN for was, now in zip(old, fresh, strict=True))


def _are_seconds(values: object) -> TypeGuard[list[float]]:
    return isinstance(values, list) and all(isinstance(value, int | float) for value in values)


def _on_grid(values: list[float]) -> bool:
    return all(abs(value * _GRID - round(value * _GRID)) <= _GRID * _WRITTEN * max(1.0, abs(value)) for value in values)
