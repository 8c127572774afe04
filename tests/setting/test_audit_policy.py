"""Judging an audit: nothing is met without a fresh yes that was seen, or an attestation in force where nothing was."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from fivesafes.core.verdict import Verdict, note, refuse
from fivesafes.setting.controls import load_setting_controls
from fivesafes.setting.model import Attestation, Basis, Fact, Judged, SettingReport, State
from fivesafes.setting.policy import (
    holding_until,
    judge_audit,
    lacking,
    lacking_on,
    lacking_since,
    standing,
    verdict_of,
)

CONTROLS = load_setting_controls()
NAMES = ["private_folder", "local_disk", "clock_synchronised", "physical_security", "restore_tested"]
"""Rows of every sort: seen alone, seen or attested, of a day and of months, attested alone."""
TODAY = date(2026, 6, 15)

DAYS = st.integers(-400, 3).map(lambda days: TODAY + timedelta(days=days))
FACTS = st.lists(
    st.builds(
        Fact,
        control=st.sampled_from(NAMES),
        state=st.sampled_from(State),
        how=st.sampled_from(["a", "b"]),
        seen=st.sampled_from(["", "x"]),
        at=st.none() | DAYS.map(lambda day: datetime.combine(day, time(12), tzinfo=UTC)) | DAYS.map(
            lambda day: datetime.combine(day, time(12))
        ),
    ),
    max_size=12,
)  # fmt: skip
WORDS = st.lists(
    st.builds(
        Attestation,
        control=st.sampled_from(NAMES),
        by=st.just("A B"),
        on=DAYS,
        valid_until=DAYS,
        evidence=st.just("ticket"),
    ),
    max_size=6,
)


def fact(name: str, state: State, *, days_ago: int = 0) -> Fact:
    """Make a fact of some days ago."""
    at = datetime.combine(TODAY - timedelta(days=days_ago), time(9), tzinfo=UTC)
    return Fact(control=name, state=state, how="test", seen="something", at=at)


def word(name: str, *, on: int = 10, until: int = 10) -> Attestation:
    """Make an attestation that began and ends some days from today."""
    begins, ends = TODAY - timedelta(days=on), TODAY + timedelta(days=until)
    return Attestation(control=name, by="Ada Example", on=begins, valid_until=ends, evidence="ticket 7")


def judged(name: str, facts: list[Fact], words: list[Attestation], *, tier: str = "T3") -> Judged:
    """Judge one control."""
    report = judge_audit(facts, words, CONTROLS, tier=tier, on=TODAY)
    return next(one for one in report.judged if one.control.name == name)


@given(facts=FACTS, words=WORDS, tier=st.sampled_from(["T0", "T1", "T2", "T3"]))
def test_nothing_is_met_without_reason(facts: list[Fact], words: list[Attestation], tier: str) -> None:
    """Whatever facts and attestations there are: met means a fresh yes and no fresh no, or a word in force."""
    report = judge_audit(facts, words, CONTROLS, tier=tier, on=TODAY)
    assert [one.control for one in report.judged] == list(CONTROLS)
    for one in report.judged:
        fresh = {
            f.state
            for f in facts
            if f.control == one.control.name
            and f.at is not None
            and f.at.tzinfo is not None
            and 0 <= (TODAY - f.at.date()).days <= one.control.max_age_days
        }
        in_force = any(w.control == one.control.name and w.on <= TODAY <= w.valid_until for w in words)
        if State.NO in fresh:
            assert one.state is State.NO
        elif one.state is State.YES:
            seen = one.basis is Basis.SEEN and State.YES in fresh
            attested = one.basis is Basis.ATTESTED and in_force and one.control.attestable and State.YES not in fresh
            assert seen or attested
        else:
            assert (one.state, one.basis) == (State.UNKNOWN, Basis.NOTHING)
    verdict = verdict_of(report)
    met = all(one.state is State.YES for one in report.demanded)
    assert (verdict.gravity.word == "note") is met
    assert (report.state is State.YES) is met
    assert set(lacking(verdict)) == {one.control.name for one in report.demanded if one.state is not State.YES}


@given(facts=FACTS, words=WORDS, seed=st.randoms(use_true_random=False))
def test_the_order_of_facts_does_not_matter(facts: list[Fact], words: list[Attestation], seed: object) -> None:
    """The same facts and words in another order are the same report."""
    shuffled, turned = list(facts), list(reversed(words))
    seed.shuffle(shuffled)  # type: ignore[attr-defined]
    assert judge_audit(facts, words, CONTROLS, tier="T2", on=TODAY) == judge_audit(
        shuffled, turned, CONTROLS, tier="T2", on=TODAY
    )


@pytest.mark.parametrize(
    ("facts", "words", "state", "why"),
    [
        ([fact("local_disk", State.YES, days_ago=7)], [], State.YES, "something"),
        ([fact("local_disk", State.YES, days_ago=8)], [], State.UNKNOWN, "stale: 8 days old, good for 7 days"),
        ([fact("local_disk", State.YES, days_ago=-1)], [], State.UNKNOWN, "dated in the future"),
        ([evolve(fact("local_disk", State.YES), at=None)], [], State.UNKNOWN, "undated"),
        ([fact("local_disk", State.NO)], [word("local_disk")], State.NO, "something"),
        ([fact("local_disk", State.NO), fact("local_disk", State.YES)], [], State.NO, "something"),
        ([fact("local_disk", State.UNKNOWN)], [word("local_disk")], State.YES, "attested until"),
        ([], [word("local_disk", until=-1)], State.UNKNOWN, "the attestation ended on 2026-06-14"),
        ([], [word("local_disk", on=-1)], State.UNKNOWN, "the attestation has not begun"),
        ([fact("local_disk", State.NO, days_ago=9)], [word("local_disk")], State.UNKNOWN, "older than the no"),
        ([fact("local_disk", State.NO, days_ago=9)], [word("local_disk", on=8)], State.YES, "attested until"),
        ([], [], State.UNKNOWN, "nobody looked"),
    ],
)
def test_each_reason_is_told(facts: list[Fact], words: list[Attestation], state: State, why: str) -> None:
    """Stale, undated, overruled, expired: the answer says which."""
    one = judged("local_disk", facts, words)
    assert (one.state, why in one.why) == (state, True), one.why


def test_what_the_machine_must_see_can_not_be_attested() -> None:
    """A person's word for a private folder is worth nothing: look."""
    one = judged("private_folder", [], [word("private_folder")])
    assert (one.state, "does not count here" in one.why) == (State.UNKNOWN, True)
    assert judged("physical_security", [], [word("physical_security")]).state is State.YES


