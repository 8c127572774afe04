"""A face that comes blurred is told, and removed all the same."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fivesafes.data.face.deface import deface_image
from fivesafes.data.face.examine import examine
from fivesafes.data.face.itk import from_itk, one_thread, sitk, to_itk
from fivesafes.data.face.prepare import prepare
from fivesafes.data.face.present import Presence, face_present
from fivesafes.data.face.stored import read_stored
from fivesafes.data.model import FaceMode, FaceStatus

Head = Any
Writer = Any


@pytest.fixture(scope="module")
def blurred_file(synthetic_head: Head, write_image: Writer) -> Path:
    """Blur the face by 3 voxels of 2 mm (full width 14 mm), as crude tools do, and leave the rest."""
    data = synthetic_head["data"]
    soft = from_itk(sitk.SmoothingRecursiveGaussian(to_itk(data), 3.0))
    face = np.isin(synthetic_head["features"], [1, 2, 3, 4])
    return Path(
        write_image(
            "blurred_T1w.nii.gz",
            np.rint(np.where(face, soft, data) * 4).astype(np.int16),
            synthetic_head["affine"],
        )
    )


def test_a_blurred_face_is_a_face(head_file: Path, blurred_file: Path) -> None:
    """It is told as present, and that it looks blurred; a sharp one is not called so."""
    sharp, soft = face_present(head_file), face_present(blurred_file)
    assert sharp.state is Presence.PRESENT
    assert "blurred" not in sharp.why
    assert soft.state is Presence.PRESENT
    assert "blurred" in soft.why


def test_it_is_removed_and_that_is_said(blurred_file: Path, tmp_path: Path) -> None:
    """Nobody may take the blur for enough."""
    answer = deface_image(blurred_file, into=tmp_path / "out", mode=FaceMode.REMOVE)
    assert answer.status is FaceStatus.DEFACED
    assert "blurred" in answer.why


def test_a_defaced_head_is_not_called_blurred(head_file: Path, tmp_path: Path) -> None:
    """Where no skin is left there is no edge that could be soft."""
    answer = deface_image(head_file, into=tmp_path / "out", mode=FaceMode.REMOVE)
    assert answer.image is not None
    assert answer.why == ""
    with one_thread():
        scan = prepare(read_stored(answer.image))
        assert scan is not None
        assert not examine(scan).blurred
