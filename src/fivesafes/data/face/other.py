"""Deface one image with another engine's mask: only what it marks is taken, the rest is done and measured as ever."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np

from fivesafes.core.errors import InvalidInput, UsageMistake
from fivesafes.core.verdict import Verdict
from fivesafes.data.face.brain import find_brain
from fivesafes.data.face.cut import By, Look, check_folder, cut, look_at
from fivesafes.data.face.itk import Bools, Volume, carry, one_thread
from fivesafes.data.face.stored import Box
from fivesafes.data.face.verify import judge_pose
from fivesafes.data.face.zones import Zones
from fivesafes.data.model import Defaced, FaceMode, FaceStatus

LARGEST_SHARE: Final = 0.9
"""More of the field of view than this no defacer takes: the mask is inside out, or not of this image."""

Marker = Callable[[Path], Bools]
"""Runs an engine on an image and gives what it would remove, (I, J, K) on the image's own grid."""


def deface_with(image: Path, *, into: Path, by: By, marker: Marker) -> Defaced:
    """Write the image less what ``marker`` marks, and the mask, into a folder.

    The marker is not asked when there is nothing to remove.  Where our own search finds no head, skin and brain can't
    be measured: the image is written and needs review.  Raises InvalidInput when the file is no image, or when what
    was marked does not lie on the image's grid or is nearly all or nothing of it; UsageMistake when a face is to be
    replaced, which only the embedded engine does.
    """
    if by.mode in {FaceMode.REFACE, FaceMode.REFACE_PLUS}:
        message = f"the engine {by.engine} marks what goes; it can't replace a face"
        raise UsageMistake(message, fix="use the embedded engine, or another mode")
    check_folder(image, into)
    with one_thread():
        look = look_at(image)
        if isinstance(look, str):
            return by.answers(FaceStatus.REFUSED, why=look)
        verdict = judge_pose(look.seen.pose)
        nothing = look.nothing_to_remove
        if nothing and (look.seen.brain_alone or not verdict.refuses):
            return by.answers(FaceStatus.NOTHING_TO_DO, why=nothing, evidence=look.found)
        marked = marker(image)
        _check(marked, look)
        pose = None if verdict.refuses else look.seen.pose
        zones = _zones(marked, look)
        return cut(look, zones, pose=pose, into=into, by=by, so_far=Verdict() if pose is None else verdict)


def _check(marked: Bools, look: Look) -> None:
    """Refuse a mask that can't be one of this image."""
    if marked.shape != look.stored.grid.shape:
        what = "the engine's mask does not lie on the image's grid"
        raise InvalidInput(what, fix="use another engine; the original was only read")
    share = float(marked.mean())
    if not 0 < share < LARGEST_SHARE:
        what = "the engine marked nothing" if share == 0 else "the engine marked nearly all of the image"
        raise InvalidInput(what, fix="use another engine, and look at what this one does to the image")


def _zones(marked: Bools, look: Look) -> Zones:
    """Put the mask into a box, beside this person's brain as we find it ourselves."""
    ends = []
    for axis in range(3):
        hit = np.flatnonzero(marked.any(axis=tuple({0, 1, 2} - {axis})))
        ends.append(slice(int(hit[0]), int(hit[-1]) + 1))
    box: Box = (ends[0], ends[1], ends[2])
    part = look.stored.grid.cropped(box)
    pose, scan = look.seen.pose, look.scan.volume
    if pose is None:
        return Zones(box=box, removed=marked[box], brain=np.zeros(part.shape, bool), brain_known=False)
    brain = find_brain(scan, pose)
    own = brain.to_template if brain.to_own is None else brain.to_own
    inside = carry(Volume(data=own, affine=scan.affine), onto=part, beyond=None) < 0
    return Zones(box=box, removed=marked[box], brain=inside, brain_known=brain.to_own is not None)
