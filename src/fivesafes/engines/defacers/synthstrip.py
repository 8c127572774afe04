"""Runs SynthStrip (Hoopes et al. 2022) from FreeSurfer, or its container: the brain alone stays."""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Final

from fivesafes.data.face.itk import Bools
from fivesafes.data.face.neutral import marked_kept, write_neutral
from fivesafes.data.model import FaceMode
from fivesafes.engines.defacers.outside import STRIPPING, Job, OutsideDefacer
from fivesafes.engines.defacers.programs import find, lacking

ITSELF: Final = (
    "FreeSurfer 7.3 or newer with FREESURFER_HOME set (mri_synthstrip), or its synthstrip-docker "
    "(https://surfer.nmr.mgh.harvard.edu/docs/synthstrip)"
)
PLAIN, IN_DOCKER = "mri_synthstrip", "synthstrip-docker"


class SynthstripDefacer(OutsideDefacer):
    """Takes SynthStrip's brain, and a rim around it."""

    name: ClassVar[str] = "synthstrip"
    modes: ClassVar[tuple[FaceMode, ...]] = STRIPPING
    programs: ClassVar[tuple[str, ...]] = (PLAIN, IN_DOCKER, "docker", "python3")
    inherited: ClassVar[tuple[str, ...]] = ("FREESURFER_HOME", "DOCKER_HOST", "XDG_RUNTIME_DIR")
    taken: ClassVar[str] = "its brain mask, and the rim that the embedded engine leaves around a brain"

    def missing(self) -> str | None:
        """Name FreeSurfer or the container's script, or Docker where that is what is missing."""
        program = _program()
        if program is None or (program.name == PLAIN and not os.environ.get("FREESURFER_HOME")):
            return ITSELF
        return lacking({"docker": "Docker"}) if program.name == IN_DOCKER else None

    def version(self) -> str:
        """Read FreeSurfer's stamp, or the version that the container's script names: neither program tells its own."""
        program = _program()
        if program is None:
            return "unknown"
        if program.name == IN_DOCKER:
            named = re.search(r"(?m)^version = '([^']+)'", program.read_text(encoding="utf-8", errors="replace"))
            return f"container {named[1]}" if named else "unknown"
        stamp = Path(os.environ.get("FREESURFER_HOME", "")) / "build-stamp.txt"
        return stamp.read_text(encoding="utf-8", errors="replace").strip() if stamp.is_file() else "unknown"

    def words(self, job: Job) -> Sequence[str | Path]:
        """Ask for the mask alone."""
        write_neutral(job.copy.data, job.copy.affine, job.folder / "head.nii.gz")
        return [_program() or Path(PLAIN), "-i", "head.nii.gz", "-m", "brain.nii.gz"]

    def marked(self, job: Job) -> Bools:
        """Read the brain."""
        return marked_kept(job.folder / "brain.nii.gz", job.copy)


def _program() -> Path | None:
    return find(PLAIN) or find(IN_DOCKER)
