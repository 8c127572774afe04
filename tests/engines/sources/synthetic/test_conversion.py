"""dcm2niix reads each series as it reads a real scanner's."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from pydicom import dcmread

from fivesafes.engines.sources.synthetic import Planted
from fivesafes.engines.sources.synthetic.enhanced import six_directions
from fivesafes.engines.sources.synthetic.series import interleaved_times
from fivesafes.engines.sources.synthetic.study import Protocol


def corners(affine: npt.NDArray[np.float64], shape: tuple[int, ...]) -> set[tuple[float, ...]]:
    """Give the corners of an image in RAS mm, however its axes run."""
    ends = [(0, count - 1) for count in shape[:3]]
    indices = np.array([(i, j, k, 1) for i in ends[0] for j in ends[1] for k in ends[2]])
    return {tuple(np.round(corner[:3], 2) + 0.0) for corner in indices @ affine.T}


@pytest.mark.parametrize("role", ["anat", "func", "dwi"])
def test_the_geometry_is_that_of_the_protocol(converted: Mapping[str, list[Any]], role: str) -> None:
    """One image per series, its eight corners where the slices were laid."""
    (image,) = converted[role]
    protocol = Protocol.small()
    grid = {"anat": protocol.anatomical, "func": protocol.functional, "dwi": protocol.diffusion}[role]
    assert corners(image.affine, image.voxels.shape) == corners(grid.affine_ras(), grid.shape[::-1])
    assert sorted(image.voxels.shape[:3]) == sorted(grid.shape)


def test_the_anatomical_scan_is_one_volume_with_the_pixels_of_its_files(
    study: Planted, converted: Mapping[str, list[Any]]
) -> None:
    """No voxel is lost or changed on the way."""
    (image,) = converted["anat"]
    assert image.voxels.ndim == 3
    pixels = np.stack([dcmread(file).pixel_array for file in study.files_of("anat")])
    assert np.array_equal(np.sort(image.voxels, axis=None), np.sort(pixels, axis=None))
    assert image.sidecar["InversionTime"] == pytest.approx(0.9)


def test_the_mosaics_become_a_series_with_slice_timing(converted: Mapping[str, list[Any]]) -> None:
    """Ten volumes; each slice's time as planned; the direction and the length of the read-out for unwarping."""
    (image,) = converted["func"]
    assert image.voxels.shape == (32, 32, 12, 10)
    times = np.array(interleaved_times(12, 2000.0)) / 1000
    assert image.sidecar["SliceTiming"] == pytest.approx(times.tolist())
    assert image.sidecar["RepetitionTime"] == 2
    assert image.sidecar["PhaseEncodingDirection"] in {"j", "j-"}
    assert 0.01 < image.sidecar["TotalReadoutTime"] < 0.1


def test_the_diffusion_scan_has_its_gradients(converted: Mapping[str, list[Any]]) -> None:
    """b-values as planned; the vectors point where the patient's did, in the image's axes (FSL's convention)."""
    (image,) = converted["dwi"]
    assert image.voxels.shape == (48, 48, 12, 7)
    b_values = np.loadtxt(image.path.with_suffix(".bval"))
    vectors = np.loadtxt(image.path.with_suffix(".bvec")).T
    planned = six_directions(1000.0)
    assert b_values.tolist() == [b_value for b_value, _ in planned]
    axes = image.affine[:3, :3] / np.linalg.norm(image.affine[:3, :3], axis=0)
    in_ras = np.array([direction for _, direction in planned]) * (-1, -1, 1)
    expected = in_ras @ axes
    if np.linalg.det(axes) > 0:
        expected[:, 0] *= -1
    np.testing.assert_allclose(vectors, expected, atol=1e-4)


def test_diffusion_takes_signal_away(converted: Mapping[str, list[Any]]) -> None:
    """Each weighted volume is darker than the first."""
    (image,) = converted["dwi"]
    means = image.voxels[image.voxels[..., 0] > 300].mean(axis=0)
    assert (means[1:] < 0.7 * means[0]).all()


def test_the_localizer_looks_in_three_directions(converted: Mapping[str, list[Any]]) -> None:
    """Three images of three slices."""
    assert [image.voxels.shape for image in converted["localizer"]] == [(48, 48, 3)] * 3


def test_interleaved_slices_alternate() -> None:
    """With an even count the second slice is first, and neighbours are half a repetition apart."""
    times = interleaved_times(24, 2000.0)
    assert times[1] == 0
    assert sorted(times)[:2] == [0, times[3]]
    assert all(abs(one - other) > 800 for one, other in pairwise(times))
