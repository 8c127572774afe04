"""How alike is a face that was replaced to the original's?  Measured on the written file, against the mean face."""

from typing import Final

import numpy as np
from attrs import asdict, evolve
from numpy.typing import NDArray

from fivesafes.core.verdict import Verdict, review
from fivesafes.data.face.itk import IDENTITY, Affine, Bools, Floats, Grid, Volume, largest, opened
from fivesafes.data.face.locate import Pose
from fivesafes.data.face.pack import CORE, FEATURES, template
from fivesafes.data.face.prepare import Prepared, mean_volume, prepare
from fivesafes.data.face.skin import Skin, surface
from fivesafes.data.face.stored import Stored
from fivesafes.data.face.verify import FEWEST_ML, REACH_MM, SOURCE
from fivesafes.data.face.zones import Zones
from fivesafes.data.model import Replaced, Residual

ON_SURFACE_MM: Final = 0.7
"""Of the original's skin those voxels are compared that lie so near to its surface."""

ANYWHERE_MM: Final = 6.5
ASIDE: Final = 4
"""Voxels by which the original is moved to see how often numbers are equal by chance."""

THICKER_MM: Final = 2.0
"""By so much, at most, a skin seems to lie further out than it was painted: voxels are partly filled, air has noise."""

BAND: Final = 5
"""Voxels beside the border whose steps are compared with those across it."""

FEWEST: Final = 50
THIN: Final = 3
"""Each third row, both ways, is followed across the border."""

PART: Final = 100_000
SPARSE: Final = 7
"""Each seventh voxel is asked whether it is equal."""

MORE_THAN_PLAIN: Final = 0.15
"""By so much the new skin may run nearer to the original's than the mean face does, or than chance has it."""

LOOKALIKE: Final = 0.50
"""Where so much of eyes, nose and mouth together is near, the mean face itself is this person's."""

MOST_RELIEF: Final = 0.25
MORE_EQUAL: Final = 0.03
STEEPEST: Final = 1.6
MOST_DETACHED_ML: Final = 0.5


def likeness(
    original: Stored, written: Stored, zones: Zones, *, scan: Prepared, pose: Pose, skin: Skin, to_surface: Volume
) -> Replaced | None:
    """Compare the face in the written image with the original's.  None when no surface is seen in the written image.

    ``skin``: the original's, indexed within the zones' box; ``to_surface``: mm to the original's surface.
    """
    again = prepare(written)
    if again is None:
        return None
    again = evolve(again, floor=scan.floor)
    now = surface(again)
    if now is None:
        return None
    part = original.grid.cropped(zones.box)
    points = skin.index @ part.affine[:3, :3].T + part.affine[:3, 3]
    on = np.abs(at_points(to_surface, points)) <= ON_SURFACE_MM
    points, feature = points[on], skin.feature[on]
    pack = template()
    mean = Volume(data=pack.to_shell, affine=pack.affine)
    off, plain = (
        at_points(now, points),
        at_points(mean, points, through=np.linalg.inv(pose.affine)) * np.float32(pose.scale),
    )
    core = np.isin(feature, [1 + FEATURES.index(name) for name in CORE]) & (np.abs(plain) < 10)  # noqa: PLR2004 - mm
    alike, kept = _relief(plain[core], (plain - off)[core])
    thicker = float(np.clip(np.median((off - plain)[core]), -THICKER_MM, THICKER_MM)) if core.any() else 0.0
    equal, by_chance = _equal(original, written, zones, scan)
    return Replaced(
        coincidence=_shares(np.abs(off) <= REACH_MM, feature, skin),
        plain=_shares(np.abs(plain + thicker) <= REACH_MM, feature, skin),
        by_chance=_shares((np.abs(off) <= ANYWHERE_MM) * (REACH_MM / ANYWHERE_MM), feature, skin),
        relief_correlation=alike,
        relief_kept=kept,
        equal_voxels=equal,
        equal_by_chance=by_chance,
        seam=_seam(written, zones, scan),
        detached_ml=_detached(again, original.grid, zones),
    )


