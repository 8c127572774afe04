"""Consents, withdrawals and disposals put together: keyring and vault as what is destroyed, the outbox, the author."""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from attrs import evolve, frozen

from fivesafes.core.errors import FiveSafesError, PartlyDone
from fivesafes.core.event import Clock
from fivesafes.flow.haven.consent import Keyed
from fivesafes.flow.haven.model import KeptParticipant
from fivesafes.flow.haven.ports import Newcomers
from fivesafes.flow.haven.shredding import Means, Sweep
from fivesafes.flow.haven.withdraw import Withdrawn, resume_withdrawals
from fivesafes.setting.vault.keys import PARTICIPANTS, PROJECTS, participant_key, pseudonym_key, quarantine_key
from fivesafes.setting.vault.ports import Blobs, KeyRing
from fivesafes.setting.vault.vault import shred
from fivesafes.stores.backup import add_tombstones
from fivesafes.stores.database import forget_traces
from fivesafes.stores.outbox import FolderOutbox
from fivesafes.wiring.haven import OpenHaven, opened_haven

DOCUMENTS: Final = "documents"
"""Where notices, receipts and certificates lie in a haven: not in a project's folder, which its disposal removes."""

_BACKUPS: Final = "a backup of the keyring"


@frozen(kw_only=True)
class Desk:
    """What the commands about consents work at; ``keyed`` and ``newcomers`` are of one project."""

    means: Means
    keyed: Callable[[str], Keyed]
    newcomers: Callable[[str], Newcomers]


class RingKeys:
    """A keyring and its backups, as ``flow.haven.shredding.Keys``."""

    def __init__(
        self, ring: KeyRing, *, backups: Sequence[Path], clock: Clock, recipient_of: Callable[[str], str]
    ) -> None:
        """Take the keyring, which knows its backups, the folders that hold those, and each project's own recipient."""
        self._ring = ring
        self._recipient_of = recipient_of
        self._backups = backups
        self._clock = clock

    def destroy(self, people: Sequence[KeptParticipant]) -> Sweep:
        """Destroy every key of these people: those listed under their ids, and those that only a backup may hold."""
        ids = {one.id for one in people}
        listed = {
            name for name in self._ring.names(PARTICIPANTS) if name.removeprefix(PARTICIPANTS).partition(".")[0] in ids
        }
        named = {participant_key(one.id, one.recipient) for one in people if one.recipient}
        swept = self._destroy(sorted(listed | named))
        return evolve(swept, unreachable=tuple(dict.fromkeys((*swept.unreachable, *self._bury(ids)))))

    def _bury(self, ids: Collection[str]) -> tuple[str, ...]:
        """Write into each backup who has left, so that no restore brings them back."""
        away = False
        for folder in self._backups:
            try:
                add_tombstones(folder, ids, at=self._clock())
            except (OSError, FiveSafesError):
                away = True
        return (_BACKUPS,) if away else ()

    def destroy_project(self, project: str) -> Sweep:
        """Destroy the project's pseudonym key and the keys of what it set aside."""
        prefix = f"{PROJECTS}{project}."
        listed = {*self._ring.names(f"{prefix}pseudonyms."), *self._ring.names(f"{prefix}quarantine.")}
        named = {pseudonym_key(project)}  # a backup may hold what is gone here
        if recipient := self._recipient_of(project):
            named.add(quarantine_key(project, recipient))
        return self._destroy(sorted(listed | named))

    def _destroy(self, names: Sequence[str]) -> Sweep:
        found, away = 0, False
        for name in names:
            try:
                found += self._ring.destroy(name)
            except PartlyDone:  # destroyed here, and told that a backup is away
                away = True
        return Sweep(found=found, unreachable=(_BACKUPS,) if away else ())


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
            backups=haven.config.key_backups,
            clock=haven.clock,
            recipient_of=lambda project: haven.project(project).recipient,
        ),
        originals=BlobShredder(haven.blobs),
        workspaces=haven.workspaces,
        outbox=FolderOutbox(haven.path / DOCUMENTS),
        author=haven.author(by),
    )


def carry_on(haven: OpenHaven) -> tuple[Withdrawn, ...]:
    """Go on with withdrawals that are not finished, before anything else is done."""
    carried = resume_withdrawals(means_of(haven, by="fivesafes"))
    if any(one.done for one in carried):
        forget_traces()
    return carried


@contextmanager
def opened_desk(haven: Path | None, *, by: str) -> Iterator[Desk]:
    """Open a haven for work on consents."""
    with opened_haven(haven) as opened, desk_at(opened, by=by) as desk:
        yield desk


@contextmanager
def desk_at(opened: OpenHaven, *, by: str) -> Iterator[Desk]:
    """Work on consents at an open haven; keys that are made meanwhile count as in use until their rows stand."""
    before = _receipts(opened)
    try:
        with opened.keyring.working():
            yield Desk(
                means=means_of(opened, by=by),
                keyed=lambda project: opened.addresser(project).participant,
                newcomers=opened.newcomers,
            )
    finally:
        if _receipts(opened) != before:
            forget_traces()


def _receipts(haven: OpenHaven) -> int:
    return sum(one.done_at is not None for one in haven.books.withdrawals())
