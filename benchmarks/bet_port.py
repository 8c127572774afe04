"""An engine of the comparison alone: brainextractor, a port of FSL's BET (Smith 2002) to Python, used as a defacer.

What it calls brain stays, and all else goes, as when somebody keeps its output; no rim is added, and nothing is asked
of it but its defaults.  It is no engine of the package: it cuts brain.
"""

import tempfile
from pathlib import Path
from typing import ClassVar, Final

from fivesafes.core.errors import EngineFailed, UsageMistake
from fivesafes.data.face.cut import By, Look
from fivesafes.data.face.itk import Bools
from fivesafes.data.face.neutral import marked_kept, neutral, write_neutral
from fivesafes.data.face.other import deface_with
from fivesafes.data.model import Defaced, FaceMode, FaceStatus
from fivesafes.engines.defacers.programs import find, package_version, surroundings
from fivesafes.engines.program import run

PROGRAM: Final = "brainextractor"
SECONDS: Final = 1800.0


class BetPort:
    """Keeps what brainextractor calls brain."""

    name: ClassVar[str] = "bet-port"

    def deface(self, image: Path, *, into: Path, mode: FaceMode) -> Defaced:
        """Write the image less all but its brain, and the mask; refused when it fails, as with any outside tool.

        Raises UsageMistake when it is not on PATH, or for another mode than skull-strip.
        """
        program = find(PROGRAM)
        if program is None or mode is not FaceMode.SKULL_STRIP:
            message = "the BET port strips skulls, where brainextractor is installed"
            raise UsageMistake(message, fix="python -m benchmarks.side_by_side installs it")
        by = By(engine=self.name, version=package_version(program, PROGRAM), mode=mode)
        try:
            return deface_with(image, into=into, by=by, marker=lambda look: _all_but_brain(look, program))
        except EngineFailed as failed:
            return by.answers(FaceStatus.REFUSED, why=f"{self.name} failed: {failed.what}")


def _all_but_brain(look: Look, program: Path) -> Bools:
    """Run it on the nameless copy that every outside tool is given."""
    copy = neutral(look)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_neutral(copy.data, copy.affine, folder / "head.nii.gz")
        words: list[str | Path] = [program, "head.nii.gz", "brain.nii.gz"]
        ended = run(words, home=folder, seconds=SECONDS, environment=surroundings((PROGRAM,), ()))
        if ended.code != 0:
            what = "its time was up" if ended.code is None else f"it ended with exit code {ended.code}"
            raise EngineFailed(what, fix="use another engine")
        return copy.returned(marked_kept(folder / "brain.nii.gz", copy))
