"""A haven held to a tier: without a fresh audit nothing leaves; a lack stops exports first, then access."""

from datetime import timedelta
from pathlib import Path

import pytest
from tests.wiring.conftest import Maker, Place

from fivesafes.core.errors import Refused
from fivesafes.core.progress import Silent
from fivesafes.setting.controls import load_setting_controls
from fivesafes.setting.model import Fact, State
from fivesafes.wiring.haven import OpenHaven
from fivesafes.wiring.process import Way, process_project
from fivesafes.wiring.setting import judge
from fivesafes.wiring.standing import check_access, check_exports, record_cycle, standing_of


def audited(haven: OpenHaven, *, lacking: frozenset[str] = frozenset()) -> None:
    """Record an audit in which everything is met but what is named."""
    facts = tuple(
        Fact(
            control=control.name,
            state=State.NO if control.name in lacking else State.YES,
            how="a test",
            seen="as the test says",
            at=haven.clock(),
        )
        for control in load_setting_controls()
    )
    record_cycle(haven, judge(facts, (), tier="T0", on=haven.clock().date()), facts)


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


def test_a_met_tier_lets_out_until_its_audit_is_old(make_place: Maker) -> None:
    """A week on, exports stop; two weeks on, nobody knows anything of the place any more."""
    place = make_place("T0")
    with place.open() as haven:
        audited(haven)
        check_exports(haven)
        place.clock.now += timedelta(days=8)
        check_access(haven)
        with pytest.raises(Refused, match="older than"):
            check_exports(haven)
        place.clock.now += timedelta(days=8)
        with pytest.raises(Refused):
            check_access(haven)


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
