"""A head goes in with its face and comes out without, and each other image gets the answer that is true of it."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from attrs import asdict
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fivesafes.core.errors import UsageMistake
from fivesafes.data.face import verify
from fivesafes.data.face.deface import deface_image
from fivesafes.data.face.examine import _examine
from fivesafes.data.face.pack import CORE, FEATURES
from fivesafes.data.face.present import Presence, face_present
from fivesafes.data.face.stored import read_stored
from fivesafes.data.model import Defaced, FaceMode, FaceStatus

Head = Mapping[str, NDArray[Any]]
Writer = Callable[..., Path]


@pytest.fixture(scope="module")
def defaced(head_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Defaced:
    """Deface the synthetic head once."""
    return deface_image(head_file, into=tmp_path_factory.mktemp("out"), mode=FaceMode.REMOVE)


def voxels(path: Path | None) -> NDArray[Any]:
    """Read an image's stored numbers, (I, J, K)."""
    assert path is not None
    return read_stored(path).voxels[..., 0]


def test_the_face_is_gone_and_the_brain_whole(defaced: Defaced, synthetic_head: Head) -> None:
    """Measured by the truth the head was made from, not by the pose that was found for it."""
    assert defaced.status is FaceStatus.DEFACED, defaced.why
    removed = voxels(defaced.mask) > 0
    assert not (removed & synthetic_head["brain"]).any()
    tissue = synthetic_head["data"] > 30
    for number, part in enumerate(FEATURES, start=1):
        left = (tissue & ~removed)[tissue & (synthetic_head["features"] == number)].mean()
        assert left < (0.05 if part in CORE else 0.15), part


def test_the_evidence_says_so_too(defaced: Defaced) -> None:
    """What the engine measured on its own file agrees with the truth."""
    evidence = defaced.evidence
    assert evidence.residual is not None
    assert all((share or 0) <= 0.1 for share in asdict(evidence.residual).values())
    assert evidence.brain_voxels_altered == 0
    assert evidence.outside_voxels_altered == 0
    assert evidence.mask_ml is not None
    assert evidence.mask_ml > 300


def test_nothing_but_the_zone_changed(defaced: Defaced, head_file: Path) -> None:
    """Each byte outside of the mask, header included, is the original's; inside stands the number that means 0."""
    assert defaced.image is not None
    before, after = read_stored(head_file), read_stored(defaced.image)
    assert bytes(before.content[: before.offset]) == bytes(after.content[: after.offset])
    kept = voxels(defaced.mask) == 0
    assert np.array_equal(before.voxels[kept], after.voxels[kept])
    assert not after.voxels[~kept].any()


def test_the_names_are_kept_and_the_original_too(defaced: Defaced, head_file: Path) -> None:
    """Image under its own name, mask beside it, nothing else left behind."""
    assert defaced.image is not None
    folder = defaced.image.parent
    assert sorted(entry.name for entry in folder.iterdir()) == ["sub-x_T1w.nii.gz", "sub-x_T1w_mask.nii.gz"]
    assert defaced.image.name == head_file.name


def test_the_same_image_gives_the_same_bytes(defaced: Defaced, head_file: Path, tmp_path: Path) -> None:
    """Nothing is remembered from the first time, and yet not a bit differs."""
    _examine.cache_clear()
    again = deface_image(head_file, into=tmp_path, mode=FaceMode.REMOVE)
    for first, second in ((defaced.image, again.image), (defaced.mask, again.mask)):
        assert first is not None
        assert second is not None
        assert first.read_bytes() == second.read_bytes()
    assert defaced.evidence == again.evidence


