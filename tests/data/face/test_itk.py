"""What is worked out in numpy, because it is many times faster there, is what SimpleITK gives."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_info, threadpool_limits

from fivesafes.data.face.itk import (
    FARTHEST,
    Bools,
    Grid,
    Volume,
    above,
    carry,
    carry_smooth,
    closed,
    dilated,
    distance,
    filled,
    from_itk,
    in_step,
    one_thread,
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


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_holes_are_those_without_a_way_out(seed: int) -> None:
    """A way leads over faces; the border is outside."""
    mask = np.random.default_rng(seed).random(SHAPE) < 0.7
    assert np.array_equal(filled(mask), from_itk(sitk.BinaryFillhole(to_itk(mask))) > 0)
    assert filled(mask).sum() > mask.sum()
    assert not filled(np.zeros(SHAPE, bool)).any()
    assert filled(np.ones(SHAPE, bool)).all()


@settings(max_examples=20, deadline=None)
@given(
    radius=st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(0, 4)),
    seed=st.integers(0, 10_000),
    lay=st.sampled_from([np.ascontiguousarray, np.asfortranarray]),
)
def test_an_ellipsoid_grows_around_each_voxel(
    radius: tuple[int, int, int], seed: int, lay: Callable[[Bools], Bools]
) -> None:
    """Of any radii, however the mask lies in memory."""
    mask = lay(np.random.default_rng(seed).random(SHAPE) < 0.01)
    expected = np.zeros([size + 2 * far for size, far in zip(SHAPE, radius, strict=True)], bool)
    place = np.indices([2 * far + 1 for far in radius]).reshape(3, -1).T
    ball = place[(((place - radius) / (np.array(radius) + 0.5)) ** 2).sum(axis=1) <= 1]
    for x, y, z in ball:
        expected[x : x + SHAPE[0], y : y + SHAPE[1], z : z + SHAPE[2]] |= mask
    inner = tuple(slice(far, far + size) for far, size in zip(radius, SHAPE, strict=True))
    assert np.array_equal(dilated(mask, radius), expected[inner])


@pytest.mark.parametrize("thick", [13, 32, 33, 34, 48, 49, 65])
@pytest.mark.parametrize("steps", [(0.9, 1.0, 0.7), (1.0, 1.0, 5.0), (2.0, 2.0, 2.0), (0.4, 3.0, 1.3)])
def test_what_is_straight_is_carried_exactly_by_fewer_points(steps: tuple[float, float, float], thick: int) -> None:
    """Between the points that are looked up, a plane stays a plane, on turned grids too."""
    plane = Volume(data=np.indices((40, 40, 170)).sum(axis=0).astype(np.float32), affine=np.diag([2, 2, 2, 1.0]))
    turn = np.eye(4)
    turn[:2, :2] = np.array([[0.8, -0.6], [0.6, 0.8]])
    affine = turn @ np.diag([*steps, 1.0])
    affine[:3, 3] = (36, 8, 4)
    grid = Grid(shape=(21, 18, thick), affine=affine)
    carried = carry(plane, onto=grid, beyond=None)
    slabs = list(carry_smooth(plane, onto=grid))
    whole = np.concatenate([slab for _, slab in slabs], axis=2)
    np.testing.assert_allclose(whole, carried, atol=1e-3)
    assert [part.stop for part, _ in slabs] == [*(part.start for part, _ in slabs[1:]), thick]
    assert np.array_equal(above(plane, 40.37, onto=grid), whole > 40.37)


@pytest.mark.parametrize("steps", [(0.9, 1.0, 0.7), (1.0, 1.0, 5.0), (0.4, 3.0, 1.3)])
def test_a_box_in_step_shows_what_the_whole_does(steps: tuple[float, float, float]) -> None:
    """What bends is looked up at the same points, wherever the box begins."""
    data = np.random.default_rng(2).normal(size=(40, 40, 40)).astype(np.float32)
    bent, grid = (
        Volume(data=data, affine=np.diag([2, 2, 2, 1.0])),
        Grid(shape=(41, 38, 50), affine=np.diag([*steps, 1])),
    )
    box = in_step((slice(3, 30), slice(5, 38), slice(7, 45)), grid)
    assert all(part.start <= wanted for part, wanted in zip(box, (3, 5, 7), strict=True))
    assert np.array_equal(above(bent, 0.1, onto=grid)[box], above(bent, 0.1, onto=grid.cropped(box)))


def test_a_grid_of_one_voxel_can_be_carried_to() -> None:
    """Nothing is looked up between voxels that are not there."""
    plane = Volume(data=np.ones((5, 5, 5), np.float32), affine=np.eye(4))
    grid = Grid(shape=(1, 1, 1), affine=np.diag([0.5, 0.5, 0.5, 1.0]))
    ((_, slab),) = carry_smooth(plane, onto=grid)
    assert slab.tolist() == [[[1.0]]]


def test_within_one_thread_products_have_one_too() -> None:
    """Numpy's products add up in as many parts as there are threads; afterwards they have as many as before."""

    def threads() -> set[int]:
        return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}

    with threadpool_limits(2, user_api="blas"):
        before = threads()
        assert before
        with one_thread():
            assert threads() == {1}
        assert threads() == before
