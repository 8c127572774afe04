"""Tell a face that was blurred: its edge against the air is softer than the scalp's.

Blurring is no de-identification: faces were recovered from blurred ones (Abramian and Eklund 2019, arXiv:1810.06455).
"""

from typing import Final

import numpy as np

from fivesafes.data.face.itk import Floats, Volume, listed
from fivesafes.data.face.locate import Pose
from fivesafes.data.face.pack import FEATURES
from fivesafes.data.face.prepare import Prepared
from fivesafes.data.face.skin import features_at

SOFT: Final = {"eyes": 0.45, "nose": 0.35}
"""How steep the edge of a part is at the least, by the scalp's.  In a dozen kinds of image of one head it was .80 and
.62 or more, in heads averaged over people .49 and .38; after a blur of 6 mm (full width at half maximum) .40 and .30,
of 8 mm .29 and .22.  A blur of 4 mm (.58 and .43) is not told."""

NEAR_MM: Final = 2.5
FEWEST: Final = 30


def looks_blurred(scan: Prepared, *, to_surface: Volume, pose: Pose) -> bool:
    """Say whether eyes and nose end more softly than the scalp does.

    ``to_surface``: mm to the head's surface on the prepared grid.  False where there is too little of either to tell.
    """
    steep = _steepest(scan)
    index = listed(np.abs(to_surface.data) < NEAR_MM)
    feature = features_at(index, scan.volume.affine, pose=pose)
    back = np.linalg.inv(pose.affine) @ scan.volume.affine
    above_brows = index @ back[2, :3] + back[2, 3] > 0
    values = steep[tuple(index.T)]
    scalp = values[(feature == 0) & above_brows]
    parts = {name: values[feature == 1 + FEATURES.index(name)] for name in SOFT}
    if min(scalp.size, *(part.size for part in parts.values())) < FEWEST:
        return False
    usual = float(np.median(scalp))
    return all(float(np.median(part)) < SOFT[name] * usual for name, part in parts.items())


def _steepest(scan: Prepared) -> Floats:
    """Give at each voxel the steepest rise of brightness at it or beside it; bright tissue counts as dim as other."""
    data = np.minimum(scan.volume.data, scan.bright / 2)
    squares = np.zeros_like(data)
    for axis in range(3):
        squares += np.gradient(data, axis=axis) ** 2
    for axis in range(3):
        wider = squares.copy(order="K")
        old, new = np.moveaxis(squares, axis, 0), np.moveaxis(wider, axis, 0)
        np.maximum(new[1:], old[:-1], out=new[1:])
        np.maximum(new[:-1], old[1:], out=new[:-1])
        squares = wider
    return np.asarray(np.sqrt(squares))
