"""Whoever marks the face, what is done to the file and asked of it is the same."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from attrs import asdict
from numpy.typing import NDArray

from fivesafes.core.errors import EngineFailed
from fivesafes.data.face.cut import By, Look
from fivesafes.data.face.deface import deface_image
from fivesafes.data.face.other import deface_with
from fivesafes.data.face.pack import CORE, FEATURES
from fivesafes.data.face.scale import measured, scale_of
from fivesafes.data.face.stored import read_stored
from fivesafes.data.model import Defaced, FaceMode, FaceStatus

Head = Mapping[str, NDArray[Any]]
BY = By(engine="someone", version="1", mode=FaceMode.REMOVE)


def cut_out(image: Path, mask: NDArray[np.bool_], into: Path, by: By = BY) -> Defaced:
    """Deface with a mask that is there already."""
    return deface_with(image, into=into, by=by, marker=lambda _: mask)


def block_of(head: Head, *parts: str) -> NDArray[np.bool_]:
    """Mark the skin of some parts of the face, as it is known of the head."""
    labels = [1 + FEATURES.index(part) for part in parts]
    return np.asarray(np.isin(head["features"], labels) & (head["data"] > 20))


def test_a_part_that_a_mask_leaves_out_is_asked_for_too(head_file: Path, synthetic_head: Head, tmp_path: Path) -> None:
    """Also where it lies far from all that was marked: the ears beside a mask of the nose."""
    answer = cut_out(head_file, block_of(synthetic_head, "nose"), tmp_path)
    assert answer.status is FaceStatus.NEEDS_REVIEW
    residual = answer.evidence.residual
    assert residual is not None
    assert residual.nose is not None
    assert residual.nose < 0.2
    for part in ("mouth", "chin", "ears"):
        assert asdict(residual)[part] > 0.9, part
        assert part in answer.why or part == "chin"
    assert answer.evidence.brain_voxels_altered == 0
    assert answer.evidence.outside_voxels_altered == 0


def test_a_mask_that_follows_the_skin_does_not_draw_it(head_file: Path, synthetic_head: Head, tmp_path: Path) -> None:
    """The noise of the air would end where the face began; what is before the skin goes with it."""
    skin = block_of(synthetic_head, *FEATURES)
    answer = cut_out(head_file, skin, tmp_path)
    assert answer.mask is not None
    gone = read_stored(answer.mask).voxels[..., 0] > 0
    assert gone[skin].all()
    core = block_of(synthetic_head, *CORE)
    before = np.roll(core, 2, axis=1) & (synthetic_head["data"] < 10)  # the head looks along the second axis
    assert before.sum() > 100
    assert gone[before].mean() > 0.97
    assert answer.evidence.outside_voxels_altered == 0


def test_a_mask_that_takes_brain_is_told(head_file: Path, synthetic_head: Head, tmp_path: Path) -> None:
    """It is not mended: who chose that engine must know what it does."""
    mask = block_of(synthetic_head, *FEATURES) | synthetic_head["brain"]
    answer = cut_out(head_file, mask, tmp_path)
    assert answer.status is FaceStatus.NEEDS_REVIEW
    assert answer.evidence.brain_voxels_altered is not None
    assert answer.evidence.brain_voxels_altered > 0.8 * synthetic_head["brain"].sum()
    assert "voxels of the brain" in answer.why


@pytest.mark.parametrize(("kind", "told"), [("other", "grid"), ("nothing", "nothing"), ("all", "nearly all")])
def test_a_mask_that_can_not_be_one_of_the_image_is_refused(
    kind: str, told: str, head_file: Path, synthetic_head: Head, tmp_path: Path
) -> None:
    """And nothing is written."""
    shape = synthetic_head["data"].shape
    masks = {"other": np.ones((3, 3, 3), bool), "nothing": np.zeros(shape, bool), "all": np.ones(shape, bool)}
    with pytest.raises(EngineFailed, match=told):
        cut_out(head_file, masks[kind], tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_skull_strip_may_take_nearly_all(head_file: Path, synthetic_head: Head, tmp_path: Path) -> None:
    """A brain in a large field of view is a small part of it."""
    keep = np.zeros(synthetic_head["data"].shape, bool)
    inside = np.argwhere(synthetic_head["brain"]).mean(axis=0).astype(int)
    keep[tuple(slice(at - 20, at + 20) for at in inside)] = True
    answer = cut_out(head_file, ~keep, tmp_path, By(engine="someone", version="1", mode=FaceMode.SKULL_STRIP))
    assert (~keep).mean() > 0.9
    assert answer.image is not None
    assert "voxels of the brain" in answer.why


def test_an_engine_is_not_asked_where_nothing_is_to_be_removed(head_file: Path, tmp_path: Path) -> None:
    """An image without a face does not go into a tool's hands; but its skull can still be taken off."""
    first = deface_image(head_file, into=tmp_path / "first", mode=FaceMode.REMOVE)
    assert first.image is not None
    asked: list[Path] = []

    def marker(look: Look) -> NDArray[np.bool_]:
        asked.append(look.path)
        return np.asarray(look.stored.real(0) < 0)

    again = deface_with(first.image, into=tmp_path / "again", by=BY, marker=marker)
    assert again.status is FaceStatus.NOTHING_TO_DO
    assert not asked
    by = By(engine="someone", version="1", mode=FaceMode.SKULL_STRIP)
    with pytest.raises(EngineFailed, match="marked nothing"):
        deface_with(first.image, into=tmp_path / "again", by=by, marker=marker)
    assert asked == [first.image]


def test_the_scale_of_a_comparison_says_what_the_engine_said(head_file: Path, tmp_path: Path) -> None:
    """Measured anew over the whole image, a result of the embedded engine has the figures that it gave itself."""
    answer = deface_image(head_file, into=tmp_path, mode=FaceMode.REMOVE)
    scale = scale_of(head_file)
    assert scale is not None
    assert answer.image is not None
    found = measured(scale, answer.image)
    assert found.brain_voxels_altered == 0
    assert found.residual is not None
    assert answer.evidence.residual is not None
    for part, share in asdict(answer.evidence.residual).items():
        assert asdict(found.residual)[part] == pytest.approx(share, abs=0.05), part
    untouched = measured(scale, head_file)
    assert untouched.residual is not None
    assert all(share == 1 for share in asdict(untouched.residual).values())
    assert (untouched.brain_voxels_altered, untouched.changed_ml) == (0, 0.0)


def test_there_is_no_scale_for_what_can_hold_no_head(write_image: Callable[..., Path]) -> None:
    """A single slice: the comparison goes on without figures."""
    assert scale_of(write_image("slice.nii.gz", np.ones((200, 200, 1), np.int16), np.diag([2.0, 2, 2, 1]))) is None
