"""Find the skin of a head, and to which part of the face each piece of it belongs."""

from functools import cache
from typing import Final

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from fivesafes.data.face.itk import (
    Affine,
    Bools,
    Grid,
    Volume,
    around,
    carry,
    carry_smooth,
    closed,
    distance,
    filled,
    in_step,
    largest,
    listed,
)
from fivesafes.data.face.locate import Pose
from fivesafes.data.face.pack import FEATURES, template
from fivesafes.data.face.prepare import Prepared

DEEP_MM, HIGH_MM = 2.0, 0.7
"""Skin is what lies so far under the head's surface, and so far above it (the surface is known to 2 mm)."""

TEMPLATE_ML: Final = {"eyes": 11.15, "nose": 11.38, "mouth": 8.46, "chin": 5.0, "ears": 17.42}
"""The template's own skin, as a test counts it anew; its head ends above the chin."""

TEMPLATE_FLOOR: Final = 28.0
SCALP_FROM_BRAIN_MM: Final = 8.0
SCALP_SLACK_MM: Final = 3.0
OUT_OF_VIEW: Final = 1000.0
ASKED_MM: Final = 8.0


@frozen(kw_only=True, eq=False)
class Skin:
    """Voxels of facial skin: ``index`` (N, 3) on a grid, ``feature`` (N,) 1 + the place in FEATURES, ``ml`` by part."""

    index: NDArray[np.intp]
    feature: NDArray[np.uint8]
    ml: dict[str, float]


def surface(scan: Prepared) -> Volume | None:
    """Measure to the head's surface, mm, negative inside.  None when air is not darker than tissue.

    Airways are closed and holes filled: what is behind the skin is not skin.
    """
    if not scan.dark_air:
        return None
    tissue = largest(scan.volume.data > scan.floor)
    if not tissue.any():
        return None
    box, grid = around(tissue, 1), scan.volume.grid
    tissue[box] = filled(closed(tissue[box], 2))
    return Volume(data=distance(tissue, grid.steps[0]), affine=grid.affine)


def find_skin(tissue: Bools, grid: Grid, *, to_surface: Volume, pose: Pose) -> Skin:
    """List the facial skin among ``tissue`` (I, J, K), which lies on ``grid``."""
    found, labels = [], []
    for part, height in carry_smooth(to_surface, onto=grid):
        near = (height >= -DEEP_MM) & (height <= HIGH_MM) & tissue[..., part]
        index = listed(near)
        index[:, 2] += part.start
        label = features_at(index, grid.affine, pose=pose)
        found.append(index[label > 0])
        labels.append(label[label > 0])
    index, label = np.concatenate(found), np.concatenate(labels)
    counts = np.bincount(label, minlength=len(FEATURES) + 1)
    ml = {name: float(counts[number]) * grid.voxel_ml for number, name in enumerate(FEATURES, start=1)}
    return Skin(index=index, feature=label, ml=ml)


def in_reach(grid: Grid, pose: Pose) -> tuple[slice, slice, slice]:
    """Give a box of a grid outside of which no voxel belongs to a part of the face.

    Every few voxels it is asked whether the lowest to the highest, or the hindmost, of all parts could be so near.
    """
    steps = [max(1, int(ASKED_MM / step)) for step in grid.steps]
    ends = [np.append(np.arange(0, size - 1, step), size - 1) for size, step in zip(grid.shape, steps, strict=True)]
    hop = np.linalg.inv(template().affine) @ np.linalg.inv(pose.affine) @ grid.affine
    slack = np.abs(hop[:3, :3]) @ steps + 1
    x, y, z = np.ix_(*ends)
    _, forwards, up = (row[0] * x + row[1] * y + row[2] * z + row[3] for row in hop[:3])
    hindmost, low, high = _ends()
    there = (forwards > hindmost - slack[1]) & (up > low - slack[2]) & (up < high + slack[2])
    asked = zip(ends, around(there, 0), strict=True)
    i, j, k = (slice(int(end[part.start]), int(end[max(part.start, part.stop - 1)]) + 1) for end, part in asked)
    return in_step((i, j, k), grid)


