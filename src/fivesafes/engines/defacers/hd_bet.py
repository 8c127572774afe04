"""Runs HD-BET 2 (Isensee et al. 2019, Apache-2.0), on the processor: the brain alone stays.

It looks for its weights in the user's home, and would fetch them; its private home gets a link to them instead.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Final

from fivesafes.data.face.itk import Bools
from fivesafes.data.face.neutral import marked_kept, write_neutral
from fivesafes.data.model import FaceMode
from fivesafes.engines.defacers.outside import HOUR, STRIPPING, Job, OutsideDefacer
from fivesafes.engines.defacers.programs import find, lacking, package_version

WEIGHTS: Final = "hd-bet_params"


class HdBetDefacer(OutsideDefacer):
    """Takes HD-BET's brain, and a rim around it."""

    name: ClassVar[str] = "hd_bet"
    modes: ClassVar[tuple[FaceMode, ...]] = STRIPPING
    programs: ClassVar[tuple[str, ...]] = ("hd-bet",)
    taken: ClassVar[str] = "its brain mask, and the rim that the embedded engine leaves around a brain"

    def __init__(self, *, seconds: float = 2 * HOUR) -> None:
        """Take the time limit for one image: without a graphics card it is slow."""
        super().__init__(seconds=seconds)

    def missing(self) -> str | None:
        """Name the package, or its weights."""
        lacks = lacking({"hd-bet": "HD-BET 2 (pip install hd-bet)"})
        if lacks or (Path.home() / WEIGHTS).is_dir():
            return lacks
        return f"HD-BET's weights: run hd-bet once on an image of nobody, it puts them into ~/{WEIGHTS}"

    def version(self) -> str:
        """Ask its Python for the version of the package."""
        program = find("hd-bet")
        return package_version(program, "hd-bet") if program else "unknown"

    def words(self, job: Job) -> Sequence[str | Path]:
        """Ask for the mask alone."""
        write_neutral(job.copy.data, job.copy.affine, job.folder / "head.nii.gz")
        how = ("-device", "cpu", "--disable_tta", "--save_bet_mask", "--no_bet_image")
        return [find("hd-bet") or Path("hd-bet"), "-i", "head.nii.gz", "-o", "out.nii.gz", *how]

    def marked(self, job: Job) -> Bools:
        """Read the brain: in version 2 it is named after the output."""
        return marked_kept(job.folder / "out_bet.nii.gz", job.copy)

    def variables(self, home: Path) -> dict[str, str]:
        """Link the weights into its private home."""
        (home / WEIGHTS).symlink_to((Path.home() / WEIGHTS).resolve())
        return {}
