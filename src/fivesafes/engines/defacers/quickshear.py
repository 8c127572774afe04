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
        ones = _raised(job.copy)
        brain = np.zeros(ones.data.shape, np.uint8)
        brain[:, :, : job.copy.data.shape[2]] = found[0]
        write_neutral(ones.data, ones.affine, job.folder / "head.nii.gz")
        write_neutral(brain, ones.affine, job.folder / "brain.nii.gz")
        buffer = f"{BUFFER_MM / job.copy.grid.steps[2]:.2f}"
        return [find("quickshear") or Path("quickshear"), "head.nii.gz", "brain.nii.gz", "out.nii.gz", buffer]

    def marked(self, job: Job) -> Bools:
        """Read which ones became zeros."""
        return marked_zero(job.folder / "out.nii.gz", _raised(job.copy))[:, :, : job.copy.data.shape[2]]


def _raised(copy: Neutral) -> Neutral:
    """Make a field of ones at least as high as it is long: of rows behind its height quickshear forgets to cut any."""
    x, y, z = copy.data.shape
    return evolve(copy, data=np.ones((x, y, max(y, z)), np.int16))
