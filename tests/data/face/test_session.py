"""A head is found once in a session and carried to the images that hardly show it."""

from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from fivesafes.data.face import session
from fivesafes.data.face.cut import look_at
from fivesafes.data.face.deface import deface_image
from fivesafes.data.face.itk import one_thread, sitk
from fivesafes.data.face.locate import _rotation
from fivesafes.data.face.pack import FEATURES, template
from fivesafes.data.face.session import best_of, look_beside, shows_head
from fivesafes.data.face.stored import read_stored
from fivesafes.data.model import FaceMode, FaceStatus

nib: Any = nibabel
Head = Any
Writer = Any


def moved(affine: np.ndarray) -> np.ndarray:
    """Let the person nod 5 degrees and slide 6 mm between two images."""
    move = np.eye(4)
    move[:3, :3] = _rotation(*np.radians((5, -2, 3)))
    move[:3, 3] = (2, -6, 3)
    return np.asarray(move @ affine)


@pytest.fixture(scope="module")
def salted(synthetic_head: Head, write_image: Writer) -> Path:
    """Write the head as MP2RAGE's uniform image: air is as bright as anything; the head has moved."""
    data = synthetic_head["data"]
    rng = np.random.default_rng(5)
    share = np.clip(data / 30, 0, 1) ** 2
    salt = share * data + (1 - share) * rng.uniform(1, 250, data.shape)
    path = write_image("sub-x_UNIT1.nii.gz", np.rint(salt * 4).astype(np.int16), moved(synthetic_head["affine"]))
    return Path(path)


def test_what_an_image_can_t_show_another_of_the_session_does(
    synthetic_head: Head, head_file: Path, salted: Path, tmp_path: Path
) -> None:
    """Alone nobody can say whether skin is left where air is bright; beside a T1w it is measured, and none is."""
    alone = deface_image(salted, into=tmp_path / "alone", mode=FaceMode.REMOVE)
    assert alone.status is FaceStatus.NEEDS_REVIEW
    assert alone.evidence.residual is None
    beside = deface_image(salted, into=tmp_path / "beside", mode=FaceMode.REMOVE, beside=head_file)
    assert beside.status is FaceStatus.DEFACED
    assert beside.evidence.carried_mutual_information is not None
    assert beside.evidence.brain_voxels_altered == 0
    assert beside.mask is not None
    gone = read_stored(beside.mask).voxels[..., 0] > 0
    assert not (gone & synthetic_head["brain"]).any()
    skin = (synthetic_head["data"] > 40) & np.isin(synthetic_head["features"], [1, 2, 3])
    assert (gone & skin).sum() > 0.6 * skin.sum()  # the rest of these blocks lies behind the skin


