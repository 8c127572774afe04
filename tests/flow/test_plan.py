"""The plan follows from the form, and its words are kept as a golden file."""

from datetime import date
from pathlib import Path

import pytest
from attrs import evolve

from fivesafes.core.errors import PolicyInvalid
from fivesafes.data.model import FaceMode
from fivesafes.flow.controls import ALLOWED, load_controls
from fivesafes.flow.plan import make_plan
from fivesafes.project.model import (
    Approval,
    Cohort,
    Consent,
    Content,
    DataUse,
    IntendedUse,
    Permission,
    Project,
    Tier,
    Vulnerable,
)

TODAY = date(2026, 6, 1)
GOLDEN = Path(__file__).resolve().parents[1] / "golden"
FREE = Consent(permissions=frozenset({Permission(use=DataUse.NRES)}), face=False, valid_from=date(2026, 1, 1))
PROJECT = Project(
    id="p",
    title="T",
    investigator="I",
    institution="U",
    contact="c",
    approval=Approval(committee="C", number="1", valid_from=date(2026, 1, 1), valid_until=date(2027, 1, 1)),
    use=IntendedUse(purpose="p", permission=Permission(use=DataUse.GRU)),
    cohort=Cohort(participants=20, eligible=1_000_000, content=Content.STRUCTURAL),
    shared_with=Tier.T0,
)


def written(project: Project) -> str:
    """Write a plan as text."""
    plan = make_plan(project, [FREE], on=TODAY)
    tier = plan.decision.tier
    lines = [f"tier {tier.label if tier is not None else None}, shared with {project.shared_with.label}"]
    lines += [f"{reason.fact}: {reason.led_to}" for reason in plan.decision.reasons]
    lines += [f"{step.name} | {step.because} | {step.control}" for step in plan.steps]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("place", [Tier.T0, Tier.T1, Tier.T2, Tier.T3])
def test_the_plan_of_each_place_is_as_written(place: Tier) -> None:
    """A change of policy shows here, in words, before it reaches a scan."""
    golden = GOLDEN / f"plan-{place.label}.txt"
    text = written(evolve(PROJECT, shared_with=place))
    if not golden.exists():
        golden.write_text(text, encoding="utf-8")
        pytest.fail(f"wrote {golden.name}: read it, then keep it")
    assert text == golden.read_text(encoding="utf-8")


def test_a_place_too_loose_for_the_cohort_is_refused_with_the_one_that_would_do() -> None:
    """Genetic data of minors can't be public."""
    cohort = evolve(PROJECT.cohort, genetics=True, vulnerable=frozenset({Vulnerable.MINORS}))
    verdict = make_plan(evolve(PROJECT, cohort=cohort), [FREE], on=TODAY).verdict
    assert verdict.refuses
    assert "T2" in verdict.findings[0].fix


def test_a_consent_that_restricts_use_can_t_be_public() -> None:
    """Public data can't hold anybody to a use."""
    restricted = evolve(FREE, permissions=frozenset({Permission(use=DataUse.GRU)}))
    plan = make_plan(PROJECT, [FREE, restricted], on=TODAY)
    assert plan.decision.tier is Tier.T1
    assert plan.verdict.refuses
    assert not make_plan(evolve(PROJECT, shared_with=Tier.T1), [FREE, restricted], on=TODAY).verdict.refuses


def test_a_face_may_stay_only_where_the_place_allows_and_the_study_asks() -> None:
    """Asking alone is not enough."""
    modes = {
        place: make_plan(
            evolve(PROJECT, shared_with=place, keep_face=True), [evolve(FREE, face=True)], on=TODAY
        ).face_mode
        for place in (Tier.T0, Tier.T1, Tier.T2, Tier.T3)
    }
    assert modes == {Tier.T0: FaceMode.REMOVE, Tier.T1: FaceMode.REMOVE, Tier.T2: FaceMode.REMOVE, Tier.T3: None}


CONTROLS = (Path(__file__).resolve().parents[2] / "src/fivesafes/policies/controls.csv").read_text(encoding="utf-8")
APPROVAL_ROW = next(line for line in CONTROLS.splitlines() if line.startswith("approval,"))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (CONTROLS.replace("control,step", "control,stage"), "columns must be"),
        (CONTROLS + "prayer,gate,yes,yes,yes,yes,it may help,nobody\n", "nobody implements the control 'prayer'"),
        (CONTROLS + APPROVAL_ROW + "\n", "is set twice"),
        (CONTROLS.replace("approval,gate,required", "approval,gate,optional"), "approval can't be 'optional'"),
        (CONTROLS.replace(APPROVAL_ROW + "\n", ""), "no row for approval"),
        (CONTROLS.replace("approval,gate", "approval,door"), "there is no step 'door'"),
        (CONTROLS.replace("private_folder no_core_dumps,", "moat no_core_dumps,", 1), "place can't be 'moat"),
        (CONTROLS.replace("0.09,0.09", "9,0.09"), "max_record_risk can't be '9'"),
    ],
)
def test_a_policy_file_that_says_the_impossible_is_refused(tmp_path: Path, text: str, why: str) -> None:
    """Unknown columns, controls, steps and settings stop before any scan is touched."""
    (tmp_path / "controls.csv").write_text(text, encoding="utf-8")
    with pytest.raises(PolicyInvalid) as raised:
        load_controls(Tier.T0, tmp_path)
    assert why in raised.value.what


def test_every_implemented_control_is_set_for_every_place() -> None:
    """No control is forgotten in any column, and T3+ has none because nothing is shared."""
    for tier in (Tier.T0, Tier.T1, Tier.T2, Tier.T3):
        assert set(load_controls(tier).by_name) == set(ALLOWED)
    with pytest.raises(PolicyInvalid):
        load_controls(Tier.T3_PLUS)


def test_a_consent_that_no_longer_holds_weighs_nothing() -> None:
    """A withdrawn or ended row of the table must not bind the rest: its scans are left out anyway."""
    ended = evolve(FREE, permissions=frozenset({Permission(use=DataUse.HMB)}), valid_until=date(2026, 2, 1))
    withdrawn = evolve(ended, valid_until=None, withdrawn_on=date(2026, 2, 1))
    assert make_plan(PROJECT, [FREE, ended, withdrawn], on=TODAY).decision.tier is Tier.T0
    assert make_plan(PROJECT, [ended, withdrawn], on=TODAY).decision.tier is Tier.T3


def test_a_small_crowd_is_told_before_any_work_is_done() -> None:
    """What measurement can't reach is not promised: thirty eligible people are too few for public data."""
    few = evolve(PROJECT, cohort=evolve(PROJECT.cohort, participants=10, eligible=30))
    assert make_plan(few, [FREE], on=TODAY).verdict.refuses
