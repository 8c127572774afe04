"""What a haven on disk tells the audit: green only for what was looked at, and a trail by its witnesses alone."""

from datetime import date, timedelta
from pathlib import Path

import pytest
from attrs import evolve
from django.db import connection
from tests.journeys.studies import FORM
from tests.wiring.conftest import Place

from fivesafes.core.progress import Silent
from fivesafes.flow.haven.model import WithdrawalKind
from fivesafes.flow.haven.withdraw import begin_withdrawal, withdraw
from fivesafes.interfaces.forms.study import read_form
from fivesafes.people.model import Recipient
from fivesafes.setting.model import Attestation, Fact, State
from fivesafes.setting.trail.entry import digest_of, event_of, line_of
from fivesafes.setting.trail.merkle import Frontier, leaf_hash
from fivesafes.setting.trail.ports import WitnessSettings
from fivesafes.stores import trail
from fivesafes.stores.models import Checkpoint, TrailEntry, TrailHead
from fivesafes.wiring.consent import means_of
from fivesafes.wiring.haven import OpenHaven
from fivesafes.wiring.haven_facts import BooksFacts
from fivesafes.wiring.projects import Registration, add_project, ingest_paths
from fivesafes.wiring.setting import judge
from fivesafes.wiring.trail import hand_over, make_checkpoint, tell

MAIL = WitnessSettings(name="mail", kind="email", options={"host": "127.0.0.1", "sender": "a@b.org", "to": ["c@d.org"]})


def to_file(path: Path) -> WitnessSettings:
    """Name a witness that keeps a file."""
    return WitnessSettings(name="elsewhere", kind="file", options={"path": str(path)})


@pytest.fixture
def witness(tmp_path: Path) -> WitnessSettings:
    """Name a witness with a folder of its own."""
    (tmp_path / "share").mkdir()
    return to_file(tmp_path / "share" / "notes.txt")


def handed(haven: OpenHaven, *witnesses: WitnessSettings) -> None:
    """Tell of something, make a checkpoint over it, and hand it over."""
    tell(haven, actor="test", verb="test", outcome="done")
    make_checkpoint(haven)
    hand_over(haven, witnesses)


def whole(haven: OpenHaven, *witnesses: WitnessSettings) -> tuple[State, str]:
    """Ask whether the trail is whole."""
    fact = BooksFacts(haven, witnesses).trail_whole()
    return fact.state, fact.seen


def made_anew(haven: OpenHaven, *, says_sent: str) -> None:
    """Do what the owner of the machine can: alter an entry, and make chain, head and checkpoints anew, signed."""
    sizes = [one.size for one in trail.checkpoints()]
    _without_triggers()
    previous, tree = "0" * 64, Frontier()
    for row in TrailEntry.objects.order_by("n"):
        event = event_of(row.line.encode())
        line = line_of(evolve(event, actor="nobody") if row.n == 0 else event, n=row.n, previous=previous)
        previous = digest_of(line)
        tree.grow([leaf_hash(line)])
        TrailEntry.objects.filter(n=row.n).update(line=line.decode(), digest=bytes.fromhex(previous))
    TrailHead.objects.update(last=bytes.fromhex(previous), frontier=tree.peaks_as_bytes())
    Checkpoint.objects.all().delete()
    assert sizes
    make_checkpoint(haven)
    Checkpoint.objects.update(sent={says_sent: haven.clock().isoformat()})


def _without_triggers() -> None:
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
            for (name,) in cursor.fetchall():
                cursor.execute(f"DROP TRIGGER {name}")
        else:
            for table in ("haven_trailentry", "haven_trailhead", "haven_checkpoint"):
                cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")


def test_a_trail_is_whole_only_when_a_witness_shows_the_newest_checkpoint(
    place: Place, witness: WitnessSettings
) -> None:
    """Without a witness, without a checkpoint, with one that nobody was given: unknown each time."""
    with place.open() as haven:
        assert whole(haven) == (State.UNKNOWN, "1 entries are chained; no witness keeps a checkpoint elsewhere")
        assert "no checkpoint was made yet" in whole(haven, witness)[1]
        make_checkpoint(haven)
        state, seen = whole(haven, witness)
        assert (state, "handed over to nobody" in seen) == (State.UNKNOWN, True), seen
        handed(haven, witness)
        state, seen = whole(haven, witness)
        assert (state, "read back from elsewhere" in seen) == (State.YES, True), seen
        tell(haven, actor="test", verb="test", outcome="done")
        make_checkpoint(haven)
        assert whole(haven, witness)[0] is State.UNKNOWN


