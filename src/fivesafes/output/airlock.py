"""The airlock: what must be true of a candidate before it leaves.  No evidence, no release."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final

from attrs import evolve, frozen

from fivesafes.core.verdict import Gravity, Verdict, refuse, review

_TITLES: Final = frozenset({"dr", "prof", "professor", "mr", "mrs", "ms", "mx", "phd", "md", "assoc", "a/prof"})
TYPED: Final = "typed, not proved"
"""How a reviewer is known while nobody logs in: somebody with an account of the machine gave a name."""
_SOURCE: Final = "ARCHITECTURE: no evidence, no release; Five Safes: safe output"


@frozen(kw_only=True)
class Review:
    """A named person looked at a candidate, known by the SHA-256 of its manifest, and agrees that it leaves.

    ``accepts`` names findings (by code) that asked for a person's eye and that this person takes on themselves;
    ``known`` says how it was made sure that it is them.
    """

    by: str
    on: date
    candidate: str
    accepts: frozenset[str] = frozenset()
    known: str = TYPED


def judge_evidence(planned: Sequence[str], evidence: Mapping[str, str | None]) -> Verdict:
    """Judge whether each planned step left its evidence; one that did not stops the release."""
    return Verdict.all_of(
        refuse(
            "output.evidence.missing",
            why=f"the step {step} is planned and left no evidence",
            fix="run again; if it stays so, report it",
            source=_SOURCE,
            about=step,
        )
        for step in planned
        if not evidence.get(step)
    )


def judge_reviews(reviews: Sequence[Review], *, candidate: str, needed: int, investigator: str, today: date) -> Verdict:
    """Judge whether enough people, none of them the investigator, have looked at exactly this candidate."""
    looked = {
        _plain(person.by)
        for person in reviews
        if person.candidate == candidate and person.on <= today and not _same(person.by, investigator)
    }
    if len(looked) >= needed:
        return Verdict()
    return review(
        "output.review.open",
        why=f"{needed} people must look at this candidate, and {len(looked)} have",
        fix=f'look at the report, then add a [[review]] with by, on and candidate = "{candidate}"; '
        "the investigator does not count",
        source=_SOURCE,
    )


def after_looking(
    verdict: Verdict, reviews: Sequence[Review], *, candidate: str, investigator: str, today: date
) -> Verdict:
    """Turn findings that a reviewer of this candidate accepted into notes; what refuses is not theirs to accept."""
    accepted = {
        code: person.by
        for person in reviews
        if person.candidate == candidate and person.on <= today and not _same(person.by, investigator)
        for code in person.accepts
    }
    return Verdict(
        tuple(
            evolve(finding, gravity=Gravity.NOTE, why=f"{finding.why}; accepted by {accepted[finding.code]}")
            if finding.gravity is Gravity.REVIEW and finding.code in accepted
            else finding
            for finding in verdict.findings
        )
    )


def _same(one: str, other: str) -> bool:
    """Compare names without titles: "Dr Ada Person" and "Ada Person" are one person."""
    return _plain(one) == _plain(other)


def _plain(name: str) -> str:
    words = name.replace(".", " ").casefold().split()
    return " ".join(word for word in words if word not in _TITLES)
