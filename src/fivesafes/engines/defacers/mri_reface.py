"""Runs mri_reface (Schwarz et al. 2021, Mayo Clinic; free for non-commercial research) as the user has installed it.

It replaces face, ears and what is folded over in the air behind the head by an average; where it did so the image
differs from what it was given, and that goes.  Its own image, and the pictures it would draw, are not wanted.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Final

from fivesafes.data.face.itk import Bools
from fivesafes.data.face.neutral import marked_changed, write_neutral
from fivesafes.engines.defacers.outside import HOUR, Job, OutsideDefacer
from fivesafes.engines.defacers.programs import find, lacking, said

ITSELF: Final = (
    "mri_reface (https://www.nitrc.org/projects/mri_reface; for non-commercial research), "
    "with run_mri_reface.sh or run_mri_reface_docker.sh on PATH"
)
PLAIN, IN_DOCKER = "run_mri_reface.sh", "run_mri_reface_docker.sh"
KINDS: Final = {"T2w": "T2", "FLAIR": "FLAIR", "PDw": "PD", "T2starw": "T2ST", "ct": "CT", "CT": "CT"}
"""Its word for a kind of image, by BIDS suffix; any other is treated as T1, for it can't guess from a neutral name."""


class MriRefaceDefacer(OutsideDefacer):
    """Takes where mri_reface replaces."""

    name: ClassVar[str] = "mri_reface"
    programs: ClassVar[tuple[str, ...]] = (PLAIN, IN_DOCKER, "ANTS", "antsApplyTransforms", "reg_aladin", "docker")
    inherited: ClassVar[tuple[str, ...]] = ("MCRROOT", "DOCKER_HOST", "XDG_RUNTIME_DIR")
    taken: ClassVar[str] = "the voxels that it replaced"

    def __init__(self, *, seconds: float = 4 * HOUR) -> None:
        """Take the time limit for one image: its registration is thorough."""
        super().__init__(seconds=seconds)

    def missing(self) -> str | None:
        """Name it, or what its script calls: Docker, or the MATLAB runtime's programs."""
        program = _script()
        if program is None:
            return ITSELF
        if program.name == IN_DOCKER:
            return lacking({"docker": "Docker, with mri_reface's image loaded (docker load < mri_reface_docker_image)"})
        ants = "ANTs (ANTS and antsApplyTransforms on PATH)"
        return lacking({"ANTS": ants, "antsApplyTransforms": ants, "reg_aladin": "NiftyReg (reg_aladin on PATH)"})

    def version(self) -> str:
        """Name the version that its script tells with its usage."""
        program = _script()
        return said([program], r"[Vv]ersion (\d\S*)") if program else "unknown"

    def words(self, job: Job) -> Sequence[str | Path]:
        """Ask without pictures; it reads .nii only."""
        write_neutral(job.copy.data, job.copy.affine, job.folder / "head.nii")
        (job.folder / "out").mkdir(mode=0o700)
        kind = KINDS.get(job.suffix, "T1")
        return [_script() or Path(PLAIN), "head.nii", "out", "-imType", kind, "-saveQCRenders", "0", "-threads", "1"]

    def marked(self, job: Job) -> Bools:
        """Compare its image with what it was given."""
        return marked_changed(job.folder / "out" / "head_deFaced.nii", job.copy)


def _script() -> Path | None:
    return find(PLAIN) or find(IN_DOCKER)
