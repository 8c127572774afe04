"""What is worked out in numpy, because it is many times faster there, is what SimpleITK gives."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fivesafes.data.face.itk import (
    FARTHEST,
    Bools,
    Grid,
    Volume,
    carry,
    carry_smooth,
    closed,
    dilated,
    distance,
    from_itk,
    opened,
    sitk,
    to_itk,
)

SHAPE = (23, 31, 19)


def blobs(seed: int) -> Bools:
    """Make a mask of balls and crumbs, some at the border."""
    rng = np.random.default_rng(seed)
    place = np.indices(SHAPE)
    mask = rng.random(SHAPE) < 0.002
    for _ in range(4):
        centre = rng.integers(0, SHAPE).reshape(3, 1, 1, 1)
        mask |= ((place - centre) ** 2).sum(axis=0) < rng.integers(4, 60)
    return mask


SEEDS = st.integers(0, 10_000)


@settings(deadline=None, max_examples=30)
@given(seed=SEEDS)
def test_distance_is_maurer_s_up_to_its_reach(seed: int) -> None:
    """The signed distance is exact as far as it goes, and beyond that says so."""
    mask = blobs(seed)
    theirs = from_itk(sitk.SignedMaurerDistanceMap(to_itk(mask), squaredDistance=False, useImageSpacing=True))
    near = np.abs(theirs) <= FARTHEST
    ours = distance(mask, 1.0)
    np.testing.assert_allclose(ours[near], theirs[near], atol=1e-5)
    assert (np.abs(ours[~near]) == FARTHEST).all()
    assert ((ours > 0) == ~mask).all()
    np.testing.assert_allclose(distance(mask, 2.0), 2 * ours, rtol=1e-6)


@settings(deadline=None, max_examples=30)
@given(seed=SEEDS, radius=st.integers(1, 3))
def test_morphology_is_simpleitk_s(seed: int, radius: int) -> None:
    """Growing, opening and closing take the same balls."""
    mask, ball = blobs(seed), [radius] * 3
    assert (dilated(mask, (radius,) * 3) == (from_itk(sitk.BinaryDilate(to_itk(mask), ball)) > 0)).all()
    assert (closed(mask, radius) == (from_itk(sitk.BinaryMorphologicalClosing(to_itk(mask), ball)) > 0)).all()
    inner = (slice(2 * radius, -2 * radius),) * 3  # at the border SimpleITK opens by a rule of its own
    ours = opened(mask, radius)[inner]
    assert (ours == (from_itk(sitk.BinaryMorphologicalOpening(to_itk(mask), ball)) > 0)[inner]).all()


@pytest.mark.parametrize("steps", [(0.9, 1.0, 0.7), (1.0, 1.0, 5.0), (2.0, 2.0, 2.0), (0.4, 3.0, 1.3)])
def test_what_is_straight_is_carried_exactly_by_fewer_points(steps: tuple[float, float, float]) -> None:
    """Between the points that are looked up, a plane stays a plane, on turned grids too."""
    plane = Volume(data=np.indices((40, 40, 40)).sum(axis=0).astype(np.float32), affine=np.diag([2, 2, 2, 1.0]))
    turn = np.eye(4)
    turn[:2, :2] = np.array([[0.8, -0.6], [0.6, 0.8]])
    affine = turn @ np.diag([*steps, 1.0])
    affine[:3, 3] = (36, 8, 4)
    grid = Grid(shape=(21, 18, 13), affine=affine)
    np.testing.assert_allclose(carry_smooth(plane, onto=grid), carry(plane, onto=grid, beyond=None), atol=1e-3)


def test_a_grid_of_one_voxel_can_be_carried_to() -> None:
    """Nothing is looked up between voxels that are not there."""
    plane = Volume(data=np.ones((5, 5, 5), np.float32), affine=np.eye(4))
    grid = Grid(shape=(1, 1, 1), affine=np.diag([0.5, 0.5, 0.5, 1.0]))
    assert carry_smooth(plane, onto=grid).tolist() == [[[1.0]]]
