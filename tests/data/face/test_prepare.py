"""Any image of a head becomes comparable, and what can't hold one is told apart."""

import struct
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fivesafes.data.face.deface import deface_image
from fivesafes.data.face.locate import _rotation
from fivesafes.data.face.prepare import _binned_mean, binned, bright_volumes, mean_volume, prepare, ras_grid, unfit
from fivesafes.data.face.present import Presence, face_present
from fivesafes.data.face.render import before_after
from fivesafes.data.face.stored import Stored, read_stored
from fivesafes.data.model import FaceMode, FaceStatus

nib: Any = nibabel


def stored_of(data: NDArray[Any], affine: NDArray[Any], folder: Path) -> Stored:
    """Write and read an image."""
    nib.save(nib.Nifti1Image(data, affine), folder / "x.nii")
    return read_stored(folder / "x.nii")


def blob(shape: tuple[int, int, int], affine: NDArray[Any], centre: NDArray[Any]) -> NDArray[np.float32]:
    """Draw a soft ball of 12 mm about a place in RAS mm."""
    index = np.indices(shape).reshape(3, -1)
    far = np.linalg.norm((affine[:3, :3] @ index + affine[:3, 3:]) - centre[:, None], axis=0)
    return np.asarray(1000 * np.exp(-((far / 12) ** 2)), dtype=np.float32).reshape(shape)


@settings(max_examples=15, deadline=None)
@given(
    angles=st.tuples(*[st.floats(-3, 3)] * 3),
    steps=st.tuples(*[st.floats(0.7, 4)] * 3),
    order=st.permutations([0, 1, 2]),
)
def test_what_lies_somewhere_stays_there(
    tmp_path_factory: pytest.TempPathFactory,
    angles: tuple[float, float, float],
    steps: tuple[float, float, float],
    order: list[int],
) -> None:
    """Whatever the axes and voxel sizes, a ball keeps its place in the world within half a millimetre."""
    affine = np.eye(4)
    affine[:3, :3] = (_rotation(*angles) @ np.diag(steps))[:, order]
    shape = tuple(int(96 / steps[axis]) for axis in order)
    affine[:3, 3] = np.array([10, -20, 30]) - affine[:3, :3] @ (np.array(shape) / 2)
    centre = np.array([14.0, -12.0, 27.0])
    data = blob((shape[0], shape[1], shape[2]), affine, centre)
    scan = prepare(stored_of(data, affine, tmp_path_factory.mktemp("ball")))
    assert scan is not None
    weights = scan.volume.data.astype(np.float64) ** 2
    index = np.indices(weights.shape).reshape(3, -1)
    place = scan.volume.affine[:3, :3] @ (index @ weights.ravel() / weights.sum()) + scan.volume.affine[:3, 3]
    assert np.linalg.norm(place - centre) < 0.6


def test_padding_below_zero_becomes_air(tmp_path: Path) -> None:
    """Air of -1024 is shifted to 0, and told, so that the fill can be what the air was."""
    data = blob((40, 40, 40), np.diag([2, 2, 2, 1.0]), np.array([40.0, 40, 40]))
    scan = prepare(stored_of((data - 1024).astype(np.int16), np.diag([2, 2, 2, 1.0]), tmp_path))
    assert scan is not None
    assert scan.background == -1024
    assert scan.volume.data.min() == 0
    assert scan.dark_air


def test_what_is_no_number_counts_as_air(tmp_path: Path) -> None:
    """NaN and infinity neither spread nor shine."""
    data = blob((40, 40, 40), np.diag([2, 2, 2, 1.0]), np.array([40.0, 40, 40]))
    data[:5], data[5:7] = np.nan, np.inf
    scan = prepare(stored_of(data, np.diag([2, 2, 2, 1.0]), tmp_path))
    assert scan is not None
    assert np.isfinite(scan.volume.data).all()


def test_a_series_counts_by_its_first_volumes(tmp_path: Path) -> None:
    """Later volumes of a diffusion series show less of the head; they are not asked."""
    data = np.repeat(blob((40, 40, 40), np.diag([2, 2, 2, 1.0]), np.array([40.0, 40, 40]))[..., None], 9, axis=3)
    data[..., 4:] = 0
    scan = prepare(stored_of(data, np.diag([2, 2, 2, 1.0]), tmp_path))
    assert scan is not None
    assert scan.volume.data.max() == pytest.approx(scan.bright)


def test_of_a_diffusion_series_the_volumes_without_weighting_count(tmp_path: Path) -> None:
    """They are the bright ones, wherever among the first they stand."""
    head = blob((40, 40, 40), np.diag([2, 2, 2, 1.0]), np.array([40.0, 40, 40]))
    data = np.stack([head / 3, head, head / 3, head * 0.95, head / 4], axis=3)
    stored = stored_of(data, np.diag([2, 2, 2, 1.0]), tmp_path)
    assert bright_volumes(stored) == (1, 3)
    assert mean_volume(stored, (1, 3)).max() == pytest.approx(0.975 * head.max(), rel=0.01)


