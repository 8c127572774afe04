"""Consents, withdrawals and disposals put together: keyring and vault as what is destroyed, the outbox, the author."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

from attrs import evolve, frozen

from fivesafes.core.errors import FiveSafesError, TryAgain
from fivesafes.core.event import Clock
from fivesafes.engines.destinations.delivery import DeliveryDestination
from fivesafes.flow.haven.appointed import begin_appointed
from fivesafes.flow.haven.consent import Keyed
from fivesafes.flow.haven.deliveries import Cleaner, settle_deliveries
from fivesafes.flow.haven.model import KeptParticipant, KeptRelease
from fivesafes.flow.haven.ports import Newcomers
from fivesafes.flow.haven.shredding import Means, Sweep
from fivesafes.flow.haven.withdraw import Withdrawn, resume_withdrawals
from fivesafes.flow.ports import Found, Left
from fivesafes.setting.vault.keys import PARTICIPANTS, PROJECTS, participant_key, pseudonym_key, quarantine_key
from fivesafes.setting.vault.ports import Blobs, KeyRing
from fivesafes.setting.vault.vault import shred
from fivesafes.stores.backup import Tombstones, add_tombstones, tombstones_now, with_disposal
from fivesafes.stores.database import forget_traces
from fivesafes.stores.key_mark import KeyRingAway
from fivesafes.stores.key_places import PlaceAway
from fivesafes.stores.outbox import FolderOutbox
from fivesafes.wiring.haven import OpenHaven

DOCUMENTS: Final = "documents"
"""Where notices, receipts and certificates lie in a haven: not in a project's folder, which its disposal removes."""


@frozen(kw_only=True)
class Desk:
    """What the commands about consents work at; ``keyed`` and ``newcomers`` are of one project."""

    means: Means
    keyed: Callable[[str], Keyed]
    newcomers: Callable[[str], Newcomers]


class RingKeys:
    """A keyring and its backups, as ``flow.haven.shredding.Keys``; the books are open."""

    def __init__(self, ring: KeyRing, *, clock: Clock, recipient_of: Callable[[str], str]) -> None:
        """Take the keyring, which knows the folders that hold its copies, and each project's own recipient."""
        self._ring = ring
        self._recipient_of = recipient_of
        self._clock = clock

    def destroy(self, people: Sequence[KeptParticipant]) -> Sweep:
        """Destroy every key of these people: those listed under their ids, and those that only a backup may hold."""
        ids = {one.id for one in people}
        listed = {
            name for name in self._ring.names(PARTICIPANTS) if name.removeprefix(PARTICIPANTS).partition(".")[0] in ids
        }
        named = {participant_key(one.id, one.recipient) for one in people if one.recipient}
        return self._destroy(sorted(listed | named))

    def destroy_project(self, project: str) -> Sweep:
        """Destroy the project's pseudonym key and the keys of what it set aside, and write its disposal down."""
        prefix = f"{PROJECTS}{project}."
        listed = {*self._ring.names(f"{prefix}pseudonyms."), *self._ring.names(f"{prefix}quarantine.")}
        named = {pseudonym_key(project)}  # a backup may hold what is gone here
        if recipient := self._recipient_of(project):
            named.add(quarantine_key(project, recipient))
        buried = self._bury(with_disposal(tombstones_now(self._clock), project))
        swept = self._destroy(sorted(listed | named))
        return evolve(swept, unreachable=tuple(dict.fromkeys((*buried.unreachable, *swept.unreachable))))

    def bury(self) -> Sweep:
        """Write into each backup what the books say was taken back, so that no restore undoes it."""
        return self._bury(tombstones_now(self._clock))

    def _bury(self, known: Tombstones) -> Sweep:
        away = []
        places, unread = self._ring.known_places()
        for place in places:
            try:
                add_tombstones(place, known)
                self._ring.check_place(place)
            except (OSError, FiveSafesError):
                away.append(place)
        return Sweep(unreachable=_untold(away, [unread]))

    def _destroy(self, names: Sequence[str]) -> Sweep:
        found, away, unread = 0, dict[Path, None](), list[str]()
        self._ring.sweep()  # a key that was killed on its way out is listed no more, and may have no row either
        for name in names:
            try:
                found += self._ring.destroy(name)
            except PlaceAway as fault:  # destroyed here, and told which backup is away
                away.update(dict.fromkeys(fault.places))
                unread.append(fault.unread)
        return Sweep(found=found, unreachable=_untold(away, unread))


def _untold(away: Iterable[Path], unread: Iterable[str]) -> tuple[str, ...]:
    """Name the places that were not reached, and those that are not known."""
    told = (*(f"the backup of the keyring at {place}" for place in away), *unread)
    return tuple(dict.fromkeys(one for one in told if one))


class BlobShredder:
    """A store of sealed objects, as ``flow.haven.shredding.Shredder``."""

    def __init__(self, blobs: Blobs) -> None:
        """Take where objects lie."""
        self._blobs = blobs

    def shred(self, recipients: Sequence[str]) -> int:
        """Remove every object sealed to these recipients."""
        return sum(shred(self._blobs, recipient=one) for one in recipients if one)


def means_of(haven: OpenHaven, *, by: str) -> Means:
    """Put together what withdrawals and disposals of a haven work with."""
    return Means(
        books=haven.books,
        jobs=haven.jobs,
        keys=RingKeys(
            haven.keyring,
            clock=haven.clock,
            recipient_of=lambda project: haven.project(project).recipient,
        ),
        originals=BlobShredder(haven.blobs),
        workspaces=haven.workspaces,
        deliveries=DeliveryDestination(),
        outbox=FolderOutbox(haven.path / DOCUMENTS),
        traces=forget_traces,
        author=haven.author(by),
    )


def carry_on(haven: OpenHaven) -> tuple[Withdrawn, ...]:
    """Begin withdrawals whose day has come, and go on with all that are not finished, before anything else is done."""
    means = means_of(haven, by="fivesafes")
    _settle(means)
    begin_appointed(means)
    carried = resume_withdrawals(means)
    if any(one.done for one in carried):
        forget_rest()
    return carried


def unsettled(haven: OpenHaven) -> list[tuple[KeptRelease, str]]:
    """Settle what deliveries left, and give those whose place can't be seen from here, each with the reason."""
    found = _settle(means_of(haven, by="fivesafes"))
    away = {id_: one.why for id_, one in found.items() if one.left is Left.AWAY}
    return [(one, away[one.id]) for one in haven.books.deliveries() if one.id in away]


def _settle(means: Means) -> dict[str, Found]:
    return settle_deliveries(Cleaner(books=means.books, deliveries=means.deliveries, author=means.author))


@contextmanager
def desk_at(opened: OpenHaven, *, by: str) -> Iterator[Desk]:
    """Work on consents at an open haven; keys that are made meanwhile count as in use until their rows stand.

    While the keyring is away nobody can be taken in; withdrawals begin all the same, and wait for it.
    """
    before = _receipts(opened)
    try:
        with ExitStack() as stack:
            with suppress(KeyRingAway):
                stack.enter_context(opened.keyring.working())
            yield Desk(
                means=means_of(opened, by=by),
                keyed=lambda project: opened.addresser(project).participant,
                newcomers=opened.newcomers,
            )
    finally:
        if _receipts(opened) != before:
            forget_rest()


def forget_rest() -> None:
    """Remove traces of what the last deed deleted, as well as it goes: keyed ids, digests and sizes.

    Names, and what was measured, went before it.
    """
    with suppress(TryAgain):
        forget_traces()


def _receipts(haven: OpenHaven) -> int:
    return sum(one.done_at is not None for one in haven.books.withdrawals())
