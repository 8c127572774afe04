"""The features that make a face somebody's: solids laid over the mean head, each a little different per person.

Everything is a *depth*: millimetres below the skin, positive inside, and roughly right near the surface.  Coordinates
are RAS millimetres of the template pack (mid-sagittal plane at x = 0).
"""

import numpy as np
import numpy.typing as npt
from attrs import asdict, frozen

Array = npt.NDArray[np.float32]
Point = tuple[float, float, float]

FAR_OUTSIDE = -50.0
_MARGIN = 14.0  # mm around a solid where it still bends its neighbours


@frozen(kw_only=True)
class Features:
    """How one face differs from the mean, in mm: positive is longer, wider, fuller or lower; 0 is the mean."""

    nose_length: float = 0.0
    nose_width: float = 0.0
    nose_drop: float = 0.0
    brow: float = 0.0
    eye_gap: float = 0.0
    cheek: float = 0.0
    lips: float = 0.0
    mouth_width: float = 0.0
    chin_forward: float = 0.0
    chin_width: float = 0.0
    chin_drop: float = 0.0
    jaw_width: float = 0.0
    neck: float = 0.0


_SPREAD = Features(
    nose_length=2.6,
    nose_width=1.6,
    nose_drop=2.0,
    brow=1.2,
    eye_gap=1.5,
    cheek=2.2,
    lips=0.9,
    mouth_width=2.5,
    chin_forward=3.5,
    chin_width=3.0,
    chin_drop=3.0,
    jaw_width=3.5,
    neck=4.0,
)
"""One standard deviation of each feature; wide, so that two made-up people are easily told apart."""


def drawn_features(rng: np.random.Generator) -> Features:
    """Draw a face: each feature normal, cut at two standard deviations."""
    spread = asdict(_SPREAD)
    return Features(**{name: float(np.clip(rng.standard_normal(), -2, 2) * sd) for name, sd in spread.items()})


def smooth_union(one: Array, other: Array, *, blend: float) -> Array:
    """Join two depths so that the seam is rounded over ``blend`` mm."""
    share = np.clip(0.5 + 0.5 * (one - other) / blend, 0, 1)
    return np.asarray(other + (one - other) * share + blend * share * (1 - share), dtype=np.float32)


@frozen(kw_only=True)
class Block:
    """A block of voxels to sculpt in: coordinates of each axis (RAS, mm, rising) and the depth, indexed [z, y, x]."""

    x: Array
    y: Array
    z: Array
    depth: Array

    @classmethod
    def empty(cls, *, x: Array, y: Array, z: Array) -> "Block":
        """Start with nothing in it."""
        depth = np.full((len(z), len(y), len(x)), FAR_OUTSIDE, np.float32)
        return cls(x=x, y=y, z=z, depth=depth)

    def _near(self, low: Point, high: Point) -> tuple[slice, slice, slice]:
        spans = []
        for axis, least, most in zip((self.z, self.y, self.x), low[::-1], high[::-1], strict=True):
            first, last = np.searchsorted(axis, (least - _MARGIN, most + _MARGIN))
            spans.append(slice(int(first), int(last)))
        return spans[0], spans[1], spans[2]

    def _from(self, span: tuple[slice, slice, slice], origin: Point) -> tuple[Array, Array, Array]:
        return (
            self.x[span[2]][None, None, :] - np.float32(origin[0]),
            self.y[span[1]][None, :, None] - np.float32(origin[1]),
            self.z[span[0]][:, None, None] - np.float32(origin[2]),
        )

    def ellipsoid(self, centre: Point, radii: Point, *, blend: float) -> None:
        """Add an ellipsoid."""
        low = tuple(np.subtract(centre, radii))
        high = tuple(np.add(centre, radii))
        span = self._near((low[0], low[1], low[2]), (high[0], high[1], high[2]))
        x, y, z = self._from(span, centre)
        far = np.sqrt((x / radii[0]) ** 2 + (y / radii[1]) ** 2 + (z / radii[2]) ** 2)
        self.depth[span] = smooth_union(self.depth[span], (1 - far) * min(radii), blend=blend)

    def rod(self, start: Point, end: Point, *, radii: tuple[float, float], blend: float) -> None:
        """Add a rod with round ends whose radius runs from the first to the second value."""
        wide = max(radii)
        low, high = np.minimum(start, end) - wide, np.maximum(start, end) + wide
        span = self._near((low[0], low[1], low[2]), (high[0], high[1], high[2]))
        x, y, z = self._from(span, start)
        way = np.subtract(end, start).astype(np.float32)
        along = np.clip((x * way[0] + y * way[1] + z * way[2]) / (way @ way), 0, 1)
        off = np.sqrt((x - along * way[0]) ** 2 + (y - along * way[1]) ** 2 + (z - along * way[2]) ** 2)
        depth = radii[0] + (radii[1] - radii[0]) * along - off
        self.depth[span] = smooth_union(self.depth[span], depth.astype(np.float32), blend=blend)


def sculpt_face(block: Block, features: Features) -> None:
    """Add nose, eyes, brows, cheeks, lips, chin, jaw and neck."""
    _nose(block, features)
    _mouth(block, features)
    _chin_and_neck(block, features)
    for side in (-1.0, 1.0):
        _side(block, features, side)


def _nose(block: Block, face: Features) -> None:
    tip = (0.0, 116 + face.nose_length, -65 - face.nose_drop)
    block.rod((0, 91, -28), tip, radii=(6 + face.nose_width / 4, 6.5 + face.nose_width / 3), blend=6)
    block.ellipsoid(tip, (8.5 + face.nose_width / 2, 8, 7), blend=4)
    for side in (-1.0, 1.0):
        wing = (side * (10 + face.nose_width), tip[1] - 9, tip[2] - 3)
        block.ellipsoid(wing, (6.5, 9, 6.5), blend=4)


def _mouth(block: Block, face: Features) -> None:
    block.ellipsoid((0, 62, -98), (36, 38, 36), blend=8)
    for side in (-1.0, 1.0):
        reach = side * (22 + face.mouth_width)
        block.rod((0, 107 + face.lips / 2, -92), (reach, 93, -96), radii=(4 + face.lips, 2.5), blend=4)
        block.rod((0, 105 + face.lips / 2, -102), (reach, 92, -99.5), radii=(4.5 + face.lips, 2.5), blend=4)


def _chin_and_neck(block: Block, face: Features) -> None:
    chin = (0.0, 92 + face.chin_forward, -127 - face.chin_drop)
    block.ellipsoid(chin, (19 + face.chin_width, 12, 13), blend=8)
    block.rod((0, 30, -112), (0, 78, -124 - face.chin_drop), radii=(30, 18), blend=12)
    block.rod((0, -22, -100), (0, -36, -200), radii=(60 + face.neck, 60 + face.neck), blend=14)


def _side(block: Block, face: Features, side: float) -> None:
    block.ellipsoid((side * (31 + face.eye_gap), 77, -35), (12.5, 12, 10), blend=4)
    brow = 95 + face.brow
    block.rod((side * 12, brow, -17), (side * 40, brow - 13, -15), radii=(6, 4), blend=9)
    block.ellipsoid((side * (36 + face.cheek / 2), 70 + face.cheek, -64), (18, 15, 16), blend=12)
    block.ellipsoid((side * (34 + face.jaw_width / 2), 56, -98), (24, 24, 28), blend=12)
    gonion = (side * (54 + face.jaw_width), 14.0, -96.0)
    chin = (side * (14 + face.chin_width), 84 + face.chin_forward, -128 - face.chin_drop)
    block.rod(gonion, chin, radii=(11, 12), blend=14)
