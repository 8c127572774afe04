"""``fivesafes profile`` as a steward calls it."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fivesafes.core.errors import PolicyInvalid
from fivesafes.interfaces.cli.profile import command


def _call(*arguments: object) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def test_profiles_and_options_are_listed() -> None:
    """Those of the package, with what can be added."""
    result = _call("list")
    assert "mri-research" in result.stdout
    assert "retain-uids" in result.stdout
    answer = json.loads(_call("list", "--json").stdout)
    assert [profile["name"] for profile in answer["profiles"]] == ["basic", "mri-research"]
    assert {"113101", "113102"}.isdisjoint(option["code"] for option in answer["options"])


def test_a_profile_is_shown_with_reasons() -> None:
    """Each attribute that it names, with the row."""
    answer = json.loads(_call("show", "basic+retain-institution-identity", "--json").stdout)
    assert answer["options"] == ["113112"]
    shown = {attribute["attribute"]: attribute for attribute in answer["attributes"]}
    assert shown["InstitutionName"]["row"].startswith("options/113112.csv:")
    assert shown["EchoTime"]["why"]
    assert "StudyInstanceUID" in _call("show", "basic").stdout


def test_two_profiles_differ_by_attribute_action_and_reason(tmp_path: Path) -> None:
    """Also one's own by path; a profile does not differ from itself."""
    (tmp_path / "ours.csv").write_text("keyword,action,grammar,option,why,source\nEchoTime,X,,,not needed,ours\n")
    (tmp_path / "ours.toml").write_text('extends = "basic"\nrows = "ours.csv"\n')
    answer = json.loads(_call("diff", "basic", tmp_path / "ours.toml", "--json").stdout)
    assert [line["attribute"] for line in answer["different"]] == ["EchoTime"]
    assert answer["different"][0]["b"]["why"] == "not needed"
    assert answer["different"][0]["a"]["action"] == "K"
    assert "0 attributes differ" in _call("diff", "basic", "basic").stdout
    result = _call("diff", "basic", "mri-research")
    assert "StudyDescription" in result.stdout
    assert "no row names it" in result.stdout


def test_a_profile_that_is_not_there_is_refused() -> None:
    """With what to do."""
    with pytest.raises(PolicyInvalid, match="ct-research"):
        CliRunner().invoke(command, ["show", "ct-research"], catch_exceptions=False)