@cache
def _ends() -> tuple[int, int, int]:
    """Give the template's indices of the hindmost, the lowest and the highest voxel of any part of the face."""
    some = template().features > 0
    deep, up = (np.flatnonzero(some.any(axis=axes)) for axes in ((0, 2), (0, 1)))
    return int(deep[0]), int(up[0]), int(up[-1])


def features_at(index: NDArray[np.intp], affine: Affine, *, pose: Pose) -> NDArray[np.uint8]:
    """Look up the part of the face at voxels of a grid: 0 for none, else 1 + the place in FEATURES."""
    pack = template()
    hop = np.linalg.inv(pack.affine) @ np.linalg.inv(pose.affine) @ affine
    place = np.rint(index @ hop[:3, :3].T + hop[:3, 3]).astype(np.intp)
    limits = np.array(pack.grid.shape) - 1
    x, y, z = np.clip(place, 0, limits).T  # the zones go on beyond the template's border
    return np.asarray(pack.features[x, y, z])


def expected_ml(pose: Pose) -> dict[str, float]:
    """Say how much skin an intact head of this size would show in each part, ml."""
    larger = abs(pose.determinant) ** (2 / 3)  # skin is an area, counted in a layer of fixed depth
    return {name: ml * larger for name, ml in TEMPLATE_ML.items()}


def share_left(tissue: Bools, skin: Skin, steps: tuple[float, float, float], reach_mm: float) -> dict[str, float]:
    """Say of each part what share of its skin voxels still has tissue within ``reach_mm``.

    ``tissue``: (I, J, K) on the skin's grid, of the defaced image.  Parts without skin are left out.
    """
    near = _any_within(tissue, skin.index, steps, reach_mm)
    counts = np.bincount(skin.feature, minlength=len(FEATURES) + 1)
    kept = np.bincount(skin.feature, weights=near, minlength=len(FEATURES) + 1)
    return {
        name: float(kept[number] / counts[number]) for number, name in enumerate(FEATURES, start=1) if counts[number]
    }


def _any_within(
    tissue: Bools, index: NDArray[np.intp], steps: tuple[float, float, float], reach_mm: float
) -> NDArray[np.bool_]:
    """Look around each place for tissue, up to ``reach_mm`` from it."""
    reach = [int(reach_mm / step) for step in steps]
    ranges = [np.arange(-far, far + 1) for far in reach]
    around = np.array(np.meshgrid(*ranges, indexing="ij")).reshape(3, -1).T
    around = around[np.linalg.norm(around * np.array(steps), axis=1) <= reach_mm]
    found = np.zeros(len(index), bool)
    limits = np.array(tissue.shape) - 1
    for offset in around:
        x, y, z = np.clip(index + offset, 0, limits).T
        found |= tissue[x, y, z]
    return found


def scalp_cover(to_surface: Volume, pose: Pose) -> float:
    """Say what share of the template's scalp, above the brows, lies under this head's surface (0 to 1).

    Near 1 for a head whose scalp is seen; near 0 for a brain without its skull, or where fat was suppressed to black.
    What lies outside of the scan's field of view does not count.
    """
    pack = template()
    height = carry(to_surface, onto=pack.grid, through=pose.affine, beyond=OUT_OF_VIEW)
    z = pack.affine[2, 3] + pack.grid.steps[2] * np.arange(pack.grid.shape[2])
    scalp = (pack.head.data > TEMPLATE_FLOOR) & (pack.to_brain > SCALP_FROM_BRAIN_MM) & (z > 0)
    seen = scalp & (height < OUT_OF_VIEW)
    return float((height[seen] < SCALP_SLACK_MM).mean()) if seen.any() else 0.0
