"""Differences that a converter makes itself when every time of day is moved.

dcm2niix keeps AcquisitionTime (HHMMSS) of each slice in single precision before it subtracts (nii_dicom.h,
sliceTiming).  From 100 000 to 235 959 such a number is exact to 1/128 or 1/64, so that slice timing made of it lies on
a grid of 1/128 s, and moves on it by up to 1/32 s with the hour of the scan.  Timing that vendors tell lies on no grid.
"""

from typing import Final, TypeGuard

_GRID: Final = 128
_MOST: Final = 1 / 32
_DIGITS: Final = 1e-4
"""How far a value that the sidecar writes with five decimals may lie from the grid."""


def same_but_for_rounding(old: object, fresh: object) -> bool:
    """Tell whether two lists of seconds are one, seen through times of day in single precision."""
    if not (_on_grid(old) and _on_grid(fresh)) or len(old) != len(fresh):
        return False
    return all(abs(was - now) <= _MOST + _DIGITS for was, now in zip(old, fresh, strict=True))


def _on_grid(values: object) -> TypeGuard[list[float]]:
    return isinstance(values, list) and all(
        isinstance(value, int | float) and abs(value * _GRID - round(value * _GRID)) <= _GRID * _DIGITS
        for value in values
    )
