"""Runs mridefacer (Hanke & Halchenko, MIT) with the user's FSL: it takes face, teeth and ears.

``--apply`` would replace its input and is never given; it writes a defaced image anyway, which is thrown away.  Its
help says ``--no-colored``, its parser knows ``--no-color``.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Final

from fivesafes.data.face.itk import Bools
from fivesafes.data.face.neutral import marked_kept, write_neutral
from fivesafes.engines.defacers.outside import Job, OutsideDefacer
from fivesafes.engines.defacers.programs import find, lacking, said
from fivesafes.engines.defacers.pydeface import FSL, QUIET, fsl_version

FROM_FSL: Final = ("bet", "convert_xfm", "flirt", "fslinfo", "fslmaths", "fslreorient2std", "imcp", "imln", "imtest")


class MridefacerDefacer(OutsideDefacer):
    """Takes mridefacer's mask."""

    name: ClassVar[str] = "mridefacer"
    programs: ClassVar[tuple[str, ...]] = ("mridefacer", *FROM_FSL, "bc", "numbound")
    inherited: ClassVar[tuple[str, ...]] = ("FSLDIR", "MRIDEFACER_DATA_DIR")
    taken: ClassVar[str] = "its deface mask"

    def missing(self) -> str | None:
        """Name mridefacer, FSL, and the two small programs that it calls."""
        needs = {"mridefacer": "mridefacer (https://github.com/mih/mridefacer)"} | dict.fromkeys(FROM_FSL, FSL)
        needs |= {"bc": "bc", "numbound": "numbound (Debian: num-utils)"}
        return lacking(needs) or (None if os.environ.get("FSLDIR") else FSL)

    def version(self) -> str:
        """Name its version and FSL's."""
        program = find("mridefacer")
        told = said([program, "--version"], r"mridefacer (\d\S*)") if program else "unknown"
        return f"{told}+fsl{fsl_version()}"

    def words(self, job: Job) -> Sequence[str | Path]:
        """Ask for the mask in a folder of its own."""
        write_neutral(job.copy.data, job.copy.affine, job.folder / "head.nii.gz")
        (job.folder / "out").mkdir(mode=0o700)
        program = find("mridefacer") or Path("mridefacer")
        return [program, "--apply-only", "--no-color", "--outdir", "out", "head.nii.gz"]

    def marked(self, job: Job) -> Bools:
        """Read the mask, 1 where the image stays."""
        return marked_kept(job.folder / "out" / "head_defacemask.nii.gz", job.copy)

    def variables(self, home: Path) -> dict[str, str]:
        """Have FSL's programs write .nii.gz."""
        return QUIET
