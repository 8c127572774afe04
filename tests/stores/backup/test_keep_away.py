"""What was taken back after a backup is taken back again by its restore."""

import json
import shutil
from contextlib import AbstractContextManager
from datetime import timedelta

import pytest
from attrs import evolve
from tests.stores.backup.sites import ANN, AUTHOR, BOB, CAT, NOBODY, ON_FILES, Site
from tests.stores.conftest import NOW, make_person, make_project

from fivesafes.core.errors import InvalidInput, TryAgain
from fivesafes.flow.haven.model import (
    KeptParticipant,
    ParticipantState,
    ProjectState,
    SeriesState,
    WithdrawalKind,
)
from fivesafes.flow.haven.taken_back import narrowed
from fivesafes.setting.vault.vault import folder_of
from fivesafes.stores import trail
from fivesafes.stores.backup import (
    KeptAway,
    Restored,
    read_tombstones,
    tombstones_now,
)
from fivesafes.stores.backup.keep_away import keep_away
from fivesafes.stores.blobs import FolderBlobs
from fivesafes.stores.books import DjangoBooks
from fivesafes.stores.database import current_database
from fivesafes.stores.jobs import DjangoJobs

LATER = NOW + timedelta(days=3, microseconds=7)


def reopened(back: Restored) -> AbstractContextManager[None]:
    """Open what was restored."""
    return current_database(back.haven.database_config())


def people_with_keys(back: Restored) -> list[str]:
    """Name the people whose keys came back."""
    return sorted(path.name.partition(".")[0] for path in (back.haven.keyring / "participants").iterdir())


def test_who_withdrew_after_the_backup_does_not_come_back(site: Site) -> None:
    """Work is cancelled, objects and keys are gone, and the withdrawal is open for the next command to finish."""
    with site.opened():
        DjangoJobs().add("p1", "series", {f"series-{ANN}": "1", f"series-{BOB}": "1"}, at=NOW)
    site.consent(ANN)
    site.back_up()
    site.back_up_keys()
    old = shutil.copytree(site.keys, site.root / "old")
    size = site.size()
    site.withdraw(ANN)
    site.back_up_keys()
    shutil.copytree(old / "keyring", site.keys / "keyring", dirs_exist_ok=True)  # as an old copy would have them
    back = site.restore()
    assert back.away == KeptAway(withdrawn=1, narrowed=0, disposed=0)
    with reopened(back):
        books = DjangoBooks()
        states = {one.id: one.state for one in books.participants("p1")}
        assert states == {ANN: ParticipantState.WITHDRAWING, BOB: ParticipantState.ACTIVE}
        assert [(one.participant, one.kind, one.requested_at) for one in books.withdrawals(open_only=True)] == [
            (ANN, WithdrawalKind.FULL, NOW)
        ]
        assert books.consents("p1")[ANN].consent.withdrawn_on == NOW.date()
        assert {job.object: job.state.value for job in DjangoJobs().jobs()} == {
            f"series-{ANN}": "cancelled",
            f"series-{BOB}": "queued",
        }
        assert [(line.verb, line.outcome) for n in range(size, size + 3) if (line := books.told(n))] == [
            ("consent", "narrowed"),
            ("withdraw", "begun"),
            ("restore", "done"),
        ]
    vault = FolderBlobs(back.haven.vault)
    assert [name for name, _ in vault.walk(folder_of(f"age1{ANN}"))] == []
    assert len(list(vault.walk())) == 1
    assert not (back.haven.projects / "p1" / "release").exists()
    assert people_with_keys(back) == [BOB]


@ON_FILES
def test_who_had_withdrawn_before_the_backup_does_not_come_back_by_an_old_copy_of_the_keys(site: Site) -> None:
    """The books say so, whatever the copy holds."""
    site.back_up_keys()
    old = shutil.copytree(site.keys / "keyring", site.root / "old")
    site.withdraw(ANN)
    site.back_up()
    shutil.rmtree(site.keys / "keyring")
    shutil.copytree(old, site.keys / "keyring")
    back = site.restore()
    assert back.away == NOBODY
    assert people_with_keys(back) == [BOB]


