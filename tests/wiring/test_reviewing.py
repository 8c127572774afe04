"""Who says that somebody has looked: a reviewer of the project with a term, known by a typed name and no more."""

import json
from pathlib import Path

import pytest
from tests.journeys.studies import FORM
from tests.wiring.conftest import Place

from fivesafes.core.errors import Refused
from fivesafes.interfaces.forms.study import read_form
from fivesafes.stores.models import Membership
from fivesafes.stores.trail import last_of
from fivesafes.wiring.haven import OpenHaven
from fivesafes.wiring.projects import Registration, add_project
from fivesafes.wiring.reviewing import sign_review, waiting_for

CANDIDATE = "c" * 64
CHECKER = """
[[reviewer]]
name = "Grace Checker"
institution = "Example University"
account = "grace@university.example"
valid_from = 2026-01-01
valid_until = 2026-12-31
"""


def with_candidate(haven: OpenHaven) -> None:
    """Let a candidate wait, as the last processing would have left it."""
    private = haven.workspaces.private("journey")
    private.mkdir(parents=True)
    report = {"candidate": CANDIDATE, "verdicts": {}, "series": [], "compare": [], "outcome": {"sentence": ""}}
    (private / "report.json").write_text(json.dumps(report), encoding="utf-8")


def test_a_reviewer_of_the_project_signs_and_the_record_says_how_they_were_known(place: Place) -> None:
    """By name or account; the table of memberships has the role, the event says that nobody was proved."""
    place.register(form=FORM + CHECKER)
    with place.open() as haven:
        with_candidate(haven)
        sign_review(haven, "journey", by="grace@university.example", candidate=CANDIDATE, accepts=frozenset())
        (review,) = haven.project("journey").reviews
        assert (review.by, review.known) == ("Grace Checker", "typed, not proved")
        told = last_of("review")
        assert told is not None
        assert (told.actor, told.facts["known"]) == ("reviewer Grace Checker", "typed, not proved")
        assert waiting_for(haven, "journey")["reviewed_by"] == ["Grace Checker"]
        (row,) = Membership.objects.filter(role="reviewer")
        assert (row.name, str(row.valid_until), row.ended_at) == ("Grace Checker", "2026-12-31", None)


@pytest.mark.parametrize(
    ("by", "days"), [("Dr C", 0), ("Grace Checker", 365), ("Dr Test Investigator", 0)], ids=["stranger", "ended", "pi"]
)
def test_a_typed_name_without_a_role_of_today_signs_nothing(place: Place, by: str, days: int) -> None:
    """Nobody's name, a term that has ended, the investigator: refused, and nothing is recorded."""
    place.register(form=FORM + CHECKER)
    place.clock.now = place.clock.now.replace(year=2026 + days // 365)
    with place.open() as haven:
        with_candidate(haven)
        with pytest.raises(Refused):
            sign_review(haven, "journey", by=by, candidate=CANDIDATE, accepts=frozenset())
        assert haven.project("journey").reviews == ()
        assert last_of("review") is None


def test_a_membership_that_the_form_no_longer_says_has_ended(place: Place) -> None:
    """Read again without the reviewer, they may look no more; the history stays."""
    place.register(form=FORM + CHECKER)
    place.register(form=FORM)
    with place.open() as haven:
        with_candidate(haven)
        with pytest.raises(Refused):
            sign_review(haven, "journey", by="Grace Checker", candidate=CANDIDATE, accepts=frozenset())
        (row,) = Membership.objects.filter(role="reviewer")
        assert row.ended_at is not None


def test_a_review_written_into_the_form_needs_the_same_role(place: Place, tmp_path: Path) -> None:
    """Else the form would be the way round."""
    by = '\n[[review]]\nby = "{}"\non = 2026-05-01\ncandidate = "' + CANDIDATE + '"\n'
    (tmp_path / "S.toml").write_text(FORM + CHECKER + by.format("Dr C"), encoding="utf-8")
    study = read_form(tmp_path / "S.toml")
    wish = Registration(project=study.project, reviews=study.reviews, reviewers=study.reviewers)
    with place.open() as haven, pytest.raises(Refused, match="no reviewer"):
        add_project(haven, wish, key=None)
    (tmp_path / "S.toml").write_text(FORM + CHECKER + by.format("Grace Checker"), encoding="utf-8")
    study = read_form(tmp_path / "S.toml")
    with place.open() as haven:
        assert add_project(
            haven, Registration(project=study.project, reviews=study.reviews, reviewers=study.reviewers), key=None
        )
