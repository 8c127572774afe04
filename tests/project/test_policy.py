"""Judgements of safe project: consent, approval, and the tier with its gates."""

from datetime import date, timedelta
from typing import Any

import pytest
from attrs import asdict, evolve
from hypothesis import given
from hypothesis import strategies as st

from fivesafes.core.verdict import Gravity
from fivesafes.project.model import (
    Approval,
    Assessment,
    Cohort,
    Consent,
    Consents,
    Content,
    DataUse,
    Evidence,
    Face,
    Identifiers,
    Impact,
    IntendedUse,
    Permission,
    Probability,
    Tier,
    Unchecked,
    UseCondition,
    Vulnerable,
)
from fivesafes.project.policy import (
    assess,
    consents_of,
    impact_of,
    judge_approval,
    judge_consent,
    judge_tier,
    probability_of,
    tier_of,
)
from fivesafes.project.rules import load_tier_rules

RULES = load_tier_rules()
TODAY = date(2026, 6, 1)
FREE = Consents(known=True, unrestricted=True, faces_agreed=False)
COHORT = Cohort(participants=24, eligible=100_000, content=Content.STRUCTURAL)
BEST = Evidence(
    record_risk=0.0,
    unique_share=0.0,
    linkage=0.0,
    identifiers=Identifiers.NONE,
    face=Face.STRIPPED_VERIFIED,
    unchecked=Unchecked.NONE,
)
CONSENT = Consent(permissions=frozenset({Permission(use=DataUse.HMB)}), face=False, valid_from=date(2026, 1, 1))
USE = IntendedUse(purpose="p", permission=Permission(use=DataUse.HMB))


def without(row: str) -> Evidence:
    """Forget one measurement."""
    facts: dict[str, Any] = {**asdict(BEST), row: None}
    return Evidence(**facts)


def tier(probability: Probability | None, impact: Impact, consents: Consents = FREE) -> Tier | None:
    """Derive the tier of one cell."""
    return tier_of(
        Assessment(probability=probability, impact=impact), consents, cohort=COHORT, face=None, rules=RULES
    ).tier


def test_the_three_cases_of_the_talk_hold() -> None:
    """Probable even if low impact: ISO 27001; improbable and low: public; between: moderately secure."""
    assert tier(Probability.P5, Impact.I1) is Tier.T3
    assert tier(Probability.P1, Impact.I1) is Tier.T0
    assert {tier(Probability.P3, Impact.I2), tier(Probability.P4, Impact.I1)} == {Tier.T2}


@given(p=st.sampled_from(Probability), i=st.sampled_from(Impact))
def test_the_tier_never_falls_as_probability_or_impact_grows(p: Probability, i: Impact) -> None:
    """Each neighbour to the right or below is at least as strict."""
    here = tier(p, i)
    assert here is not None
    if p is not Probability.P5:
        assert (tier(Probability(p + 1), i) or 0) >= here
    if i is not Impact.I5:
        assert (tier(p, Impact(i + 1)) or 0) >= here


@given(
    p=st.sampled_from(Probability),
    i=st.sampled_from(Impact),
    known=st.booleans(),
    unrestricted=st.booleans(),
    genetics=st.booleans(),
    face=st.sampled_from([None, *Face]),
)
def test_gates_only_ever_raise(
    p: Probability,
    i: Impact,
    known: bool,
    unrestricted: bool,
    genetics: bool,
    face: Face | None,
) -> None:
    """No consent, face or gene lowers what the matrix says, and each raise is told."""
    consents = Consents(known=known, unrestricted=unrestricted, faces_agreed=False)
    decision = tier_of(
        Assessment(probability=p, impact=i), consents, cohort=evolve(COHORT, genetics=genetics), face=face, rules=RULES
    )
    matrix = RULES.matrix[i][p - 1]
    assert decision.tier is not None
    assert decision.tier >= matrix
    assert bool(decision.raised_by) == (decision.tier > matrix)


def test_unknown_consent_asks_for_iso_27001() -> None:
    """Nobody's consent on the table is not freedom."""
    decision = tier_of(
        Assessment(probability=Probability.P1, impact=Impact.I1), consents_of([]), cohort=COHORT, face=None, rules=RULES
    )
    assert decision.tier is Tier.T3
    assert decision.raised_by[0].fact == "consent is unknown"