def test_a_nose_that_the_field_of_view_folded_over_goes_too(
    synthetic_head: Head, tmp_path: Path, write_image: Writer
) -> None:
    """It stands behind the head, and is as good a nose there; the brain between stays whole."""
    data, features, brain = (synthetic_head[name] for name in ("data", "features", "brain"))
    affine = synthetic_head["affine"]
    occupied = np.flatnonzero((data > 60).any(axis=(0, 2)))  # from the back of the head to the tip of the nose
    keep = int(occupied[-1]) - 6
    start = int(occupied[0]) - 2  # a field of view about as long as the head is without its nose
    beyond = data.shape[1] - keep
    folded, labels = data[:, start:keep].copy(), features[:, start:keep]
    folded[:, :beyond] = np.maximum(folded[:, :beyond], data[:, keep:])
    there = (data[:, keep:] > 60) & (features[:, keep:] == 1 + FEATURES.index("nose"))
    assert there.any()
    moved = affine.copy()
    moved[:3, 3] += affine[:3, 1] * start
    path = write_image("sub-x_run-2_T1w.nii.gz", np.rint(folded * 4).astype(np.int16), moved)
    answer = deface_image(path, into=tmp_path, mode=FaceMode.REMOVE)
    removed = voxels(answer.mask) > 0
    assert removed[:, :beyond][there].mean() > 0.95
    assert not (removed & brain[:, start:keep]).any()
    assert removed[(labels == 1 + FEATURES.index("nose")) & (folded > 60)].mean() > 0.95


def test_a_skull_strip_keeps_the_brain_alone(head_file: Path, synthetic_head: Head, tmp_path: Path) -> None:
    """The brain stays, and of the rest of the head a thin rim around it."""
    stripped = deface_image(head_file, into=tmp_path, mode=FaceMode.SKULL_STRIP)
    assert stripped.status is FaceStatus.DEFACED, stripped.why
    kept = voxels(stripped.mask) == 0
    assert (
        kept[synthetic_head["brain"]].mean() > 0.985
    )  # of an average head, blurred; real ones: benchmarks/skull_strip.py
    assert (stripped.evidence.brain_agreement or 0) > 0.95
    assert 1000 < (stripped.evidence.brain_ml or 0) < 1800
    assert (kept & ~synthetic_head["brain"]).sum() < 0.35 * synthetic_head["brain"].sum()
    again = deface_image(tmp_path / head_file.name, into=tmp_path / "again", mode=FaceMode.REMOVE)
    assert again.status is FaceStatus.NOTHING_TO_DO
    assert again.image is None
    assert face_present(tmp_path / head_file.name).state is Presence.ABSENT


def test_the_mask_alone_can_be_had(defaced: Defaced, head_file: Path, tmp_path: Path) -> None:
    """No unchanged copy of the face is written; the mask is the same as with the image."""
    masked = deface_image(head_file, into=tmp_path, mode=FaceMode.MASK)
    assert masked.image is None
    assert [entry.name for entry in tmp_path.iterdir()] == ["sub-x_T1w_mask.nii.gz"]
    assert np.array_equal(voxels(masked.mask), voxels(defaced.mask))
    assert masked.evidence.residual == defaced.evidence.residual


def test_what_was_defaced_has_nothing_left_to_do(defaced: Defaced, tmp_path: Path) -> None:
    """Our own result is known as such, and its face as absent."""
    assert defaced.image is not None
    again = deface_image(defaced.image, into=tmp_path, mode=FaceMode.REMOVE)
    assert again.status is FaceStatus.NOTHING_TO_DO
    assert not list(tmp_path.iterdir())
    assert face_present(defaced.image).state is Presence.ABSENT


def test_an_intact_head_shows_a_face(head_file: Path) -> None:
    """Eyes, nose and mouth are each told with their share."""
    presence = face_present(head_file)
    assert presence.state is Presence.PRESENT
    assert all(presence.skin[part] > 0.5 for part in CORE)


@pytest.mark.parametrize("shape", ["ball", "noise"])
def test_what_is_no_head_is_refused(shape: str, tmp_path: Path, write_image: Writer) -> None:
    """A phantom and noise are refused with a sentence, nothing is written, and no presence is claimed."""
    rng = np.random.default_rng(3)
    i, j, k = np.indices((90, 90, 90)) - 45
    data = np.abs(rng.normal(0, 60 if shape == "noise" else 5, (90, 90, 90)))
    if shape == "ball":
        data += 300 * (i**2 + j**2 + k**2 < 40**2)
    affine = np.diag([2.0, 2, 2, 1])
    path = write_image(f"{shape}.nii.gz", data.astype(np.int16), affine)
    answer = deface_image(path, into=tmp_path, mode=FaceMode.REMOVE)
    assert answer.status is FaceStatus.REFUSED
    assert "no head" in answer.why
    assert answer.image is None
    assert not list(tmp_path.iterdir())
    assert face_present(path).state is Presence.UNKNOWN


