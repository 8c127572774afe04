"""Who can open what is sealed: custodians join, leave and exchange their keys; no original is touched.

A change has three stages, each durable: a deed that says who joins and who leaves (from then on new keys are sealed to
the new circle), the rewrapping of every key, and a deed that says it is done.  A kill between them leaves a change that
``unfinished`` tells of; the same command again, or any other change, finishes it first.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Final, Protocol

from attrs import frozen

from fivesafes.core.errors import Refused, UsageMistake
from fivesafes.core.event import Event
from fivesafes.core.progress import Progress
from fivesafes.flow.circle_told import ABOUT, ARRIVED, CUSTODY, INIT, WORKER_NAME, Standing, told_circle
from fivesafes.flow.haven.author import Author
from fivesafes.setting.vault.keys import FEWEST_CUSTODIANS, Openers, check_opened_by, rewrap
from fivesafes.setting.vault.ports import KeyRing
from fivesafes.setting.vault.seal import Identity, checked_recipient
from fivesafes.setting.vault.vault import fingerprint

_LONGEST_NAME: Final = 100


_ENDED: Final = {**ARRIVED, Standing.LEAVING: Standing.LEFT}


@frozen(kw_only=True)
class Custodian:
    """Somebody with a key that opens the keyring: a name and an age recipient."""

    name: str
    recipient: str
    standing: Standing

    @property
    def in_force(self) -> bool:
        """Whether keys are sealed to them from now on."""
        return self.standing not in {Standing.LEAVING, Standing.LEFT}


@frozen(kw_only=True)
class Change:
    """Who joins, and the name of who leaves."""

    joining: Custodian | None = None
    leaving: str | None = None


class CustodyBooks(Protocol):
    """The custodians in the books; what changes stands inside ``deed()``."""

    def deed(self) -> AbstractContextManager[None]:
        """Open one transaction: durable when the context ends, and never by halves."""

    def tell(self, *events: Event) -> int:
        """Append events to the trail within the deed."""

    def told_of(self, verb: str, *, project: str) -> Sequence[Event]:
        """Give every event of a verb about a project (by an empty name: about none), oldest first."""

    def custodians(self) -> Sequence[Custodian]:
        """Give everybody who has not left, in the order they joined."""

    def enter(self, new: Custodian, *, at: datetime) -> None:
        """Add somebody."""

    def move(self, one: Custodian, standing: Standing, *, at: datetime) -> None:
        """Give somebody another standing; who leaves frees the name at once."""


@frozen(kw_only=True)
class Custody:
    """What a change of custodians works with."""

    books: CustodyBooks
    ring: KeyRing
    author: Author
    progress: Progress


def openers_of(books: CustodyBooks) -> Openers:
    """Say to whom keys are sealed from now on.  Raises Refused when fewer than two custodians are in force."""
    return openers_among(books.custodians())


def openers_among(there: Sequence[Custodian]) -> Openers:
    """Say the same of those who have not left."""
    return Openers(
        custodians=tuple(one.recipient for one in there if one.standing in {Standing.CUSTODIAN, Standing.JOINING}),
        worker=tuple(one.recipient for one in there if one.standing in {Standing.WORKER, Standing.JOINING_WORKER}),
    )


def check_as_told(books: CustodyBooks) -> tuple[Custodian, ...]:
    """Give everybody who has not left, once the trail bears the books out.

    Raises Refused, with the names, when the books say something else of anybody's key than the trail told.
    """
    for _ in range(2):  # a change that is made between both looks is none of theirs
        told = told_circle([*books.told_of(INIT, project=""), *books.told_of(CUSTODY, project="")])
        there = tuple(books.custodians())
        rows = {(one.name, fingerprint(one.recipient)): one.standing for one in there}
        wrong = sorted({who[0] for who in rows.keys() | told.keys() if rows.get(who) != told.get(who)})
        if not wrong:
            return there
    message = f"the books say something else of who can open what is sealed than the trail told: {', '.join(wrong)}"
    fix = "ask who could write to the database, and restore it: docs/how-to/change-custodians.md"
    raise Refused(message, fix=fix)


def unfinished(books: CustodyBooks) -> tuple[Custodian, ...]:
    """Name those whose joining or leaving was begun and is not done."""
    return tuple(one for one in books.custodians() if one.standing in _ENDED)


def adding(name: str, recipient: str) -> Change:
    """Let somebody join.  Raises UsageMistake for a bad name, InvalidInput for a bad recipient."""
    return Change(joining=_newcomer(name, recipient))


def removing(name: str) -> Change:
    """Let somebody leave: no key that is kept opens by theirs any more.

    What they copied before, they keep: ask for it back, and see docs/how-to/change-custodians.md.
    """
    return Change(leaving=name)


def exchanging(name: str, recipient: str) -> Change:
    """Exchange a custodian's key for a new one of theirs, in one change."""
    return Change(joining=_newcomer(name, recipient), leaving=name)


