"""A whole study: the same each time, full of noted identifiers, and quiet about them in its file names."""

from pathlib import Path

import pytest
from pydicom import dcmread

from fivesafes.core.progress import Silent
from fivesafes.engines.sources.synthetic import Extra, Planted, PlantedKind, write_study
from fivesafes.engines.sources.synthetic.anatomy import head_of


class Counting(Silent):
    """Counts what it is told."""

    def __init__(self) -> None:
        """Start at nothing."""
        self.total = self.done = 0

    def begin(self, stage: str, *, total: int, unit: str) -> None:
        """Note the total."""
        self.total = total

    def advance(self, stage: str, by: int = 1) -> None:
        """Count."""
        self.done += by


class DiskFull(Silent):
    """Fails in the middle."""

    def __init__(self) -> None:
        """Start at nothing."""
        self.done = 0

    def advance(self, stage: str, by: int = 1) -> None:
        """Give up at the thirtieth file."""
        self.done += by
        if self.done > 29:
            message = "no space left on device"
            raise OSError(message)


def contents(folder: Path) -> dict[str, bytes]:
    """Read every file below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_the_same_seed_gives_the_same_bytes(study: Planted, tmp_path: Path) -> None:
    """Written elsewhere and later, nothing differs."""
    head_of.cache_clear()
    again = write_study(tmp_path, seed=5, small=True, extras=tuple(Extra))
    assert contents(again.folder) == contents(study.folder)
    assert again.values == study.values


def test_writing_it_again_replaces_it(tmp_path: Path) -> None:
    """A visit has one folder, without anything left of an earlier time."""
    first = write_study(tmp_path, seed=3, small=True, extras=(Extra.SCREEN_SAVE,))
    second = write_study(tmp_path, seed=3, small=True)
    assert first.folder == second.folder
    assert set(second.folder.rglob("*.dcm")) == {file for series in second.series for file in series.files}


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    """Neither the study nor half of it is there."""
    with pytest.raises(OSError, match="no space"):
        write_study(tmp_path, seed=3, small=True, progress=DiskFull())
    assert not list(tmp_path.iterdir())


def test_progress_reaches_its_total(tmp_path: Path) -> None:
    """As many files are counted as were promised and written."""
    counting = Counting()
    planted = write_study(tmp_path, seed=3, small=True, extras=tuple(Extra), progress=counting)
    assert counting.total == counting.done == sum(len(series.files) for series in planted.series)


def test_every_planted_value_lies_in_the_bytes(study: Planted) -> None:
    """What is noted was written; a search for it that finds nothing later has found nothing."""
    written = b"".join(contents(study.folder).values())
    missing = [value.place for value in study.values if not any(text in written for text in value.spellings())]
    assert not missing


def test_all_kinds_of_identifiers_are_planted_and_each_is_distinct(study: Planted) -> None:
    """Names, numbers, dates, places: so that a leak names where it came from."""
    assert {value.kind for value in study.values} == set(PlantedKind)
    texts = [value.text for value in study.values]
    assert len(texts) == len(set(texts))
    assert min(map(len, texts)) >= 5


def test_identifiers_hide_where_scanners_leave_them(study: Planted) -> None:
    """Five sequences deep, in CSA headers and what lies behind their names, in file meta, preamble and padding."""
    places = {value.place for value in study.values}
    assert max(place.count("Sequence/") for place in places) == 5
    for hidden in (
        "preamble",
        "DataSetTrailingPadding",
        "file meta/PrivateInformation",
        "file meta/SourceApplicationEntityTitle",
        "CSA image header/remnant",
        "CSA series header/MrPhoenixProtocol/PatientName",
        "private creator (0011,0010)",
        "private (0011,xx02) sequence as UN",
        "SITE RESEARCH DB/xx02 (UN)",
        "ProtocolName",
        "SOPInstanceUID",
    ):
        assert hidden in places


def test_file_names_tell_nothing(study: Planted) -> None:
    """Neither a name, nor a date, nor a number of the patient is in a path."""
    paths = "\n".join(str(path.relative_to(study.folder.parent)) for path in study.folder.rglob("*"))
    assert not [value.text for value in study.values if value.text in paths]


def test_file_names_tell_all_when_asked(tmp_path: Path) -> None:
    """Sites call folders by the patient's name; these paths are noted, too."""
    planted = write_study(tmp_path, seed=3, small=True, revealing_names=True)
    shown = [value.text for value in planted.values if value.place in {"folder name", "file name"}]
    assert len(shown) == 3
    for file in planted.files_of("anat"):
        assert all(text in str(file) for text in shown)


def test_a_second_visit_is_the_same_person_on_a_later_day(study: Planted, tmp_path: Path) -> None:
    """The number and the birth date stay; study, day, and the slices' pixels differ."""
    later = write_study(tmp_path, seed=5, visit=2, small=True)
    first, second = (dcmread(planted.files_of("anat")[30]) for planted in (study, later))
    assert later.participant_id == study.participant_id == second.PatientID
    assert first.PatientName == second.PatientName
    assert first.PatientBirthDate == second.PatientBirthDate
    assert first.StudyInstanceUID != second.StudyInstanceUID
    assert first.StudyDate < second.StudyDate
    assert first.PixelData != second.PixelData


def test_series_differ_in_character_set(study: Planted) -> None:
    """Older software writes Latin-1, newer UTF-8; each name can be read in its own."""
    classic, enhanced = (dcmread(study.files_of(role)[0]) for role in ("anat", "dwi"))
    assert classic.SpecificCharacterSet == "ISO_IR 100"
    assert enhanced.SpecificCharacterSet == "ISO_IR 192"
    assert classic.PatientName.alphabetic == enhanced.PatientName.alphabetic
    assert "Dvořáčková" in str(enhanced.PatientName)


def test_the_extras_are_what_a_gate_must_stop(study: Planted) -> None:
    """A screen save says that it has a name in its pixels; the phantom is another patient; one name follows no rule."""
    saved, sphere, unnamed = (dcmread(study.files_of(role)[0]) for role in ("screen-save", "phantom", "unnamed"))
    assert saved.BurnedInAnnotation == "YES"
    assert saved.pixel_array.max() > 200
    assert sphere.PatientID != study.participant_id
    assert sphere.StudyInstanceUID != unnamed.StudyInstanceUID
    assert unnamed.SeriesDescription == "t2_haste_xyz"


def test_a_small_study_is_small(study: Planted) -> None:
    """Tests copy it often: at most 6 MB."""
    assert sum(path.stat().st_size for path in study.folder.rglob("*.dcm")) < 6_000_000
