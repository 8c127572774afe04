"""Judging data sets with the official validator."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from fivesafes.core.errors import EngineMissing, InvalidInput
from fivesafes.core.plugins import load
from fivesafes.data.bids.sidecar import ALWAYS, load_table
from fivesafes.data.ports import BidsValidator as Port
from fivesafes.engines.program import Finished
from fivesafes.engines.validators import bids_validator
from fivesafes.engines.validators.bids_validator import BidsValidator, expected_warnings

Spoil = Callable[[str, str], None]
MEMORY = Path("/dev/shm")  # noqa: S108 - a place that the validator must refuse


def test_it_is_a_validator_found_by_its_entry_point() -> None:
    """The built-in enters by the same door as a stranger's."""
    validator: Port = load("validator", "bids_validator")()
    assert validator.missing() is None
    assert validator.version().startswith("bids-validator-deno 3.")


def test_what_this_package_writes_is_valid_bids(dataset: Path) -> None:
    """Every kind of image with its sidecar, the texts around them, and the derivative with its masks."""
    issues = BidsValidator().validate(dataset)
    assert [issue for issue in issues if issue.severity == "error"] == []
    surprising = {issue.code for issue in issues} - {"SIDECAR_KEY_RECOMMENDED", "JSON_KEY_RECOMMENDED"}
    assert surprising <= {"EVENTS_TSV_MISSING", "B0_FIELD_IDENTIFIER_RECOMMENDED", "TOO_FEW_AUTHORS"}


def test_warnings_that_deidentification_causes_are_left_out(dataset: Path) -> None:
    """A serial number that was removed on purpose is no fault of the data set."""
    messages = " ".join(issue.message for issue in BidsValidator().validate(dataset))
    assert "DeviceSerialNumber" not in messages
    assert "ReceiveCoilName" in messages


def test_an_invalid_name_and_a_missing_key_are_errors_with_their_places(dataset: Path, spoil: Spoil) -> None:
    """Relative to the data set."""
    spoil("sub-x/anat/sub-x_T1weighted.nii.gz", "x")
    spoil("sub-x/func/sub-x_task-rest_bold.json", "{}")
    errors = {(issue.code, issue.location) for issue in BidsValidator().validate(dataset) if issue.severity == "error"}
    assert any(location.startswith("sub-x/func/sub-x_task-rest_bold") for _, location in errors)
    assert any(location == "sub-x/anat/sub-x_T1weighted.nii.gz" for _, location in errors)


def test_a_fault_in_the_derivative_is_found_too(dataset: Path, spoil: Spoil) -> None:
    """Masks ship with the images."""
    spoil("derivatives/fivesafes/sub-x/anat/sub-x_oops.nii.gz", "x")
    found = [issue.location for issue in BidsValidator().validate(dataset) if issue.severity == "error"]
    assert set(found) == {"derivatives/fivesafes/sub-x/anat/sub-x_oops.nii.gz"}


def test_no_message_quotes_a_value(dataset: Path, spoil: Spoil) -> None:
    """An error must not carry on what it stumbled on."""
    spoil("participants.tsv", "participant_id\tage\nsub-x\tCANARY Jones\n")
    issues = BidsValidator().validate(dataset)
    assert any(issue.location == "participants.tsv" for issue in issues)
    assert "CANARY" not in repr(issues)


def test_it_works_with_networking_cut_off(dataset: Path) -> None:
    """In a namespace without any network where the system allows to make one; it is never granted one anyway."""
    code = (
        "from pathlib import Path\nfrom fivesafes.engines.validators.bids_validator import BidsValidator\n"
        f"issues = BidsValidator().validate(Path({str(dataset)!r}))\n"
        "assert issues and not any(issue.severity == 'error' for issue in issues)\n"
    )
    cut = ["unshare", "--net"]
    allowed = shutil.which("unshare") is not None and subprocess.run([*cut, "true"], check=False).returncode == 0
    subprocess.run([*(cut if allowed else ()), sys.executable, "-c", code], check=True)
    assert not any("net" in word or "write" in word or "run" in word for word in bids_validator._PERMISSIONS)


def test_the_data_set_is_left_as_it_was(dataset: Path) -> None:
    """The validator reads and writes nothing, not even a cache."""
    before = {path: path.stat().st_mtime_ns for path in dataset.rglob("*")}
    BidsValidator().validate(dataset)
    assert {path: path.stat().st_mtime_ns for path in dataset.rglob("*")} == before


@pytest.mark.parametrize(
    "finished",
    [
        Finished(code=None),
        Finished(code=1, printed=b"{}"),
        Finished(code=0, printed=b"not JSON"),
        Finished(code=0, printed=b"[]"),
        Finished(code=0, printed=b'{"issues": 3}'),
    ],
)
def test_a_validator_that_breaks_down_is_no_validation(
    dataset: Path, monkeypatch: pytest.MonkeyPatch, finished: Finished
) -> None:
    """No judgement is never a good one."""
    monkeypatch.setattr(bids_validator, "run", lambda *_, **__: finished)
    with pytest.raises(InvalidInput, match="could not judge"):
        BidsValidator().validate(dataset)


@pytest.mark.skipif(not MEMORY.is_dir(), reason="this system has no /dev/shm")
def test_a_place_that_the_validator_may_not_read_is_told(dataset: Path) -> None:
    """Deno reads nothing below /dev: said plainly, where "could not judge" would send people to the data set."""
    with tempfile.TemporaryDirectory(dir=MEMORY) as memory:
        copy = Path(memory) / "dataset"
        shutil.copytree(dataset, copy)
        with pytest.raises(InvalidInput, match=str(MEMORY)):
            BidsValidator().validate(copy)


def test_a_missing_program_says_how_to_install_it(dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In missing() and when it is needed."""
    monkeypatch.setattr(bids_validator, "_program", lambda: None)
    assert "pip install" in str(BidsValidator().missing())
    with pytest.raises(EngineMissing, match="pip install"):
        BidsValidator().validate(dataset)


def test_only_what_is_removed_on_purpose_is_expected_to_be_missing() -> None:
    """A key that always stays may not be in the list: its absence would be worth a warning."""
    table = load_table()
    keys = {detail for code, detail in expected_warnings() if code == "SIDECAR_KEY_RECOMMENDED"}
    assert keys <= set(table)
    assert not any(table[key].group == ALWAYS for key in keys)
    assert all(expected_warnings().values())
