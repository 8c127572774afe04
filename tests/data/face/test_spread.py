"""What is known at some voxels is carried to all of them, as far as it reaches."""

import numpy as np
import pytest

from fivesafes.data.face.itk import Grid, from_itk, sitk, to_itk
from fivesafes.data.face.spread import smoothed, spread_from


@pytest.mark.parametrize("reach", [1.0, 4.0, 30.0])
def test_a_blur_is_that_of_the_filter_it_was_made_from(reach: float) -> None:
    """To the last bit but a few, in each direction and at the ends."""
    data = np.asfortranarray(np.random.default_rng(5).normal(size=(12, 9, 7)).astype(np.float32))
    grid = Grid(shape=(12, 9, 7), affine=np.diag([1.0, 2.0, 3.0, 1.0]))
    image = to_itk(data)
    image.SetSpacing([1.0, 2.0, 3.0])
    assert np.allclose(smoothed(data, grid, reach), from_itk(sitk.SmoothingRecursiveGaussian(image, reach)), atol=1e-6)


def test_near_what_is_known_it_stands_and_far_away_what_is_nearest() -> None:
    """Two ends of a row that hold 1 and 3: each goes on about itself."""
    weight = np.zeros((60, 8, 8), np.float32, order="F")
    weight[:6] = weight[-6:] = 1
    values = np.where(np.arange(60)[:, None, None] < 30, np.float32(1), np.float32(3)) + 0 * weight
    grid = Grid(shape=(60, 8, 8), affine=np.eye(4))
    found = spread_from(weight, grid, (20.0, 4.0, 2.0)).of(values)
    assert np.allclose(found[:10], 1, atol=0.05)
    assert np.allclose(found[-10:], 3, atol=0.05)
