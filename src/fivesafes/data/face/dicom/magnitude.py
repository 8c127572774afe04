"""The magnitude of which a series is the phase, or the real or imaginary part: told by headers, for names tell nothing.

Sources: PS3.3 C.8.3.1.1.1 and C.8.13.3.1.1 (ImageType), C.8.13.3.1.2 (ComplexImageComponent), C.7.4.1 (frame of
reference: within one, places of two series are places in the same head).
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from fivesafes.data.face.dicom.gather import Series
from fivesafes.data.face.dicom.stack import Stack, lay_stack

SAME_GRID: Final = 1e-3  # mm
ECHO_DIGITS: Final = 2
"""Of echo times, in ms: with fewer two makers' roundings of one time are two."""


def magnitude_of(series: Series, every: Sequence[Series]) -> Series | None:
    """Find the magnitude: of the same study, frame of reference, echo and grid, next to it by the series' numbers.

    None for a series that shows magnitudes itself, or where there is none.
    """
    frames = [frame for one in series.instances for frame in one.frames]
    if not frames or any(frame.magnitude for frame in frames) or not _frame_of_reference(series):
        return None
    stack = lay_stack(series)
    if isinstance(stack, str):
        return None
    near = sorted(every, key=lambda one: (abs(one.number - series.number), one.number, one.label))
    return next((one for one in near if _is_of(one, series) and _lies_alike(one, stack)), None)


def _is_of(one: Series, series: Series) -> bool:
    """Tell by the headers whether a series is the magnitude of another."""
    return (
        any(frame.magnitude for instance in one.instances for frame in instance.frames)
        and one.study == series.study
        and _frame_of_reference(one) == _frame_of_reference(series)
        and _echoes(series) <= _echoes(one)
    )


def _frame_of_reference(series: Series) -> str:
    """Give the frame of reference that all objects are in, or nothing."""
    named = {one.frame_of_reference for one in series.instances}
    return named.pop() if len(named) == 1 else ""


def _echoes(series: Series) -> set[float | None]:
    """List the echo times; a phase difference bears that of one of two echoes."""
    times = {frame.echo for one in series.instances for frame in one.frames if frame.echo is not None}
    return {round(time, ECHO_DIGITS) for time in times}


def _lies_alike(one: Series, stack: Stack) -> bool:
    other = lay_stack(one)
    if isinstance(other, str):
        return False
    here, there = other.grid, stack.grid
    return here.shape == there.shape and bool(np.allclose(here.affine, there.affine, atol=SAME_GRID))