@pytest.mark.parametrize("row", ["record_risk", "linkage", "identifiers", "face", "unchecked"])
def test_a_row_without_evidence_is_not_assessed_never_public(row: str) -> None:
    """One thing that nobody measured leaves the tier open, and open refuses."""
    probability, reasons = probability_of(without(row), COHORT, RULES)
    assert probability is None
    assert "not assessed" in {reason.led_to for reason in reasons}
    decision = tier_of(assess(without(row), COHORT, RULES), FREE, cohort=COHORT, face=None, rules=RULES)
    assert decision.tier is None
    assert judge_tier(decision, shared_with=Tier.T3).refuses


@pytest.mark.parametrize(
    ("risk", "unique", "expected"),
    [
        (0.05, 0.0, Probability.P1),
        (0.09, 0.0, Probability.P2),
        (0.2, 0.0, Probability.P3),
        (0.33, 0.5, Probability.P4),
        (0.34, 0.05, Probability.P4),
        (0.34, 0.06, Probability.P5),
    ],
)
def test_record_risk_bounds_are_those_of_the_literature(risk: float, unique: float, expected: Probability) -> None:
    """0.05, 0.09, 0.2 and 0.33 are included; above them only rare uniqueness saves from P5."""
    probability, _ = probability_of(evolve(BEST, record_risk=risk, unique_share=unique), COHORT, RULES)
    assert probability is expected


def test_a_small_or_rare_cohort_adds_one_class() -> None:
    """Nineteen eligible people are easier to search than twenty."""
    small, _ = probability_of(BEST, evolve(COHORT, eligible=19), RULES)
    rare, _ = probability_of(BEST, evolve(COHORT, rare_condition=True), RULES)
    large, _ = probability_of(BEST, evolve(COHORT, eligible=20), RULES)
    assert (small, rare, large) == (Probability.P2, Probability.P2, Probability.P1)


def test_impact_takes_the_worst_and_reach_once() -> None:
    """Minors outweigh healthy content; many people and kin raise by one class, not two."""
    assert impact_of(COHORT, RULES)[0] is Impact.I1
    assert impact_of(evolve(COHORT, vulnerable=frozenset({Vulnerable.MINORS})), RULES)[0] is Impact.I4
    assert impact_of(evolve(COHORT, participants=501, kin_affected=True), RULES)[0] is Impact.I2
    assert impact_of(evolve(COHORT, content=Content.SAFETY, participants=9999), RULES)[0] is Impact.I5


def test_no_consent_and_withdrawn_consent_are_the_same() -> None:
    """Withdrawn means absent: same code, same words."""
    absent = judge_consent(None, USE, on=TODAY)
    withdrawn = judge_consent(evolve(CONSENT, withdrawn_on=TODAY), USE, on=TODAY)
    assert absent == withdrawn
    assert absent.refuses


def test_consent_holds_from_its_first_to_its_last_day() -> None:
    """The day before and the day after refuse."""
    consent = evolve(CONSENT, valid_until=date(2026, 12, 31))
    days = [date(2025, 12, 31), date(2026, 1, 1), date(2026, 12, 31), date(2027, 1, 1)]
    assert [judge_consent(consent, USE, on=day).refuses for day in days] == [True, False, False, True]
    assert not judge_consent(evolve(CONSENT, withdrawn_on=TODAY + timedelta(days=1)), USE, on=TODAY).refuses


@pytest.mark.parametrize(
    ("given_use", "wanted", "covered"),
    [
        (DataUse.NRES, DataUse.POA, True),
        (DataUse.GRU, DataUse.HMB, True),
        (DataUse.HMB, DataUse.GRU, False),
        (DataUse.HMB, DataUse.DS, True),
        (DataUse.DS, DataUse.HMB, False),
        (DataUse.POA, DataUse.HMB, False),
    ],
)
def test_a_permission_covers_narrower_uses_only(given_use: DataUse, wanted: DataUse, *, covered: bool) -> None:
    """The hierarchy is that of the Data Use Ontology."""
    consent = evolve(CONSENT, permissions=frozenset({Permission(use=given_use)}))
    verdict = judge_consent(consent, evolve(USE, permission=Permission(use=wanted)), on=TODAY)
    assert verdict.refuses is not covered


