"""Deeds: all with its event or nothing; one at a time; nothing outside one."""

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from tests.databases import HavenDatabase
from tests.stores.conftest import NOW, make_person, make_project

from fivesafes.core.errors import TryAgain
from fivesafes.core.event import Event
from fivesafes.flow.haven.model import ParticipantState, ProjectState, ReleaseState, SeriesState, WithdrawalKind
from fivesafes.stores.books import DjangoBooks
from fivesafes.stores.database import opened_database
from fivesafes.stores.models import TrailEntry

EVENT = Event(when=NOW, actor="test", verb="admit", object="ann", outcome="ok", policy_digest="d", project="p1")

WRITES: dict[str, Callable[[DjangoBooks], object]] = {
    "tell": lambda books: books.tell(EVENT),
    "save_project": lambda books: books.save_project(make_project(), at=NOW),
    "set_project_state": lambda books: books.set_project_state("p1", ProjectState.CLOSED, at=NOW),
    "set_retention": lambda books: books.set_retention("p1", None, at=NOW),
    "add_participants": lambda books: books.add_participants([make_person("cat")], at=NOW),
    "admit_again": lambda books: books.admit_again(make_person("cat")),
    "set_subjects": lambda books: books.set_subjects({"ann": "x1"}),
    "set_participant_state": lambda books: books.set_participant_state("ann", ParticipantState.WITHDRAWING),
    "add_consents": lambda books: books.add_consents([]),
    "add_withdrawal": lambda books: books.add_withdrawal("ann", WithdrawalKind.FULL, at=NOW),
    "finish_withdrawal": lambda books: books.finish_withdrawal(1, {}, at=NOW),
    "add_series": lambda books: books.add_series(None, []),  # type: ignore[arg-type]
    "set_series_state": lambda books: books.set_series_state(["s"], SeriesState.SEALED),
    "add_aside": lambda books: books.add_aside([]),
    "forget_asides": lambda books: books.forget_asides("p1"),
    "forget_measured": lambda books: books.forget_measured("p1", []),
    "discard_asides": lambda books: books.discard_asides("p1", [], at=NOW),
    "save_steps": lambda books: books.save_steps([]),
    "save_findings": lambda books: books.save_findings("p1", {}, series=None, at=NOW),
    "add_release": lambda books: books.add_release(None),  # type: ignore[arg-type]
    "set_release_state": lambda books: books.set_release_state("r", ReleaseState.RECALLED),
    "set_release_part": lambda books: books.set_release_part("r", ""),
    "drop_release": lambda books: books.drop_release("r"),
}


def test_every_method_that_writes_is_tried_below() -> None:
    """A method added later is either tried here or reads."""
    reads = {
        "deed",
        "told",
        "told_of",
        "project",
        "projects",
        "participants",
        "participant",
        "consents",
        "consent_history",
    }
    reads |= {"withdrawals", "series", "one_series", "series_of", "instances", "asides", "addresses", "steps"}
    reads |= {"findings", "releases", "deliveries", "appointed", "taken_in"}
    public = {name for name in dir(DjangoBooks) if not name.startswith("_")}
    assert public == reads | WRITES.keys()


@pytest.mark.parametrize("name", WRITES)
def test_nothing_is_written_outside_a_deed(books: DjangoBooks, name: str) -> None:
    """Each method that writes raises without a deed, and says what to do."""
    with pytest.raises(RuntimeError, match="within a deed"):
        WRITES[name](books)


def test_a_deed_that_fails_leaves_neither_rows_nor_events(books: DjangoBooks) -> None:
    """An error anywhere in a deed undoes all of it; the next one goes on from before."""
    message = "the disk burns"

    def fail() -> None:
        with books.deed():
            books.add_participants([make_person("cat")], at=NOW)
            books.tell(EVENT)
            raise OSError(message)

    with pytest.raises(OSError, match=message):
        fail()
    assert books.participant("cat") is None
    assert TrailEntry.objects.count() == 0
    with books.deed():
        assert books.tell(EVENT) == 0