@pytest.mark.parametrize(
    ("data", "told"),
    [(np.zeros((40, 40, 40), np.int16), "alike"), (np.ones((200, 200, 1), np.int16), "too few slices")],
)
def test_an_image_without_content_is_refused(
    data: NDArray[np.int16], told: str, tmp_path: Path, write_image: Writer
) -> None:
    """Zeros and a single slice are refused at once."""
    path = write_image(f"empty-{data.shape[2]}.nii.gz", data, np.diag([2.0, 2, 2, 1]))
    answer = deface_image(path, into=tmp_path, mode=FaceMode.REMOVE)
    assert answer.status is FaceStatus.REFUSED
    assert told in answer.why


def test_bright_air_needs_review(synthetic_head: Head, tmp_path: Path, write_image: Writer) -> None:
    """Where air is as bright as tissue skin can't be measured: the face goes, but nobody says that it is sure."""
    rng = np.random.default_rng(4)
    data = np.where(
        synthetic_head["data"] < 20, rng.uniform(0, 255, synthetic_head["data"].shape), synthetic_head["data"]
    )
    path = write_image("sub-x_UNIT1.nii", data.astype(np.uint8), synthetic_head["affine"])
    answer = deface_image(path, into=tmp_path, mode=FaceMode.REMOVE)
    assert answer.status is FaceStatus.NEEDS_REVIEW
    assert "could not be measured" in answer.why
    assert answer.image is not None
    assert face_present(path).state is Presence.UNKNOWN


