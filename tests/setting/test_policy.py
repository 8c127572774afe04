"""Judgements of safe setting: unknown never counts as yes."""

from datetime import date
from pathlib import Path

import pytest

from fivesafes.setting.audit import CONTROLS, collect
from fivesafes.setting.model import Attestation, Fact, SettingDemands, State
from fivesafes.setting.policy import judge_setting

TODAY = date(2026, 6, 1)
ASKS = SettingDemands(controls=("encrypted_disk",))
WORD = Attestation(
    control="encrypted_disk", by="A", on=date(2026, 1, 1), valid_until=date(2026, 12, 31), evidence="ticket"
)


def fact(state: State) -> Fact:
    """Make a fact in that state."""
    return Fact(control="encrypted_disk", state=state, how="test")


@pytest.mark.parametrize(
    ("facts", "words", "gravity"),
    [
        ([fact(State.YES)], [], "note"),
        ([fact(State.NO)], [WORD], "refuse"),
        ([fact(State.UNKNOWN)], [], "review"),
        ([fact(State.UNKNOWN)], [WORD], "note"),
        ([], [], "review"),
        ([], [WORD], "note"),
    ],
)
def test_three_states_and_an_attestation(facts: list[Fact], words: list[Attestation], gravity: str) -> None:
    """Seen yes passes, seen no refuses whatever anybody says, unknown needs somebody's word."""
    assert judge_setting(facts, words, ASKS, on=TODAY).gravity.word == gravity


def test_an_attestation_ends() -> None:
    """After its last day it is worth nothing."""
    assert judge_setting([], [WORD], ASKS, on=date(2027, 1, 1)).gravity.word == "review"


def test_with_nothing_known_nothing_is_green() -> None:
    """Every control of the strictest tier is open when no fact could be collected."""
    verdict = judge_setting([], [], SettingDemands(controls=CONTROLS), on=TODAY)
    assert len(verdict.findings) == len(CONTROLS)
    assert {finding.gravity.word for finding in verdict.findings} == {"review"}


def test_the_modes_of_a_folder_are_seen(tmp_path: Path) -> None:
    """A folder that others may read is not private."""
    tmp_path.chmod(0o755)
    states = {f.control: f.state for f in collect(tmp_path)}
    tmp_path.chmod(0o700)
    private = {f.control: f.state for f in collect(tmp_path)}
    assert (states["private_folder"], private["private_folder"]) == (State.NO, State.YES)
    assert "encrypted_disk" in states