def test_events_are_told_in_the_deed_and_read_back(books: DjangoBooks) -> None:
    """A deed gives the number of its first event; an event is read back by number, and only when it is whole."""
    with books.deed():
        assert books.tell(EVENT, EVENT) == 0
        assert books.tell(EVENT) == 2
    assert books.told(2) == EVENT
    assert books.told(3) is None
    sql = "DROP TRIGGER trail_append_only ON haven_trailentry"
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'haven_trailentry'")
            for (name,) in cursor.fetchall():
                cursor.execute(f"DROP TRIGGER {name}")
        else:
            cursor.execute(sql)
        cursor.execute("UPDATE haven_trailentry SET line = replace(line, 'ann', 'bob') WHERE n = 2")
    assert books.told(2) is None


def test_deeds_do_not_nest(books: DjangoBooks) -> None:
    """What looks durable inside another deed would not be: it is refused."""
    with books.deed(), pytest.raises(RuntimeError, match="open already"), books.deed():
        pass
    with books.deed():  # and the refusal left nothing open
        books.tell(EVENT)


def in_a_thread(work: Callable[[], None]) -> threading.Thread:
    """Start work with a connection of its own."""

    def run() -> None:
        try:
            work()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_readers_do_not_wait_for_a_deed_and_see_the_state_before(books: DjangoBooks) -> None:
    """While a deed is open another reads at once, and sees nothing of it."""
    seen: list[object] = []
    with books.deed():
        books.set_participant_state("ann", ParticipantState.WITHDRAWING)
        reader = in_a_thread(lambda: seen.append(books.participant("ann")))
        reader.join(timeout=10)
        assert not reader.is_alive()
    assert [one.state for one in seen] == [ParticipantState.ACTIVE]  # type: ignore[attr-defined]


def test_two_writers_take_turns_and_lose_nothing(books: DjangoBooks) -> None:
    """Deeds that read, then write, from four threads: each sees what the one before wrote."""

    def add() -> None:
        for _ in range(10):
            with books.deed():
                number = len(books.participants("p1"))
                books.add_participants([make_person(f"n{number}")], at=NOW)
                books.tell(EVENT)

    threads = [in_a_thread(add) for _ in range(4)]
    for thread in threads:
        thread.join()
    assert len(books.participants("p1")) == 2 + 40
    assert TrailEntry.objects.count() == 40


def test_a_database_that_another_holds_says_try_again(haven_database: HavenDatabase) -> None:
    """After the time that a writer waits (here 0.2 s), the error says what to do and what it is not."""
    config = haven_database.config
    options = dict(config["OPTIONS"])
    if haven_database.kind == "sqlite":
        options["timeout"] = 0.2
    else:
        options["options"] = "-c lock_timeout=200"
    books = DjangoBooks()
    with opened_database({**config, "OPTIONS": options}):
        held, free = threading.Event(), threading.Event()

        def hold() -> None:
            with books.deed():
                books.tell(EVENT)
                held.set()
                free.wait(10)

        holder = in_a_thread(hold)
        held.wait(10)
        try:
            with pytest.raises(TryAgain, match="another process has held the database"), books.deed():
                pass
        finally:
            free.set()
            holder.join()
        with books.deed():
            books.tell(EVENT)
        assert TrailEntry.objects.count() == 2


def test_times_are_aware_and_in_utc(books: DjangoBooks) -> None:
    """What went in with another zone comes back as the same moment in UTC."""
    row = TrailEntry.objects.none()
    assert not row
    with books.deed():
        withdrawal = books.add_withdrawal("ann", WithdrawalKind.FULL, at=NOW)
    assert withdrawal.requested_at == NOW
    assert withdrawal.requested_at.utcoffset() == timedelta(0)
