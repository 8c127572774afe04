"""What the books keep: projects, people, consents, originals, work; the same on both databases."""

from datetime import date, datetime, timedelta, timezone
from typing import Any

import pytest
from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.stores.conftest import NOW, make_person, make_project

from fivesafes.core.errors import InvalidInput, Refused, TryAgain
from fivesafes.core.verdict import Verdict, note, refuse
from fivesafes.data.bids.rules import Rule
from fivesafes.data.model import BidsName
from fivesafes.flow.haven.model import (
    KeptAside,
    KeptConsent,
    KeptInstance,
    KeptProject,
    KeptRelease,
    KeptSeries,
    KeptStep,
    ParticipantState,
    ProjectState,
    ReleaseState,
    SeriesState,
    WithdrawalKind,
)
from fivesafes.output.airlock import Review
from fivesafes.project.model import Consent, DataUse, Permission
from fivesafes.setting.model import Attestation
from fivesafes.stores.books import DjangoBooks
from fivesafes.stores.models import Approval, Evidence, Instance, Membership

CONSENT = Consent(permissions=frozenset({Permission(use=DataUse.GRU)}), face=True, valid_from=date(2026, 1, 1))


def make_series(id_: str = "s1", participant: str = "ann", **said: Any) -> KeptSeries:  # noqa: ANN401 - any field
    """Make a sealed series."""
    whole: dict[str, Any] = {
        "id": id_,
        "project": "p1",
        "participant": participant,
        "state": SeriesState.SEALED,
        "digest": "d" * 64,
        "sheet": b"\x00" * 31 + id_[-1:].encode(),
        "files": 2,
        "bytes": 400_000,
        "received_at": NOW,
        "trail_n": 0,
        **said,
    }
    return KeptSeries(**whole)


def make_instances(*names: str) -> list[KeptInstance]:
    """Make instances whose addresses say their names."""
    return [KeptInstance(address=name.encode().rjust(32, b"\x00"), uid=name.encode() * 2, bytes=7) for name in names]


def test_a_project_comes_back_as_it_was(books: DjangoBooks) -> None:
    """Form, people, attestations, reviews and rules, with the order of a name's entities."""
    name = BidsName(datatype="func", suffix="bold", entities={"task": "rest", "acq": "z"})
    kept = evolve(
        make_project("p2"),
        attestations=(
            Attestation(
                control="c", by="Ada", on=date(2026, 1, 1), valid_until=date(2026, 12, 31), evidence="policy 7"
            ),
        ),
        reviews=(Review(by="Bo", on=date(2026, 5, 1), candidate="e" * 64, accepts=frozenset({"b", "a"})),),
        rules=(Rule(when={"ProtocolName": "*rest*"}, name=name, deface=False), Rule(when={"A": "x"}, name=None)),
        retain_until=date(2036, 1, 1),
    )
    with books.deed():
        books.save_project(kept, at=NOW)
    assert books.project("p2") == kept
    assert books.projects() == [make_project(), kept]
    assert books.project("p3") is None
    back = books.projects()[1].rules[0].name
    assert back is not None
    assert list(back.entities) == ["task", "acq"]


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kept=st.from_type(KeptProject))
def test_any_project_comes_back_as_it_was(books: DjangoBooks, kept: KeptProject) -> None:
    """Whatever a form can say, each database gives it back equal (or refuses the text that it can't keep)."""
    kept = evolve(kept, project=evolve(kept.project, id="p9"))
    try:
        with books.deed():
            books.save_project(kept, at=NOW)
    except InvalidInput:
        return
    back = books.project("p9")
    assert back is not None
    assert evolve(back, state=kept.state, recipient=kept.recipient, retain_until=kept.retain_until) == kept


def test_a_form_read_again_replaces_what_it_says_and_reopens_nothing(books: DjangoBooks) -> None:
    """State, retention and recipient are not the form's; approvals and memberships keep their history."""
    first = make_project()
    with books.deed():
        books.set_project_state("p1", ProjectState.CLOSED, at=NOW)
        books.set_retention("p1", date(2030, 1, 1), at=NOW)
    longer = evolve(first.project.approval, valid_until=date(2028, 12, 31))
    changed = evolve(first, project=evolve(first.project, approval=longer), recipients=(), recipient="age1another")
    with books.deed():
        books.save_project(changed, at=NOW + timedelta(days=1))
        books.save_project(changed, at=NOW + timedelta(days=2))  # again: no second history
    back = books.project("p1")
    assert back == evolve(changed, state=ProjectState.CLOSED, retain_until=date(2030, 1, 1), recipient="age1project")
    approvals = Approval.objects.order_by("id").values_list("valid_until", "replaced_at")
    assert list(approvals) == [(date(2027, 12, 31), NOW + timedelta(days=1)), (date(2028, 12, 31), None)]
    members = Membership.objects.order_by("id").values_list("role", "name", "ended_at")
    assert list(members) == [("recipient", "Bo Other", NOW + timedelta(days=1)), ("investigator", "Ada Person", None)]


