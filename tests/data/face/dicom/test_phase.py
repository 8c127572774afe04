"""A phase series shows hardly a head: it is cut where the magnitude of the same scan, told by headers, shows it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from attrs import evolve
from numpy.typing import NDArray
from pydicom import Dataset, dcmread
from tests.heads.dicoms import ROOT, How, sliced, write_classic, write_enhanced

from fivesafes.data.face.dicom.best import best_series
from fivesafes.data.face.dicom.gather import Series, gather
from fivesafes.data.face.dicom.magnitude import magnitude_of
from fivesafes.data.face.dicom.series import deface_series
from fivesafes.data.face.itk import one_thread
from fivesafes.data.face.stored import read_stored
from fivesafes.data.model import FaceMode, FaceStatus
from fivesafes.engines.defacers.embedded import EmbeddedDefacer

Head = Mapping[str, NDArray[Any]]
T1 = How(number=1)
MAGNITUDE = How(number=4, kind=("ORIGINAL", "PRIMARY", "M", "ND"))
PHASE = How(number=5, kind=("ORIGINAL", "PRIMARY", "P", "ND"))


def phase_of(head: Head) -> NDArray[np.float64]:
    """Make a phase that turns through the head, and is noise in the air."""
    data = head["data"]
    turns = np.indices(data.shape).sum(axis=0) / 9.0 + data / 300
    air = np.random.default_rng(3).uniform(0, 2 * np.pi, data.shape)
    return np.asarray(np.rint(np.where(data > 30, turns % (2 * np.pi), air) / np.pi * 2047))


@pytest.fixture(scope="module")
def session(synthetic_head: Head, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Series]:
    """Write a T1w, and magnitude and phase of another contrast, the head a little moved between."""
    folder, affine = tmp_path_factory.mktemp("session"), synthetic_head["affine"].copy()
    moved = affine.copy()
    moved[:3, 3] += (3.0, -2.0, 4.0)
    echo = evolve(MAGNITUDE, number=6, change=lambda dataset, _: setattr(dataset, "EchoTime", "20"))
    scans = (
        ("t1", synthetic_head["data"] * 4, affine, T1),
        ("magnitude", np.sqrt(synthetic_head["data"]) * 40, moved, MAGNITUDE),
        ("other-echo", np.sqrt(synthetic_head["data"]) * 30, moved, echo),
        ("phase", phase_of(synthetic_head), moved, PHASE),
    )
    for name, data, place, how in scans:
        write_classic(sliced(np.rint(data), place, plane="sagittal"), folder / name, how)
    return {name: gather(folder / name).series[0] for name, *_ in scans}


def test_a_phase_series_is_cut_where_its_magnitude_shows_the_head(
    session: dict[str, Series], synthetic_head: Head, tmp_path: Path
) -> None:
    """Nothing in it tells whether that is so: a person must look, and the slices don't say that the face is gone."""
    (tmp_path / "scratch").mkdir()
    with one_thread():
        best = best_series(list(session.values()), tmp_path / "scratch")
    assert best is not None
    phase, magnitude = session["phase"], magnitude_of(session["phase"], list(session.values()))
    assert magnitude is session["magnitude"]
    answers = []
    for name, told in (("alone", None), ("told", magnitude)):
        (tmp_path / name).mkdir()
        answers.append(
            deface_series(
                phase,
                into=tmp_path / name,
                defacer=EmbeddedDefacer(),
                mode=FaceMode.REMOVE,
                beside=best.twin,
                magnitude=told,
            ).defaced
        )
    alone, cut = answers
    assert alone.status is FaceStatus.REFUSED
    assert cut.status is FaceStatus.NEEDS_REVIEW, cut.why
    assert "magnitude" in cut.why
    assert (cut.evidence.brain_voxels_altered, cut.evidence.outside_voxels_altered) == (0, 0)
    assert cut.mask is not None
    assert cut.image is not None
    assert "RecognizableVisualFeatures" not in dcmread(next(cut.image.iterdir()))
    mask = read_stored(cut.mask)
    moved = synthetic_head["affine"].copy()
    moved[:3, 3] += (3.0, -2.0, 4.0)
    hop = np.linalg.inv(moved) @ mask.grid.affine
    at = np.rint(np.argwhere(mask.voxels[..., 0]) @ hop[:3, :3].T + hop[:3, 3]).astype(int)
    at = at[((at >= 0) & (at < synthetic_head["brain"].shape)).all(axis=1)]
    gone = np.zeros(synthetic_head["brain"].shape, bool)
    gone[tuple(at.T)] = True
    assert not (gone & synthetic_head["brain"]).any()
    skin = (synthetic_head["data"] > 40) & np.isin(synthetic_head["features"], [1, 2, 3])
    assert (gone & skin).sum() > 0.6 * skin.sum()  # the mask's voxels are 2 mm too: some lie between


