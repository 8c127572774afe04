"""Of the series of a session one shows the head best, and the others are looked at beside it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.heads.dicoms import Sliced, sliced, write_classic

from fivesafes.data.face.dicom.best import Best, best_series
from fivesafes.data.face.dicom.gather import Series, gather
from fivesafes.data.face.dicom.series import deface_series
from fivesafes.data.face.itk import one_thread
from fivesafes.data.model import FaceMode, FaceStatus
from fivesafes.engines.defacers.embedded import EmbeddedDefacer

Head = Mapping[str, NDArray[Any]]


@pytest.fixture(scope="module")
def session(synthetic_head: Head, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Series]:
    """Write the head as it is, and as MP2RAGE's uniform image, whose air is as bright as anything."""
    folder, data = tmp_path_factory.mktemp("session"), synthetic_head["data"]
    share = np.clip(data / 30, 0, 1) ** 2
    salt = share * data + (1 - share) * np.random.default_rng(5).uniform(1, 250, data.shape)
    for name, numbers in (("a-uniform", salt), ("b-plain", data)):
        (folder / name).mkdir()
        write_classic(sliced(np.rint(numbers * 4), synthetic_head["affine"], plane="sagittal"), folder / name)
    return {name: gather(folder / name).series[0] for name in ("a-uniform", "b-plain")}


@pytest.fixture(scope="module")
def best(session: dict[str, Series], tmp_path_factory: pytest.TempPathFactory) -> Best:
    """Choose."""
    with one_thread():
        found = best_series(list(session.values()), tmp_path_factory.mktemp("scratch"))
    assert found is not None
    return found


def test_the_one_that_shows_skin_is_chosen(session: dict[str, Series], best: Best) -> None:
    """Both have one volume and the same voxels, and the other came first."""
    assert best.series is session["b-plain"]
    assert best.twin.exists()


def test_what_a_series_can_t_show_the_best_of_the_session_does(
    session: dict[str, Series], best: Best, tmp_path: Path
) -> None:
    """Alone nobody can say whether skin is left; carried it is measured, and the slices are released."""
    answers = []
    for name, beside in (("alone", None), ("carried", best.twin)):
        into = tmp_path / name
        into.mkdir()
        one = session["a-uniform"]
        answers.append(
            deface_series(one, into=into, defacer=EmbeddedDefacer(), mode=FaceMode.REMOVE, beside=beside).defaced
        )
    alone, carried = answers
    assert (alone.status, alone.evidence.residual) == (FaceStatus.NEEDS_REVIEW, None)
    assert carried.status is FaceStatus.DEFACED, carried.why
    assert carried.evidence.carried_mutual_information is not None
    assert (carried.evidence.brain_voxels_altered, carried.evidence.outside_voxels_altered) == (0, 0)


def test_where_none_shows_a_head_none_is_chosen(tmp_path: Path) -> None:
    """Slices that slope, and no folder of twins is left."""
    data, along = np.tile(np.arange(40.0), (10, 30, 1)), (np.array([1.0, 0, 0]), np.array([0, 1.0, 0]))
    positions = np.array([[0.0, -100.0, 5.0 * number] for number in range(10)])
    scans, scratch = tmp_path / "scans", tmp_path / "scratch"
    scans.mkdir()
    scratch.mkdir()
    write_classic(Sliced(data=data, positions=positions, along=along, pixel=(5.0, 5.0)), scans)
    assert best_series(gather(scans).series, scratch) is None
    assert not list(scratch.iterdir())
