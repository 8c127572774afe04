"""Deface one image with another engine's mask: only what it marks is taken, the rest is done and measured as ever."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np

from fivesafes.core.errors import EngineFailed, UsageMistake
from fivesafes.core.verdict import Verdict
from fivesafes.data.face.brain import find_brain
from fivesafes.data.face.cut import By, Look, check_folder, cut, look_at
from fivesafes.data.face.itk import Bools, Grid, Volume, above, carry, dilated, one_thread
from fivesafes.data.face.session import look_beside
from fivesafes.data.face.zones import Zones, lay_zones
from fivesafes.data.model import Defaced, FaceMode, FaceStatus

LARGEST_SHARE: Final = 0.9
"""More of the field of view than this no defacer takes: the mask is inside out, or not of this image."""

SMALLEST_BRAIN: Final = 0.005
"""A brain fills at least so much of a field of view that holds it."""

SURE_MM: Final = 1.5
"""So far from the head's surface all is air."""

BETWEEN_MM: Final = 3.0
"""What lies so near to such air and to the mask goes with them."""

Marker = Callable[[Look], Bools]
"""Runs an engine on an image and gives what it would remove, (I, J, K) on the image's own grid."""


def deface_with(image: Path, *, into: Path, by: By, marker: Marker, beside: Path | None = None) -> Defaced:
    """Write the image less what ``marker`` marks, and the mask, into a folder.

    ``beside``: the image of the same session that shows the head best; what is measured is measured with its head.
    The marker is not asked when there is nothing to remove.  Where our own search finds no head, skin and brain can't
    be measured: the image is written and needs review.  Raises InvalidInput when the file is no image, and EngineFailed
    when what was marked does not lie on the image's grid or is nearly all or nothing of it; UsageMistake when a face is
    to be replaced, which only the embedded engine does.
    """
    if by.mode in {FaceMode.REFACE, FaceMode.REFACE_PLUS}:
        message = f"the engine {by.engine} marks what goes; it can't replace a face"
        raise UsageMistake(message, fix="use the embedded engine, or another mode")
    check_folder(image, into)
    with one_thread():
        look = look_at(image) if beside is None else look_beside(image, beside)
        if isinstance(look, str):
            return by.answers(FaceStatus.REFUSED, why=look)
        verdict = look.verdict
        nothing = look.nothing_to_remove
        faceless = by.mode is not FaceMode.SKULL_STRIP and not verdict.findings
        if nothing and (look.seen.brain_alone or faceless):
            return by.answers(FaceStatus.NOTHING_TO_DO, why=nothing, evidence=look.found)
        marked = marker(look)
        _check(marked, look, most=1 - SMALLEST_BRAIN if by.mode is FaceMode.SKULL_STRIP else LARGEST_SHARE)
        pose = None if verdict.refuses else look.seen.pose
        zones = _zones(marked if by.mode is FaceMode.SKULL_STRIP else _without_shape(marked, look), look)
        return cut(look, zones, pose=pose, into=into, by=by, so_far=Verdict() if pose is None else verdict)


def brain_on(look: Look, grid: Grid) -> tuple[Bools, bool] | None:
    """Mark this person's brain on a grid, and say whether it was found in the scan (else it is the template's).

    None when no head was found.
    """
    pose, scan = look.seen.pose, look.scan.volume
    if pose is None:
        return None
    brain = look.brain or find_brain(scan, pose)
    field = brain.to_template if brain.to_own is None else brain.to_own
    return carry(Volume(data=field, affine=scan.affine), onto=grid, beyond=None) < 0, brain.to_own is not None


def _check(marked: Bools, look: Look, *, most: float) -> None:
    """Refuse a mask that can't be one of this image."""
    if marked.shape != look.stored.grid.shape:
        what = "the engine's mask does not lie on the image's grid"
        raise EngineFailed(what, fix="use another engine; the original was only read")
    share = float(marked.mean())
    if not 0 < share < most:
        what = "the engine marked nothing" if share == 0 else "the engine marked nearly all of the image"
        raise EngineFailed(what, fix="use another engine, and look at what this one does to the image")


def _without_shape(marked: Bools, look: Look) -> Bools:
    """Mark the air before face and ears too: a mask that follows the skin would draw it in the air's noise.

    Skin that was not marked stays, and is measured.  Nothing is added where no head was found, or where air can't be
    told from tissue; then a person must look anyhow.
    """
    grid, pose, surface = look.stored.grid, look.seen.pose, look.seen.to_surface
    if pose is None or surface is None:
        return marked
    face = lay_zones(grid, scan=look.scan.volume, pose=pose, mode=FaceMode.REMOVE, brain=look.brain)
    air = face.removed & above(surface, SURE_MM, onto=grid.cropped(face.box))
    around = [max(1, round(BETWEEN_MM / step)) for step in grid.steps]
    near = (around[0], around[1], around[2])
    between = face.removed & dilated(marked[face.box], near) & dilated(air, near)
    closed = np.array(marked, order="F")
    closed[face.box] |= air | between
    return closed


def _zones(marked: Bools, look: Look) -> Zones:
    """Put the mask beside this person's brain as we find it ourselves.

    The box is the whole image: what skin is left is asked of each part of the face, also where the mask left one out.
    """
    grid = look.stored.grid
    found = brain_on(look, grid)
    brain, known = (np.zeros(grid.shape, bool), False) if found is None else found
    return Zones(box=grid.whole, removed=marked, brain=brain, brain_known=known)
