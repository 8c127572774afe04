"""The table of what may become of a converter's keys."""

import re
import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest

from fivesafes.core.errors import PolicyInvalid
from fivesafes.data.conversion.fates import Fate, load_fates
from fivesafes.data.header.profile import POLICIES

_NO_KEYS = {
    *("Authors", "BIDSVersion", "Name"),  # of the description of a data set
    *("CodeMeaning", "CodeValue", "CodingSchemeDesignator", "CodingSchemeVersion"),  # within a code sequence
    *("tag_name",),  # of a message
}


def test_the_table_names_every_key_that_the_converter_can_write() -> None:
    """Read from the program itself: a new version with a new key fails here, and somebody decides."""
    spec = find_spec("dcm2niix")
    assert spec is not None
    assert spec.origin is not None
    program = Path(spec.origin).with_name("dcm2niix").read_bytes()
    keys = {key.decode() for key in re.findall(rb'"([A-Za-z][A-Za-z0-9_]+)":', program)} - _NO_KEYS
    assert len(keys) > 200
    assert keys - load_fates().keys() == set()


def test_physics_stays_and_what_identifies_changes() -> None:
    """A few rows that must never be moved to the other side."""
    fates = load_fates()
    for key in ("EchoTime", "PhaseEncodingDirection", "TotalReadoutTime", "PhilipsScaleSlope", "ShimSetting"):
        assert fates[key].fate is Fate.STAYS
    assert fates["SliceTiming"].fate is Fate.ROUNDED
    for key in ("PatientName", "AcquisitionTime", "DeviceSerialNumber", "SoftwareVersions", "SeriesDescription"):
        assert fates[key].fate is Fate.CHANGES


@pytest.mark.parametrize("row", ["New,may-go,why,source", "New,stays,,source", "New,stays,why,", "EchoTime,stays,w,s"])
def test_a_row_that_can_t_be_meant_is_refused(tmp_path: Path, row: str) -> None:
    """An unknown fate, no reason, no source, a key named twice."""
    shutil.copyfile(POLICIES / "conversion.csv", tmp_path / "conversion.csv")
    with (tmp_path / "conversion.csv").open("a") as file:
        file.write(f"{row}\n")
    with pytest.raises(PolicyInvalid, match="line 2"):
        load_fates(tmp_path)
