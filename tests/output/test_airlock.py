"""No evidence, no release; and reviewers look at exactly this candidate."""

from datetime import date
from pathlib import Path

from fivesafes.core.verdict import refuse, review
from fivesafes.output.airlock import Review, after_looking, judge_evidence, judge_reviews
from fivesafes.output.manifest import judge_manifest, manifest_of

TODAY = date(2026, 6, 1)
THIS, OTHER = "a" * 64, "b" * 64


def test_a_planned_step_without_evidence_stops_the_release() -> None:
    """Missing and empty are the same."""
    verdict = judge_evidence(["gate", "deface", "assess"], {"gate": "x", "deface": ""})
    assert {finding.about for finding in verdict.findings} == {"deface", "assess"}
    assert verdict.refuses
    assert not judge_evidence(["gate"], {"gate": "x"}).refuses


def look(by: str, candidate: str = THIS, on: date = TODAY) -> Review:
    """Make a review."""
    return Review(by=by, on=on, candidate=candidate)


def needed(*reviews: Review, count: int) -> str:
    """Judge and give the gravity."""
    verdict = judge_reviews(reviews, candidate=THIS, needed=count, investigator="Dr PI", today=TODAY)
    return verdict.gravity.word


def test_reviewers_must_be_different_people_and_not_the_investigator() -> None:
    """The same name twice is one person, however it is written."""
    assert needed(look("A"), look(" a "), count=2) == "review"
    assert needed(look("A"), look("dr pi"), count=2) == "review"
    assert needed(look("A"), look("Prof. Pi"), count=2) == "review"
    assert needed(look("Dr. A"), look("A"), count=2) == "review"
    assert needed(look("A"), look("B"), count=2) == "note"


def test_a_review_of_another_candidate_or_of_tomorrow_does_not_count() -> None:
    """What was looked at is what leaves."""
    assert needed(look("A", OTHER), count=1) == "review"
    assert needed(look("A", on=date(2026, 6, 2)), count=1) == "review"
    assert needed(count=0) == "note"


def test_the_manifest_tells_of_each_kind_of_change(tmp_path: Path) -> None:
    """Altered, missing and additional files are named."""
    (tmp_path / "sub").mkdir()
    for name in ("a", "sub/b", "c"):
        (tmp_path / name).write_text(name)
    manifest = manifest_of(tmp_path)
    assert not judge_manifest(tmp_path, manifest).findings
    (tmp_path / "a").write_text("A")
    (tmp_path / "c").unlink()
    (tmp_path / "d").write_text("d")
    told = {finding.about: finding.why for finding in judge_manifest(tmp_path, manifest).findings}
    assert {name: why.rsplit(" ", 1)[-1] for name, why in told.items()} == {
        "a": "altered",
        "c": "missing",
        "d": "listed",
    }


def test_a_reviewer_may_accept_what_asks_for_a_look_and_never_what_refuses() -> None:
    """For this candidate only, and the investigator can't accept for themselves."""
    found = review("a.b", why="w", fix="f", source="s") + refuse("c.d", why="w", fix="f", source="s")
    both = frozenset({"a.b", "c.d"})

    def left(person: Review) -> list[str]:
        verdict = after_looking(found, [person], candidate=THIS, investigator="Dr PI", today=TODAY)
        return [finding.gravity.word for finding in verdict.findings]

    assert left(Review(by="A", on=TODAY, candidate=THIS, accepts=both)) == ["note", "refuse"]
    assert left(Review(by="A", on=TODAY, candidate=OTHER, accepts=both)) == ["review", "refuse"]
    assert left(Review(by="PI", on=TODAY, candidate=THIS, accepts=both)) == ["review", "refuse"]