def test_a_disease_specific_consent_covers_that_disease_alone() -> None:
    """Another disease, or none named, is not covered."""
    ours, other = "MONDO:0005180", "MONDO:0004975"
    consent = evolve(CONSENT, permissions=frozenset({Permission(use=DataUse.DS, disease=ours)}))
    outcomes = [
        judge_consent(consent, evolve(USE, permission=Permission(use=DataUse.DS, disease=d)), on=TODAY).gravity
        for d in (ours, other, None)
    ]
    assert outcomes == [Gravity.NOTE, Gravity.REFUSE, Gravity.REFUSE]


def test_a_condition_that_nobody_vouches_for_refuses() -> None:
    """A non-commercial consent needs somebody's word."""
    consent = evolve(CONSENT, conditions=frozenset({UseCondition.NPUNCU}))
    assert judge_consent(consent, USE, on=TODAY).refuses
    vouched = evolve(USE, conditions_met=frozenset({UseCondition.NPUNCU}))
    assert not judge_consent(consent, vouched, on=TODAY).refuses


def test_nothing_new_is_done_for_who_wants_nothing_new() -> None:
    """A consent without future use covers no use at all, whatever its terms."""
    consent = evolve(CONSENT, permissions=frozenset({Permission(use=DataUse.NRES)}), future_use=False)
    assert [finding.code for finding in judge_consent(consent, USE, on=TODAY).findings] == ["project.consent.future"]


@pytest.mark.parametrize("place", [None, *Tier])
def test_who_refused_public_sharing_is_refused_there_alone(place: Tier | None) -> None:
    """Every other place may have the data; and who did not refuse is not refused in public either."""
    consent = evolve(CONSENT, public=False)
    assert judge_consent(consent, USE, on=TODAY, place=place).refuses is (place is Tier.T0)
    assert not judge_consent(CONSENT, USE, on=TODAY, place=place).refuses


def test_one_who_refused_public_sharing_makes_the_set_restricted() -> None:
    """So that the tier of a release with them is never public."""
    free = evolve(CONSENT, permissions=frozenset({Permission(use=DataUse.NRES)}))
    assert consents_of([free, free]).unrestricted
    assert not consents_of([free, evolve(free, public=False)]).unrestricted


def test_ancestry_research_is_refused_where_it_is_prohibited_whoever_vouches() -> None:
    """NPOA forbids the use; for other uses the recipients' word is needed that they keep to it."""
    consent = evolve(
        CONSENT, permissions=frozenset({Permission(use=DataUse.GRU)}), conditions=frozenset({UseCondition.NPOA})
    )
    vouched = evolve(USE, conditions_met=frozenset({UseCondition.NPOA}))
    assert judge_consent(consent, USE, on=TODAY).refuses
    assert not judge_consent(consent, vouched, on=TODAY).refuses
    ancestry = evolve(vouched, permission=Permission(use=DataUse.POA))
    assert judge_consent(consent, ancestry, on=TODAY).findings[0].code == "project.consent.use"


def test_an_approval_refuses_outside_its_days() -> None:
    """First and last day count."""
    approval = Approval(committee="C", number="1", valid_from=date(2026, 1, 1), valid_until=date(2026, 12, 31))
    assert not judge_approval(approval, on=date(2026, 12, 31)).refuses
    assert "has ended" in judge_approval(approval, on=date(2027, 1, 1)).findings[0].why
    assert "has not begun" in judge_approval(approval, on=date(2025, 1, 1)).findings[0].why


def test_a_place_below_the_tier_is_refused_and_t3_plus_everywhere() -> None:
    """The tier asks, the place must answer."""
    decision = tier_of(
        Assessment(probability=Probability.P3, impact=Impact.I2), FREE, cohort=COHORT, face=None, rules=RULES
    )
    assert judge_tier(decision, shared_with=Tier.T1).refuses
    assert not judge_tier(decision, shared_with=Tier.T2).refuses
    never = evolve(decision, tier=Tier.T3_PLUS)
    assert judge_tier(never, shared_with=Tier.T3).refuses