def test_names_of_people_stay_out_of_the_verdict() -> None:
    """The verdict goes to trails; who attested is in the report alone."""
    report = judge_audit([], [word("physical_security")], CONTROLS, tier="T2", on=TODAY)
    assert "Ada" not in str(verdict_of(report).findings)
    assert any(one.attestation and one.attestation.by == "Ada Example" for one in report.judged)


def test_a_tier_that_asks_nothing_is_not_met() -> None:
    """A report that looked at nothing is unknown, never yes."""
    assert SettingReport(tier="T9", on=TODAY, judged=()).state is State.UNKNOWN
    assert judge_audit([], [], CONTROLS, tier="T9", on=TODAY).state is State.UNKNOWN


def lost(*names: str) -> Verdict:
    """Make the verdict of a place that lacks some controls."""
    met = note("setting.clock_synchronised.met", why="so", source="test")
    return Verdict.all_of([met, *(refuse(f"setting.{n}.not_met", why="w", fix="f", source="s") for n in names)])


def test_exports_stop_at_once_and_access_after_the_grace() -> None:
    """``encrypted_disk`` has 14 days: on the last one people still have access, on the next no more."""
    since: dict[str, date] = {}
    last = {}
    for day in range(17):
        on = TODAY + timedelta(days=day)
        since = lacking_since(lost("encrypted_disk"), since, on=on)
        last[day] = standing(lost("encrypted_disk"), CONTROLS, since=since, on=on)
    assert since == {"encrypted_disk": TODAY}
    assert not any(one.exports for one in last.values())
    assert [day for day, one in last.items() if one.access] == list(range(15))
    assert "access stops on 2026-06-30" in last[0].because[0]
    assert "longer than 14 days" in last[16].because[0]


