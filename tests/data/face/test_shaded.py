"""A head that a coil's shading hides is held for a person to look at; what is no head stays refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from attrs import evolve
from numpy.typing import NDArray
from tests.heads.looks import looking_like, shaded
from tests.heads.made import rician, write
from tests.heads.truth import ds031, left_of
from tests.heads.variants import CURVES

from fivesafes.core.verdict import Gravity
from fivesafes.data.face import examine
from fivesafes.data.face.cut import Look
from fivesafes.data.face.deface import deface_image
from fivesafes.data.face.examine import Examined, _examine
from fivesafes.data.face.itk import IDENTITY, Volume
from fivesafes.data.face.locate import WEAKEST, Pose
from fivesafes.data.face.pack import CORE, FEATURES, template
from fivesafes.data.face.present import Presence, _answer, face_present
from fivesafes.data.face.session import _found_at_once
from fivesafes.data.face.shaded import LEAST, detail
from fivesafes.data.face.stored import read_stored
from fivesafes.data.face.verify import judge_pose
from fivesafes.data.model import Defaced, FaceMode, FaceStatus

Head = Any
Writer = Any
KNOWN = Path(__file__).parents[3] / "benchmarks" / "heads"
REACH_MM = 60.0
EVENED = Pose(affine=np.eye(4), mutual_information=0.05, evened=0.2)


def in_shade(data: NDArray[Any], affine: NDArray[Any], rng: np.random.Generator) -> NDArray[np.int16]:
    """Receive with a coil behind and to the left."""
    x, y, z = (affine[axis, 3] + affine[axis, axis] * np.arange(data.shape[axis]) for axis in range(3))
    away = np.sqrt((x[:, None, None] + 90) ** 2 + (y[:, None] + 100) ** 2 + (z - 10) ** 2)
    bright = np.asarray(data / data.max() * 8000 * np.exp(-away / REACH_MM), np.float32)
    return np.rint(rician(bright, 3.0, rng)).astype(np.int16)


@pytest.fixture(scope="module")
def hidden(synthetic_head: Head, write_image: Writer) -> Path:
    """Write the synthetic head as a T2w, deep in shade."""
    old, new = np.array(CURVES["t2"]).T
    data = np.interp(synthetic_head["data"] / np.percentile(synthetic_head["data"], 99.5), old, new)
    affine = synthetic_head["affine"]
    return Path(write_image("sub-h_T2w.nii.gz", in_shade(data, affine, np.random.default_rng(3)), affine))


@pytest.fixture(scope="module")
def held(hidden: Path, tmp_path_factory: pytest.TempPathFactory) -> Defaced:
    """Deface it once."""
    return deface_image(hidden, into=tmp_path_factory.mktemp("out"), mode=FaceMode.REMOVE)


def test_a_head_deep_in_shade_is_written_and_held(held: Defaced) -> None:
    """It was refused; the first search's figure tells why, the second's why no more."""
    assert held.status is FaceStatus.NEEDS_REVIEW
    assert "shading" in held.why
    assert held.evidence.mutual_information is not None
    assert held.evidence.mutual_information < WEAKEST
    assert held.evidence.evened_mutual_information is not None
    assert held.evidence.evened_mutual_information > LEAST


def test_its_face_is_gone(held: Defaced, synthetic_head: Head) -> None:
    """By the truth the head was made from, also where it is too dark to be seen."""
    assert held.mask is not None
    removed = read_stored(held.mask).voxels[..., 0] > 0
    tissue = synthetic_head["data"] > 30
    for number, part in enumerate(FEATURES, start=1):
        left = (tissue & ~removed)[tissue & (synthetic_head["features"] == number)].mean()
        assert left < (0.05 if part in CORE else 0.15), part


def test_check_does_not_call_it_faceless_or_no_head(hidden: Path) -> None:
    """The part of a face that is seen is told; if none were, it would be unknown."""
    answer = face_present(hidden)
    assert answer.state is Presence.PRESENT
    assert answer.mutual_information is not None
    assert answer.mutual_information > LEAST


@pytest.mark.parametrize("what", ["bottle", "ball", "noise"])
def test_no_head_in_shade_stays_refused(what: str, write_image: Writer, tmp_path: Path) -> None:
    """A bottle with rods, a ball, and noise that is brighter on one side."""
    rng = np.random.default_rng(4)
    i, j, k = (axis - 48 for axis in np.indices((96, 96, 96), dtype=np.float32))
    data = {
        "bottle": 800 * ((i**2 + j**2 < 42**2) & (abs(k) < 44) & ((i - 20) ** 2 + (j - 20) ** 2 > 25)),
        "ball": 800 * (i**2 + j**2 + k**2 < 42**2),
        "noise": rng.rayleigh(50, i.shape),
    }[what]
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    affine[:3, 3] = -96
    image = write_image(f"{what}.nii.gz", in_shade(data.astype(np.float32), affine, rng), affine)
    answer = deface_image(image, into=tmp_path, mode=FaceMode.REMOVE)
    assert answer.status is FaceStatus.REFUSED


def test_a_head_that_is_found_at_once_is_not_searched_again(head_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So nothing of it changes, nor does it take longer."""

    def again(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr(examine, "locate_shaded", again)
    _examine.cache_clear()
    assert face_present(head_file).state is Presence.PRESENT


def test_what_is_small_tells_a_head_from_one_that_is_turned_or_elsewhere() -> None:
    """A shift of 20 mm leaves nothing, and half of the brain out of view is not asked."""
    pack = template()
    turned = np.diag([1.0, -1.0, -1.0, 1.0])
    moved = np.eye(4)
    moved[1, 3] = 20
    out = np.eye(4)
    out[0, 3] = 120
    assert detail(pack.head, pack, IDENTITY) > 5 * LEAST
    assert detail(pack.head, pack, moved) < LEAST
    assert detail(pack.head, pack, turned) < LEAST
    assert detail(pack.head, pack, out) == 0


def test_such_a_head_needs_review_however_well_it_fits() -> None:
    """And an impossible one stays refused."""
    judged = judge_pose(EVENED)
    assert judged.gravity is Gravity.REVIEW
    assert [finding.code for finding in judged.findings] == ["data.face.evened"]
    assert judge_pose(evolve(EVENED, affine=np.diag([3.0, 3, 3, 1]))).gravity is Gravity.REFUSE


def test_a_face_that_is_not_seen_in_the_shade_is_not_said_to_be_gone() -> None:
    """Neither there is nothing to do, nor is it absent, whatever is measured of skin."""
    away: Any = Volume(data=np.ones((4, 4, 4), np.float32), affine=np.eye(4))
    shares = dict.fromkeys(FEATURES, 0.0)
    seen = Examined(pose=EVENED, to_surface=away, shares=shares, scalp=1.0, brain_alone=False)
    nothing: Any = None  # of the image nothing is asked
    assert Look(path=Path("x.nii"), stored=nothing, scan=nothing, seen=seen).nothing_to_remove is None
    assert _answer(seen).state is Presence.UNKNOWN


def test_in_a_session_what_was_carried_stands_before_it() -> None:
    """As it did when such an image was refused by itself."""
    assert not _found_at_once(EVENED)
    assert not _found_at_once(None)
    assert _found_at_once(Pose(affine=np.eye(4), mutual_information=0.4))


@pytest.mark.shared_data
def test_a_real_head_deep_in_shade_is_held_without_its_face(shared_data: Path, tmp_path: Path) -> None:
    """T2-like, with a coil that reaches 60 mm: by the marks no skin is left."""
    head = ds031(shared_data / "heads" / "ds031_T1w.nii.gz", KNOWN / "ds031_brain.nii.gz")
    rng = np.random.default_rng(5)
    made = shaded(60)(evolve(head, data=np.asarray(looking_like(CURVES["t2"])(head, rng).data)), rng)
    (tmp_path / "in").mkdir()
    answer = deface_image(write(made, tmp_path / "in", "x"), into=tmp_path, mode=FaceMode.REMOVE)
    assert answer.status is FaceStatus.NEEDS_REVIEW, answer.why
    assert answer.mask is not None
    gone = read_stored(answer.mask).voxels[..., 0] > 0
    left = left_of(~gone, made.skin, (made.affine[:3, :3] ** 2).sum(axis=0) ** 0.5)
    assert all(share <= 0.05 for share in left.values())
