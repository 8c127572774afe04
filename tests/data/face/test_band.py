"""At a zone's rim what is outside goes on."""

import numpy as np

from fivesafes.data.face.band import Band, _beside


def test_neighbours_are_found_in_the_lists_that_hold_them() -> None:
    """One after another, ahead by each step and then behind; a neighbour in none stands behind their end."""
    voxels, rim = np.array([2, 3, 6, 12], np.int32), np.array([1, 7], np.int32)
    ahead, far_ahead, behind, far_behind = _beside(voxels, rim, [np.int32(1), np.int32(4)]).tolist()
    assert (ahead, behind) == ([1, 6, 5, 6], [4, 0, 6, 6])
    assert (far_ahead, far_behind) == ([2, 5, 6, 6], [6, 6, 0, 6])
    assert (_beside(voxels[:0], rim, [np.int32(1)])).shape == (2, 0)


def test_what_is_outside_goes_on_and_is_lost() -> None:
    """Each voxel of a row takes the mean of its neighbours; five of six are nowhere, and nothing is there."""
    voxels, rim = np.array([1, 2], np.int32), np.array([0], np.int32)
    beside = _beside(voxels, rim, [np.int32(1), np.int32(100), np.int32(1000)])
    band = Band(voxels=voxels, rim=rim, beside=beside)
    known = np.array([36.0], np.float32)
    assert band.smooth(known, 1).tolist() == [6, 0]
    assert band.smooth(known, 2).tolist() == [6, 1]