def test_the_shortest_grace_decides_and_what_is_mended_begins_anew() -> None:
    """Two lacks: the one of three days closes access; mended in between, its days count from the start."""
    since = {"private_folder": TODAY - timedelta(days=4), "encrypted_disk": TODAY}
    both = lost("private_folder", "encrypted_disk")
    assert standing(both, CONTROLS, since=since, on=TODAY).access is False
    mended = lacking_since(lost("encrypted_disk"), since, on=TODAY)
    again = lacking_since(both, mended, on=TODAY + timedelta(days=1))
    assert again == {"encrypted_disk": TODAY, "private_folder": TODAY + timedelta(days=1)}
    assert standing(both, CONTROLS, since=again, on=TODAY + timedelta(days=1)).access is True


def test_a_clean_verdict_stops_nothing() -> None:
    """With every control met, exports and access go on."""
    assert standing(lost(), CONTROLS, since={}, on=TODAY) == evolve(
        standing(lost(), CONTROLS, since={}, on=TODAY), exports=True, access=True, because=()
    )


def test_absence_stops_both() -> None:
    """No audit, an empty one, or a lack that nobody dated: neither exports nor access."""
    for verdict in (None, Verdict(), lost("encrypted_disk")):
        now = standing(verdict, CONTROLS, since={}, on=TODAY)
        assert (now.exports, now.access, bool(now.because)) == (False, False, True)


def test_another_refusal_stops_exports() -> None:
    """A finding that is no control's lack is heard too."""
    verdict = lost() + refuse("setting.haven.moved", why="w", fix="f", source="s")
    now = standing(verdict, CONTROLS, since={}, on=TODAY)
    assert (now.exports, now.access) == (False, True)


@given(facts=FACTS, words=WORDS, days=st.integers(0, 20))
def test_what_a_cycle_says_later_is_no_better_than_a_look_at_the_same(
    facts: list[Fact], words: list[Attestation], days: int
) -> None:
    """On each later day, what lacks by the facts and words of today lacks by the cycle of today too."""
    today = judge_audit(facts, words, CONTROLS, tier="T3", on=TODAY)
    later = TODAY + timedelta(days=days)
    past = [one for one in facts if one.at is None or one.at.date() <= TODAY]
    begun = [one for one in words if one.on <= TODAY]
    again = judge_audit(past, begun, CONTROLS, tier="T3", on=later)
    lacks = lacking_on(lacking_since(verdict_of(today), {}, on=TODAY), holding_until(today), on=later)
    assert set(lacking(verdict_of(again))) <= set(lacks)
    assert all(since <= later for since in lacks.values())


def test_an_answer_lacks_from_the_day_after_its_end() -> None:
    """A word of ten days, a fact of today that is good for seven: each has its own last day."""
    report = judge_audit([fact("local_disk", State.YES)], [word("physical_security")], CONTROLS, tier="T3", on=TODAY)
    until = holding_until(report)
    assert until == {
        "local_disk": TODAY + timedelta(days=7),
        "physical_security": TODAY + timedelta(days=10),
    }
    assert lacking_on({}, until, on=TODAY + timedelta(days=7)) == {}
    assert lacking_on({"x": TODAY}, until, on=TODAY + timedelta(days=8)) == {
        "x": TODAY,
        "local_disk": TODAY + timedelta(days=8),
    }