def judge_likeness(replaced: Replaced) -> Verdict:
    """Judge whether the new face could tell who the old one was, and whether it was painted well."""
    look = "look at the pictures; if in doubt remove the face instead (--mode remove)"
    found = []
    near: dict[str, float | None] = asdict(replaced.coincidence)
    least = {name: _largest(name, replaced.plain, replaced.by_chance) for name in FEATURES}
    close = [name for name in CORE if (near[name] or 0.0) > least[name] + MORE_THAN_PLAIN]
    known = [share for name in CORE if (share := near[name]) is not None]
    if known and sum(known) / len(known) > LOOKALIKE:
        close = list(CORE)
    if close:
        why = (
            f"the new face runs where the original did: {', '.join(f'{name} {near[name] or 0:.0%}' for name in close)}"
        )
        found.append(review("data.face.lookalike", why=why, fix=look, source=SOURCE))
    if replaced.relief_kept > MOST_RELIEF:
        why = f"{replaced.relief_kept:.0%} of what stood out in the original stands out in the new face"
        found.append(review("data.face.relief", why=why, fix=look, source=SOURCE))
    if replaced.equal_voxels > 1.5 * replaced.equal_by_chance + MORE_EQUAL:
        why = f"{replaced.equal_voxels:.0%} of the new face's voxels have the original's numbers"
        found.append(review("data.face.shines-through", why=why, fix="report this: it is our bug", source=SOURCE))
    if (replaced.seam or 0.0) > STEEPEST or replaced.detached_ml > MOST_DETACHED_ML:
        why = "the new face does not go over into the head, or something floats before it"
        found.append(review("data.face.seam", why=why, fix=look, source=SOURCE))
    return Verdict.all_of(found)


def _largest(name: str, *measured: Residual) -> float:
    return max(asdict(one)[name] or 0.0 for one in measured)


def _shares(values: NDArray[np.floating] | Bools, feature: NDArray[np.uint8], skin: Skin) -> Residual:
    """Average over the points of each part; None where the original shows none of it."""
    counts = np.bincount(feature, minlength=len(FEATURES) + 1)
    sums = np.bincount(feature, weights=values, minlength=len(FEATURES) + 1)
    known = {name: skin.ml[name] >= FEWEST_ML and counts[number] > 0 for number, name in enumerate(FEATURES, start=1)}
    return Residual(
        **{
            name: round(float(sums[number] / counts[number]), 4) if known[name] else None
            for number, name in enumerate(FEATURES, start=1)
        }
    )


def _relief(before: Floats, after: Floats) -> tuple[float, float]:
    """Correlate two reliefs over the mean face, mm, and say what share of the first is in the second."""
    if before.size < FEWEST or not before.std() or not after.std():
        return 0.0, 0.0
    alike = float(np.corrcoef(before, after)[0, 1])
    return round(alike, 4), round(max(0.0, alike * float(after.std() / before.std())), 4)


def _equal(original: Stored, written: Stored, zones: Zones, scan: Prepared) -> tuple[float, float]:
    """Say how many of the zone's voxels with tissue hold the original's number, and how many would by chance."""
    one, other = (image.voxels[..., 0].T.reshape(-1) for image in (original, written))
    strides = np.array([1, original.grid.shape[0], original.grid.shape[0] * original.grid.shape[1]])
    first = sum(part.start * stride for part, stride in zip(zones.box, strides, strict=True))
    places = np.flatnonzero(zones.removed.T.reshape(-1)[::SPARSE]) * SPARSE
    dark = (scan.floor + scan.background - original.intercept) / original.slope
    ways = [(axis, way * ASIDE) for axis in range(3) for way in (-1, 1)]
    counted, equal = 0, np.zeros(1 + len(ways))
    for start in range(0, places.size, PART):
        index = np.unravel_index(places[start : start + PART], zones.removed.T.shape)[::-1]
        at = first + sum(place * stride for place, stride in zip(index, strides, strict=True))
        shown = np.flatnonzero((one[at] > dark) | (other[at] > dark))
        at, there, counted = at[shown], other[at[shown]], counted + shown.size
        equal[0] += np.count_nonzero(one[at] == there)
        for number, (axis, way) in enumerate(ways, start=1):
            place = index[axis][shown]
            moved = np.clip(place + way, 0, zones.removed.shape[axis] - 1) - place
            equal[number] += np.count_nonzero(one[at + moved * strides[axis]] == there)
    if counted < FEWEST:
        return 0.0, 0.0
    return round(float(equal[0] / counted), 4), round(float(np.mean(equal[1:] / counted)), 4)


