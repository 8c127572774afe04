"""The series of a session that shows the head best, as a twin from which it can be carried to the others."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from attrs import frozen

from fivesafes.core.errors import InvalidInput
from fivesafes.data.face.dicom.gather import Series
from fivesafes.data.face.dicom.stack import Stack, lay_stack
from fivesafes.data.face.dicom.twin import write_twin
from fivesafes.data.face.session import shows_head
from fivesafes.data.header.malformed import Malformed

TWIN: Final = "best.nii"


@frozen(kw_only=True)
class Best:
    """A series, and an image of it."""

    series: Series
    twin: Path


def best_series(series: Sequence[Series], scratch: Path) -> Best | None:
    """Write the twin of the series that shows the head best into a folder; None when none shows it well enough.

    One volume goes before several, fine voxels before coarse ones.  A series whose slices make no volume, or whose
    pixels can't be read, is passed over: whoever defaces it will say so.
    """
    laid = [(one, stack) for one in series if (stack := _laid(one)) is not None]
    twin = scratch / TWIN
    for one, stack in sorted(laid, key=lambda pair: _rank(*pair)):
        try:
            write_twin(one, stack, twin)
            if shows_head(twin):
                return Best(series=one, twin=twin)
        except (InvalidInput, Malformed):
            pass
        twin.unlink(missing_ok=True)
    return None


def _rank(series: Series, stack: Stack) -> tuple[int, float, str]:
    return max(stack.volume.values()), max(stack.grid.steps), series.label


def _laid(series: Series) -> Stack | None:
    try:
        stack = lay_stack(series)
    except (InvalidInput, Malformed):
        return None
    return None if isinstance(stack, str) else stack
