"""What a profile makes of an object is still an object of its kind: whole, readable, and linked as before."""

import shutil
import subprocess
import warnings
from collections.abc import Iterator
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Final

import pydicom
import pytest
from pydicom.dataset import Dataset

from fivesafes.data.header.deidentify import Deidentifier
from fivesafes.data.header.part10 import open_data_set
from fivesafes.data.header.profile import load_profile
from fivesafes.data.header.pseudonyms import Pseudonyms
from fivesafes.engines.sources.synthetic import Planted, write_study

from .conftest import KEY, MR, small_image, written

PROFILES: Final = [
    "basic",
    "basic+113103+113104+113105+113106+113108+113109+113110+113111+113112",
    "basic+113107",
    "mri-research",
]
ENHANCED: Final = "1.2.840.10008.5.1.4.1.1.4.1"
LEGACY: Final = "1.2.840.10008.5.1.4.1.1.4.4"
PATIENT: Final = {"PatientName": 2, "PatientID": 2, "PatientBirthDate": 2, "PatientSex": 2}
STUDY: Final = {
    "StudyInstanceUID": 1,
    "StudyDate": 2,
    "StudyTime": 2,
    "ReferringPhysicianName": 2,
    "StudyID": 2,
    "AccessionNumber": 2,
}
SERIES: Final = {"Modality": 1, "SeriesInstanceUID": 1, "SeriesNumber": 2}
IMAGE: Final = {
    "SOPClassUID": 1,
    "SOPInstanceUID": 1,
    "InstanceNumber": 2,
    "FrameOfReferenceUID": 1,
    "Manufacturer": 2,
    "SamplesPerPixel": 1,
    "PhotometricInterpretation": 1,
    "Rows": 1,
    "Columns": 1,
    "BitsAllocated": 1,
    "PixelRepresentation": 1,
}
CLASSIC: Final = {
    "ImageType": 1,
    "ScanningSequence": 1,
    "SequenceVariant": 1,
    "ScanOptions": 2,
    "MRAcquisitionType": 2,
    "EchoTime": 2,
    "EchoTrainLength": 2,
    "PixelSpacing": 1,
    "ImagePositionPatient": 1,
    "ImageOrientationPatient": 1,
}
FRAMES: Final = {
    "ManufacturerModelName": 1,
    "DeviceSerialNumber": 1,
    "SoftwareVersions": 1,
    "ContentDate": 1,
    "ContentTime": 1,
    "NumberOfFrames": 1,
    "DimensionOrganizationSequence": 1,
    "DimensionIndexSequence": 1,
    "AcquisitionContextSequence": 2,
    "SharedFunctionalGroupsSequence": 1,
    "PerFrameFunctionalGroupsSequence": 1,
}
"""Types of PS3.3 A.4, A.36 and A.70: 1 with a value, 2 present."""


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Planted:
    """Write one small synthetic study; its objects are valid."""
    return write_study(tmp_path_factory.mktemp("study"), seed=5, small=True)


@lru_cache(maxsize=64)
def made(content: bytes, profile: str, project: str = "test") -> bytes:
    """De-identify a file's bytes."""
    cleaned = Deidentifier(load_profile(profile), Pseudonyms(KEY, project)).clean(open_data_set(content))
    return b"".join(cleaned.pieces)


def _one_of_each(study: Planted) -> dict[str, bytes]:
    """Give a classic image, an enhanced one, and one that an archive converted (as PS3.3 A.70 has it)."""
    enhanced = study.files_of("dwi")[0].read_bytes()
    legacy = pydicom.dcmread(BytesIO(enhanced))
    legacy.SOPClassUID = legacy.file_meta.MediaStorageSOPClassUID = pydicom.uid.UID(LEGACY)
    file = BytesIO()
    pydicom.dcmwrite(file, legacy)
    return {MR: study.files_of("anat")[0].read_bytes(), ENHANCED: enhanced, LEGACY: file.getvalue()}


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("kind", [MR, ENHANCED, LEGACY])
def test_required_attributes_are_there(study: Planted, kind: str, profile: str) -> None:
    """Those of type 1 with a value, those of type 2 at least empty."""
    result = pydicom.dcmread(BytesIO(made(_one_of_each(study)[kind], profile)))
    asked = PATIENT | STUDY | SERIES | IMAGE | (CLASSIC if kind == MR else FRAMES)
    missing = [keyword for keyword, type_ in asked.items() if not _fulfilled(result, keyword, type_)]
    assert not missing
    if kind != MR:
        frames = result.PerFrameFunctionalGroupsSequence
        assert len(frames) == result.NumberOfFrames
        assert all(frame.FrameContentSequence[0].FrameAcquisitionDateTime for frame in frames)


def _fulfilled(result: Dataset, keyword: str, type_: int) -> bool:
    return keyword in result and (type_ == 2 or not result[keyword].is_empty)


