"""What the header of a defaced slice says, and that it says nothing else than before."""

from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.dataelem import DataElement
from pydicom.sequence import Sequence as Items
from pydicom.uid import ImplicitVRLittleEndian, RLELossless
from tests.heads.dicoms import ROOT, How, Sliced, write_classic
from tests.heads.frontal import Frontal, check, defaced, every_file, numbers

from fivesafes.data.face.dicom import series as dicom_series
from fivesafes.data.face.dicom.compose import composed
from fivesafes.data.face.dicom.series import IDENTIFYING
from fivesafes.data.model import FaceStatus

FEATURES = ("113102", "DCM", "Clean Recognizable Visual Features Option")
CHANGED = {
    "SOPInstanceUID",
    "SeriesInstanceUID",
    "DeidentificationMethod",
    "DeidentificationMethodCodeSequence",
    "RecognizableVisualFeatures",
    "ReferencedImageSequence",
    "PixelData",
}
GONE = {
    "SmallestImagePixelValue",
    "LargestImagePixelValue",
    "IconImageSequence",
    "MACParametersSequence",
    "DigitalSignaturesSequence",
    "DataSetTrailingPadding",
    "(6000,0010)",
    "(6000,3000)",
}


def item(**values: object) -> Dataset:
    """Make an item of a sequence."""
    made = Dataset()
    for keyword, value in values.items():
        setattr(made, keyword, value)
    return made


def rich(dataset: Dataset, index: int) -> None:
    """Say all sorts of things in a header, some of which show or seal the face."""
    dataset.PatientIdentityRemoved = "YES"
    dataset.DeidentificationMethod = "made up"
    dataset.DeidentificationMethodCodeSequence = Items(
        [
            item(
                CodeValue="113100",
                CodingSchemeDesignator="DCM",
                CodeMeaning="Basic Application Confidentiality Profile",
            )
        ]
    )
    dataset.BurnedInAnnotation = "NO"
    neighbour = f"{ROOT}.1.{max(1, index)}"
    dataset.ReferencedImageSequence = Items(
        [
            item(ReferencedSOPClassUID=dataset.SOPClassUID, ReferencedSOPInstanceUID=neighbour),
            item(
                ReferencedSOPClassUID=dataset.SOPClassUID,
                ReferencedSOPInstanceUID=f"{ROOT}.77.1",
                PurposeOfReferenceCodeSequence=Items([item(CodeValue="121311", CodeMeaning="Localizer")]),
            ),
        ]
    )
    icon = item(Rows=2, Columns=2, BitsAllocated=8, PixelData=b"\1\2\3\4")
    icon["PixelData"].VR = "OB"
    dataset.IconImageSequence = Items([icon])
    dataset.MACParametersSequence = Items([item(MACIDNumber=1, MACAlgorithm="SHA256")])
    dataset.DigitalSignaturesSequence = Items([item(MACIDNumber=1, DigitalSignatureUID=f"{ROOT}.5")])
    dataset.add_new(0x60000010, "US", 2)
    dataset.add_new(0x60003000, "OW", b"\xff\xff")
    dataset.private_block(0x0029, "MADE UP", create=True).add_new(0x10, "OB", b"\0\1" * 40)
    dataset.DataSetTrailingPadding = b"\0" * 8


def elements(dataset: Dataset) -> dict[str, DataElement]:
    """List the elements of the outermost level by keyword, or tag."""
    return {element.keyword or str(element.tag): element for element in dataset}


@pytest.mark.parametrize("how", [How(change=rich), How(change=rich, syntax=ImplicitVRLittleEndian)])
def test_what_is_declared_changes_and_nothing_else(how: How, axial: Sliced, tmp_path: Path) -> None:
    """Every other attribute is equal, private ones too."""
    write_classic(axial, tmp_path / "in", how)
    result = defaced(tmp_path / "in", tmp_path / "out")
    check(tmp_path / "in", result)
    assert result.warnings == ()
    for before, after in every_file(tmp_path / "in", result):
        old, new = elements(dcmread(before)), elements(dcmread(after))
        assert set(old) - set(new) == GONE
        assert set(new) - set(old) == {"RecognizableVisualFeatures"}
        for keyword in set(old) & set(new) - CHANGED:
            assert old[keyword] == new[keyword], keyword


def test_the_face_is_said_to_be_gone_after_what_was_said_before(axial: Sliced, tmp_path: Path) -> None:
    """The code is added to those that are there, and the method to the method."""
    write_classic(axial, tmp_path / "in", How(change=rich))
    for _, after in every_file(tmp_path / "in", defaced(tmp_path / "in", tmp_path / "out")):
        new = dcmread(after)
        first, added = new.DeidentificationMethodCodeSequence
        assert first.CodeValue == "113100"
        assert (added.CodeValue, added.CodingSchemeDesignator, added.CodeMeaning) == FEATURES
        assert new.DeidentificationMethod[0] == "made up"
        assert "deface remove, frontal 1" in new.DeidentificationMethod[1]
        assert new.RecognizableVisualFeatures == "NO"


def test_a_code_that_is_there_is_not_said_twice(axial: Sliced, tmp_path: Path) -> None:
    """Defacing what was defaced adds no second code."""
    write_classic(axial, tmp_path / "in")
    once = defaced(tmp_path / "in", tmp_path / "once").defaced.image
    assert once is not None
    for _, after in every_file(once, defaced(once, tmp_path / "twice")):
        assert len(dcmread(after).DeidentificationMethodCodeSequence) == 1


