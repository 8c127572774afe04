"""What makes no stack of slices is refused, with the reason, and nothing is written of it."""

from collections.abc import Callable
from pathlib import Path
from shutil import copy
from typing import Any

import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import SegmentationStorage
from tests.heads.dicoms import ROOT, How, Sliced, write_classic
from tests.heads.frontal import Frontal, defaced, one_series

from fivesafes.core.errors import InvalidInput
from fivesafes.data.face.dicom import stack
from fivesafes.data.face.dicom.gather import gather
from fivesafes.data.face.dicom.stack import lay_stack
from fivesafes.data.face.stored import read_stored
from fivesafes.data.model import FaceMode, FaceStatus


def said(**values: Any) -> Callable[[Dataset, int], None]:  # noqa: ANN401 - a header holds anything
    """Say something else in each header; a value that is called is given the slice's number."""

    def change(dataset: Dataset, index: int) -> None:
        for keyword, value in values.items():
            setattr(dataset, keyword, value(index) if callable(value) else value)

    return change


def unplaced(dataset: Dataset, _: int) -> None:
    """Do not say where the slice lies."""
    del dataset.ImagePositionPatient


def jumping(dataset: Dataset, index: int) -> None:
    """Shift every third slice sideways."""
    x, *others = dataset.ImagePositionPatient
    dataset.ImagePositionPatient = [float(x) + (9 if index % 3 == 1 else 0), *others]


REFUSED = {
    "a mosaic": said(ImageType=["ORIGINAL", "PRIMARY", "M", "MOSAIC"]),
    "in several directions": said(ImageOrientationPatient=lambda index: [1, 0, 0, 0, index % 2, 1 - index % 2]),
    "do not say where they lie": unplaced,
    "shifted against one another": jumping,
    "several sizes, or none": said(PixelSpacing=lambda index: [4, 4 + index]),
    "in colour": said(SamplesPerPixel=3),
    "can't be read": said(BitsStored=20),
    "more frames than the file can hold": said(NumberOfFrames=999999999999),
    "at a right angle": said(ImageOrientationPatient=[1, 0, 0, 1, 0, 0]),
    "made of the scan": said(
        ImageType=lambda index: ["DERIVED", "SECONDARY", "M", "VRT"] if index == 3 else ["ORIGINAL", "PRIMARY", "M"]
    ),
    "same SOPInstanceUID": said(SOPInstanceUID=f"{ROOT}.1.1", InstanceNumber=lambda index: index),
}


@pytest.mark.parametrize("why", REFUSED)
def test_it_is_refused_and_the_reason_told(why: str, axial: Sliced, tmp_path: Path) -> None:
    """No guess is made where a slice lies."""
    write_classic(axial, tmp_path / "in", How(change=REFUSED[why]))
    result = defaced(tmp_path / "in", tmp_path / "out")
    assert result.defaced.status is FaceStatus.REFUSED
    assert why in result.defaced.why
    assert list((tmp_path / "out").iterdir()) == []


def test_slices_far_apart_make_no_volume(axial: Sliced, tmp_path: Path) -> None:
    """A grid around them would have no end."""
    far = Sliced(data=axial.data, positions=axial.positions * 1.0, along=axial.along, pixel=axial.pixel)
    far.positions[-1, 2] += 1e5
    write_classic(far, tmp_path / "in")
    assert lay_stack(one_series(tmp_path / "in")) == "its slices lie too far apart to make one volume"


def test_a_volume_beyond_all_measure_is_refused(axial: Sliced, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before memory is asked for it."""
    write_classic(axial, tmp_path / "in")
    monkeypatch.setattr(stack, "MOST_VOXELS", axial.data.size - 1)
    assert lay_stack(one_series(tmp_path / "in")) == "the volume would be larger than any scan of a head"


def test_what_is_no_slice_is_left_out_with_its_reason(axial: Sliced, tmp_path: Path) -> None:
    """A segmentation could draw the face's outline; text files and copies are no slices either."""
    (first, *_) = write_classic(axial, tmp_path / "in")
    segmentation = dcmread(first)
    segmentation.SOPClassUID = segmentation.file_meta.MediaStorageSOPClassUID = SegmentationStorage
    segmentation.SOPInstanceUID = f"{ROOT}.50"
    segmentation.save_as(tmp_path / "in" / "zz_segmentation.dcm")
    copy(first, tmp_path / "in" / "zz_copy")
    (tmp_path / "in" / "notes.txt").write_text("not DICOM")
    (tmp_path / "in" / "zz_cut").write_bytes(first.read_bytes()[:-100])
    found = gather(tmp_path / "in")
    assert len(found.series) == 1
    assert len(found.series[0].instances) == len(axial.data)
    told = {other.path.name: (other.why, other.damaged) for other in found.others}
    assert told["notes.txt"] == ("the file is not DICOM", False)
    assert told["zz_copy"] == ("the same object is there already", False)
    assert "segmentation" in told["zz_segmentation.dcm"][0]
    assert told["zz_cut"][1]


def test_pixels_that_end_too_soon_stop_the_series(axial: Sliced, tmp_path: Path) -> None:
    """Nothing is invented in their place."""
    write_classic(axial, tmp_path / "in", How(change=said(PixelData=b"\0" * 100)))
    with pytest.raises(InvalidInput, match="ends before its pixels"):
        defaced(tmp_path / "in", tmp_path / "out")


def test_a_mask_alone_writes_no_copy_of_the_slices(axial: Sliced, tmp_path: Path) -> None:
    """The mask lies on the stack's grid: columns, rows, slices."""
    write_classic(axial, tmp_path / "in")
    result = defaced(tmp_path / "in", tmp_path / "out", mode=FaceMode.MASK)
    assert result.defaced.image is None
    assert result.defaced.mask is not None
    assert read_stored(result.defaced.mask).grid.shape == axial.data.shape[::-1]


def test_padding_is_not_taken_for_the_brightest_tissue(axial: Sliced, tmp_path: Path) -> None:
    """Where the header says that nothing was measured, nothing is seen."""

    def padded(dataset: Dataset, _: int) -> None:
        cells = np.frombuffer(dataset.PixelData, "<u2").copy().reshape(dataset.Rows, dataset.Columns)
        cells[:2] = 4095
        dataset.PixelData = cells.tobytes()
        dataset.PixelPaddingValue = 4095

    seen: list[float] = []

    class Looking(Frontal):
        def deface(self, image: Path, *, into: Path, mode: FaceMode, beside: Path | None = None):  # type: ignore[no-untyped-def]  # noqa: ANN202
            seen.append(float(read_stored(image).real(0)[:, :2].max()))
            return super().deface(image, into=into, mode=mode, beside=beside)

    write_classic(axial, tmp_path / "in", How(change=padded))
    result = defaced(tmp_path / "in", tmp_path / "out", defacer=Looking())
    assert result.defaced.status is FaceStatus.DEFACED
    assert seen[0] < 4095
