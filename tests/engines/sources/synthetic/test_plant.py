"""Canaries everywhere: each in the bytes, none in the way of reading the files."""

import re
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import FileDataset

from fivesafes.engines.sources.synthetic import Planted, PlantedValue, plant_everywhere
from fivesafes.engines.sources.synthetic.plant import STRUCTURAL

KEPT = ("anat", "func", "dwi")


@pytest.fixture(scope="module")
def planted(study: Planted, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, tuple[PlantedValue, ...]]:
    """Plant in some files of each series: the folder before, the folder after, and the canaries."""
    before, after = tmp_path_factory.mktemp("before"), tmp_path_factory.mktemp("after")
    for role in KEPT:
        for file in study.files_of(role)[:2]:
            copy = before / role / file.name
            copy.parent.mkdir(exist_ok=True)
            copy.write_bytes(file.read_bytes())
    (before / "notes.txt").write_text("no DICOM")
    return before, after, plant_everywhere(before, after)


def pairs(before: Path, after: Path) -> list[tuple[FileDataset, FileDataset]]:
    """Read each file before and after."""
    return [(dcmread(path), dcmread(after / path.relative_to(before))) for path in sorted(before.rglob("*.dcm"))]


def test_each_canary_is_unique_and_lies_in_the_bytes(planted: tuple[Path, Path, tuple[PlantedValue, ...]]) -> None:
    """And no canary is there without being noted."""
    _, after, values = planted
    written = b"".join(path.read_bytes() for path in sorted(after.rglob("*.dcm")))
    texts = [value.text.encode() for value in values]
    assert len(texts) == len(set(texts))
    assert not [text for text in texts if text not in written]
    assert set(re.findall(rb"CNRY[A-Z]{7}", written)) <= set(texts)


def test_canaries_are_in_hundreds_of_places(planted: tuple[Path, Path, tuple[PlantedValue, ...]]) -> None:
    """Standard, private, nested five deep, CSA, file meta, preamble, overlay, ICC profile, padding."""
    _, _, values = planted
    places = {value.place for value in values}
    assert len(places) > 300
    assert max(place.count("/") for place in places) >= 5
    for place in ("preamble", "ICCProfile", "OverlayData", "CurveLabel", "DataSetTrailingPadding", "SpecialNeeds (UN)"):
        assert place in places
    assert any("(0029,1010)" in place for place in places)
    assert any(place.endswith("MrPhoenixProtocol") for place in places)


def test_nothing_of_the_person_is_left(study: Planted, planted: tuple[Path, Path, tuple[PlantedValue, ...]]) -> None:
    """Every text that identified before has given way to a canary: so every place was reached."""
    _, after, _ = planted
    written = b"".join(path.read_bytes() for path in sorted(after.rglob("*.dcm")))
    reserved = {"private creator (0011,0010)"}  # a changed creator would make its elements unreadable
    left = [
        value.place
        for value in study.values
        if value.place not in reserved and any(text in written for text in value.spellings())
    ]
    assert not left


def test_the_files_read_as_before(planted: tuple[Path, Path, tuple[PlantedValue, ...]]) -> None:
    """Pixels and what says how to read them are untouched; files that belonged together still do."""
    before, after, _ = planted
    for was, now in pairs(before, after):
        assert now.PixelData == was.PixelData
        assert now.file_meta.MediaStorageSOPInstanceUID == now.SOPInstanceUID != was.SOPInstanceUID
        for keyword in STRUCTURAL & set(was.dir()):
            assert now[keyword].value == was[keyword].value
    first, second = (now for was, now in pairs(before, after) if was.SeriesNumber == 2)
    assert first.SeriesInstanceUID == second.SeriesInstanceUID
    assert first.PatientID == second.PatientID
    assert first.SOPInstanceUID != second.SOPInstanceUID
    assert first.PatientName != second.PatientName


def test_planting_twice_gives_the_same(planted: tuple[Path, Path, tuple[PlantedValue, ...]], tmp_path: Path) -> None:
    """The same input, the same canaries."""
    before, after, values = planted
    assert plant_everywhere(before, tmp_path) == values
    for path in sorted(after.rglob("*.dcm")):
        assert (tmp_path / path.relative_to(after)).read_bytes() == path.read_bytes()