@pytest.mark.parametrize("value", [0, 7, -1024])
def test_nothing_stands_out_from_nothing(tmp_path: Path, value: int) -> None:
    """An image of one value shows nothing."""
    assert prepare(stored_of(np.full((30, 30, 30), value, np.int16), np.diag([2, 2, 2, 1.0]), tmp_path)) is None


@pytest.mark.parametrize(
    ("shape", "step", "told"),
    [
        ((200, 200, 1), 1.0, "too few slices"),
        ((200, 200, 6), 5.0, "too few slices"),
        ((64, 64, 12), 3.0, "too few slices"),
        ((64, 64, 64), 50.0, "larger than any head"),
    ],
)
def test_an_image_of_the_wrong_size_is_told(
    tmp_path: Path, shape: tuple[int, int, int], step: float, told: str
) -> None:
    """Single slices, thin slabs and voxels of five centimetres hold no head."""
    why = unfit(stored_of(np.ones(shape, np.int16), np.diag([step, step, step, 1.0]), tmp_path))
    assert why is not None
    assert told in why


def test_the_new_grid_covers_the_whole_of_the_old(tmp_path: Path) -> None:
    """No corner of an oblique image is lost."""
    affine = np.eye(4)
    affine[:3, :3] = _rotation(0.4, 0.2, -0.3)
    stored = stored_of(np.ones((30, 40, 50), np.int16), affine, tmp_path)
    grid = ras_grid(stored.grid)
    corner = np.linalg.inv(grid.affine) @ affine @ np.array([29, 39, 49, 1])
    assert (corner[:3] >= -1e-6).all()
    assert (corner[:3] <= np.array(grid.shape)).all()


@pytest.mark.parametrize(
    ("kind", "factor", "slope", "intercept"),
    [
        ("i2", 1, 1e30, 0),
        ("i2", 1, 3e38, 0),
        ("i2", 1, 1e-30, 0),
        ("i2", 1, 1e-40, 0),
        ("i2", 1, 1, 1e20),
        ("i2", 1, 1, 1e9),
        ("u1", 0.2, -1e30, 1e30),
        ("f4", 1e30, 1, 0),
        ("f4", 1e-30, 1, 0),
        ("f8", 1e60, 1, 0),
        ("f8", 1e290, 1e38, 0),
    ],
)
def test_numbers_that_no_scan_has_are_told_without_reckoning(
    tmp_path: Path, kind: str, factor: float, slope: float, intercept: float
) -> None:
    """They would overflow (a warning is an error here), or make all voxels alike, as if no face were there."""
    head = blob((40, 40, 40), np.diag([2, 2, 2, 1.0]), np.array([40.0, 40, 40]))
    image = nib.Nifti1Image((head.astype(np.float64) * factor).astype(kind), np.diag([2, 2, 2, 1.0]))
    image.header.set_slope_inter(1, 0)
    nib.save(image, tmp_path / "a.nii")
    content = bytearray((tmp_path / "a.nii").read_bytes())
    content[112:120] = struct.pack("<ff", slope, intercept)
    (tmp_path / "a.nii").write_bytes(content)
    assert "can't be right" in (unfit(read_stored(tmp_path / "a.nii")) or "")
    assert face_present(tmp_path / "a.nii").state is Presence.UNKNOWN
    assert deface_image(tmp_path / "a.nii", into=tmp_path / "out", mode=FaceMode.REMOVE).status is FaceStatus.REFUSED
    assert before_after(tmp_path / "a.nii", None, None) == ()


@pytest.mark.parametrize("factor", [1e-12, 1.0, 1e12])
def test_numbers_of_any_unit_are_reckoned_with(tmp_path: Path, factor: float) -> None:
    """As a map in metres and seconds; what is no number is no matter."""
    head = blob((40, 40, 40), np.diag([2, 2, 2, 1.0]), np.array([40.0, 40, 40])) * factor
    head[:3], head[3:5], head[5:6] = np.nan, np.inf, -np.inf
    stored = stored_of(head.astype(np.float32), np.diag([2, 2, 2, 1.0]), tmp_path)
    assert unfit(stored) is None
    assert prepare(stored) is not None
    assert unfit(stored_of(np.full((40, 40, 40), 7, np.int16), np.diag([2, 2, 2, 1.0]), tmp_path)) is None


@pytest.mark.parametrize("steps", [(1.0, 1.0, 1.0), (0.7, 0.7, 0.7), (1.0, 1.0, 5.0), (0.9, 2.0, 0.5)])
@pytest.mark.parametrize("count", [1, 31, 32, 33, 50, 97])
def test_a_slab_at_a_time_gives_the_same_bytes(steps: tuple[float, float, float], count: int, tmp_path: Path) -> None:
    """Whatever does not fill a slab, or a block at the end; in the same order in memory, which sums depend on."""
    data = np.random.default_rng(count).normal(size=(13, 12, count, 2)).astype(np.float32)
    stored = stored_of(data, np.diag([*steps, 1.0]), tmp_path)
    whole, affine = binned(mean_volume(stored, (0, 1)), stored.grid.affine)
    slabs, same = _binned_mean(stored, (0, 1))
    assert slabs.tobytes("A") == whole.tobytes("A")
    assert slabs.strides == whole.strides
    assert np.array_equal(affine, same)