def changed(**values: object) -> How:
    """Write a magnitude that differs in something."""

    def change(dataset: Dataset, _: int) -> None:
        for keyword, value in values.items():
            setattr(dataset, keyword, value)

    return evolve(MAGNITUDE, change=change)


@pytest.mark.parametrize(
    ("how", "found"),
    [
        (MAGNITUDE, True),
        (changed(StudyInstanceUID=f"{ROOT}.200"), False),
        (changed(FrameOfReferenceUID=f"{ROOT}.201"), False),
        (changed(EchoTime="7.1"), False),
        (changed(PixelSpacing=["4.5", "4"]), False),
        (evolve(MAGNITUDE, kind=("ORIGINAL", "PRIMARY", "REAL")), False),
        (evolve(MAGNITUDE, kind=("ORIGINAL", "PRIMARY", "OTHER")), True),
        (evolve(changed(ComplexImageComponent="IMAGINARY"), kind=("ORIGINAL", "PRIMARY", "OTHER")), False),
    ],
)
def test_a_magnitude_is_of_the_same_study_place_and_echo(tmp_path: Path, how: How, found: bool) -> None:
    """In all of them: of anything else a mask would lie where nobody knows."""
    head = sliced(np.ones((10, 12, 14)), np.diag([8.0, 8.0, 8.0, 1.0]), pixel=8.0, apart=8.0)
    for name, one in (("m", how), ("p", PHASE)):
        write_classic(head, tmp_path / name, one)
    every = gather(tmp_path).series
    (phase,) = [one for one in every if one.folder.name == "p"]
    got = magnitude_of(phase, every)
    assert (None if got is None else got.folder.name) == ("m" if found else None)
    assert all(magnitude_of(one, every) is None for one in every if one is not phase and how is MAGNITUDE)


def test_of_several_the_one_scanned_next_to_it_is_taken(tmp_path: Path) -> None:
    """By the series' numbers; a difference of two echoes' phases is found under both echoes."""
    head = sliced(np.ones((10, 12, 14)), np.diag([8.0, 8.0, 8.0, 1.0]), pixel=8.0, apart=8.0)
    for number in (2, 4, 9):
        write_classic(head, tmp_path / str(number), evolve(MAGNITUDE, number=number))
    for number, echo in ((6, "3"), (7, "5.4")):
        folder = tmp_path / "both" / str(number)
        named = evolve(MAGNITUDE, number=number, change=lambda one, _, echo=echo: both(one, echo))  # type: ignore[misc]
        write_classic(head, folder, named)
    write_classic(head, tmp_path / "p", PHASE)
    difference = evolve(PHASE, number=8, change=lambda dataset, _: setattr(dataset, "EchoTime", "5.4"))
    write_classic(head, tmp_path / "difference", difference)
    every = {one.folder.name: one for one in gather(tmp_path).series}
    assert magnitude_of(every["p"], list(every.values())) is every["4"]
    assert magnitude_of(every["difference"], list(every.values())) is every["both"]


def both(dataset: Dataset, echo: str) -> None:
    """Put two echoes into one series."""
    dataset.EchoTime, dataset.SeriesInstanceUID, dataset.SeriesNumber = echo, f"{ROOT}.60", 7


def test_enhanced_objects_tell_it_in_their_groups(tmp_path: Path) -> None:
    """Frame type and effective echo time of each frame."""
    head = sliced(np.ones((10, 12, 14)), np.diag([8.0, 8.0, 8.0, 1.0]), pixel=8.0, apart=8.0)

    def echo(milliseconds: float) -> Any:  # noqa: ANN401 - what the helper takes
        def change(dataset: Dataset, _: int) -> None:
            del dataset.EchoTime
            for frame in dataset.PerFrameFunctionalGroupsSequence:
                item = Dataset()
                item.EffectiveEchoTime = milliseconds
                frame.MREchoSequence = [item]

        return change

    for name, how, milliseconds in (("m", MAGNITUDE, 3.5), ("o", evolve(MAGNITUDE, number=6), 9.0), ("p", PHASE, 3.5)):
        write_enhanced([head], tmp_path / name / "x.dcm", evolve(how, change=echo(milliseconds)))
    every = {one.folder.name: one for one in gather(tmp_path).series}
    assert magnitude_of(every["p"], list(every.values())) is every["m"]
