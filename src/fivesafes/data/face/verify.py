"""Re-open what was written, and measure on it whether the face is gone, the brain whole and the rest untouched."""

from typing import Final, TypeGuard

import numpy as np
from attrs import asdict, evolve

from fivesafes.core.verdict import Verdict, refuse, review
from fivesafes.data.face.itk import Bools, Volume
from fivesafes.data.face.locate import WEAK, WEAKEST, Pose
from fivesafes.data.face.pack import CORE, FEATURES
from fivesafes.data.face.prepare import Prepared, mean_volume
from fivesafes.data.face.skin import Skin, find_skin, in_reach, share_left
from fivesafes.data.face.stored import Box, Stored, beyond, slabs
from fivesafes.data.face.zones import Zones
from fivesafes.data.model import FaceEvidence, Residual

REACH_MM: Final = 1.3
"""Skin is still there when tissue is left so near to where it was."""

SAME_HEAD: Final = 0.5
"""Mutual information of two images of one head, inside of it, nats: .7 and more in every contrast; a phantom has .07,
and the template, which is another's head, .4 at most."""

FURTHEST_MM: Final = 8.5
"""How far apart two ways to look for a head may put it."""

MOST_IN_CORE: Final = 0.10
MOST_ELSEWHERE: Final = 0.30
FEWEST_ML: Final = 0.2
"""Less skin than this is no part of a face that could be measured."""

SOURCE: Final = "fivesafes defacing, docs/how-to/deface.md"


def seen(pose: Pose | None) -> TypeGuard[Pose]:
    """Tell whether a head was found at all: at once, in another image of the session, or with shading evened out."""
    if pose is None:
        return False
    return pose.beside is not None or pose.evened is not None or pose.mutual_information >= WEAKEST


def judge_pose(pose: Pose | None) -> Verdict:
    """Judge whether a head was found."""
    if not seen(pose):
        why = "no head was found in the image"
        fix = "if it shows a head, deface it with another engine and look at the result"
        return refuse("data.face.no-head", why=why, fix=fix, source=SOURCE)
    if not pose.plausible:
        why = "the head would have an impossible size: the image's voxel size or orientation is wrong, or it is no head"
        fix = "convert it again from DICOM, or deface it with another engine"
        return refuse("data.face.impossible-pose", why=why, fix=fix, source=SOURCE)
    return _doubt(pose)


def _doubt(pose: Pose) -> Verdict:
    """Say why a person must look at a head that was found, or nothing."""
    if pose.evened is not None:
        why = "the head was found only after the coil's strong shading had been evened out"
        return review("data.face.evened", why=why, fix="look at the pictures before it is used", source=SOURCE)
    if pose.beside is not None and pose.beside < SAME_HEAD:
        why = "the head was carried from another image of the session, and whether both show the same is not sure"
        return review("data.face.weak-carry", why=why, fix="look at the pictures before it is used", source=SOURCE)
    if pose.second_mm is not None and pose.second_mm > FURTHEST_MM:
        why = f"two searches put the head {pose.second_mm:.0f} mm apart"
        return review("data.face.two-places", why=why, fix="look at the pictures before it is used", source=SOURCE)
    if pose.beside is None and pose.mutual_information < WEAK:
        why, fix = "the head was found with little certainty", "look at the pictures before it is used"
        return review("data.face.weak-pose", why=why, fix=fix, source=SOURCE)
    return Verdict()


def judge(evidence: FaceEvidence, *, brain_known: bool) -> Verdict:
    """Judge what was measured on the written file; what could not be measured needs a person's eye.

    How alike a face is that was replaced, ``likeness`` judges.
    """
    look = "look at the pictures; if the face is gone and the brain whole, approve it"
    found = []
    if evidence.residual is None and evidence.replaced is None:
        why = "whether skin is left could not be measured (the scan's air is not darker than tissue, or shows no skin)"
        found.append(review("data.face.unmeasured", why=why, fix=look, source=SOURCE))
    elif evidence.residual is not None:
        shares: dict[str, float | None] = asdict(evidence.residual)
        limits = {name: MOST_IN_CORE if name in CORE else MOST_ELSEWHERE for name in FEATURES}
        left = [name for name in FEATURES if (shares[name] or 0.0) > limits[name]]
        if left:
            why = f"too much skin is left: {', '.join(f'{name} {shares[name]:.0%}' for name in left)}"
            found.append(review("data.face.residual", why=why, fix=look, source=SOURCE))
    if evidence.brain_voxels_altered is None:
        why = "no head was found in the image, so it can't be told whether the brain is whole"
        found.append(review("data.face.brain-unmeasured", why=why, fix=look, source=SOURCE))
    elif evidence.brain_voxels_altered:
        why = f"{evidence.brain_voxels_altered} voxels of the brain were altered"
        found.append(review("data.face.brain-cut", why=why, fix=look, source=SOURCE))
    elif not brain_known:
        why = "the brain could not be told from its surroundings, so it was guarded by the template's alone"
        found.append(review("data.face.brain-unknown", why=why, fix=look, source=SOURCE))
    if evidence.outside_voxels_altered:
        why = "voxels outside of the removed zone changed"
        found.append(review("data.face.outside", why=why, fix="report this: it is our bug", source=SOURCE))
    return Verdict.all_of(found)


