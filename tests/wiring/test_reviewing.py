"""Who says that somebody has looked: a reviewer of the project with a term, known by a typed name and no more."""

import json
from pathlib import Path

import pytest
from tests.journeys.studies import FORM
from tests.wiring.conftest import Place

from fivesafes.core.errors import Refused
from fivesafes.core.event import Fact
from fivesafes.core.ids import Identifying
from fivesafes.core.progress import Silent
from fivesafes.interfaces.forms.study import read_form
from fivesafes.setting.vault.seal import Identity, SealBroken, seal
from fivesafes.stores.identity_files import write_identity
from fivesafes.stores.models import Membership
from fivesafes.stores.trail import last_of
from fivesafes.wiring.haven import OpenHaven
from fivesafes.wiring.projects import Registration, add_project, ingest_paths
from fivesafes.wiring.reviewing import open_pictures, reidentify, sign_review, waiting_for

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


def custodial(place: Place) -> tuple[Path, Path]:
    """Give the identity file of a custodian of the haven, and one of a stranger."""
    with place.open() as haven:
        custodian = next(haven.keys.glob("custodians/*.agekey"))
    stranger = place.folder / "stranger.agekey"
    write_identity(Identity.made(), stranger)
    return custodian, stranger


def tellings(haven: OpenHaven, verb: str) -> list[tuple[str, str, Fact]]:
    """Give actor's first word, outcome and whose key it was, of each event of a verb."""
    told = []
    n = 0
    while (event := haven.books.told(n)) is not None:
        if event.verb == verb:
            told.append((event.actor.split(" ", 1)[0], event.outcome, event.facts["proved"]))
        n += 1
    return told


def test_a_name_is_opened_by_a_custodian_and_a_stranger_is_told_of_as_refused(place: Place) -> None:
    """The key is proved first: what nobody opened the trail does not call opened, and nothing is called damaged."""
    place.register("JANE")
    custodian, stranger = custodial(place)
    with place.open() as haven:
        (person,) = haven.books.participants("journey")
        with pytest.raises(Refused, match="nobody's here"):
            reidentify(haven, "journey", person.id, identity=stranger, reason="x")
        assert tellings(haven, "reidentify") == [("stranger", "refused", "")]
        assert reidentify(haven, "journey", person.id, identity=custodian, reason="x") == Identifying("JANE")
        assert [one[1:] for one in tellings(haven, "reidentify")[1:]] == [
            ("begun", "custodian-1"),
            ("opened", "custodian-1"),
        ]


def test_a_damaged_key_is_named_as_that_and_the_trail_says_that_nothing_was_opened(place: Place) -> None:
    """The fix is the keyring's backup, not the vault's."""
    place.register("JANE")
    custodian, _ = custodial(place)
    with place.open() as haven:
        (person,) = haven.books.participants("journey")
        (key,) = (place.path / "keyring" / "participants").glob("*.age")
        key.write_bytes(key.read_bytes()[:-5])
        with pytest.raises(SealBroken, match="a key of the keyring") as broken:
            reidentify(haven, "journey", person.id, identity=custodian, reason="x")
        assert "backup of the keys" in broken.value.fix
        assert [one[1] for one in tellings(haven, "reidentify")] == ["begun", "refused"]


def test_pictures_are_opened_whole_or_not_at_all_and_never_by_a_stranger(place: Place, tmp_path: Path) -> None:
    """A folder appears when all of them opened; the trail says which it was."""
    scans = place.scans()
    place.register(scans.participant_id)
    custodian, stranger = custodial(place)
    into = tmp_path / "looked"
    with place.open() as haven:
        ingest_paths(haven, "journey", [scans.folder], workers=1, progress=Silent())
        (series,) = haven.books.series("journey")
        (person,) = haven.books.participants("journey")
        pictures = haven.workspaces.private("journey") / "finished" / series.id / "pictures"
        pictures.mkdir(parents=True)
        (pictures / "0-before.png.age").write_bytes(seal(b"a face", (person.recipient,)))
        with pytest.raises(Refused):
            open_pictures(haven, "journey", into=into, identity=stranger, reason="x")
        (pictures / "1-after.png.age").write_bytes(b"damaged")
        with pytest.raises(SealBroken):
            open_pictures(haven, "journey", into=into, identity=custodian, reason="x")
        assert not into.exists()
        (pictures / "1-after.png.age").unlink()
        assert open_pictures(haven, "journey", into=into, identity=custodian, reason="x") == 1
        assert [(one.name, one.read_bytes()) for one in into.iterdir()] == [(f"{series.id}-0-before.png", b"a face")]
        assert [one[1] for one in tellings(haven, "unseal")] == ["refused", "begun", "refused", "begun", "opened"]
