"""Runs quickshear (Schimke & Hale 2011, BSD-3): it shears off all in front of a plane under the brain.

It looks at the brain mask only, so that it is given ours and an image of ones: nothing of the head leaves us.  The
voxels that became 0 are what it removes.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Final

import numpy as np
from attrs import evolve

from fivesafes.core.errors import EngineFailed
from fivesafes.data.face.itk import Bools
from fivesafes.data.face.neutral import Neutral, marked_zero, write_neutral
from fivesafes.data.face.other import brain_on
from fivesafes.engines.defacers.outside import Job, OutsideDefacer
from fivesafes.engines.defacers.programs import find, lacking, package_version

BUFFER_MM: Final = 10.0
"""Between plane and brain.  It counts in voxels, 10 unless told; of 1 mm that is this."""


class QuickshearDefacer(OutsideDefacer):
    """Takes what quickshear cuts off."""

    name: ClassVar[str] = "quickshear"
    programs: ClassVar[tuple[str, ...]] = ("quickshear",)
    taken: ClassVar[str] = "the voxels that it set to 0, with our own brain mask"

    def missing(self) -> str | None:
        """Name quickshear."""
        return lacking({"quickshear": "quickshear (pip install quickshear)"})

    def version(self) -> str:
        """Ask its Python for the version of the package."""
        program = find("quickshear")
        return package_version(program, "quickshear") if program else "unknown"

    def words(self, job: Job) -> Sequence[str | Path]:
        """Write the brain, and ones for the head."""
        found = brain_on(job.look, job.copy.grid)
        if found is None or not found[0].any():
            what = "it needs a brain mask, and no brain was found in the image"
            raise EngineFailed(what, fix="use an engine that finds the face by itself")
        ones = _squared(job.copy)
        brain = np.zeros(ones.data.shape, np.uint8)
        brain[_own(job.copy)] = found[0]
        write_neutral(ones.data, ones.affine, job.folder / "head.nii.gz")
        write_neutral(brain, ones.affine, job.folder / "brain.nii.gz")
        buffer = f"{BUFFER_MM / job.copy.grid.steps[2]:.2f}"
        return [find("quickshear") or Path("quickshear"), "head.nii.gz", "brain.nii.gz", "out.nii.gz", buffer]

    def marked(self, job: Job) -> Bools:
        """Read which ones became zeros."""
        return marked_zero(job.folder / "out.nii.gz", _squared(job.copy))[_own(job.copy)]


def _squared(copy: Neutral) -> Neutral:
    """Make a field of ones as high as it is long, with air behind and above.

    quickshear walks over as many rows as the image is high: of a longer one it forgets the rows behind, in a shorter
    one it fails.  And a brain that reaches the field's end it sees at the other end, too: it cuts by a wrong plane.
    """
    across, long, high = copy.data.shape
    side = 1 + max(long, high)
    return evolve(copy, data=np.ones((across, side, side), np.int16))


def _own(copy: Neutral) -> tuple[slice, slice, slice]:
    """Give the part of the field that is the copy's; its rows go from behind to the front."""
    across, long, high = copy.data.shape
    return slice(across), slice(1 + max(long, high) - long, None), slice(high)
