"""Runs pydeface (Gulban et al., MIT) with the user's FSL.

It lays a mean head over the image with FSL's FLIRT and multiplies by the mask that came with it.  Of that mask, which
``--nocleanup`` leaves beside the image, everything at least half kept stays: its own image keeps the mask's blurred rim
and is scaled anew.  It is given one volume: its way with series multiplies by the wrong stack.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Final

from fivesafes.data.face.itk import Bools
from fivesafes.data.face.neutral import marked_kept, write_neutral
from fivesafes.engines.defacers.outside import Job, OutsideDefacer
from fivesafes.engines.defacers.programs import find, lacking, said, surroundings

FSL: Final = (
    "FSL (https://fsl.fmrib.ox.ac.uk; its licence is for non-commercial use), with FSLDIR set and its programs on PATH"
)
QUIET: Final = {"FSLOUTPUTTYPE": "NIFTI_GZ", "NIPYPE_NO_ET": "1", "NO_ET": "1"}
"""Have FSL's programs write .nii.gz, and nipype, which calls them, not ask its makers for a newer version."""


class PydefaceDefacer(OutsideDefacer):
    """Takes pydeface's mask."""

    name: ClassVar[str] = "pydeface"
    programs: ClassVar[tuple[str, ...]] = ("pydeface", "flirt", "fsl")
    inherited: ClassVar[tuple[str, ...]] = ("FSLDIR",)
    taken: ClassVar[str] = "its warped face mask, at least one half"

    def missing(self) -> str | None:
        """Name pydeface, FSL, or both."""
        lacks = lacking({"pydeface": "pydeface (pip install pydeface)", "flirt": FSL, "fsl": FSL})
        return lacks or (None if os.environ.get("FSLDIR") else FSL)

    def version(self) -> str:
        """Name pydeface's version, which it prints first of all, and FSL's."""
        program = find("pydeface")
        known = {**surroundings(self.programs, self.inherited), **QUIET}
        told = said([program, "--help"], r"pydeface (\d\S*)", known) if program else "unknown"
        return f"{told}+fsl{fsl_version()}"

    def words(self, job: Job) -> Sequence[str | Path]:
        """Ask for a run that keeps its mask."""
        write_neutral(job.copy.data, job.copy.affine, job.folder / "head.nii.gz")
        program = find("pydeface") or Path("pydeface")
        return [program, "head.nii.gz", "--outfile", "out.nii.gz", "--force", "--nocleanup"]

    def marked(self, job: Job) -> Bools:
        """Read the mask, 1 where the image stays."""
        return marked_kept(job.folder / "head_pydeface_mask.nii.gz", job.copy)

    def variables(self, home: Path) -> dict[str, str]:
        """Tell FSL's programs and nipype how to behave."""
        return QUIET


def fsl_version() -> str:
    """Read which version of FSL this is, where it keeps that."""
    stamp = Path(os.environ.get("FSLDIR", "")) / "etc" / "fslversion"
    return stamp.read_text(encoding="utf-8").strip().split(":")[0] if stamp.is_file() else "-unknown"