def test_a_disposed_project_stays_so(books: DjangoBooks) -> None:
    """Nobody reopens what was disposed of."""
    with books.deed():
        books.set_project_state("p1", ProjectState.DISPOSED, at=NOW)
    with pytest.raises(LookupError), books.deed():
        books.set_project_state("p1", ProjectState.OPEN, at=NOW)
    with pytest.raises(LookupError), books.deed():
        books.set_retention("no such project", None, at=NOW)


def test_a_participant_who_is_there_stays_as_they_are(books: DjangoBooks) -> None:
    """Two ingests may race: the second changes nothing."""
    with books.deed():
        books.set_subjects({"ann": "x1"})
        books.add_participants([evolve(make_person("ann"), recipient="other"), make_person("cat")], at=NOW)
    assert books.participant("ann") == evolve(make_person("ann"), subject="x1")
    assert [one.id for one in books.participants("p1")] == ["ann", "bob", "cat"]


def test_two_people_never_share_a_pseudonym(books: DjangoBooks) -> None:
    """Neither by naming nor by arriving with one; in another project the same word is another's."""
    with books.deed():
        books.set_subjects({"ann": "x1"})
    with pytest.raises(InvalidInput, match="one pseudonym"), books.deed():
        books.set_subjects({"bob": "x1"})
    with pytest.raises(InvalidInput, match="one pseudonym"), books.deed():
        books.add_participants([evolve(make_person("cat"), subject="x1")], at=NOW)
    assert books.participant("cat") is None
    with books.deed():
        books.save_project(make_project("p2"), at=NOW)
        books.add_participants([evolve(make_person("dan", "p2"), subject="x1")], at=NOW)
    with pytest.raises(LookupError), books.deed():
        books.set_subjects({"nobody": "x9"})


def test_nobody_comes_back_from_a_withdrawal(books: DjangoBooks) -> None:
    """The sealed name goes with the last step; no step leads back."""
    with books.deed():
        books.set_participant_state("ann", ParticipantState.WITHDRAWING)
    with pytest.raises(LookupError), books.deed():
        books.set_participant_state("ann", ParticipantState.ACTIVE)
    with books.deed():
        books.set_participant_state("ann", ParticipantState.WITHDRAWN)
        books.set_participant_state("ann", ParticipantState.WITHDRAWN)  # run again: no harm
    ann = books.participant("ann")
    assert ann is not None
    assert (ann.state, ann.sealed_name) == (ParticipantState.WITHDRAWN, None)
    for state in (ParticipantState.ACTIVE, ParticipantState.WITHDRAWING):
        with pytest.raises(LookupError), books.deed():
            books.set_participant_state("ann", state)


def test_the_consent_recorded_last_holds_even_when_the_clock_went_back(books: DjangoBooks) -> None:
    """Order of recording decides, and the history keeps all."""
    first = KeptConsent(participant="ann", consent=CONSENT, evidence_digest="1", recorded_at=NOW)
    then = evolve(first, consent=evolve(CONSENT, face=False), recorded_at=NOW - timedelta(days=1))
    bobs = evolve(first, participant="bob", evidence_digest="2")
    with books.deed():
        books.add_consents([first, bobs, then])
    assert books.consents("p1") == {"ann": then, "bob": bobs}
    assert books.consent_history("ann") == [first, then]
    assert books.consents("p2") == {}


def test_a_withdrawal_is_open_until_its_receipt(books: DjangoBooks) -> None:
    """It is found by project and while it is open; the receipt is written once."""
    with books.deed():
        asked = books.add_withdrawal("ann", WithdrawalKind.FULL, at=NOW)
        other = books.add_withdrawal("bob", WithdrawalKind.NO_FACE, at=NOW)
    assert (asked.project, asked.kind, asked.done_at) == ("p1", WithdrawalKind.FULL, None)
    later = NOW + timedelta(hours=1)
    with books.deed():
        books.finish_withdrawal(asked.id, {"objects": 3}, at=later)
    assert books.withdrawals(open_only=True) == [other]
    assert books.withdrawals(project="p1") == [evolve(asked, done_at=later, receipt={"objects": 3}), other]
    assert books.withdrawals(project="p2") == []
    with pytest.raises(LookupError), books.deed():
        books.finish_withdrawal(asked.id, {}, at=later)


