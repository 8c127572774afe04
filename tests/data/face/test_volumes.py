"""A series' volumes that show the head elsewhere than its first are told; those that only look otherwise are not."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.heads.dicoms import How, sliced, write_enhanced
from tests.heads.frontal import one_series

from fivesafes.core.verdict import Gravity, Verdict
from fivesafes.data.face.deface import deface_image
from fivesafes.data.face.dicom.series import deface_series
from fivesafes.data.face.dicom.stack import Stack, lay_stack
from fivesafes.data.face.dicom.twin import each_volume, write_twin
from fivesafes.data.face.examine import examine
from fivesafes.data.face.itk import one_thread
from fivesafes.data.face.prepare import prepare
from fivesafes.data.face.present import Presence, face_present
from fivesafes.data.face.stored import read_stored
from fivesafes.data.face.volumes import judge_volumes
from fivesafes.data.model import FaceMode, FaceStatus
from fivesafes.engines.defacers.embedded import EmbeddedDefacer

Head = Mapping[str, NDArray[Any]]
Change = Callable[[NDArray[Any]], NDArray[Any]]


def back(data: NDArray[Any], voxels: int) -> NDArray[Any]:
    """Let the head lie further back by voxels of 2 mm."""
    return np.roll(data, -voxels, axis=1)


def judged(path: Path) -> Verdict:
    """Judge the volumes of an image."""
    stored = read_stored(path)
    scan = prepare(stored)
    assert scan is not None
    with one_thread():
        return judge_volumes(stored, scan, examine(scan).pose)


def series(head: Head, write_image: Callable[..., Path], name: str, *changes: Change) -> Path:
    """Write the head nine times, and then as it was changed."""
    volumes = [head["data"]] * 9 + [change(head["data"]) for change in changes]
    data = np.stack([np.rint(volume * 4) for volume in volumes], axis=-1)
    return write_image(f"{name}_bold.nii.gz", data.astype(np.int16), head["affine"])


ELSEWHERE: dict[str, Change] = {
    "16 mm further back": lambda data: back(data, 8),
    "16 mm further in front": lambda data: back(data, -8),
    "looking back": lambda data: data[:, ::-1],
    "looking back, and dim": lambda data: data[:, ::-1] * 0.5,
    "upside down": lambda data: data[:, :, ::-1],
}
IN_PLACE: dict[str, Change] = {
    "4 mm further back": lambda data: back(data, 2),
    "dim": lambda data: data * 0.3,
    "noisy": lambda data: np.abs(data + np.random.default_rng(2).normal(0, 20, data.shape)),
    "in another contrast": lambda data: np.where(data > 20, 255 - data * 0.6, data),
    "nothing but noise": lambda data: np.random.default_rng(3).rayleigh(3, data.shape),
    "empty": np.zeros_like,
    "one bright number": lambda data: np.full_like(data, 250),
}


@pytest.mark.parametrize("name", ELSEWHERE)
def test_a_volume_that_shows_the_head_elsewhere_is_told(
    name: str, synthetic_head: Head, write_image: Callable[..., Path]
) -> None:
    """It is the tenth: nobody would look at it."""
    (finding,) = judged(series(synthetic_head, write_image, name.replace(" ", ""), ELSEWHERE[name])).findings
    assert finding.gravity is Gravity.REVIEW
    assert "1 of 10 volumes (10)" in finding.why


def test_volumes_that_only_look_otherwise_are_not_told(synthetic_head: Head, write_image: Callable[..., Path]) -> None:
    """Diffusion weighting, echoes and a little movement are in every series."""
    assert not judged(series(synthetic_head, write_image, "in-place", *IN_PLACE.values())).findings


def test_such_a_series_is_held_and_check_does_not_call_it_faceless(
    synthetic_head: Head, write_image: Callable[..., Path], tmp_path: Path
) -> None:
    """Its tenth volume shows the face where nothing was removed."""
    answer = deface_image(
        series(synthetic_head, write_image, "held", lambda data: data[:, ::-1]), into=tmp_path, mode=FaceMode.REMOVE
    )
    assert answer.status is FaceStatus.NEEDS_REVIEW
    assert "volumes (10)" in answer.why
    assert answer.image is not None
    assert face_present(answer.image).state is Presence.UNKNOWN


@pytest.mark.parametrize(("shift", "status"), [(2, FaceStatus.DEFACED), (9, FaceStatus.NEEDS_REVIEW)])
def test_the_volumes_of_a_dicom_series_are_looked_at_too(
    shift: int, status: FaceStatus, synthetic_head: Head, tmp_path: Path
) -> None:
    """The slices of every volume are cut by the first ones' zone."""
    affine = synthetic_head["affine"]
    first, last = (
        sliced(np.rint(data * 4), affine, plane="axial")
        for data in (synthetic_head["data"], back(synthetic_head["data"], shift))
    )
    write_enhanced([first, first, last], tmp_path / "in" / "a.dcm", How(stored=16))
    into = tmp_path / "out"
    into.mkdir()
    done = deface_series(one_series(tmp_path / "in"), into=into, defacer=EmbeddedDefacer(), mode=FaceMode.REMOVE)
    assert done.defaced.status is status, done.defaced.why


@pytest.mark.parametrize(("empty", "number"), [(1, 1000), (9, 0)])
def test_empty_volumes_before_the_others_are_passed_over(
    empty: int, number: int, synthetic_head: Head, write_image: Callable[..., Path], tmp_path: Path
) -> None:
    """However bright they are and however many."""
    head = np.rint(synthetic_head["data"] * 4).astype(np.int16)
    volumes = np.stack([np.full_like(head, number)] * empty + [head] * 2, axis=-1)
    done = deface_image(
        write_image("late_bold.nii.gz", volumes, synthetic_head["affine"]), into=tmp_path / "out", mode=FaceMode.REMOVE
    )
    assert done.status is FaceStatus.DEFACED, done.why
    assert done.image is not None
    assert done.mask is not None
    assert not (read_stored(done.image).voxels[..., -1][read_stored(done.mask).voxels[..., 0] > 0]).any()


@pytest.mark.parametrize(("empty", "number"), [(1, 1000), (9, 0)])
def test_empty_volumes_of_a_dicom_series_are_passed_over_too(
    empty: int, number: int, synthetic_head: Head, tmp_path: Path
) -> None:
    """Its image is made of those that show something, and they are what the others are compared with."""
    head, affine = np.rint(synthetic_head["data"][::4, ::4, ::4] * 4), synthetic_head["affine"] @ np.diag([4, 4, 4, 1])
    volumes = [np.full_like(head, number)] * empty + [head] * 2
    stacks = [sliced(one, affine, plane="axial", pixel=8.0, apart=8.0) for one in volumes]
    write_enhanced(stacks, tmp_path / "a.dcm", How(stored=16))
    series = one_series(tmp_path)
    stack = lay_stack(series)
    assert isinstance(stack, Stack)
    assert each_volume(series, stack).first == empty
    write_twin(series, stack, tmp_path / "twin.nii")
    shown, wanted = read_stored(tmp_path / "twin.nii").real(0), np.rint(stacks[-1].data)
    assert np.array_equal(np.sort(shown, axis=None), np.sort(wanted, axis=None))
