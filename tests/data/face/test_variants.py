"""A few changes of the real head, judged by marks that none of our code made (all of them: benchmarks/defacing.py)."""

import json
from pathlib import Path

import pytest
from tests.heads.made import write
from tests.heads.truth import KnownHead, ds031, left_of
from tests.heads.variants import variants

from fivesafes.data.face.deface import deface_image
from fivesafes.data.face.stored import read_stored
from fivesafes.data.model import FaceMode

KNOWN = Path(__file__).parents[3] / "benchmarks" / "heads"
FEW = ("voxels-3", "nose-wrapped", "series-epi", "skull-stripped")


def test_each_variant_has_a_name_of_its_own_and_an_answer() -> None:
    """Names seed the randomness and name files."""
    every = list(variants())
    assert len({one.name for one in every}) == len(every) >= 60
    assert all(one.answers <= {"defaced", "nothing-to-do", "refused", "needs-review"} for one in every)


def test_what_is_known_of_the_head_says_where_it_comes_from() -> None:
    """A pose and a brain, each from other programs."""
    about = json.loads((KNOWN / "ds031.json").read_text(encoding="utf-8"))
    assert "deepbet" in about["brain"]
    assert len(about["pose"]) == 4


@pytest.fixture(scope="module")
def head(shared_data: Path) -> KnownHead:
    """Load the one real head with a full face."""
    return ds031(shared_data / "heads" / "ds031_T1w.nii.gz", KNOWN / "ds031_brain.nii.gz")


@pytest.mark.shared_data
@pytest.mark.parametrize("name", FEW)
def test_a_changed_head_gets_the_answer_that_is_true_of_it(name: str, head: KnownHead, tmp_path: Path) -> None:
    """No skin of the face is left by the marks, and the other program's brain is whole."""
    variant = next(one for one in variants() if one.name == name)
    made = variant.of(head)
    (tmp_path / "in").mkdir()
    answer = deface_image(write(made, tmp_path / "in", name), into=tmp_path, mode=FaceMode.REMOVE)
    assert answer.status.value in variant.answers, answer.why
    if answer.mask is not None:
        gone = read_stored(answer.mask).voxels[..., 0] > 0
        assert not (gone & made.brain).any()
        assert all(
            share <= 0.05 for share in left_of(~gone, made.skin, (made.affine[:3, :3] ** 2).sum(axis=0) ** 0.5).values()
        )


@pytest.mark.shared_data
@pytest.mark.parametrize("name", ["already-defaced", "like-t2"])
def test_a_skull_strip_keeps_every_voxel_of_the_brain(name: str, head: KnownHead, tmp_path: Path) -> None:
    """Those two lost most when the margins were 2.5 and 3 mm; kept is the brain and little more."""
    made = next(one for one in variants() if one.name == name).of(head)
    (tmp_path / "in").mkdir()
    answer = deface_image(write(made, tmp_path / "in", name), into=tmp_path, mode=FaceMode.SKULL_STRIP)
    assert answer.mask is not None, answer.why
    kept = read_stored(answer.mask).voxels[..., 0] == 0
    assert not (made.brain & ~kept).any()
    assert (kept & ~made.brain).sum() < 0.35 * made.brain.sum()
