"""Carry a head from the image of a session that shows it best to the others.

A T1w shows where a face is; a functional series, an angiogram or a map without dark air hardly does, and yet they show
the same head, shifted and turned a little since.  So it is found once, and what was found (pose, surface, brain) moves
along with a rigid registration of the two images.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain, islice
from pathlib import Path
from typing import Final

import numpy as np
from attrs import evolve, frozen

from fivesafes.core.errors import InvalidInput
from fivesafes.data.face.brain import Brain, find_brain
from fivesafes.data.face.climb import Level, Stage, turning
from fivesafes.data.face.cut import Look, look_at
from fivesafes.data.face.examine import NO_SKIN, Examined, seen_with
from fivesafes.data.face.itk import IDENTITY, Affine, Bools, Grid, Volume, carry, one_thread
from fivesafes.data.face.locate import INNER_MM, RIM_MM, STIFF, Pose, mutual_information
from fivesafes.data.face.pack import template
from fivesafes.data.face.prepare import Prepared, prepare, unfit
from fivesafes.data.face.stored import read_stored
from fivesafes.data.face.verify import judge_pose

STAGES: Final = (
    Stage(shrink=4, samples=12_000, steps=30, first=8.0, last=0.3, moves=turning),
    Stage(shrink=2, samples=30_000, steps=60, first=3.0, last=0.05, relax=0.7, moves=turning),
    Stage(shrink=1, samples=60_000, steps=30, first=1.0, last=0.02, relax=0.7, moves=turning),
)
LIKE: Final = 0.35
"""The same, nats: with less, the two images have nothing in common."""

SEEN: Final = 0.3
"""With the template, nats: from an image that shows a head less well it is not carried."""

SURELY_IN_VIEW: Final = ("eyes", "nose")
"""Parts of a face that hardly a scan of a head leaves out; mouth and chin are often cut off."""

PHASE: Final = re.compile(r"_part-(?:phase|real|imag)(?=_)")
SAME_GRID: Final = 1e-3
TRIED: Final = 3
BESIDE_MM: Final = 6.0
OUT_OF_VIEW_MM: Final = 99.0
CONTRASTS: Final = ("_T1w.", "_UNIT1.", "_T2w.", "_FLAIR.", "_PDw.")
"""BIDS suffixes, those that show a head best first."""


@frozen(kw_only=True, eq=False)
class Head:
    """A head as the best image shows it.

    ``around``, ``inside``: on its 2 mm grid, what moves as one, with and without a rim of air.
    """

    scan: Prepared
    seen: Examined
    pose: Pose
    brain: Brain
    around: Bools
    inside: Bools


def best_of(images: Sequence[Path]) -> Path | None:
    """Choose the image of a session that shows the head best; None when none shows it well enough to be carried.

    A T1w before other contrasts, one volume before a series, fine voxels before coarse ones; but of the first three
    that show a head, one with a face: a slab or a defaced image tells less.  A file that is no image is passed over:
    whoever defaces it will say so.
    """
    ranked = sorted((rank, image) for image in images if (rank := _rank(image)) is not None)
    heads = ((image, head) for _, image in ranked if len(images) > 1 and (head := _head_in(image)))
    first = list(islice(heads, 1))
    whole = (image for image, head in chain(first, islice(heads, TRIED - 1)) if _shows_face(head))
    return next(whole, first[0][0] if first else None)


def shows_head(image: Path) -> bool:
    """Tell whether an image shows a head and its skin well enough to be carried.  Raises InvalidInput for no image."""
    head = _head_in(image)
    return head is not None and head.seen.to_surface is not None


def look_beside(image: Path, best: Path) -> Look | str:
    """Look at an image with what ``best`` shows of the same head; by itself, when they do not show the same one.

    A phase image shows noise for air and hardly a head: it is laid where the magnitude of the same echo is.  Raises
    InvalidInput when a file is no image.
    """
    head = _head_in(best)
    if head is None or image.resolve() == best.resolve():
        return look_at(image)
    stored = read_stored(image)
    scan = prepare(stored) if unfit(stored) is None else None
    magnitude = _magnitude_of(image, stored.grid)
    shown = scan if magnitude is None else prepare(read_stored(magnitude))
    move = None if shown is None else _moved(head, shown.volume)
    if scan is None or shown is None or move is None:
        return _alone(image, head)
    pose = _carried_pose(head, shown.volume, move)
    if judge_pose(pose).findings:
        alone = _alone(image, head)
        if isinstance(alone, str) or _found_at_once(alone.seen.pose) or _unlike(pose):
            return alone
    return Look(
        path=image,
        stored=stored,
        scan=scan,
        seen=seen_with(scan, pose, surface_elsewhere=lambda: _carried(_whole_surface(head), scan, move)),
        brain=_carried_brain(head, scan, pose, move),
        face_elsewhere=_shows_face(head) and _face_in_view(scan, pose),
        by_magnitude=magnitude is not None,
    )


def _magnitude_of(image: Path, grid: Grid) -> Path | None:
    """Find the magnitude of the echo that a phase image is of: beside it, by BIDS's names, on the same grid."""
    named = [PHASE.sub(part, image.name) for part in ("_part-mag", "")] if PHASE.search(image.name) else []
    for other in (image.with_name(name) for name in named):
        try:
            there = read_stored(other).grid if other.is_file() else None
        except InvalidInput:  # who defaces it will say so
            continue
        if there is not None and there.shape == grid.shape and np.allclose(there.affine, grid.affine, atol=SAME_GRID):
            return other
    return None


