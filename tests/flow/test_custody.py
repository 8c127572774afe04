"""Custodians join, leave and exchange keys, killed anywhere; afterwards exactly those in force can open."""

from collections.abc import Callable

import pytest
from tests.setting.vault.havens import SealedHaven

from fivesafes.core.errors import InvalidInput, Refused, UsageMistake
from fivesafes.core.event import Event
from fivesafes.core.ids import Identifying
from fivesafes.core.progress import Silent
from fivesafes.flow.circle_told import Standing
from fivesafes.flow.custody import (
    Change,
    Custody,
    adding,
    carry_out,
    check,
    exchanging,
    exchanging_worker,
    finish,
    openers_of,
    removing,
    unfinished,
)
from fivesafes.setting.vault.keys import not_opened_by
from fivesafes.setting.vault.seal import Identity
from fivesafes.stores.identity_files import next_worker, publish_worker, read_identity
from fivesafes.stores.keyring_files import FileKeyRing
from fivesafes.wiring import custodians
from fivesafes.wiring.haven import OpenHaven

CLEO, DAN = Identity.made(), Identity.made()


@pytest.fixture
def custody(opened: OpenHaven) -> Custody:
    """Give what a change works with."""
    return custodians.custody_of(opened, by="a test", progress=Silent())


@pytest.fixture
def ada(haven: SealedHaven) -> Identity:
    """Read Ada's identity."""
    return read_identity(haven.identities["Ada"])


@pytest.fixture
def ben(haven: SealedHaven) -> Identity:
    """Read Ben's identity."""
    return read_identity(haven.identities["Ben"])


def circle(custody: Custody) -> dict[str, str]:
    """Give who stands where."""
    return {one.name: one.standing.value for one in custody.books.custodians()}


def opens_all(custody: Custody, identity: Identity) -> bool:
    """Whether every key opens by it."""
    return not_opened_by(custody.ring, (identity,)) == ()


def opens_none(custody: Custody, identity: Identity) -> bool:
    """Whether no key opens by it."""
    return len(not_opened_by(custody.ring, (identity,))) == len(list(custody.ring.names()))


def told(opened: OpenHaven) -> list[Event]:
    """Give the events about custodians."""
    events: list[Event] = []
    while (event := opened.books.told(len(events))) is not None:
        events.append(event)
    return [event for event in events if event.verb == "custody"]


def test_who_joins_opens_every_key_and_originals_stay_as_they_are(
    custody: Custody, haven: SealedHaven, ada: Identity, ben: Identity
) -> None:
    """Not one object is written."""
    before = {path: path.stat().st_mtime_ns for path in (haven.path / "vault").rglob("*")}
    assert carry_out(custody, adding("Cleo", CLEO.recipient), by=(ada,)) == len(list(custody.ring.names()))
    assert all(opens_all(custody, one) for one in (ada, ben, CLEO))
    assert circle(custody) == {"Ada": "custodian", "Ben": "custodian", "worker": "worker", "Cleo": "custodian"}
    assert {path: path.stat().st_mtime_ns for path in (haven.path / "vault").rglob("*")} == before


def test_who_left_opens_nothing_and_is_told_in_the_trail(
    custody: Custody, opened: OpenHaven, ada: Identity, ben: Identity
) -> None:
    """Their name may be given again; new keys are not sealed to them."""
    carry_out(custody, adding("Cleo", CLEO.recipient), by=(ben,))
    carry_out(custody, removing("Ben"), by=(ada,))
    assert opens_none(custody, ben)
    assert opens_all(custody, ada)
    assert openers_of(custody.books).custodians == (ada.recipient, CLEO.recipient)
    assert [(event.object, event.outcome) for event in told(opened)] == [
        ("custodian Cleo", "joining"),
        ("custodian Cleo", "joined"),
        ("custodian Ben", "leaving"),
        ("custodian Ben", "left"),
    ]
    carry_out(custody, adding("Ben", DAN.recipient), by=(ada,))
    assert circle(custody)["Ben"] == "custodian"