def test_series_and_instances_come_back_in_order(books: DjangoBooks) -> None:
    """By project and state, by participant, by id; a moment of another zone is the same moment."""
    there = datetime(2026, 6, 1, 22, tzinfo=timezone(timedelta(hours=10)))
    one = make_series(received_at=there, trail_n=7)
    two = make_series("s2", "bob", state=SeriesState.QUARANTINED, why="no consent")
    with books.deed():
        books.add_series(one, make_instances("c", "a", "b"))
        books.add_series(two, make_instances("x"))
    assert books.series("p1") == [one, two]
    assert books.series("p1", SeriesState.QUARANTINED) == [two]
    assert books.series_of("ann") == [one]
    assert books.one_series("s2") == two
    assert books.one_series("s3") is None
    assert books.instances("s1") == make_instances("c", "a", "b")
    assert books.instances("s3") == []


def test_a_series_grows_and_never_loses_an_original(books: DjangoBooks) -> None:
    """A later ingest adds files; one that did not see the files of another is told to look again."""
    with books.deed():
        books.add_series(make_series(), make_instances("a"))
    with books.deed():
        books.add_series(make_series(files=2, digest="e" * 64), make_instances("a", "b"))
    assert books.instances("s1") == make_instances("a", "b")
    with pytest.raises(TryAgain, match="another ingest"), books.deed():
        books.add_series(make_series(), make_instances("a", "c"))
    assert books.instances("s1") == make_instances("a", "b")
    with books.deed():
        books.add_series(make_series(state=SeriesState.QUARANTINED, why="held"), make_instances("a", "b"))
    assert Instance.objects.count() == 2


@pytest.mark.parametrize("state", [ParticipantState.WITHDRAWING, ParticipantState.WITHDRAWN])
def test_nothing_new_of_somebody_who_withdrew(books: DjangoBooks, state: ParticipantState) -> None:
    """An ingest or a step that began before the withdrawal can't write after it."""
    with books.deed():
        books.add_series(make_series(), make_instances("a"))
        books.set_participant_state("ann", state)
    with pytest.raises(Refused, match="takes part no more"), books.deed():
        books.add_series(make_series("s2"), make_instances("b"))
    with pytest.raises(Refused, match="takes part no more"), books.deed():
        books.save_steps([make_step("s1", "deface")])


def test_shredded_is_for_good_and_names_no_address(books: DjangoBooks) -> None:
    """The row stays as a tombstone; instances, sheet and sizes are gone from it."""
    with books.deed():
        books.add_series(make_series(), make_instances("a", "b"))
        books.add_series(make_series("s2", "bob"), make_instances("c"))
    with books.deed():
        books.set_series_state(["s1"], SeriesState.SHREDDED, why="withdrawn")
    gone = make_series(state="shredded", why="withdrawn", sheet=b"", files=0, bytes=0)
    assert books.series("p1", SeriesState.SHREDDED) == [gone]
    assert books.instances("s1") == []
    assert set(books.addresses()) == {make_instances("c")[0].address, make_series("s2").sheet}
    with pytest.raises(LookupError), books.deed():
        books.set_series_state(["s1"], SeriesState.SEALED)


def test_every_address_is_named(books: DjangoBooks) -> None:
    """Instances, each sheet of a series, and what was set aside; of one project or of all."""
    aside = KeptAside(
        project="p1", address=b"q" * 32, bytes=3, status="review", code="data.x", why="stray", received_at=NOW
    )
    with books.deed():
        books.save_project(make_project("p2"), at=NOW)
        books.add_participants([make_person("dan", "p2")], at=NOW)
        books.add_series(make_series(sheet=b"1" * 32 + b"2" * 32), make_instances("a"))
        books.add_series(make_series("s9", "dan", project="p2", sheet=b"9" * 32), make_instances("z"))
        books.add_aside([aside, aside])
        books.add_aside([aside])
    assert books.asides("p1") == [aside]
    of_first = {make_instances("a")[0].address, b"1" * 32, b"2" * 32, b"q" * 32}
    assert set(books.addresses("p1")) == of_first
    assert set(books.addresses()) == of_first | {make_instances("z")[0].address, b"9" * 32}