def _alone(image: Path, head: Head) -> Look | str:
    """Look at an image by itself, but for what is known from another: that the person has a face."""
    look = look_at(image)
    if isinstance(look, str) or look.seen.pose is None:
        return look
    return evolve(look, face_elsewhere=_shows_face(head) and _face_in_view(look.scan, look.seen.pose))


def _rank(image: Path) -> tuple[int, int, float, str] | None:
    """Sort by contrast, number of volumes, and the voxels' longest side; None for no image."""
    try:
        stored = read_stored(image)
    except InvalidInput:
        return None
    contrast = next((place for place, name in enumerate(CONTRASTS) if name in image.name), len(CONTRASTS))
    return contrast, stored.volumes, max(stored.grid.steps), image.name


def _head_in(image: Path) -> Head | None:
    stamp = image.stat()
    with one_thread():
        return _head(image.resolve(), stamp.st_mtime_ns, stamp.st_size)


@lru_cache(maxsize=1)
def _head(image: Path, _changed: int, _size: int) -> Head | None:
    """Find the head in an image; None when it is not found for sure.  One is remembered: a session asks many times."""
    look = look_at(image)
    if isinstance(look, str):
        return None
    pose = look.seen.pose
    if pose is None or pose.mutual_information < SEEN or judge_pose(pose).findings or look.seen.brain_alone:
        return None
    pack, grid, back = template(), look.scan.volume.grid, np.linalg.inv(pose.affine)
    to_head = carry(Volume(data=pack.to_head, affine=pack.affine), onto=grid, through=back, beyond=OUT_OF_VIEW_MM)
    heights = (pack.affine[2, 3] + pack.grid.steps[2] * np.arange(pack.grid.shape[2])).astype(np.float32)
    height = Volume(data=np.broadcast_to(heights, pack.grid.shape), affine=pack.affine)
    stiff = carry(height, onto=grid, through=back, beyond=STIFF - 1) > STIFF
    return Head(
        scan=look.scan,
        seen=look.seen,
        pose=pose,
        brain=find_brain(look.scan.volume, pose),
        around=(to_head <= RIM_MM) & stiff,
        inside=(to_head <= -INNER_MM) & stiff,
    )


def _moved(head: Head, scan: Volume) -> Affine | None:
    """Register rigidly, from where the scanner says that both are; None when they do not overlap."""
    move = IDENTITY
    for stage in STAGES:
        reached = Level(head.scan.volume, scan, head.around, stage).climb(move)
        if reached is None:
            return None
        move = reached[1]
    return move


def _carried_pose(head: Head, scan: Volume, move: Affine) -> Pose:
    pack = template()
    affine, inner = move @ head.pose.affine, pack.to_head <= -INNER_MM
    still = Volume(data=pack.head.data * (pack.to_head <= 0), affine=pack.affine)
    return Pose(
        affine=affine,
        mutual_information=mutual_information(scan, still, affine, inner),
        beside=mutual_information(scan, head.scan.volume, move, head.inside),
    )


def _found_at_once(pose: Pose | None) -> bool:
    """Tell whether an image shows its head by itself better than by what was carried there."""
    return not judge_pose(pose).refuses and pose is not None and pose.evened is None


def _unlike(pose: Pose) -> bool:
    return pose.beside is None or pose.beside < LIKE or not pose.plausible


def _whole_surface(head: Head) -> Volume | None:
    """Give the surface of the best image where it has a face: a defaced one would tell that there is none in others."""
    return head.seen.to_surface if _shows_face(head) else None


def _face_in_view(scan: Prepared, pose: Pose) -> bool:
    """Tell whether a part of the face lies where the scan has voxels, or just beside."""
    pack = template()
    points = np.argwhere(pack.features > 0) @ pack.affine[:3, :3].T + pack.affine[:3, 3]
    to_voxels = np.linalg.inv(scan.volume.affine) @ pose.affine
    voxels = points @ to_voxels[:3, :3].T + to_voxels[:3, 3]
    beside = BESIDE_MM / np.array(scan.volume.grid.steps)
    ends = np.array(scan.volume.data.shape) - 1
    return bool(((voxels >= -beside) & (voxels <= ends + beside)).all(axis=1).any())


def _shows_face(head: Head) -> bool:
    return all(head.seen.shares.get(part, 0.0) >= NO_SKIN for part in SURELY_IN_VIEW)


def _carried(field: Volume | None, scan: Prepared, move: Affine) -> Volume | None:
    """Bring what was measured on the best image's grid to this one's."""
    if field is None:
        return None
    data = carry(field, onto=scan.volume.grid, through=np.linalg.inv(move), beyond=None)
    return Volume(data=data, affine=scan.volume.affine)


def _carried_brain(head: Head, scan: Prepared, pose: Pose, move: Affine) -> Brain:
    """Take as this person's brain what either image shows of it."""
    here = find_brain(scan.volume, pose)
    if head.brain.to_own is None:
        return here
    there = _carried(Volume(data=head.brain.to_own, affine=head.scan.volume.affine), scan, move)
    assert there is not None  # noqa: S101 - a field was given
    return evolve(here, to_own=there.data if here.to_own is None else np.minimum(there.data, here.to_own))