@pytest.mark.parametrize("name", ["Ada", "Ben"])
def test_the_second_last_custodian_can_not_leave(custody: Custody, ada: Identity, ben: Identity, name: str) -> None:
    """The reason is told, and nothing has changed."""
    with pytest.raises(Refused, match=r"1 custodian would be left, and 2 are the least"):
        carry_out(custody, removing(name), by=(ada,))
    assert circle(custody) == {"Ada": "custodian", "Ben": "custodian", "worker": "worker"}
    assert opens_all(custody, ben)


def test_a_custodian_exchanges_a_key_in_one_change(custody: Custody, ben: Identity) -> None:
    """Never fewer than two in between."""
    carry_out(custody, exchanging("Ben", CLEO.recipient), by=(ben,))
    assert opens_none(custody, ben)
    assert opens_all(custody, CLEO)
    assert circle(custody) == {"Ada": "custodian", "worker": "worker", "Ben": "custodian"}


def test_what_can_not_be_is_refused_before_anything_changes(custody: Custody, ada: Identity) -> None:
    """Taken names and keys, unknown names, no recipient, a stranger's identity."""
    for change in (
        adding("Ada", CLEO.recipient),
        adding("Cleo", ada.recipient),
        exchanging("Ada", ada.recipient),
        removing("Nobody"),
    ):
        with pytest.raises(UsageMistake):
            carry_out(custody, change, by=(ada,))
    for bad in ("", " ", "worker", "x" * 101):
        with pytest.raises(UsageMistake):
            adding(bad, CLEO.recipient)
    with pytest.raises(InvalidInput):
        adding("Cleo", "age1nothing")
    with pytest.raises(Refused, match="do not open"):
        carry_out(custody, adding("Cleo", CLEO.recipient), by=(CLEO,))
    assert circle(custody) == {"Ada": "custodian", "Ben": "custodian", "worker": "worker"}
    assert opens_all(custody, ada)


def test_looking_whether_a_change_may_be_made_changes_nothing(
    custody: Custody, opened: OpenHaven, ada: Identity
) -> None:
    """That is the dry run."""
    check(custody, adding("Cleo", CLEO.recipient), by=(ada,))
    with pytest.raises(Refused):
        check(custody, removing("Ben"), by=(ada,))
    assert told(opened) == []


class StoppingRing(FileKeyRing):
    """Stops as a killed process would, after so many replacements."""

    left = 0

    def replace(self, name: str, change: Callable[[bytes], bytes]) -> bool:
        """Replace, or stop."""
        if self.left == 0:
            raise KeyboardInterrupt
        self.left -= 1
        return super().replace(name, change)


def stopped(custody: Custody, opened: OpenHaven, change: Change, *, by: Identity, after: int) -> None:
    """Begin a change and stop it after so many keys."""
    ring = StoppingRing(opened.config.keyring, haven=opened.id)
    ring.left = after
    halting = Custody(books=custody.books, ring=ring, author=custody.author, progress=Silent())
    with pytest.raises(KeyboardInterrupt):
        carry_out(halting, change, by=(by,))


@pytest.mark.parametrize("after", [0, 1, 3, 5])
def test_a_change_that_was_stopped_is_finished_by_the_same_command(
    custody: Custody, opened: OpenHaven, ada: Identity, ben: Identity, after: int
) -> None:
    """In between, every key opens by Ada, new keys are sealed to the new circle, and the books say it is unfinished."""
    change = exchanging("Ben", CLEO.recipient)
    stopped(custody, opened, change, by=ada, after=after)
    assert opens_all(custody, ada)
    assert CLEO.recipient in openers_of(custody.books).custodians
    assert ben.recipient not in openers_of(custody.books).custodians
    assert {one.standing for one in unfinished(custody.books)} == {Standing.JOINING, Standing.LEAVING}
    assert carry_out(custody, change, by=(ada,)) > 0
    assert unfinished(custody.books) == ()
    assert opens_none(custody, ben)
    assert opens_all(custody, CLEO)
    assert [event.outcome for event in told(opened)] == ["leaving", "joining", "left", "joined"]


