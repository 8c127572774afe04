"""Runs AFNI's refacer: afni_refacer2 where it is there, else the older @afni_refacer_run.

Either leaves the shell that it laid over the face beside its result: not 0 where something goes, the face and the air
before it.  The result itself is thrown away: negative numbers are clipped, lone voxels deleted, numbers may become
floats.  Without ``-no_images`` it would need a display.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Final

from fivesafes.data.face.itk import Bools
from fivesafes.data.face.neutral import marked_nonzero, write_neutral
from fivesafes.engines.defacers.outside import Job, OutsideDefacer
from fivesafes.engines.defacers.programs import find, lacking, said, surroundings

AFNI: Final = "AFNI (https://afni.nimh.nih.gov; its binaries bring the refacer's shells) on PATH"
NEWER, OLDER = "afni_refacer2", "@afni_refacer_run"
SHELLS: Final = {
    NEWER: ("-ref_shell", "afni_refacer_shell_sym_2.1.nii.gz"),
    OLDER: ("-shell", "afni_refacer_shell_sym_2.0.nii.gz"),
}
"""The shells that take most of face, neck and ears."""


class AfniRefacerDefacer(OutsideDefacer):
    """Takes the shell that AFNI lays over the face."""

    name: ClassVar[str] = "afni_refacer"
    programs: ClassVar[tuple[str, ...]] = (NEWER, OLDER, "3dAllineate", "3dUnifize", "3dinfo", "tcsh")
    inherited: ClassVar[tuple[str, ...]] = ("AFNI_PLUGINPATH", "AFNI_ATLAS_PATH", "AFNI_SUPP_ATLAS_DIR")
    taken: ClassVar[str] = "the voxels under its face shell"

    def missing(self) -> str | None:
        """Name AFNI, tcsh, or both."""
        lacks = lacking({"3dAllineate": AFNI, "3dUnifize": AFNI, "tcsh": "tcsh"})
        if _refacer() is None and AFNI not in (lacks or ""):
            lacks = "; ".join([*([lacks] if lacks else []), AFNI])
        return lacks

    def version(self) -> str:
        """Name the script and its version."""
        program = _refacer()
        if program is None:
            return "unknown"
        told = said([program, "-ver"], r"(?m)^\s*(\d+\.\d+)\s*$", surroundings(self.programs, self.inherited))
        return f"{program.name} {told}"

    def words(self, job: Job) -> Sequence[str | Path]:
        """Ask for the deface mode, without pictures."""
        write_neutral(job.copy.data, job.copy.affine, job.folder / "head.nii.gz")
        program = _refacer() or Path(NEWER)
        prefix = ("-prefix", "out.nii.gz")
        return [program, "-input", "head.nii.gz", "-mode_deface", *prefix, "-no_images", *SHELLS[program.name]]

    def marked(self, job: Job) -> Bools:
        """Read where the shell is not 0."""
        return marked_nonzero(job.folder / "out.face.nii.gz", job.copy)


def _refacer() -> Path | None:
    return find(NEWER) or find(OLDER)
