"""``fivesafes deidentify --compare-conversion`` as a person and a script call it."""

import json
import tempfile
from pathlib import Path

import pytest
from attrs import evolve
from click.testing import CliRunner, Result
from tests.data.header.vendors.common import saved
from tests.data.header.vendors.scans import SCANS

import fivesafes.data.header.profile
from fivesafes.core.errors import EngineMissing, UsageMistake
from fivesafes.data.header.profile import load_profile
from fivesafes.engines.converters.dcm2niix import Dcm2niix
from fivesafes.interfaces.cli.deidentify import command

IDENTIFYING = ("Qvist", "Lisbeth", "55512", "19480305", "10:15:30", "2026-01-31")


@pytest.fixture
def scans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder with two series of one person, and a private place for temporary files."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    for name in ("siemens-ve11-mosaics", "philips-field-map"):
        saved(SCANS[name]().files, tmp_path / "in")
    return tmp_path / "in"


def _call(*arguments: object) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def test_json_tells_of_every_image_and_holds_no_identifying_value(scans: Path, tmp_path: Path) -> None:
    """Names of keys and reasons, as docs/reference/json.md describes."""
    result = _call(scans, tmp_path / "out", "--compare-conversion", "--json")
    assert result.exit_code == 0
    told = json.loads(result.stdout)["conversion"]
    assert (told["before"], told["after"], told["identical"], told["lost"]) == (3, 3, 3, 0)
    assert [image["status"] for image in told["images"]] == ["identical"] * 3
    assert {"PatientName", "AcquisitionTime", "header.descrip"} <= set(told["images"][0]["removed"])
    assert "pseudonym" in told["removed_on_purpose"]["PatientName"]
    assert told["not_converted"] == []
    assert not [value for value in IDENTIFYING if value in result.stdout]
    assert not list((tmp_path / "temporary").iterdir())


def test_a_loss_is_listed_and_a_person_must_look(scans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 6, with the keys of each image."""
    bare = evolve(load_profile(), private={})
    monkeypatch.setattr(fivesafes.data.header.profile, "load_profile", lambda _: bare)
    result = _call(scans, tmp_path / "out", "--compare-conversion")
    assert result.exit_code == 6
    assert result.stdout == ""
    assert "3 images before" in result.stderr
    assert "0 with all that must stay" in result.stderr
    assert "SliceTiming" in result.stderr
    assert "PhilipsScaleSlope" in result.stderr
    assert not [value for value in IDENTIFYING if value in result.stderr]
    told = json.loads(_call(scans, tmp_path / "out", "--compare-conversion", "--json").stdout)["conversion"]
    assert {image["status"] for image in told["images"]} <= {"changed", "lost", "new"}


def test_a_dry_run_has_nothing_to_compare(scans: Path, tmp_path: Path) -> None:
    """The two options exclude each other."""
    result = _call(scans, tmp_path / "out", "--compare-conversion", "--dry-run")
    assert isinstance(result.exception, UsageMistake)


def test_without_the_converter_nothing_is_begun(scans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told at once, and not after an hour of work."""
    monkeypatch.setattr(Dcm2niix, "missing", lambda _: "the program dcm2niix is missing")
    result = _call(scans, tmp_path / "out", "--compare-conversion")
    assert isinstance(result.exception, EngineMissing)
    assert not (tmp_path / "out").exists()