def test_another_change_finishes_the_one_before(
    custody: Custody, opened: OpenHaven, ada: Identity, ben: Identity
) -> None:
    """Two custodians never have to agree who repeats a command."""
    stopped(custody, opened, adding("Cleo", CLEO.recipient), by=ada, after=2)
    carry_out(custody, removing("Ben"), by=(ada,))
    assert circle(custody) == {"Ada": "custodian", "worker": "worker", "Cleo": "custodian"}
    assert opens_all(custody, CLEO)
    assert opens_none(custody, ben)


def test_a_change_can_be_finished_by_itself(custody: Custody, opened: OpenHaven, ada: Identity) -> None:
    """And finishing nothing rewraps to the same circle."""
    stopped(custody, opened, adding("Cleo", CLEO.recipient), by=ada, after=1)
    finish(custody, by=(ada,))
    finish(custody, by=(ada,))
    assert circle(custody)["Cleo"] == "custodian"


@pytest.mark.parametrize("after", [None, 0, 3])
def test_the_workers_key_is_exchanged_on_this_machine(
    custody: Custody, opened: OpenHaven, haven: SealedHaven, after: int | None
) -> None:
    """By its present key alone, also after a stop in the middle; the keeper then works with the new one."""
    former = read_identity(haven.keys / "worker.agekey")
    if after is not None:
        new = next_worker(haven.keys)
        stopped(custody, opened, exchanging_worker(custody.books, new.recipient), by=former, after=after)
    assert custodians.rotate_worker(opened, custody, identity=None) > 0
    worker = read_identity(haven.keys / "worker.agekey")
    assert worker.recipient != former.recipient
    assert opens_all(custody, worker)
    assert opens_none(custody, former)
    assert circle(custody) == {"Ada": "custodian", "Ben": "custodian", "worker": "worker"}
    assert custodians.verify(opened, identity=None, sample=None, progress=Silent()).damaged == ()


def test_a_workers_rotation_that_ended_before_its_file_was_named_ends_well(
    custody: Custody, opened: OpenHaven, haven: SealedHaven
) -> None:
    """The books are done, the file is not: the next run puts it in place and rewraps nothing."""
    new = next_worker(haven.keys)
    former = read_identity(haven.keys / "worker.agekey")
    carry_out(custody, exchanging_worker(custody.books, new.recipient), by=(former,))
    assert custodians.rotate_worker(opened, custody, identity=None) == 0
    assert read_identity(haven.keys / "worker.agekey").recipient == new.recipient


def test_a_machine_without_a_worker_gets_one_by_a_custodian(
    custody: Custody, opened: OpenHaven, haven: SealedHaven, ada: Identity
) -> None:
    """Removed first, as where scans are only taken in; its name alone lets nobody in."""
    carry_out(custody, removing("worker"), by=(ada,))
    (haven.keys / "worker.agekey").unlink()
    assert openers_of(custody.books).worker == ()
    with pytest.raises(UsageMistake, match="a custodian must let it in"):
        custodians.rotate_worker(opened, custody, identity=None)
    custodians.rotate_worker(opened, custody, identity=haven.identities["Ben"])
    assert opens_all(custody, read_identity(haven.keys / "worker.agekey"))
    publish_worker(haven.keys)


def test_a_workers_key_that_was_removed_is_told_as_that(custody: Custody, opened: OpenHaven, ada: Identity) -> None:
    """Not as damage: advice to restore keys would bring those back that were to go."""
    carry_out(custody, removing("worker"), by=(ada,))
    with pytest.raises(Refused, match=r"removed, or exchanged") as told_so:
        custodians.verify(opened, identity=None, sample=None, progress=Silent())
    assert "vault rotate --worker --identity" in told_so.value.fix


def test_a_key_made_while_the_circle_changes_is_sealed_to_the_new_one(
    custody: Custody, opened: OpenHaven, ada: Identity, ben: Identity
) -> None:
    """An ingest between the stop and the end makes a person's key: Ben does not open it."""
    stopped(custody, opened, exchanging("Ben", CLEO.recipient), by=ada, after=0)
    before = set(custody.ring.names())
    opened.newcomers("p1").admit([Identifying("NEW")])
    (new,) = set(custody.ring.names()) - before
    assert new in not_opened_by(custody.ring, (ben,))
    assert new not in not_opened_by(custody.ring, (CLEO,))