@pytest.mark.parametrize("kind", [kind for kind in WithdrawalKind if kind is not WithdrawalKind.FULL])
def test_what_was_taken_back_in_part_is_taken_back_again(site: Site, kind: WithdrawalKind) -> None:
    """The consent is narrowed from that day, and the withdrawal open; the person stays, and so does everybody else."""
    site.consent(ANN)
    site.consent(BOB)
    site.back_up()
    site.take_back(ANN, kind, at=LATER)
    site.back_up_keys()
    back = site.restore()
    assert back.away == KeptAway(withdrawn=0, narrowed=1, disposed=0)
    with reopened(back):
        books = DjangoBooks()
        (asked,) = books.withdrawals(open_only=True)
        assert (asked.participant, asked.kind, asked.requested_at) == (ANN, kind, LATER)
        now = {one: kept.consent for one, kept in books.consents("p1").items()}
        assert now[ANN] == narrowed(now[BOB], kind, on=LATER.date()) != now[BOB]
        assert {one.state for one in books.participants("p1")} == {ParticipantState.ACTIVE}
        told = trail.last_of("withdraw")
        assert told is not None
        assert (told.object, told.outcome, told.facts["kind"]) == (ANN, "begun", kind.value)
    assert len(list(FolderBlobs(back.haven.vault).walk())) == 3
    copies = (back.haven.projects / "p1" / "release").exists()
    assert copies == (kind is WithdrawalKind.NO_FUTURE_USE)


def test_what_the_backup_knows_of_is_not_done_twice(site: Site) -> None:
    """A consent that was given anew after a withdrawal stays; the same kind taken back later again is begun again."""
    site.consent(ANN)
    site.take_back(ANN, WithdrawalKind.NO_FACE)
    site.consent(ANN)
    site.back_up()
    site.back_up_keys()
    back = site.restore()
    assert back.away == NOBODY
    with reopened(back):
        assert DjangoBooks().consents("p1")[ANN].consent.face
    site.take_back(ANN, WithdrawalKind.NO_FACE, at=LATER)
    site.back_up_keys()
    back = site.restore(to="again")
    assert back.away.narrowed == 1
    with reopened(back):
        assert not DjangoBooks().consents("p1")[ANN].consent.face
        assert [one.requested_at for one in DjangoBooks().withdrawals(open_only=True)] == [LATER]


def test_a_project_that_was_disposed_of_stays_so(site: Site) -> None:
    """Its people take part no more and are not recalled; objects, keys and copies are gone; the trail tells of it."""
    site.back_up()
    site.back_up_keys()
    old = shutil.copytree(site.keys / "keyring", site.root / "old")
    site.dispose()
    site.back_up_keys()
    shutil.copytree(old, site.keys / "keyring", dirs_exist_ok=True)
    back = site.restore()
    assert back.away == KeptAway(withdrawn=0, narrowed=0, disposed=1)
    with reopened(back):
        books = DjangoBooks()
        project = books.project("p1")
        assert project is not None
        assert project.state is ProjectState.DISPOSED
        assert {(one.state, one.sealed_name) for one in books.participants("p1")} == {
            (ParticipantState.WITHDRAWN, None)
        }
        assert {one.state for one in books.series("p1")} == {SeriesState.SHREDDED}
        assert list(books.withdrawals()) == []
        told = trail.last_of("dispose")
        assert told is not None
        assert (told.object, told.outcome, told.facts["participants"]) == ("p1", "done", 2)
    assert list(FolderBlobs(back.haven.vault).walk()) == []
    assert not list(back.haven.keyring.rglob("*.age"))
    assert not (back.haven.projects / "p1").exists()


def test_who_withdrew_before_the_disposal_is_still_withdrawn_by_themselves(site: Site) -> None:
    """Their releases must be recalled; those who only took part in the project are left to its end."""
    site.back_up()
    site.withdraw(ANN)
    site.dispose()
    site.back_up_keys()
    back = site.restore()
    assert back.away == KeptAway(withdrawn=1, narrowed=0, disposed=1)
    with reopened(back):
        states = {one.id: one.state for one in DjangoBooks().participants("p1")}
        assert states == {ANN: ParticipantState.WITHDRAWING, BOB: ParticipantState.WITHDRAWN}