def test_what_needs_review_does_not_say_that_its_face_is_gone(axial: Sliced, tmp_path: Path) -> None:
    """Nobody has verified it."""
    write_classic(axial, tmp_path / "in")
    unsure = Frontal()
    unsure.status = FaceStatus.NEEDS_REVIEW
    result = defaced(tmp_path / "in", tmp_path / "out", defacer=unsure)
    assert result.defaced.status is FaceStatus.NEEDS_REVIEW
    for _, after in every_file(tmp_path / "in", result):
        new = dcmread(after)
        assert "RecognizableVisualFeatures" not in new
        assert "DeidentificationMethodCodeSequence" not in new


def test_a_file_that_is_not_as_it_was_to_be_is_found_out(
    axial: Sliced, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One wrong pixel, and the series needs review."""
    write_classic(axial, tmp_path / "in")

    def wrong(opened, pixels, change):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        pixels[1000] ^= 1
        return composed(opened, pixels, change)

    monkeypatch.setattr(dicom_series, "composed", wrong)
    result = defaced(tmp_path / "in", tmp_path / "out")
    assert result.defaced.status is FaceStatus.NEEDS_REVIEW
    assert result.defaced.evidence.outside_voxels_altered == len(axial.data)
    assert "RecognizableVisualFeatures" not in dcmread(every_file(tmp_path / "in", result)[0][1])


def test_a_header_that_is_not_as_it_was_to_be_is_found_out(
    axial: Sliced, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One other attribute, and the series needs review."""
    write_classic(axial, tmp_path / "in")

    def wrong(opened, pixels, change):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        head, body, *rest = composed(opened, pixels, change)
        return head, body.replace(b"Made^Up", b"Made^It"), *rest

    monkeypatch.setattr(dicom_series, "composed", wrong)
    assert defaced(tmp_path / "in", tmp_path / "out").defaced.status is FaceStatus.NEEDS_REVIEW


def test_each_object_has_a_new_name_and_the_series_one_too(axial: Sliced, tmp_path: Path) -> None:
    """So that an archive keeps the original beside it; study and frame of reference stay, references follow."""
    write_classic(axial, tmp_path / "in", How(change=rich))
    pairs = every_file(tmp_path / "in", defaced(tmp_path / "in", tmp_path / "out"))
    renamed = {dcmread(before).SOPInstanceUID: dcmread(after).SOPInstanceUID for before, after in pairs}
    assert len(set(renamed) | set(renamed.values())) == 2 * len(pairs)
    assert len({dcmread(after).SeriesInstanceUID for _, after in pairs}) == 1
    for before, after in pairs:
        old, new = dcmread(before), dcmread(after)
        assert new.SeriesInstanceUID != old.SeriesInstanceUID
        assert new.file_meta.MediaStorageSOPInstanceUID == new.SOPInstanceUID
        ours, strange = new.ReferencedImageSequence
        assert ours.ReferencedSOPInstanceUID == renamed[old.ReferencedImageSequence[0].ReferencedSOPInstanceUID]
        assert strange == old.ReferencedImageSequence[1]


def test_the_same_series_gives_the_same_bytes_and_another_zone_other_names(axial: Sliced, tmp_path: Path) -> None:
    """Names tell apart what differs."""
    write_classic(axial, tmp_path / "in")
    higher = Frontal()
    higher.plane = 70.0
    once, again = (every_file(tmp_path / "in", defaced(tmp_path / "in", tmp_path / name)) for name in ("1", "2"))
    assert [after.read_bytes() for _, after in once] == [after.read_bytes() for _, after in again]
    other = every_file(tmp_path / "in", defaced(tmp_path / "in", tmp_path / "3", defacer=higher))
    assert dcmread(once[0][1]).SOPInstanceUID != dcmread(other[0][1]).SOPInstanceUID


def test_nothing_stays_drawn_in_bits_that_hold_no_number(axial: Sliced, tmp_path: Path) -> None:
    """An overlay of old kind lies above the twelfth bit; the numbers themselves stay."""

    def drawn(dataset: Dataset, _: int) -> None:
        cells = np.frombuffer(dataset.PixelData, "<u2").copy()
        cells[::3] |= 0x1000
        dataset.PixelData = cells.tobytes()

    write_classic(axial, tmp_path / "drawn", How(change=drawn))
    write_classic(axial, tmp_path / "in")
    result = defaced(tmp_path / "drawn", tmp_path / "out")
    assert result.defaced.status is FaceStatus.DEFACED
    plain = every_file(tmp_path / "in", defaced(tmp_path / "in", tmp_path / "other"))
    for (_, after), (_, undrawn) in zip(every_file(tmp_path / "drawn", result), plain, strict=True):
        assert np.array_equal(numbers(dcmread(after)), numbers(dcmread(undrawn)))


def test_headers_that_still_identify_are_warned_of(axial: Sliced, tmp_path: Path) -> None:
    """They are not this command's business, but whoever passes the series on must know."""
    write_classic(axial, tmp_path / "in")
    assert defaced(tmp_path / "in", tmp_path / "out").warnings == (IDENTIFYING,)


def test_pixels_that_were_compressed_are_described_as_they_are_now(axial: Sliced, tmp_path: Path) -> None:
    """Explicit little endian, with a length, and no table of offsets."""
    write_classic(axial, tmp_path / "in", How(syntax=RLELossless))
    for _, after in every_file(tmp_path / "in", defaced(tmp_path / "in", tmp_path / "out")):
        new = dcmread(after)
        assert new.file_meta.TransferSyntaxUID.name == "Explicit VR Little Endian"
        assert len(new.PixelData) == new.Rows * new.Columns * 2
