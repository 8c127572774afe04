"""Is a face still in here?  Answered of any image, without its original."""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Final

import numpy as np
from attrs import evolve, field, frozen

from fivesafes.data.face.examine import NO_SKIN, SCALP_SEEN, Examined, examine
from fivesafes.data.face.itk import one_thread
from fivesafes.data.face.likeness import at_points
from fivesafes.data.face.locate import WEAK
from fivesafes.data.face.pack import CORE, FEATURES, template
from fivesafes.data.face.prepare import prepare, unfit
from fivesafes.data.face.stored import Stored, read_stored
from fivesafes.data.face.verify import FURTHEST_MM
from fivesafes.data.face.verify import seen as head_seen
from fivesafes.data.face.volumes import judge_volumes

FACE: Final = 0.35
"""Of the skin an intact head shows in eyes, nose or mouth: with more than this somebody could be recognised."""


ON_SKIN_MM: Final = 1.0
MOST_POINTS: Final = 90
NEXT_TO_NOTHING_MM: Final = 2.0
"""Nine tenths of the points on a replaced face are nearer to the mean one's than this; on the one real face: 5.3 mm."""


class Presence(StrEnum):
    """Whether an image shows a face."""

    PRESENT = "present"
    ABSENT = "absent"
    UNKNOWN = "unknown"


@frozen(kw_only=True)
class FacePresence:
    """The answer for one image.

    ``skin``: per part (eyes, nose, mouth, chin, ears) the skin seen by the skin an intact head of that size would show:
    about 1 in an intact head, 0 where nothing is left; empty when it could not be measured.  ``mutual_information``:
    how surely a head was found, nats (by what is small in the brain, where it was seen only with a coil's shading
    evened out), None when it was not looked for.  ``mean_face``: whether what is seen is the template's own face, to a
    millimetre or two: nobody's, as refacing puts it there.
    """

    state: Presence
    why: str
    skin: Mapping[str, float] = field(factory=dict)
    mutual_information: float | None = None
    mean_face: bool = False


def face_present(path: Path) -> FacePresence:
    """Look for a face in a .nii or .nii.gz image.  Raises InvalidInput when the file is none."""
    return face_in(read_stored(path))


def face_in(stored: Stored) -> FacePresence:
    """Look for a face in an image.

    What is not sure is ``unknown``: no head found, air as bright as tissue, too few slices, or some of a face left.
    """
    why = unfit(stored)
    if why is not None:
        return FacePresence(state=Presence.UNKNOWN, why=why)
    with one_thread():
        scan = prepare(stored)
        if scan is None:
            return FacePresence(state=Presence.ABSENT, why="nothing is seen in the image: all voxels are alike")
        answer = _answer(seen := examine(scan))
        others = judge_volumes(stored, scan, seen.pose)
    if answer.state is Presence.ABSENT and others.findings:
        return evolve(answer, state=Presence.UNKNOWN, why="; ".join(one.why for one in others.findings))
    return answer


def _answer(seen: Examined) -> FacePresence:
    """Judge what was seen."""
    state, why = _judged(seen)
    told = None if seen.pose is None else seen.pose.evened or seen.pose.mutual_information
    nobodys = state is Presence.PRESENT and _mean_face(seen)
    more = "; it is the mean head's, so it may have been replaced" if nobodys else ""
    return FacePresence(state=state, why=why + more, skin=seen.shares, mutual_information=told, mean_face=nobodys)


def _mean_face(seen: Examined) -> bool:
    """Tell the mean head's own face: eyes, nose and mouth stand out from it by next to nothing."""
    pack = template()
    if seen.pose is None or seen.to_surface is None:
        return False
    core = np.isin(pack.features, [1 + FEATURES.index(name) for name in CORE])
    index = np.argwhere(core & (np.abs(pack.to_shell) < ON_SKIN_MM))
    points = index @ pack.affine[:3, :3].T + pack.affine[:3, 3]
    relief = at_points(seen.to_surface, points, through=seen.pose.affine) - pack.to_shell[tuple(index.T)]
    return bool(np.percentile(np.abs(relief - np.median(relief)), MOST_POINTS) < NEXT_TO_NOTHING_MM)


def _judged(seen: Examined) -> tuple[Presence, str]:
    """Say what was seen and why it is called that."""
    pose = seen.pose
    if seen.brain_alone:
        return Presence.ABSENT, "a brain without its skull"
    if not head_seen(pose) or not pose.plausible:
        return Presence.UNKNOWN, "no head was found in the image"
    if seen.to_surface is None:
        return Presence.UNKNOWN, "the scan's air is as bright as tissue, so skin can't be seen in it"
    left = [part for part in CORE if seen.shares[part] > FACE]
    if left:
        soft = "; it looks blurred, which can be undone" if seen.blurred else ""
        return Presence.PRESENT, f"skin is seen where these are: {', '.join(left)}{soft}"
    none = all(seen.shares[part] < NO_SKIN for part in CORE)
    unsure = pose.evened is not None or pose.mutual_information < WEAK or (pose.second_mm or 0.0) > FURTHEST_MM
    if not none or seen.scalp < SCALP_SEEN or unsure:
        return Presence.UNKNOWN, "no whole face is seen, but it is not sure that all of it is gone"
    others = [part for part, share in seen.shares.items() if part not in CORE and share > FACE]
    more = f"; still there: {', '.join(others)}" if others else ""
    return Presence.ABSENT, f"no skin of eyes, nose or mouth is left{more}"
