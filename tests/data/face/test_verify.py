"""What was measured decides the status; what could not be measured is never called defaced."""

from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from tests.heads.made import rotation

from fivesafes.core.verdict import Gravity
from fivesafes.data.face.itk import Grid
from fivesafes.data.face.locate import WEAK, WEAKEST, Pose
from fivesafes.data.face.skin import features_at, in_reach
from fivesafes.data.face.stored import read_stored
from fivesafes.data.face.verify import MOST_ELSEWHERE, MOST_IN_CORE, changed_voxels, judge, judge_pose
from fivesafes.data.model import FaceEvidence, Residual

nib: Any = nibabel
CLEAN = FaceEvidence(
    mutual_information=0.4,
    residual=Residual(eyes=0.0, nose=0.0, mouth=None, chin=None, ears=0.1),
    brain_voxels_altered=0,
    outside_voxels_altered=0,
)
SHARE = st.one_of(st.none(), st.floats(0, 1))


@given(
    angles=st.tuples(*[st.floats(-180, 180)] * 3),
    steps=st.tuples(*[st.floats(1.0, 8.0)] * 3),
    shift=st.tuples(*[st.floats(-80, 80)] * 3),
)
def test_no_part_of_a_face_lies_outside_of_where_skin_is_looked_for(
    angles: tuple[float, float, float], steps: tuple[float, float, float], shift: tuple[float, float, float]
) -> None:
    """However the head and the voxels lie."""
    turn = rotation(*angles)
    turn[:3, 3] = shift
    grid = Grid(shape=(24, 18, 21), affine=turn @ np.diag([*steps, 1.0]))
    pose = Pose(affine=np.diag([0.9, 1.1, 1.0, 1.0]), mutual_information=0.4)
    index = np.indices(grid.shape).reshape(3, -1).T
    found = features_at(index, grid.affine, pose=pose).reshape(grid.shape) > 0
    total = found.sum()
    assert found[in_reach(grid, pose)].sum() == total


def codes(evidence: FaceEvidence, *, brain_known: bool = True) -> set[str]:
    """Judge, and give the codes of what was found."""
    return {finding.code for finding in judge(evidence, brain_known=brain_known).findings}


def test_a_clean_result_has_nothing_against_it() -> None:
    """Parts that the original did not show count neither way."""
    assert codes(CLEAN) == set()


@given(shares=st.fixed_dictionaries(dict.fromkeys(("eyes", "nose", "mouth", "chin", "ears"), SHARE)))
def test_more_skin_than_the_limit_needs_review(shares: dict[str, float | None]) -> None:
    """Review if and only if some part keeps more than its limit."""
    limits = {"eyes": MOST_IN_CORE, "nose": MOST_IN_CORE, "mouth": MOST_IN_CORE}
    over = any((share or 0) > limits.get(part, MOST_ELSEWHERE) for part, share in shares.items())
    assert codes(evolve(CLEAN, residual=Residual(**shares))) == ({"data.face.residual"} if over else set())


@pytest.mark.parametrize(
    ("evidence", "brain_known", "code"),
    [
        (evolve(CLEAN, residual=None), True, "data.face.unmeasured"),
        (evolve(CLEAN, brain_voxels_altered=1), True, "data.face.brain-cut"),
        (CLEAN, False, "data.face.brain-unknown"),
        (evolve(CLEAN, outside_voxels_altered=1), True, "data.face.outside"),
    ],
)
def test_what_is_not_sure_needs_review(evidence: FaceEvidence, brain_known: bool, code: str) -> None:
    """Each doubt has its own code, and a remedy."""
    verdict = judge(evidence, brain_known=brain_known)
    assert verdict.gravity is Gravity.REVIEW
    assert {finding.code for finding in verdict.findings} == {code}
    assert all(finding.fix for finding in verdict.findings)


@pytest.mark.parametrize(
    ("pose", "gravity"),
    [
        (None, Gravity.REFUSE),
        (Pose(affine=np.eye(4), mutual_information=WEAKEST - 0.01), Gravity.REFUSE),
        (Pose(affine=np.diag([3.0, 3, 3, 1]), mutual_information=0.5), Gravity.REFUSE),
        (Pose(affine=np.diag([-1.0, 1, 1, 1]), mutual_information=0.5), Gravity.REFUSE),
        (Pose(affine=np.eye(4), mutual_information=WEAK - 0.01), Gravity.REVIEW),
        (Pose(affine=np.eye(4), mutual_information=0.4), Gravity.NOTE),
    ],
)
def test_a_pose_is_judged_by_certainty_and_size(pose: Pose | None, gravity: Gravity) -> None:
    """No head, an impossible one, a doubtful one, a good one."""
    assert judge_pose(pose).gravity is gravity


def test_a_change_of_bits_is_seen_even_where_numbers_are_equal(tmp_path: Path) -> None:
    """Not-a-number that stays is no change; zero that becomes minus zero is one."""
    data = np.zeros((4, 4, 4), np.float32)
    data[0, 0, 0] = np.nan
    other = data.copy()
    other[1, 1, 1] = -0.0
    for name, values in (("a", data), ("b", other)):
        nib.save(nib.Nifti1Image(values, np.eye(4)), tmp_path / f"{name}.nii")
    one, two = read_stored(tmp_path / "a.nii"), read_stored(tmp_path / "b.nii")
    assert not changed_voxels(one, one).any()
    assert np.argwhere(changed_voxels(one, two)).tolist() == [[1, 1, 1]]


def test_another_shape_counts_as_all_changed(tmp_path: Path) -> None:
    """What can't be compared was not kept."""
    for name, size in (("a", 4), ("b", 5)):
        nib.save(nib.Nifti1Image(np.ones((size, 4, 4), np.int16), np.eye(4)), tmp_path / f"{name}.nii")
    assert changed_voxels(read_stored(tmp_path / "a.nii"), read_stored(tmp_path / "b.nii")).all()
