"""A haven held to a tier: without a fresh audit nothing leaves; a lack stops exports first, then access."""

from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest
from attrs import evolve
from tests.wiring.conftest import Maker, Place

from fivesafes.core.errors import Refused
from fivesafes.core.progress import Silent
from fivesafes.setting.controls import load_setting_controls
from fivesafes.setting.model import Attestation, Fact, State
from fivesafes.wiring.haven import OpenHaven
from fivesafes.wiring.process import Way, process_project
from fivesafes.wiring.setting import judge
from fivesafes.wiring.standing import check_access, check_exports, record_cycle, standing_of

ATTESTED: Final = "clock_synchronised"
"""A control of T1 that a person may attest."""


def audited(haven: OpenHaven, *, lacking: frozenset[str] = frozenset(), attested_for: int | None = None) -> None:
    """Record an audit in which everything is met but what is named; one control by a word for some days."""
    today = haven.clock().date()
    facts = tuple(
        Fact(
            control=control.name,
            state=State.NO if control.name in lacking else State.YES,
            how="a test",
            seen="as the test says",
            at=haven.clock(),
        )
        for control in load_setting_controls()
        if attested_for is None or control.name != ATTESTED
    )
    until = today + timedelta(days=attested_for or 0)
    word = Attestation(control=ATTESTED, by="Ada Example", on=today, valid_until=until, evidence="ticket 7")
    words = () if attested_for is None else (word,)
    record_cycle(haven, judge(facts, words, tier=haven.config.tier, on=today), facts)


def demanded() -> tuple[str, int]:
    """Name a control that T0 demands, and its grace in days."""
    return next((control.name, control.grace_days) for control in load_setting_controls() if "T0" in control.tiers)


def test_without_an_audit_nothing_leaves_and_nothing_is_opened(make_place: Maker) -> None:
    """Absence refuses."""
    place = make_place("T0")
    with place.open() as haven:
        with pytest.raises(Refused, match="no audit"):
            check_exports(haven)
        with pytest.raises(Refused, match="no audit"):
            check_access(haven)


def test_a_met_tier_lets_out_until_its_first_answer_ends(make_place: Maker) -> None:
    """What is looked at daily is good for the day and the next; then it lacks, and later stops access."""
    place = make_place("T0")
    with place.open() as haven:
        audited(haven)
        place.clock.now += timedelta(days=1)
        check_exports(haven)
        place.clock.now += timedelta(days=1)
        check_access(haven)
        with pytest.raises(Refused, match="private_folder lacks since 2026-06-03: no exports"):
            check_exports(haven)
        place.clock.now += timedelta(days=3)
        check_access(haven)
        place.clock.now += timedelta(days=1)
        with pytest.raises(Refused, match="no access"):
            check_access(haven)


def test_an_old_audit_lets_nothing_out_whatever_it_said(make_place: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    """A policy that believes its facts for a year still asks for an audit a week; after two, nobody knows anything."""
    year = tuple(evolve(one, max_age_days=365) for one in load_setting_controls())
    monkeypatch.setattr("fivesafes.wiring.setting.load_setting_controls", lambda: year)
    place = make_place("T0")
    with place.open() as haven:
        audited(haven)
        place.clock.now += timedelta(days=7)
        check_exports(haven)
        place.clock.now += timedelta(days=1)
        check_access(haven)
        with pytest.raises(Refused, match="older than"):
            check_exports(haven)
        place.clock.now += timedelta(days=7)
        with pytest.raises(Refused, match="no audit"):
            check_access(haven)


def test_a_word_that_ends_stops_exports_the_next_day(make_place: Maker) -> None:
    """An attestation's end is obeyed between audits too; the next audit tells since when it lacks."""
    place = make_place("T1")
    with place.open() as haven:
        audited(haven, attested_for=0)
        check_exports(haven)
        place.clock.now += timedelta(days=1)
        with pytest.raises(Refused, match="clock_synchronised lacks since 2026-06-02: no exports"):
            check_exports(haven)
        place.clock.now += timedelta(days=2)
        audited(haven, lacking=frozenset({ATTESTED}))
        assert any("clock_synchronised lacks since 2026-06-02" in why for why in standing_of(haven).because)


@pytest.mark.parametrize("days", [30, 3650])
def test_an_audit_with_a_clock_that_ran_ahead_opens_nothing(make_place: Maker, days: int) -> None:
    """It is no cycle; it hides no real audit after it, and makes no lack younger."""
    place = make_place("T0")
    with place.open() as haven:
        name, grace = demanded()
        audited(haven, lacking=frozenset({name}))
        right = place.clock.now
        place.clock.now = right + timedelta(days=days)
        audited(haven)
        place.clock.now = right + timedelta(hours=1)
        assert (standing_of(haven).exports, standing_of(haven).access) == (False, False)
        place.clock.now = right + timedelta(days=grace + 1)
        audited(haven, lacking=frozenset({name}))
        found = standing_of(haven)
        assert (found.exports, found.access) == (False, False)
        assert f"{name} lacks since {right.date()}" in found.because[0]


def test_the_cycle_kept_last_counts_though_an_earlier_one_says_a_later_time(make_place: Maker) -> None:
    """A green audit made ahead of time does not come into force when its time has come, after a red one."""
    place = make_place("T0")
    with place.open() as haven:
        name, _ = demanded()
        right = place.clock.now
        place.clock.now = right + timedelta(days=2)
        audited(haven)
        place.clock.now = right
        audited(haven, lacking=frozenset({name}))
        place.clock.now = right + timedelta(days=2, hours=1)
        assert not standing_of(haven).exports


def test_a_lack_stops_exports_at_once_and_access_after_its_grace(make_place: Maker) -> None:
    """The first day of the lack is carried from audit to audit; mending it gives both back."""
    place = make_place("T0")
    with place.open() as haven:
        name, grace = demanded()
        for day in range(grace + 1):
            audited(haven, lacking=frozenset({name}))
            found = standing_of(haven)
            assert not found.exports
            assert found.access, day
            place.clock.now += timedelta(days=1)
        audited(haven, lacking=frozenset({name}))
        assert not standing_of(haven).access
        audited(haven)
        assert standing_of(haven).exports


def test_release_and_process_ask(make_place: Maker, tmp_path: Path) -> None:
    """The gate is not only there: the work goes through it."""
    place: Place = make_place("T0")
    scans = place.scans()
    place.register(scans.participant_id)
    with place.open() as haven, pytest.raises(Refused, match="no audit"):
        process_project(haven, "journey", Way(workers=1), to=tmp_path / "out", progress=Silent())