def measure(
    original: Stored, written: Stored, *, zones: Zones, scan: Prepared, pose: Pose | None, skin: Skin | None
) -> FaceEvidence:
    """Compare the written file with the original, voxel by voxel.

    ``skin``: the original's, indexed within the zones' box; None when it could not be found.  ``pose``: None when no
    head was found; then nothing is said of the brain either.
    """
    changed = changed_voxels(original, written)
    inside = changed[zones.box]
    outside = int(changed.sum()) - int((inside & zones.removed).sum())
    return FaceEvidence(
        mutual_information=None if pose is None else pose.mutual_information,
        carried_mutual_information=None if pose is None else pose.beside,
        evened_mutual_information=None if pose is None else pose.evened,
        second_search_mm=None if pose is None else pose.second_mm,
        residual=residual(written, zones.box, scan=scan, skin=skin),
        brain_voxels_altered=None if pose is None else int((inside & zones.brain).sum()),
        determinant=None if pose is None else pose.determinant,
        scales=None if pose is None else pose.scales,
        mask_ml=float(zones.removed.sum()) * original.grid.voxel_ml,
        outside_voxels_altered=outside + _other_bytes_altered(original, written),
        brain_guard=None if pose is None else "own" if zones.brain_known else "template",
        brain_ml=None if zones.outline is None else zones.outline.ml,
        brain_agreement=None if zones.outline is None else zones.outline.agreement,
    )


def skin_of(original: Stored, box: Box, *, scan: Prepared, pose: Pose, to_surface: Volume | None) -> Skin | None:
    """Find the original's facial skin in a box of it."""
    if to_surface is None:
        return None
    part = original.grid.cropped(box)
    near = in_reach(part, pose)
    first = [inner.start for inner in near]
    there = tissue(original, beyond(near, box), scan)
    skin = find_skin(there, part.cropped(near), to_surface=to_surface, pose=pose)
    return evolve(skin, index=skin.index + first)


def residual(image: Stored, box: Box, *, scan: Prepared, skin: Skin | None) -> Residual | None:
    """Say what share of the original's skin is left in an image, by part; None when there is nothing to measure."""
    if skin is None or not any(ml >= FEWEST_ML for ml in skin.ml.values()):
        return None
    shares = share_left(tissue(image, box, scan), skin, image.grid.steps, REACH_MM)
    return Residual(**{name: shares.get(name) if skin.ml[name] >= FEWEST_ML else None for name in FEATURES})


def tissue(image: Stored, box: Box, scan: Prepared) -> Bools:
    """Mark what is brighter than air, or, where air is as bright, what is not blank."""
    marked = np.empty(image.grid.cropped(box).shape, bool, order="F")
    blank = np.float32(image.blank(scan.background))
    for part, slab in slabs(box):
        mean = mean_volume(image, scan.volumes, slab)
        marked[..., part] = mean > scan.floor + scan.background if scan.dark_air else mean != blank
    return marked


def changed_voxels(one: Stored, other: Stored) -> Bools:
    """Mark voxels whose stored bytes differ in any volume, (I, J, K)."""
    if one.grid.shape != other.grid.shape or one.dtype != other.dtype or one.volumes != other.volumes:
        return np.ones(one.grid.shape, bool)
    bits = np.dtype(f"u{one.dtype.itemsize}")  # as bytes: NaN equals itself, and -0.0 is not 0.0
    changed = np.zeros(one.grid.shape, bool, order="F")
    first, second = one.voxels.view(bits), other.voxels.view(bits)
    for _, slab in slabs(one.grid.whole):
        for volume in range(one.volumes):
            changed[slab] |= first[(*slab, volume)] != second[(*slab, volume)]
    return changed


def _other_bytes_altered(one: Stored, other: Stored) -> int:
    """Count as one voxel any change before the first voxel or after the last."""
    start, end = one.offset, one.offset + one.voxels.nbytes
    first, second = memoryview(one.content), memoryview(other.content)
    return int(first[:start] != second[:start] or first[end:] != second[end:] or one.head != other.head)