def test_a_face_is_missing_only_where_it_is_sure_where_the_head_lies(
    defaced: Defaced, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where two searches disagree, no skin may be seen because the face is elsewhere: a person must look."""
    monkeypatch.setattr(verify, "FURTHEST_MM", 0.0)
    assert defaced.image is not None
    again = deface_image(defaced.image, into=tmp_path, mode=FaceMode.REMOVE)
    assert again.status is FaceStatus.NEEDS_REVIEW
    assert "two searches" in again.why


def test_a_brain_with_a_face_beside_it_is_no_brain_alone(
    synthetic_head: Head, tmp_path: Path, write_image: Writer
) -> None:
    """A brain extraction may leave eyes, nose and mouth; in a large field of view they are but a small share of it."""
    kept = synthetic_head["brain"] | np.isin(synthetic_head["features"], [1, 2, 3])
    data = np.pad(np.where(kept, np.rint(synthetic_head["data"] * 4), 0).astype(np.int16), 40)
    affine = synthetic_head["affine"].copy()
    affine[:3, 3] -= affine[:3, :3] @ [40, 40, 40]
    image = write_image("stripped_T1w.nii.gz", data, affine)
    answer = deface_image(image, into=tmp_path, mode=FaceMode.REMOVE)
    assert answer.status is not FaceStatus.NOTHING_TO_DO, answer.why
    assert face_present(image).state is not Presence.ABSENT


def test_the_same_voxels_at_another_place_are_looked_at_anew(
    synthetic_head: Head, head_file: Path, tmp_path: Path, write_image: Writer
) -> None:
    """A copy whose origin was moved loses the same voxels, also right after the first: nothing found there is used."""
    moved = synthetic_head["affine"].copy()
    moved[:3, 3] += (4.0, 20.0, 40.0)
    copy = write_image("moved_T1w.nii.gz", np.rint(synthetic_head["data"] * 4).astype(np.int16), moved)
    answers = [deface_image(image, into=tmp_path, mode=FaceMode.REMOVE) for image in (head_file, copy)]
    assert [answer.status for answer in answers] == [FaceStatus.DEFACED] * 2
    first, second = (voxels(answer.mask) > 0 for answer in answers)
    assert 2 * (first & second).sum() / (first.sum() + second.sum()) > 0.98


def test_the_originals_folder_is_no_place_to_write_into(head_file: Path) -> None:
    """The result bears the original's name, so it would take its place."""
    with pytest.raises(UsageMistake, match="original"):
        deface_image(head_file, into=head_file.parent, mode=FaceMode.REMOVE)


@pytest.mark.shared_data
def test_a_real_head_loses_its_face(shared_data: Path, tmp_path: Path) -> None:
    """The one real head with its full face that can be had: all goals at once."""
    answer = deface_image(shared_data / "heads" / "ds031_T1w.nii.gz", into=tmp_path, mode=FaceMode.REMOVE)
    assert answer.status is FaceStatus.DEFACED, answer.why
    assert answer.evidence.residual is not None
    shares = asdict(answer.evidence.residual)
    assert all(share is not None and share <= 0.05 for share in shares.values())
    assert answer.evidence.brain_voxels_altered == 0
    assert answer.evidence.outside_voxels_altered == 0


@pytest.mark.shared_data
def test_a_real_head_keeps_its_brain_alone(shared_data: Path, tmp_path: Path) -> None:
    """No skin of the face, one skull-strip twice the same, and a brain as large as it was measured elsewhere."""
    image = shared_data / "heads" / "ds031_T1w.nii.gz"
    answer = deface_image(image, into=tmp_path, mode=FaceMode.SKULL_STRIP)
    again = deface_image(image, into=tmp_path / "again", mode=FaceMode.SKULL_STRIP)
    assert answer.status is FaceStatus.DEFACED, answer.why
    assert answer.image is not None
    assert again.image is not None
    assert answer.image.read_bytes() == again.image.read_bytes()
    assert answer.evidence.residual is not None
    assert all(not share for part, share in asdict(answer.evidence.residual).items() if part in CORE)
    assert answer.evidence.brain_ml == pytest.approx(1770, rel=0.05)  # deepbet's finer network


def scaled(head: Head, write_image: Writer, factor: float) -> Path:
    """Write the synthetic head in another unit."""
    return write_image("sub-x_R1map.nii.gz", head["data"] * np.float32(factor), head["affine"])


def marked(image: Path, into: Path) -> NDArray[Any]:
    """Deface, and give the mask; outside of it each voxel must be the one that was stored."""
    answer = deface_image(image, into=into, mode=FaceMode.REMOVE)
    assert answer.image is not None
    assert answer.mask is not None
    mask = read_stored(answer.mask).voxels > 0
    before, after = read_stored(image).voxels, read_stored(answer.image).voxels
    assert np.array_equal(before.view("u4")[~mask], after.view("u4")[~mask])
    return mask


@settings(max_examples=4, deadline=None)
@given(exponent=st.integers(-55, 40))
def test_the_unit_of_the_numbers_moves_no_voxel_of_the_mask(
    synthetic_head: Head, write_image: Writer, tmp_path_factory: pytest.TempPathFactory, exponent: int
) -> None:
    """Maps in SI units hold numbers of 1e-9, others of 1e9; by powers of two, which lose no digit, it is exactly so."""
    usual = marked(scaled(synthetic_head, write_image, 1.0), tmp_path_factory.mktemp("usual"))
    other = marked(scaled(synthetic_head, write_image, 2.0**exponent), tmp_path_factory.mktemp("other"))
    assert np.array_equal(usual, other)


@pytest.mark.parametrize("factor", [1e-16, 1e-9, 1e9])
def test_rounding_to_another_unit_hardly_moves_the_mask(
    synthetic_head: Head, write_image: Writer, tmp_path: Path, factor: float
) -> None:
    """What is rounded in its last digit is another image: its border may be a voxel off here and there."""
    usual = marked(scaled(synthetic_head, write_image, 1.0), tmp_path / "usual")
    other = marked(scaled(synthetic_head, write_image, factor), tmp_path / "other")
    assert (usual != other).sum() < 0.01 * usual.sum()