def _seam(written: Stored, zones: Zones, scan: Prepared) -> float | None:
    """Divide the usual step from outside into the zone by the usual steps just outside, where both sides are tissue."""
    over, usual = [], []
    for axis in range(3):
        some = [slice(part.start, part.stop, 1 if at == axis else THIN) for at, part in enumerate(zones.box)]
        values = mean_volume(written, scan.volumes, (some[0], some[1], some[2])) - np.float32(scan.background)
        for way in (-1, 1):
            rows = _rows_across(values, zones.removed, axis, way)
            rows = rows[:, (rows > scan.floor).all(axis=0)]
            over.append(np.abs(rows[0] - rows[1]))
            usual.append(np.abs(np.diff(rows[1:], axis=0)).ravel())
    across, beside = np.concatenate(over), np.concatenate(usual)
    if across.size < FEWEST or not np.median(beside):
        return None
    return round(float(np.median(across) / np.median(beside)), 3)


def _rows_across(values: Floats, zone: Bools, axis: int, way: int) -> Floats:
    """List values along rows that cross the border one way, (BAND, N): one voxel of the zone, then those outside.

    ``values``: of each row along the axis that is followed.
    """
    inside = np.moveaxis(zone, axis, 0)[::way, ::THIN, ::THIN]
    outside = np.moveaxis(values, axis, 0)[::way]
    first, *others = np.nonzero(inside[: 1 - BAND] & ~inside[1 : 2 - BAND])
    clear = ~np.any([inside[(first + far, *others)] for far in range(2, BAND)], axis=0)
    first, *others = first[clear], *(other[clear] for other in others)
    return np.stack([outside[(first + far, *others)] for far in range(BAND)])


def _detached(again: Prepared, grid: Grid, zones: Zones) -> float:
    """Measure what in the zone is tissue, but in no way joined to the head, ml."""
    head = opened(again.volume.data > again.floor, 1)
    index = np.argwhere(head & ~largest(head))
    hop = np.linalg.inv(grid.affine) @ again.volume.affine
    place = np.rint(index @ hop[:3, :3].T + hop[:3, 3]).astype(np.intp) - [part.start for part in zones.box]
    place = place[((place >= 0) & (place < zones.removed.shape)).all(axis=1)]
    return round(float(zones.removed[tuple(place.T)].sum()) * again.volume.grid.voxel_ml, 3)


def at_points(volume: Volume, points: Affine, through: Affine = IDENTITY) -> Floats:
    """Interpolate linearly at points (N, 3), RAS mm; beyond the border its values go on."""
    hop = np.linalg.inv(volume.affine) @ through
    limits = np.array(volume.data.shape) - 1
    place = np.clip(points @ hop[:3, :3].T + hop[:3, 3], 0, limits)
    low = np.minimum(place.astype(np.intp), np.maximum(limits - 1, 0))
    share = (place - low).astype(np.float32)
    found = np.zeros(len(points), np.float32)
    for corner in np.ndindex(2, 2, 2):
        x, y, z = (part if far else 1 - part for part, far in zip(share.T, corner, strict=True))
        found += x * y * z * volume.data[tuple(np.minimum(low + corner, limits).T)]
    return found