def test_the_best_is_looked_at_by_one_thread(head_file: Path, salted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By two the sums, and so the head that is carried, differ in the last bits from run to run."""
    threads = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads
    seen: list[int] = []

    def looked(_: Path) -> str:
        seen.append(threads())
        return "no head"

    monkeypatch.setattr(session, "look_at", looked)
    session._head.cache_clear()
    before = threads()
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(2)
    try:
        assert best_of([head_file, salted]) is None
        assert not shows_head(head_file)
        assert threads() == 2
    finally:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(before)
        session._head.cache_clear()
    assert seen == [1, 1, 1]


def test_the_same_twice(head_file: Path, salted: Path, tmp_path: Path) -> None:
    """Carried too, the same image gives the same bytes."""
    written = [
        deface_image(salted, into=tmp_path / name, mode=FaceMode.REMOVE, beside=head_file).image for name in "ab"
    ]
    assert written[0] is not None
    assert written[1] is not None
    assert written[0].read_bytes() == written[1].read_bytes()


def test_another_person_s_head_is_not_carried(head_file: Path, write_image: Writer) -> None:
    """The template stands for somebody else: what was found in the one says nothing of the other."""
    pack = template()
    stranger = write_image("other_T1w.nii.gz", np.rint(pack.head.data * 4).astype(np.int16), pack.affine)
    stretched = write_image(
        "wide_T1w.nii.gz", np.rint(pack.head.data * 4).astype(np.int16), pack.affine @ np.diag([1.15, 0.9, 1.1, 1])
    )
    with one_thread():
        look = look_beside(stretched, head_file)
        assert not isinstance(look, str)
        assert look.seen.pose is not None
        assert look.seen.pose.beside is None
        assert not isinstance(look_beside(stranger, stranger), str)


def test_a_ball_beside_a_head_is_refused(head_file: Path, write_image: Writer, tmp_path: Path) -> None:
    """A phantom scanned in the same session is no head."""
    place = np.indices((90, 90, 90)) - 45
    ball = np.where((place**2).sum(axis=0) < 1200, 800, 0) + np.random.default_rng(3).integers(0, 20, (90, 90, 90))
    image = write_image("ball_T2w.nii.gz", ball.astype(np.int16), np.diag([2.0, 2.0, 2.0, 1.0]))
    answer = deface_image(image, into=tmp_path / "out", mode=FaceMode.REMOVE, beside=head_file)
    assert answer.status is FaceStatus.REFUSED
    assert answer.image is None


def test_a_best_image_without_its_face_says_nothing_of_another_s(head_file: Path, salted: Path, tmp_path: Path) -> None:
    """A T1w that was defaced before has no skin to compare with: the face beside it goes, and a person must look."""
    best = deface_image(head_file, into=tmp_path / "before", mode=FaceMode.REMOVE).image
    assert best is not None
    answer = deface_image(salted, into=tmp_path / "out", mode=FaceMode.REMOVE, beside=best)
    assert answer.status is FaceStatus.NEEDS_REVIEW, answer.why
    assert answer.evidence.carried_mutual_information is not None
    assert answer.evidence.residual is None
    assert answer.evidence.mask_ml is not None
    assert answer.evidence.mask_ml > 300


def test_the_best_image_is_a_t1w_of_fine_voxels(head_file: Path, salted: Path, write_image: Writer) -> None:
    """Name, number of volumes and voxels decide the order, and the head must be found in it for sure."""
    nothing = write_image("sub-a_T1w.nii.gz", np.zeros((40, 40, 40), np.int16), np.diag([2.0, 2.0, 2.0, 1.0]))
    with one_thread():
        assert best_of([salted, head_file]) == head_file
        assert best_of([nothing, salted, head_file]) == head_file
        assert best_of([head_file]) is None
        assert best_of([nothing, nothing]) is None
        text = nothing.with_name("sub-b_T1w.nii.gz")
        text.write_text("no image")
        assert best_of([text, head_file]) == head_file


def test_every_part_is_measured_beside(head_file: Path, salted: Path, tmp_path: Path) -> None:
    """The surface that the best image shows gives each part of the face its skin."""
    answer = deface_image(salted, into=tmp_path / "out", mode=FaceMode.REMOVE, beside=head_file)
    residual = answer.evidence.residual
    assert residual is not None
    assert all(getattr(residual, part) is not None for part in FEATURES)


def test_a_whole_face_is_carried_rather_than_a_slab_without_one(
    synthetic_head: Head, head_file: Path, write_image: Writer
) -> None:
    """The slab comes first by its name; where no part of the face lies in it there is nothing to remove."""
    affine = np.array(synthetic_head["affine"])
    high = synthetic_head["data"].shape[2] * 3 // 4
    affine[:3, 3] += affine[:3, 2] * high
    slab = Path(write_image("a_T1w.nii.gz", synthetic_head["data"][:, :, high:].astype(np.int16), affine))
    assert best_of([slab, head_file]) == head_file
    assert best_of([slab, slab]) == slab
    beside = look_beside(slab, head_file)
    assert not isinstance(beside, str)
    assert beside.nothing_to_remove is not None


def test_what_shows_no_face_of_a_person_who_has_one_is_cut_all_the_same(head_file: Path, tmp_path: Path) -> None:
    """An echo-planar image hardly shows skin, and holds it: by itself it would be let pass."""
    done = deface_image(head_file, into=tmp_path / "done", mode=FaceMode.REMOVE)
    assert done.image is not None
    weak = done.image.rename(tmp_path / "sub-x_T2w.nii.gz")
    alone = look_at(weak)
    assert not isinstance(alone, str)
    assert alone.nothing_to_remove is not None
    beside = look_beside(weak, head_file)
    assert not isinstance(beside, str)
    assert beside.nothing_to_remove is None


def test_a_phase_image_is_cut_where_its_magnitude_shows_the_head(
    synthetic_head: Head, head_file: Path, tmp_path: Path
) -> None:
    """Noise stands for its air: it shows no head, so a person must look.  A magnitude on another grid tells nothing."""
    data, affine = synthetic_head["data"], moved(synthetic_head["affine"])
    turns = np.indices(data.shape).sum(axis=0) / 9.0 + data / 300
    air = np.random.default_rng(3).uniform(0, 2 * np.pi, data.shape)
    phase = np.where(data > 30, turns % (2 * np.pi), air) / np.pi * 2048 - 2048
    there, alone = tmp_path / "sub-x_part-phase_T2starw.nii.gz", tmp_path / "alone" / "sub-x_part-phase_T2starw.nii.gz"
    nib.save(nib.Nifti1Image(phase.astype(np.int16), affine), there)
    alone.parent.mkdir()
    alone.write_bytes(there.read_bytes())
    nib.save(nib.Nifti1Image(np.rint(np.sqrt(data) * 40).astype(np.int16), affine), tmp_path / "sub-x_T2starw.nii.gz")
    nib.save(nib.Nifti1Image(data[1:].astype(np.int16), affine), alone.parent / "sub-x_part-mag_T2starw.nii.gz")
    assert deface_image(alone, into=tmp_path / "a", mode=FaceMode.REMOVE, beside=head_file).status is FaceStatus.REFUSED
    cut = deface_image(there, into=tmp_path / "b", mode=FaceMode.REMOVE, beside=head_file)
    assert cut.status is FaceStatus.NEEDS_REVIEW
    assert "magnitude" in cut.why
    assert cut.mask is not None
    gone = read_stored(cut.mask).voxels[..., 0] > 0
    assert not (gone & synthetic_head["brain"]).any()
    skin = (data > 40) & np.isin(synthetic_head["features"], [1, 2, 3])
    assert (gone & skin).sum() > 0.6 * skin.sum()  # as above
