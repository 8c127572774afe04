"""Take the face out of one image: find the head, lay the zones, cut them out."""

from importlib.metadata import version
from pathlib import Path
from typing import Final

from attrs import evolve

from fivesafes.core.verdict import Verdict
from fivesafes.data.face.cut import By, Look, check_folder, cut, look_at, sentence
from fivesafes.data.face.itk import one_thread
from fivesafes.data.face.locate import Pose
from fivesafes.data.face.pack import template
from fivesafes.data.face.reface import Refacing, irreplaceable, lay
from fivesafes.data.face.session import look_beside
from fivesafes.data.face.zones import Zones, lay_zones
from fivesafes.data.model import Defaced, FaceMode, FaceStatus

ENGINE: Final = "embedded"
INSTEAD: Final = {FaceMode.REFACE: FaceMode.REMOVE, FaceMode.REFACE_PLUS: FaceMode.SKULL_STRIP}
"""What is done where a face can't be replaced: no less goes than would have been replaced."""


def engine_version() -> str:
    """Name the program's version and the template's: together they decide the result."""
    return f"{version('fivesafes')}+template{template().version}"


def deface_image(image: Path, *, into: Path, mode: FaceMode, beside: Path | None = None) -> Defaced:
    """Write the defaced image, under its own name, and the mask of what was removed into a folder.

    ``beside``: the image of the same session that shows the head best, from which it is carried (``session.best_of``).
    The images are only read.  Same image, same bytes.  A scan that needs review is written too: the caller holds
    it.  ``mode`` in the answer is what was done: a face that can't be replaced is removed, and ``why`` says so.  Raises
    InvalidInput when the file is no image, and UsageMistake when ``into`` is the image's own folder.
    """
    check_folder(image, into)
    by = By(engine=ENGINE, version=engine_version(), mode=mode)
    with one_thread():
        look = look_at(image) if beside is None else look_beside(image, beside)
        if isinstance(look, str):
            return by.answers(FaceStatus.REFUSED, why=look)
        pose, verdict = look.seen.pose, look.verdict
        nothing = look.nothing_to_remove
        if nothing and (look.seen.brain_alone or (mode is not FaceMode.SKULL_STRIP and not verdict.findings)):
            return by.answers(FaceStatus.NOTHING_TO_DO, why=nothing, evidence=look.found)
        if verdict.refuses or pose is None:
            return by.answers(FaceStatus.REFUSED, why=sentence(verdict), evidence=look.found)
        if mode in INSTEAD:
            return _replace(look, pose=pose, into=into, by=by, so_far=verdict)
        zones = lay_zones(look.stored.grid, scan=look.scan.volume, pose=pose, mode=mode, brain=look.brain)
        return cut(look, zones, pose=pose, into=into, by=by, so_far=verdict)


def _replace(look: Look, *, pose: Pose, into: Path, by: By, so_far: Verdict) -> Defaced:
    """Put the mean head's face there; where that can't be done well, take as much away instead, and say so."""
    grid, scan = look.stored.grid, look.scan.volume
    zones, told = None, irreplaceable(look, pose=pose, doubtful=bool(so_far.findings))
    if told is None:
        zones = lay_zones(grid, scan=scan, pose=pose, mode=by.mode, brain=look.brain)
        laid = _laid(look, zones, pose=pose, mode=by.mode)
        if isinstance(laid, Refacing):
            return cut(look, zones, pose=pose, into=into, by=by, so_far=so_far, paint=laid.painted)
        told = laid
    instead = INSTEAD[by.mode]
    if zones is None or instead is not FaceMode.REMOVE:
        outline = None if zones is None else zones.outline
        zones = lay_zones(grid, scan=scan, pose=pose, mode=instead, brain=look.brain, outline=outline)
    done = cut(look, zones, pose=pose, into=into, by=evolve(by, mode=instead), so_far=so_far)
    why = f"removed, not replaced: {told}"
    return evolve(done, why=f"{why}; {done.why}" if done.why else why)


def _laid(look: Look, zones: Zones, *, pose: Pose, mode: FaceMode) -> Refacing | str:
    """Lay the mean head's face into the zones, to be painted; or say why it does not fit."""
    face = zones
    if mode is not FaceMode.REFACE:
        face = lay_zones(look.stored.grid, scan=look.scan.volume, pose=pose, mode=FaceMode.REMOVE, brain=look.brain)
    laid = lay(look, zones, face=face, pose=pose)
    return laid.doubt or laid