def test_a_witness_that_lost_its_notes_is_a_no(place: Place, witness: WitnessSettings, tmp_path: Path) -> None:
    """Its file was removed, emptied, or cut: what it was given it does not show any more."""
    path = tmp_path / "share" / "notes.txt"
    with place.open() as haven:
        handed(haven, witness)
        for spoil in (path.unlink, lambda: path.write_text(""), lambda: path.write_text("not a note\n")):
            spoil()
            state, seen = whole(haven, witness)
            assert (state, "does not show" in seen) == (State.NO, True), seen


def test_a_witness_that_can_not_be_reached_is_unknown(place: Place, witness: WitnessSettings, tmp_path: Path) -> None:
    """Its share is away, or was never there; that the books say it was given proves nothing."""
    with place.open() as haven:
        handed(haven, witness)
        (tmp_path / "share").rename(tmp_path / "away")
        assert whole(haven, witness)[0] is State.UNKNOWN
        never = to_file(Path("/nonexistent/notes.txt"))
        assert whole(haven, never)[0] is State.UNKNOWN
        (tmp_path / "away").rename(tmp_path / "share")
        assert whole(haven, witness)[0] is State.YES


@pytest.mark.parametrize("handed_over", ["says so", "is so"])
def test_a_trail_made_anew_with_its_key_is_a_no(place: Place, witness: WitnessSettings, handed_over: str) -> None:
    """Every digest fits and every checkpoint is signed: what the witness had before convicts it, new notes or not."""
    with place.open() as haven:
        handed(haven, witness)
        made_anew(haven, says_sent=witness.place if handed_over == "says so" else "nobody")
        assert whole(haven)[0] is State.UNKNOWN
        if handed_over == "is so":
            handed(haven, witness)
        state, seen = whole(haven, witness)
        assert (state, "contradict one another" in seen) == (State.NO, True), seen


def test_what_another_haven_keeps_there_does_not_count(place: Place, witness: WitnessSettings, tmp_path: Path) -> None:
    """Two havens, one file: a note of another trail is neither for this one nor against it."""
    with place.open() as haven:
        handed(haven, witness)
        path = tmp_path / "share" / "notes.txt"
        other = path.read_text().replace(haven.origin, "example.org/another")
        path.write_text(other + path.read_text())
        assert whole(haven, witness)[0] is State.YES
        path.write_text(other)
        assert whole(haven, witness)[0] is State.NO


def test_mail_can_not_be_read_back_and_so_a_person_must_compare(place: Place, witness: WitnessSettings) -> None:
    """Unknown, though the books say that it was sent; a word fills that, and never overrules a no."""
    with place.open() as haven:
        handed(haven)
        trail.mark_sent(trail.head().size, MAIL.place, at=haven.clock())
        fact = BooksFacts(haven, (MAIL,)).trail_whole()
        assert (fact.state, "kind email can't be read back" in fact.seen) == (State.UNKNOWN, True), fact
        assert answered(haven, fact) is State.YES
        hand_over(haven, [witness])
        assert whole(haven, MAIL, witness)[0] is State.YES
        made_anew(haven, says_sent=MAIL.place)
        assert answered(haven, BooksFacts(haven, (MAIL, witness)).trail_whole()) is State.NO


def answered(haven: OpenHaven, fact: Fact) -> State:
    """Judge a fact beside somebody's word for it."""
    on = haven.clock().date()
    word = Attestation(control=fact.control, by="A B", on=on, valid_until=on + timedelta(days=7), evidence="compared")
    report = judge((fact,), (word,), tier="T0", on=on)
    return next(one.state for one in report.judged if one.control.name == fact.control)


def ask(haven: OpenHaven, control: str) -> tuple[State, str]:
    """Ask the books about one control."""
    fact: Fact = getattr(BooksFacts(haven), control)()
    assert fact.control == control
    return fact.state, fact.seen