def test_who_came_and_withdrew_after_the_backup_is_known_as_somebody_who_withdrew(site: Site) -> None:
    """By keyed id and recipient, without a name or a key; restored from once more, it is the same."""
    site.back_up()
    site.seal(CAT, b"cat 1")
    site.back_up_keys()
    old = shutil.copytree(site.keys / "keyring", site.root / "old")
    site.withdraw(CAT)
    site.back_up_keys()
    shutil.copytree(old, site.keys / "keyring", dirs_exist_ok=True)  # as a disk that was away would have them
    back = site.restore()
    assert back.away == KeptAway(withdrawn=1, narrowed=0, disposed=0)
    assert people_with_keys(back) == [ANN, BOB]
    with reopened(back):
        books = DjangoBooks()
        assert books.participant(CAT) == KeptParticipant(
            id=CAT, project="p1", recipient=f"age1{CAT}", state=ParticipantState.WITHDRAWN
        )
        (asked,) = books.withdrawals(open_only=True)
        assert (asked.participant, asked.kind, asked.requested_at) == (CAT, WithdrawalKind.FULL, NOW)
        told = trail.last_of("withdraw")
        assert told is not None
        assert (told.object, told.project, told.outcome) == (CAT, "p1", "begun")
        known = tombstones_now(lambda: NOW)
        again = keep_away(known, author=AUTHOR, size=0, facts={})
    assert again.withdrawn == 1  # told before, and nothing more done
    assert known.withdrawals == read_tombstones(site.keys).withdrawals


@ON_FILES
def test_who_came_and_withdrew_stays_out_of_a_project_that_was_closed(site: Site) -> None:
    """It may be opened again."""
    with site.opened() as books, books.deed():
        books.set_project_state("p1", ProjectState.CLOSED, at=NOW)
    site.back_up()
    with site.opened() as books, books.deed():
        books.set_project_state("p1", ProjectState.OPEN, at=NOW)
    site.seal(CAT, b"cat 1")
    site.withdraw(CAT)
    site.back_up_keys()
    assert site.restore().away.withdrawn == 1


@ON_FILES
def test_withdrawals_that_the_restored_books_cannot_hold_are_counted(site: Site) -> None:
    """In part by somebody who came later, or in a project that did: a person must enter them again."""
    site.back_up()
    site.seal(CAT, b"cat 1")
    site.take_back(CAT, WithdrawalKind.NO_FACE)
    with site.opened() as books, books.deed():
        books.save_project(make_project("p2"), at=NOW)
        books.add_participants([make_person("d" * 32, project="p2")], at=NOW)
        books.add_withdrawal("d" * 32, WithdrawalKind.FULL, at=NOW)
    site.back_up_keys()
    back = site.restore()
    assert back.away == KeptAway(withdrawn=0, narrowed=0, disposed=0, unknown=2)
    with reopened(back):
        told = trail.last_of("restore")
        assert told is not None
        assert told.facts["unknown"] == 2


@ON_FILES
def test_what_another_copy_of_the_keys_knows_counts_too(site: Site) -> None:
    """An old copy without the newest tombstones, beside one that has them and can be reached."""
    site.back_up()
    site.back_up_keys()
    old = shutil.copytree(site.keys, site.root / "old")
    site.withdraw(ANN)
    site.back_up_keys()
    back = evolve(site, key_folder=old).restore()
    assert back.away.withdrawn == 1
    shutil.rmtree(site.keys)
    with pytest.raises(TryAgain, match="may tell of withdrawals") as told:
        evolve(site, key_folder=old).restore(to="blind")
    assert str(site.keys) in str(told.value)
    assert not (site.root / "blind").exists()
    blind = evolve(site, key_folder=old, without=(site.keys,)).restore(to="blind")
    assert blind.places_unread == (str(site.keys),)
    assert (blind.away.withdrawn, blind.known) == (0, blind.trail)  # and that is what the numbers say


@ON_FILES
@pytest.mark.parametrize("how", ["missing", "damaged", "another haven's"])
def test_without_the_list_of_who_withdrew_nothing_is_restored(site: Site, how: str) -> None:
    """It is not taken for an empty one."""
    site.back_up()
    site.back_up_keys()
    listed = site.keys / "tombstones.json"
    if how == "missing":
        listed.unlink()
    elif how == "damaged":
        listed.write_text(listed.read_text()[:-9])
    else:
        listed.write_text(json.dumps({**json.loads(listed.read_text()), "haven": "f" * 16}))
    with pytest.raises(InvalidInput):
        site.restore()
    assert not (site.root / "back").exists()
