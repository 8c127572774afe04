"""Measure what different engines made of one image on one scale: the same skin, the same brain, the whole image."""

from pathlib import Path

import numpy as np
from attrs import frozen

from fivesafes.data.face.cut import Look, look_at
from fivesafes.data.face.itk import Bools, one_thread
from fivesafes.data.face.other import brain_on
from fivesafes.data.face.skin import Skin
from fivesafes.data.face.stored import read_stored
from fivesafes.data.face.verify import changed_voxels, residual, skin_of
from fivesafes.data.model import Residual


@frozen(kw_only=True, eq=False)
class Scale:
    """What is asked of each result: ``skin`` of the original (None when it can't be told from air), and its ``brain``.

    ``brain``: (I, J, K), as it is found in the scan, or the template's where it can't be; None without a head.
    """

    look: Look
    skin: Skin | None
    brain: Bools | None


@frozen(kw_only=True)
class Measured:
    """One result: the share of each part's skin that is left, voxels of the brain that changed, ml that changed."""

    residual: Residual | None
    brain_voxels_altered: int | None
    changed_ml: float


def scale_of(image: Path) -> Scale | None:
    """Look at the original once.  None when no head can be in it.  Raises InvalidInput for no image."""
    with one_thread():
        look = look_at(image)
        if isinstance(look, str):
            return None
        pose = look.seen.pose
        skin = None
        if pose is not None:
            skin = skin_of(
                look.stored, look.stored.grid.whole, scan=look.scan, pose=pose, to_surface=look.seen.to_surface
            )
        brain = brain_on(look, look.stored.grid)
        return Scale(look=look, skin=skin, brain=None if brain is None else brain[0])


def measured(scale: Scale, written: Path) -> Measured:
    """Compare a result with the original.  Raises InvalidInput for no image."""
    result, original = read_stored(written), scale.look.stored
    changed = changed_voxels(original, result)
    return Measured(
        residual=residual(result, original.grid.whole, scan=scale.look.scan, skin=scale.skin),
        brain_voxels_altered=None if scale.brain is None else int(np.count_nonzero(changed & scale.brain)),
        changed_ml=float(changed.sum()) * original.grid.voxel_ml,
    )
