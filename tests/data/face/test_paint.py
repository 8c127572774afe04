"""What a scan's own brightness is learned from does not depend on how its numbers lie in memory."""

import numpy as np

from fivesafes.data.face.itk import Grid
from fivesafes.data.face.paint import _mapped
from fivesafes.data.face.shell import Coarse


def test_brightness_is_learned_in_whatever_order_numbers_lie() -> None:
    """A series whose last slices make no whole block gives them the other way round."""
    rng = np.random.default_rng(6)
    value, bright = (rng.uniform(size=(24, 26, 28)).astype(np.float32, order="F") for _ in range(2))
    grid = Grid(shape=(24, 26, 28), affine=np.diag([2.0, 2.0, 2.0, 1.0]))
    where = Coarse(box=grid.whole, grid=grid, factors=(1, 1, 1), kept=value, depth=value)
    told = np.flatnonzero(bright.T > 0.4)
    one, other = (_mapped(np.array(value, order=order), bright, told, where) for order in ("F", "C"))
    assert np.allclose(one, other, atol=1e-6)