@pytest.fixture
def sealed(place: Place) -> tuple[Place, str]:
    """Take one person's scans into a haven."""
    scans = place.scans()
    place.register(scans.participant_id)
    with place.open() as haven:
        ingest_paths(haven, "journey", [scans.folder], workers=1, progress=Silent())
    return place, scans.participant_id


def test_originals_are_looked_at_as_they_lie(sealed: tuple[Place, str]) -> None:
    """A sample is opened and compared; what was altered on disk is a no."""
    place, _ = sealed
    with place.open() as haven:
        assert ask(haven, "sealed_originals")[0] is State.YES
        for one in (path for path in (place.path / "vault").rglob("*") if path.is_file()):
            one.chmod(0o600)
            one.write_bytes(b"hello, this is nothing sealed")
        assert ask(haven, "sealed_originals")[0] is State.NO


def test_an_empty_haven_has_nothing_that_is_green_unseen(place: Place) -> None:
    """No original, no recipient, no restore: unknown, each with its reason."""
    with place.open() as haven:
        for control, why in (
            ("sealed_originals", "the vault is empty"),
            ("training_agreements", "no project names a recipient"),
            ("restore_tested", "no restore was tested"),
            ("institutional_identity", "no log-in"),
            ("mfa_sessions", "no sessions"),
            ("memberships_current", "nobody logs in"),
        ):
            state, seen = ask(haven, control)
            assert (state, why in seen) == (State.UNKNOWN, True), (control, seen)


def test_a_withdrawal_counts_until_it_is_finished(sealed: tuple[Place, str]) -> None:
    """Begun and not finished is a no; finished, with no key left, is a yes."""
    place, _ = sealed
    with place.open() as haven:
        assert ask(haven, "shredded_withdrawals")[0] is State.YES
        (person,) = haven.books.participants("journey")
        keys = {one: one.read_bytes() for one in (place.path / "keyring" / "participants").iterdir()}
        begun = begin_withdrawal(means_of(haven, by="test"), person.id, WithdrawalKind.FULL)
        assert ask(haven, "shredded_withdrawals")[0] is State.NO
        assert begun.participant == person.id
        assert withdraw(means_of(haven, by="test"), person.id, WithdrawalKind.FULL).done
        assert ask(haven, "shredded_withdrawals")[0] is State.YES
        for path, content in keys.items():
            path.write_bytes(content)
        state, seen = ask(haven, "shredded_withdrawals")
        assert (state, f"{len(keys)} of their keys left" in seen) == (State.NO, True), seen


def test_custodians_keys_on_this_machine_are_a_no(place: Place) -> None:
    """The machine sees them there, and sees nobody's once they are carried away."""
    with place.open() as haven:
        folder = haven.keys / "custodians"
        folder.mkdir(exist_ok=True)
        (folder / "custodian-1.agekey").touch()
        assert ask(haven, "duties_apart")[0] is State.NO
        for one in folder.iterdir():
            one.unlink()
        assert ask(haven, "duties_apart")[0] is State.UNKNOWN


@pytest.mark.parametrize(("outcome", "state"), [("equal", State.YES), ("different", State.NO)])
def test_the_last_restore_test_counts_with_its_day(place: Place, outcome: str, state: State) -> None:
    """As the trail tells it."""
    with place.open() as haven:
        tell(haven, actor="test", verb="restore test", outcome=outcome)
        then = haven.clock()
        place.clock.now += timedelta(days=40)
        fact = BooksFacts(haven).restore_tested()
        assert (fact.state, fact.at) == (state, then)


@pytest.mark.parametrize(("day", "state"), [(date(2026, 2, 1), State.YES), (date(2025, 2, 1), State.NO)])
def test_a_recipients_training_is_good_for_a_year(place: Place, day: date, state: State) -> None:
    """By what the project's registration says."""
    one = Recipient(
        name="A B", institution="U", account="a", mfa=True, agreement_signed=date(2026, 1, 1), training_on=day
    )
    (place.folder / "STUDY.toml").write_text(FORM, encoding="utf-8")
    study = read_form(place.folder / "STUDY.toml")
    with place.open() as haven:
        wish = Registration(project=study.project, rules=study.rules, reviewers=(), recipients=(one,))
        add_project(haven, wish, key=None)
        assert ask(haven, "training_agreements")[0] is state
