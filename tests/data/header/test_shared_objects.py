"""Real scans of each vendor: no checker finds a fault that was not there, and nothing is shown that does not leave."""

import shutil
import subprocess
import warnings
from pathlib import Path

import pydicom
import pytest

from fivesafes.data.header.deidentify import Deidentifier
from fivesafes.data.header.explain import explain
from fivesafes.data.header.malformed import Malformed
from fivesafes.data.header.part10 import DataSet, open_data_set
from fivesafes.data.header.profile import load_profile
from fivesafes.data.header.pseudonyms import Pseudonyms

pytestmark = pytest.mark.shared_data

SETS = [
    "structural-t1",
    "siemens-ge",
    "siemens-ge/In/20180918Si/mr_0003",
    "siemens-enhanced",
    "vendors/philips-dwi",
    "vendors/ge-dwi",
    "vendors/canon",
    "vendors/uih",
]
PROFILES = ["basic", "mri-research", "basic+113105+113106+113108+113109+113110+113111+113112"]
NO_TEXTS = {"SQ", "DS", "IS", "OB", "OW", "UN", "AT", "US", "SS", "UL", "SL", "FL", "FD"}
PSEUDONYMS = Pseudonyms(bytes(range(32)), "test")


def _first(folder: Path) -> tuple[Path, DataSet]:
    """Find the first image of a set."""
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        try:
            data_set = open_data_set(path.read_bytes())
            if Deidentifier(load_profile(), PSEUDONYMS).clean(data_set).pieces:
                return path, data_set
        except Malformed:
            continue
    pytest.fail("no image in this set")


def _faults(path: Path) -> set[str]:
    """List what dciodvfy calls an error, what dcmdump says, and how often pydicom warns."""
    said = set()
    for words in (["dciodvfy", "-new", str(path)], ["dcmdump", "-q", str(path)]):
        program = shutil.which(words[0])
        if program is None:
            pytest.skip(f"{words[0]} is not installed")
        done = subprocess.run([program, *words[1:]], capture_output=True, check=False)
        lines = (done.stderr + (done.stdout if words[0] == "dciodvfy" else b"")).decode("latin-1").splitlines()
        said |= {line for line in lines if words[0] == "dcmdump" or line.startswith("Error")}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert all(element.value is not NotImplemented for element in pydicom.dcmread(path, force=True).iterall())
    return said | {f"warning {number}" for number in range(len(caught))}


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", SETS)
def test_no_checker_finds_a_fault_that_was_not_there(
    shared_data: Path, tmp_path: Path, name: str, profile: str
) -> None:
    """Each IOD of each vendor stays what it was."""
    path, data_set = _first(shared_data / name)
    cleaned = Deidentifier(load_profile(profile), PSEUDONYMS).clean(data_set)
    result = tmp_path / "object.dcm"
    result.write_bytes(b"".join(cleaned.pieces))
    assert not _faults(result) - _faults(path)


@pytest.mark.parametrize("name", SETS)
def test_what_is_shown_of_a_file_holds_nothing_that_is_not_in_the_result(shared_data: Path, name: str) -> None:
    """No text of the original that the result lacks, in any column."""
    path, data_set = _first(shared_data / name)
    profile = load_profile()
    result = b"".join(Deidentifier(profile, PSEUDONYMS).clean(data_set).pieces)
    shown = "\n".join(f"{line.before}\n{line.after}\n{line.name}" for line in explain(data_set, result, profile))
    original = pydicom.dcmread(path, force=True)
    texts = {str(element.value) for element in original.iterall() if element.VR not in NO_TEXTS}
    texts -= {creator.decode("ascii") for creator in profile.creators.values()}  # names of makers, in our own table
    gone = {text for text in texts if len(text) > 5 and text.isascii() and text.encode() not in result}
    assert gone
    assert not {text for text in gone if text in shown}