def exchanging_worker(books: CustodyBooks, recipient: str) -> Change:
    """Exchange the worker's key, or give a haven one that had none."""
    had = any(one.name == WORKER_NAME and one.standing is Standing.WORKER for one in books.custodians())
    new = Custodian(name=WORKER_NAME, recipient=checked_recipient(recipient), standing=Standing.JOINING_WORKER)
    return Change(joining=new, leaving=WORKER_NAME if had else None)


def check(custody: Custody, change: Change, *, by: Sequence[Identity]) -> None:
    """See whether a change may be made, and change nothing.

    ``by``: identities of which one opens each key; a custodian's, or the worker's.  Raises UsageMistake for a name or
    key that is taken or unknown, Refused when fewer than two custodians would be left or a key does not open.
    """
    _check_circle(check_as_told(custody.books), change)
    check_opened_by(custody.ring, by)


def carry_out(custody: Custody, change: Change, *, by: Sequence[Identity]) -> int:
    """Make a change; give the number of keys that were sealed anew.  Raises as ``check`` does, before anything changes.

    A change that was begun and not finished is finished first; when it is this one, that is all.
    """
    if unfinished(custody.books):
        same = _begun(custody.books, change)
        keys = finish(custody, by=by)
        if same:
            return keys
    check(custody, change, by=by)
    at = custody.author.clock()
    with custody.books.deed():
        goes = _leaver(custody.books.custodians(), change)
        if goes is not None:
            custody.books.move(goes, Standing.LEAVING, at=at)
            _tell(custody, goes, "leaving")
        if change.joining is not None:
            custody.books.enter(change.joining, at=at)
            _tell(custody, change.joining, "joining")
    return finish(custody, by=by)


def finish(custody: Custody, *, by: Sequence[Identity]) -> int:
    """Bring a change that was begun to its end; give the number of keys sealed anew.

    Raises Refused when a key does not open by this identity, or the books differ from the trail; then nothing changes.
    """
    openers = openers_among(check_as_told(custody.books))
    keys = rewrap(custody.ring, by=by, openers=openers, progress=custody.progress)
    with custody.books.deed():
        for one in unfinished(custody.books):
            custody.books.move(one, _ENDED[one.standing], at=custody.author.clock())
            _tell(custody, one, "left" if one.standing is Standing.LEAVING else "joined", keys=keys)
    return keys


def checked_name(name: str) -> str:
    """Give a custodian's name without spaces around it.  Raises UsageMistake for one that nobody may have."""
    stripped = name.strip()
    if not stripped or len(name) > _LONGEST_NAME or stripped == WORKER_NAME or not stripped.isprintable():
        message = f"a custodian's name has up to {_LONGEST_NAME} characters on one line, and is not {WORKER_NAME!r}"
        raise UsageMistake(message, fix="give another name")
    return stripped


def _newcomer(name: str, recipient: str) -> Custodian:
    return Custodian(name=checked_name(name), recipient=checked_recipient(recipient), standing=Standing.JOINING)


def _begun(books: CustodyBooks, change: Change) -> bool:
    """Whether exactly this change was begun before and not finished."""
    left = unfinished(books)
    comes = [one for one in left if one.in_force]
    goes = [one.name for one in left if not one.in_force]
    if change.joining is not None and change.joining.name == WORKER_NAME:
        return comes == [change.joining]  # the former worker's key is leaving already, so the change can't name it
    return comes == ([change.joining] if change.joining else []) and goes == (
        [change.leaving] if change.leaving else []
    )


def _leaver(there: Sequence[Custodian], change: Change) -> Custodian | None:
    if change.leaving is None:
        return None
    for one in there:
        if one.name == change.leaving and one.in_force:
            return one
    message = "there is no custodian of this name"
    raise UsageMistake(message, fix="fivesafes vault custodians lists them")


def _check_circle(there: Sequence[Custodian], change: Change) -> None:
    """Refuse a name or key that is taken, and a circle that would be too small."""
    goes = _leaver(there, change)
    stay = [one for one in there if one.in_force and one != goes]
    if change.joining is not None:
        if any(one.name == change.joining.name for one in stay):
            message = "there is a custodian of this name already"
            raise UsageMistake(message, fix="give another name, or exchange their key: fivesafes vault rotate")
        if any(one.recipient == change.joining.recipient for one in there):
            message = "this key is a custodian's already"
            raise UsageMistake(message, fix="each custodian has a key of their own: age-keygen makes one")
        stay.append(change.joining)
    left = sum(one.standing in {Standing.CUSTODIAN, Standing.JOINING} for one in stay)
    if left < FEWEST_CUSTODIANS:
        message = f"{left} custodian would be left, and {FEWEST_CUSTODIANS} are the least: a lost key would lose all"
        raise Refused(message, fix="add another custodian first: fivesafes vault add-custodian NAME RECIPIENT")


def _tell(custody: Custody, one: Custodian, outcome: str, *, keys: int = 0) -> None:
    print_ = fingerprint(one.recipient)
    event = custody.author.event(CUSTODY, f"{ABOUT}{one.name}", outcome, project="", recipient=print_, keys=keys)
    custody.books.tell(event)