def make_step(series: str, name: str, **said: Any) -> KeptStep:  # noqa: ANN401 - any field
    """Make a step with evidence."""
    whole: dict[str, Any] = {
        "series": series,
        "name": name,
        "status": "ready",
        "input_digest": "i",
        "output_digest": "o",
        "engines": {"defacer": "1.0"},
        "seconds": 1.5,
        "done_at": NOW,
        "evidence": {"face": {"digest": "f" * 64, "residual": 0.25}, "header": {"removed": 12}},
        **said,
    }
    return KeptStep(**whole)


def test_a_step_is_kept_as_last_done(books: DjangoBooks) -> None:
    """Done again it replaces what was said, with its evidence and without the old one's."""
    steps = [make_step("s1", "deidentify", evidence={}), make_step("s1", "deface"), make_step("s2", "deface")]
    again = make_step("s1", "deface", output_digest="o2", seconds=None, evidence={"face": {"residual": 0.1}})
    with books.deed():
        books.add_series(make_series(), [])
        books.add_series(make_series("s2", "bob"), [])
        books.save_steps(steps)
    assert books.steps("s1") == steps[:2]
    with books.deed():
        books.save_steps([again])
    assert books.steps("s1") == [steps[0], again]
    assert books.steps("s2") == steps[2:]
    assert Evidence.objects.count() == 3


def test_findings_are_replaced_by_safe_and_by_what_they_are_about(books: DjangoBooks) -> None:
    """A new judgement of one safe replaces that safe's findings alone; a series' are not the project's."""
    data = refuse("data.x", why="w", fix="f", source="s", about="sub-1") + note("data.y", why="w", source="s")
    people = note("people.z", why="w", source="s")
    with books.deed():
        books.add_series(make_series(), [])
        books.save_findings("p1", {"data": data, "people": people}, series=None, at=NOW)
        books.save_findings("p1", {"data": people}, series="s1", at=NOW)
    assert books.findings("p1") == {"data": data, "people": people}
    with books.deed():
        books.save_findings("p1", {"data": Verdict()}, series=None, at=NOW)
    assert books.findings("p1") == {"people": people}
    assert books.findings("p1", series="s1") == {"data": people}


def test_a_delivery_stands_in_the_books_until_it_has_ended(books: DjangoBooks) -> None:
    """Going with the name of its part; out, recalled or dropped afterwards; what has left is never dropped."""
    going = KeptRelease(
        id="r1",
        project="p1",
        digest="d",
        destination="/out/r",
        recipients=(),
        participants=("ann",),
        state=ReleaseState.GOING,
        released_at=NOW,
        faces=False,
        public=True,
        part=".r.0123.part",
    )
    with books.deed():
        books.add_release(going)
        books.add_release(evolve(going, id="r2", part=".r.4567.part"))
    assert [one.part for one in books.deliveries()] == [".r.0123.part", ".r.4567.part"]
    with books.deed():
        books.set_release_state("r1", ReleaseState.OUT)
        books.set_release_part("r1", "")
        books.drop_release("r2")
    assert books.deliveries() == []
    assert books.releases() == [evolve(going, state=ReleaseState.OUT, part="")]
    with pytest.raises(LookupError), books.deed():
        books.drop_release("r1")
    with pytest.raises(LookupError), books.deed():
        books.set_release_part("r2", "")


def test_a_release_says_whose_data_it_holds(books: DjangoBooks) -> None:
    """Found by project and by participant, oldest first, members in order; recalled it stays on record."""
    first = KeptRelease(
        id="r1",
        project="p1",
        digest="d",
        destination="folder",
        recipients=("Bo", "Al"),
        participants=("bob", "ann"),
        state=ReleaseState.OUT,
        released_at=NOW,
        faces=True,
        public=False,
    )
    second = evolve(first, id="r0", participants=("bob",), compare=("r1",), released_at=NOW + timedelta(days=1))
    empty = evolve(first, id="r3", participants=(), released_at=NOW + timedelta(days=2))
    with books.deed():
        for one in (second, first, empty):
            books.add_release(one)
    assert books.releases("p1") == [first, second, empty]
    assert books.releases() == [first, second, empty]
    assert books.releases(participant="ann") == [first]
    assert books.releases("p2") == []
    with books.deed():
        books.set_release_state("r1", ReleaseState.RECALLED)
    assert books.releases(participant="ann") == [evolve(first, state=ReleaseState.RECALLED)]