@pytest.mark.parametrize("profile", PROFILES)
def test_other_software_complains_of_nothing_that_it_did_not_before(
    study: Planted, tmp_path: Path, profile: str
) -> None:
    """Of dciodvfy each error, of dcmdump each word."""
    for program, words in (("dciodvfy", ("-new",)), ("dcmdump", ("-q",))):
        for content in _one_of_each(study).values():
            said = [_said(program, *words, content=one, folder=tmp_path) for one in (content, made(content, profile))]
            assert not said[1] - said[0], program


def _said(program: str, *words: str, content: bytes, folder: Path) -> set[str]:
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"{program} is not installed")
    (folder / "object.dcm").write_bytes(content)
    done = subprocess.run([path, *words, str(folder / "object.dcm")], capture_output=True, check=False)
    lines = (done.stderr + (b"" if program == "dcmdump" else done.stdout)).decode("utf-8", "replace").splitlines()
    return {line for line in lines if program == "dcmdump" or line.startswith("Error")}


@pytest.mark.parametrize("profile", PROFILES)
def test_pydicom_reads_every_element_without_a_warning(study: Planted, profile: str) -> None:
    """Every value is what its VR says."""
    for content in _one_of_each(study).values():
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            result = pydicom.dcmread(BytesIO(made(content, profile)))
            assert len([element.value for element in result.iterall()]) > 50


def _linked_study() -> list[Dataset]:
    """Make four objects that point at one another, as scanners and archives write them."""
    scout, anatomy, frames, converted = (small_image() for _ in range(4))
    for number, image in enumerate((scout, anatomy, frames, converted)):
        image.SOPInstanceUID, image.SeriesInstanceUID = f"1.2.826.0.1.9.{number}", f"1.2.826.0.1.8.{number}"
        image.FrameOfReferenceUID = "1.2.826.0.1.7"
    anatomy.ReferencedImageSequence = anatomy.SourceImageSequence = [_pointing_at(scout)]
    frames.SOPClassUID, converted.SOPClassUID = ENHANCED, LEGACY
    for image in (frames, converted):
        evidence, series, group, derivation = Dataset(), Dataset(), Dataset(), Dataset()
        series.SeriesInstanceUID, series.ReferencedSOPSequence = anatomy.SeriesInstanceUID, [_pointing_at(anatomy)]
        evidence.StudyInstanceUID, evidence.ReferencedSeriesSequence = anatomy.StudyInstanceUID, [series]
        image.ReferencedImageEvidenceSequence = image.SourceImageEvidenceSequence = [evidence]
        derivation.SourceImageSequence = [_pointing_at(anatomy)]
        group.ReferencedImageSequence, group.DerivationImageSequence = [_pointing_at(scout)], [derivation]
        group.ConversionSourceAttributesSequence = [_pointing_at(anatomy)]
        image.PerFrameFunctionalGroupsSequence = [group, group]
        image.SharedFunctionalGroupsSequence = [group]
    return [scout, anatomy, frames, converted]


def _pointing_at(image: Dataset) -> Dataset:
    reference = Dataset()
    reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = image.SOPClassUID, image.SOPInstanceUID
    return reference


def _uids(dataset: Dataset, path: str = "") -> Iterator[tuple[str, str]]:
    """Give each UID that names an instance, with its place."""
    for element in dataset:
        if element.VR == "SQ":
            for number, item in enumerate(element.value):
                yield from _uids(item, f"{path}{element.keyword}[{number}].")
        elif element.VR == "UI" and not str(element.value).startswith("1.2.840.10008."):
            yield f"{path}{element.keyword}", str(element.value)


@pytest.mark.parametrize("profile", PROFILES)
def test_every_reference_resolves_as_before(profile: str) -> None:
    """Between objects, series and frames of reference, outside and in every frame: the same pattern of equal UIDs."""
    before, after = [], []
    for number, image in enumerate(_linked_study()):
        before += [(number, place, uid) for place, uid in _uids(image)]
        result = pydicom.dcmread(BytesIO(made(written(image), profile)))
        after += [(number, place, uid) for place, uid in _uids(result)]
    assert [one[:2] for one in after] == [one[:2] for one in before]
    stands_for = {old[2]: new[2] for old, new in zip(before, after, strict=True)}
    assert [stands_for[old[2]] for old in before] == [new[2] for new in after]
    assert len(set(stands_for.values())) == len(stands_for)
    retained = "113110" in load_profile(profile).options
    assert all((old == new) is retained for old, new in stands_for.items())


def test_two_projects_share_no_uid_and_no_label() -> None:
    """The same scan in two projects is two strangers."""
    results = [
        pydicom.dcmread(BytesIO(made(written(image), "basic", project)))
        for project in ("one", "two")
        for image in _linked_study()
    ]
    first, second = results[:4], results[4:]
    uids = [{uid for image in images for _, uid in _uids(image)} for images in (first, second)]
    assert not uids[0] & uids[1]
    assert {image.PatientID for image in first}.isdisjoint({image.PatientID for image in second})
