"""Judgements of safe setting.  Pure: the same facts judged again give the same report."""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Final

from fivesafes.core.verdict import Verdict, note, refuse, review
from fivesafes.setting.model import Attestation, Fact, SettingDemands, State

_SOURCE: Final = "ISO/IEC 27001:2022 Annex A"


def judge_setting(
    facts: Sequence[Fact], attestations: Sequence[Attestation], demands: SettingDemands, *, on: date
) -> Verdict:
    """Judge each control that the tier asks for: seen, attested, missing or unknown."""
    seen = {fact.control: fact for fact in facts}
    attested = {a.control: a for a in attestations if a.in_force(on)}
    verdicts = [_judge_control(name, seen.get(name), attested.get(name)) for name in demands.controls]
    return Verdict.all_of([*verdicts, *_beyond(facts, demands)])


def _judge_control(name: str, fact: Fact | None, attestation: Attestation | None) -> Verdict:
    if fact is not None and fact.state is State.YES:
        return note(f"setting.{name}.met", why=f"{name}: {fact.seen or 'yes'} ({fact.how})", source=_SOURCE)
    if fact is not None and fact.state is State.NO:
        return refuse(
            f"setting.{name}.not_met",
            why=f"{name}: {fact.seen or 'no'} ({fact.how})",
            fix="put it right; a machine's no is not overruled by an attestation",
            source=_SOURCE,
        )
    if attestation is not None:
        return note(
            f"setting.{name}.attested",
            why=f"{name}: attested until {attestation.valid_until} ({attestation.evidence})",
            source=_SOURCE,
        )
    return review(
        f"setting.{name}.unknown",
        why=f"{name}: nobody knows, and unknown does not count as yes",
        fix=f'find out, then add an [[attestation]] with control = "{name}", by, on, valid_until and evidence',
        source=_SOURCE,
    )


def _beyond(facts: Sequence[Fact], demands: SettingDemands) -> Iterable[Verdict]:
    """Tell of what this tier does not ask for and a careful person would mend all the same."""
    for fact in facts:
        if fact.control not in demands.controls and fact.state is not State.YES:
            yield note(
                f"setting.{fact.control}.{fact.state.value}",
                why=f"{fact.control}: {fact.seen or fact.state.value} ({fact.how}); this tier does not ask for it",
                fix="consider putting it right",
                source=_SOURCE,
            )
