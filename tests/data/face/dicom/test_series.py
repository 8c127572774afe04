"""Series go in with a face and come out without, however they are sliced and stored; nothing else in them changes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)
from tests.heads.dicoms import ROOT, How, Sliced, sliced, write_classic, write_enhanced, write_floats
from tests.heads.frontal import Frontal, check, defaced, every_file, front, numbers
from tests.heads.made import rotation

from fivesafes.data.face.stored import Stored, read_stored
from fivesafes.data.model import FaceStatus

Head = Mapping[str, NDArray[Any]]

STORED = {
    "unsigned-12": How(),
    "signed-16": How(stored=16, signed=True),
    "signed-12": How(signed=True),
    "eight-bits": How(stored=8, allocated=8, slopes=(12.0,)),
    "thirty-two": How(stored=32, allocated=32),
    "a-slope-per-slice": How(slopes=(0.7, 1.3, 2.9)),
    "an-intercept": How(slopes=(0.5,), intercept=-500.0, stored=16),
    "implicit": How(syntax=ImplicitVRLittleEndian),
    "big-endian": How(syntax=ExplicitVRBigEndian),
    "deflated": How(syntax=DeflatedExplicitVRLittleEndian),
    "run-lengths": How(syntax=RLELossless),
    "run-lengths-signed": How(syntax=RLELossless, signed=True, stored=16),
    "the-other-way-round": How(reverse=True),
}


@pytest.mark.parametrize("name", STORED)
def test_however_it_is_stored_the_zone_alone_changes(name: str, axial: Sliced, tmp_path: Path) -> None:
    """What pydicom reads is the same outside, and what means nothing inside."""
    write_classic(axial, tmp_path / "in", STORED[name])
    check(tmp_path / "in", defaced(tmp_path / "in", tmp_path / "out"))


@pytest.mark.parametrize("syntax", [JPEGLSLossless, JPEG2000Lossless])
def test_compressed_slices_are_written_uncompressed_with_the_same_numbers(
    syntax: UID, axial: Sliced, tmp_path: Path
) -> None:
    """Packing them again could alter what lies outside."""
    pytest.importorskip("openjpeg" if syntax == JPEG2000Lossless else "jpeg_ls")
    write_classic(axial, tmp_path / "in", How(syntax=syntax, stored=16))
    result = defaced(tmp_path / "in", tmp_path / "out")
    check(tmp_path / "in", result)
    for before, after in every_file(tmp_path / "in", result):
        new = dcmread(after)
        assert not new.file_meta.TransferSyntaxUID.is_compressed
        assert "LossyImageCompression" not in new
        assert new.PhotometricInterpretation == dcmread(before).PhotometricInterpretation


SHAPES: Mapping[str, Mapping[str, Any]] = {
    "sagittal": {"plane": "sagittal"},
    "coronal": {"plane": "coronal"},
    "oblique": {"turn": rotation(20, -15, 25)},
    "tilted": {"tilt": 20.0},
    "uneven": {"apart": (7.0, 8.5, 6.2)},
}


@pytest.mark.parametrize("name", SHAPES)
def test_however_it_is_sliced_the_zone_is_cut_where_it_lies(name: str, synthetic_head: Head, tmp_path: Path) -> None:
    """The place of each pixel is worked out from its header by the test alone."""
    how = {"apart": 8.0, **SHAPES[name]}
    write_classic(sliced(synthetic_head["data"] * 10, synthetic_head["affine"], pixel=4.0, **how), tmp_path / "in")
    check(tmp_path / "in", defaced(tmp_path / "in", tmp_path / "out"), slack=0.6 if name == "uneven" else 0.01)


def test_missing_slices_leave_a_gap_and_nothing_more(axial: Sliced, tmp_path: Path) -> None:
    """The others are cut at their own places; the grid has a layer for what is missing."""
    kept = [number for number in range(len(axial.data)) if number not in {3, 4, 10}]
    write_classic(axial.some(kept), tmp_path / "in")
    result = defaced(tmp_path / "in", tmp_path / "out")
    check(tmp_path / "in", result)
    assert result.defaced.mask is not None
    assert read_stored(result.defaced.mask).grid.shape[2] == len(axial.data)


@pytest.mark.parametrize("volumes", [1, 3])
def test_frames_of_an_enhanced_object_are_cut_each_at_its_place(volumes: int, axial: Sliced, tmp_path: Path) -> None:
    """Places and slopes come from functional groups; every volume is cut."""
    write_enhanced([axial] * volumes, tmp_path / "in" / "a.dcm", How(slopes=(0.8, 1.7), stored=16))
    check(tmp_path / "in", defaced(tmp_path / "in", tmp_path / "out"))


def test_several_volumes_in_single_slices_are_all_cut(axial: Sliced, tmp_path: Path) -> None:
    """Echoes of one series lie at the same places."""
    for number in (1, 2):
        change = lambda dataset, index, number=number: dataset.update(  # noqa: E731
            {"SOPInstanceUID": f"{ROOT}.9.{number}.{index}", "EchoNumbers": number}
        )
        write_classic(axial, tmp_path / "in" / str(number), How(change=change))
    result = defaced(tmp_path / "in", tmp_path / "out")
    check(tmp_path / "in", result)
    assert len(every_file(tmp_path / "in", result)) == 2 * len(axial.data)


class Masked(Frontal):
    """Puts other numbers in the face's place, as a mode that gives another face does."""

    def instead(self, stored: Stored, count: int) -> NDArray[np.int64]:
        """Count up to a hundred, again and again."""
        return np.arange(count) % 100


def test_other_numbers_in_place_of_the_face_are_written_into_a_single_volume(axial: Sliced, tmp_path: Path) -> None:
    """Each frame holds the twin's numbers there, and the original's elsewhere."""
    write_classic(axial, tmp_path / "in")
    result = defaced(tmp_path / "in", tmp_path / "out", defacer=Masked())
    assert result.defaced.status is FaceStatus.DEFACED, result.defaced.why
    seen = set()
    for before, after in every_file(tmp_path / "in", result):
        old, new = dcmread(before), dcmread(after)
        gone = front(old)
        assert np.array_equal(numbers(old)[~gone], numbers(new)[~gone])
        seen |= set(numbers(new)[gone].tolist())
    assert seen == set(range(100))


def test_other_numbers_in_place_of_the_face_do_not_fit_several_volumes(axial: Sliced, tmp_path: Path) -> None:
    """They were made for one brightness."""
    write_enhanced([axial] * 2, tmp_path / "in" / "a.dcm")
    result = defaced(tmp_path / "in", tmp_path / "out", defacer=Masked())
    assert result.defaced.status is FaceStatus.REFUSED
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("bits", [32, 64])
def test_floats_stay_floats(bits: int, axial: Sliced, tmp_path: Path) -> None:
    """A parametric map is cut on its floats."""
    write_floats(axial, tmp_path / "in" / "a.dcm", How(allocated=bits) if bits == 32 else How(allocated=64, stored=12))
    check(tmp_path / "in", defaced(tmp_path / "in", tmp_path / "out"))
