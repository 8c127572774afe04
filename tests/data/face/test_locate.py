"""The head is found however it lies, and nothing else is taken for one."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fivesafes.data.face import locate
from fivesafes.data.face.itk import Grid, Volume, carry, one_thread
from fivesafes.data.face.locate import WEAK, WEAKEST, Pose, _rotation
from fivesafes.data.face.locate import locate as find
from fivesafes.data.face.pack import template
from fivesafes.data.face.prepare import ras_grid

ALL_TURNS = locate.turns
Head = Mapping[str, NDArray[Any]]


def test_a_head_on_its_side_turned_and_small_is_found(synthetic_head: Head, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mislabelled axis, a tilt and a child's size at once: each place in the face is found within 5 mm."""
    monkeypatch.setattr(locate, "turns", ALL_TURNS)
    truth = np.eye(4)
    truth[:3, :3] = 0.85 * _rotation(np.pi / 2 + 0.3, 0.2, -0.2)
    truth[:3, 3] = (40, -25, 60)
    volume = Volume(data=synthetic_head["data"], affine=synthetic_head["affine"])
    grid = ras_grid(Grid(shape=volume.grid.shape, affine=truth @ volume.affine))
    scan = Volume(data=carry(volume, onto=grid, through=np.linalg.inv(truth)), affine=grid.affine)
    with one_thread():
        pose = find(scan, template())
    assert pose is not None
    pack = template()
    face = np.argwhere((pack.features > 0) & (pack.head.data > 0))[::50]
    points = pack.affine @ np.c_[face, np.ones(len(face))].T
    apart = np.linalg.norm(((pose.affine - truth) @ points)[:3], axis=0)
    assert apart.mean() < 5
    assert pose.mutual_information > WEAK
    assert pose.plausible


def test_noise_is_no_head() -> None:
    """Noise tells nothing of a head."""
    rng = np.random.default_rng(1)
    affine = np.diag([2.0, 2, 2, 1])
    affine[:3, 3] = -100
    noise = Volume(data=np.abs(rng.normal(0, 100, (100, 100, 100))).astype(np.float32), affine=affine)
    with one_thread():
        pose = find(noise, template())
    assert pose is None or pose.mutual_information < WEAKEST


def test_the_starts_mix_up_the_axes_each_way_once() -> None:
    """Twenty-seven tilts and the cube's other rotations: fifty proper rotations, no two alike."""
    turns = ALL_TURNS()
    assert len(turns) == 50
    assert all(np.linalg.det(turn) == pytest.approx(1) for turn in turns)
    assert len({tuple(np.round(turn, 3).ravel()) for turn in turns}) == 50


def test_a_pose_knows_its_size() -> None:
    """Scales are what the matrix stretches, whatever it turns; a mirrored or huge head is not plausible."""
    turned = np.eye(4)
    turned[:3, :3] = _rotation(0.5, 0.4, 0.3) @ np.diag([0.9, 1.0, 1.1])
    pose = Pose(affine=turned, mutual_information=0.4)
    assert pose.scales == pytest.approx((0.9, 1.0, 1.1))
    assert pose.determinant == pytest.approx(0.99)
    assert pose.plausible
    assert not Pose(affine=np.diag([-1.0, 1, 1, 1]), mutual_information=0.4).plausible
    assert not Pose(affine=np.diag([2.0, 2, 2, 1]), mutual_information=0.4).plausible
