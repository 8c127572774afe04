"""The haven's trail in its database: appended to within a deed's transaction, read back in order, checkpointed.

One writer at a time: SQLite's transactions are IMMEDIATE, PostgreSQL's take an advisory lock until they end.  The head
(size, last digest, Merkle frontier) moves in the same transaction as the entries, so nothing is ever read twice.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from attrs import evolve, frozen
from django.db import connection, transaction

from fivesafes.core.errors import Refused
from fivesafes.core.event import Clock, Event
from fivesafes.setting.trail.checkpoint import Checkpoint as Statement
from fivesafes.setting.trail.checkpoint import SignedCheckpoint, parsed, signed
from fivesafes.setting.trail.entry import digest_of, event_of, line_of
from fivesafes.setting.trail.merkle import Frontier, leaf_hash
from fivesafes.setting.trail.note import NoteSigner
from fivesafes.setting.trail.verify import Head, Row
from fivesafes.stores.models import Checkpoint, TrailEntry, TrailHead

EVERY: Final = 1000
"""Entries after which a checkpoint is due."""

BROKEN: Final = "fivesafes trail verify says what is wrong with it; restore the haven from a backup, ask who had access"
"""What to do where rows, head and checkpoints do not say the same."""

_HEAD: Final = 1
_PAGE: Final = 5000
_LOCK: Final = 0x66_73_74_72_61_69_6C  # "fstrail": the key of PostgreSQL's advisory lock
_JUMP: Final = timedelta(minutes=1)


@frozen(kw_only=True)
class KeptCheckpoint:
    """A checkpoint as kept: the note, when it was made, and by witness's place when it was handed over (ISO 8601)."""

    size: int
    note: str
    made_at: datetime
    sent: Mapping[str, str]

    def signed(self) -> SignedCheckpoint:
        """Give it as what a witness takes."""
        text = self.note[: self.note.rindex("\n\n") + 1]
        return SignedCheckpoint(checkpoint=parsed(text), note=self.note)


def append(events: Sequence[Event]) -> range:
    """Append events in order within the caller's transaction; give their numbers.

    Entries keep the order in which they came and say the clock's time; where the clock went back by more than a
    minute, the event says by how many seconds (``clock_back``).
    """
    if not connection.in_atomic_block:
        message = "the trail is written within a deed's transaction: with transaction.atomic()"
        raise RuntimeError(message)
    if not events:
        return range(0)
    lock()
    before = head()
    newest = _newest(before)
    last = before.last.hex()
    rows: list[TrailEntry] = []
    for n, event in enumerate(_marked(events, after=_time_of(newest)), start=before.size):
        line = line_of(event, n=n, previous=last)
        last = digest_of(line)
        rows.append(TrailEntry(n=n, line=line.decode(), digest=bytes.fromhex(last)))
    tree = Frontier.restored(before.size, before.frontier)
    tree.grow([leaf_hash(row.line.encode()) for row in rows])
    TrailEntry.objects.bulk_create(rows)
    moved = {"size": tree.size, "last": bytes.fromhex(last), "frontier": tree.peaks_as_bytes()}
    if before.size:
        TrailHead.objects.filter(pk=_HEAD).update(**moved)
    else:
        TrailHead.objects.update_or_create(pk=_HEAD, defaults=moved)
    return range(before.size, tree.size)


def lock() -> None:
    """Be the trail's one writer until the transaction ends; SQLite's transactions are that from their beginning."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


def _newest(now: Head) -> bytes | None:
    """Give the line of the newest entry; of an empty trail None.  Raises Refused when it is not where the head ends.

    Nothing could be appended then.  An altered line is for ``verify`` to tell, and stops no deed: least a withdrawal.
    """
    row = TrailEntry.objects.order_by("-n").values_list("n", "line").first()
    n, line = (-1, "") if row is None else row
    if n != now.size - 1:
        raise _other_end(now)
    return None if row is None else line.encode()


def _other_end(now: Head) -> Refused:
    message = f"the trail's head tells of {now.size} entries, and its rows are fewer, more, or end otherwise"
    return Refused(message, fix=BROKEN)


def _time_of(line: bytes | None) -> datetime | None:
    return None if line is None else event_of(line).when


def _marked(events: Sequence[Event], *, after: datetime | None) -> Iterator[Event]:
    """Say in an event by how much the clock went back before it, where it did."""
    for event in events:
        back = after - event.when if after is not None else timedelta()
        after = event.when
        if back > _JUMP:
            yield evolve(event, facts={**event.facts, "clock_back": round(back.total_seconds())})
        else:
            yield event


def head() -> Head:
    """Say where the trail ends; of an empty one, size 0."""
    row = TrailHead.objects.filter(pk=_HEAD).values_list("size", "last", "frontier").first()
    if row is None:
        return Head(size=0, last=bytes(32), frontier=b"")
    size, last, frontier = row
    return Head(size=size, last=bytes(last), frontier=bytes(frontier))


def entries(start: int = 0, stop: int | None = None) -> Iterator[bytes]:
    """Give the lines of entries ``start`` to ``stop`` (exclusive; to the end when None), without newlines."""
    at = start
    while stop is None or at < stop:
        wanted = _PAGE if stop is None else min(_PAGE, stop - at)
        page = list(TrailEntry.objects.filter(n__gte=at).order_by("n").values_list("n", "line")[:wanted])
        for n, line in page:
            if stop is not None and n >= stop:
                return
            yield line.encode()
        if len(page) < wanted:
            return
        at = page[-1][0] + 1


def last_of(verb: str) -> Event | None:
    """Give the newest event of a verb, or None; a look through the trail from its end."""
    found = TrailEntry.objects.filter(line__contains=f'"verb":"{verb}"').order_by("-n").values_list("line", flat=True)
    line = found.first()
    return None if line is None else event_of(line.encode())


def all_of(verb: str) -> list[Event]:
    """Give every event of a verb, oldest first; a look through the whole trail."""
    found = TrailEntry.objects.filter(line__contains=f'"verb":"{verb}"').order_by("n").values_list("line", flat=True)
    events = [event_of(line.encode()) for line in found]
    return [one for one in events if one.verb == verb]


def rows() -> Iterator[Row]:
    """Give each line with the digest kept beside it, for ``verify``; a row under another's number does not pass."""
    expected = at = 0
    while page := list(TrailEntry.objects.filter(n__gte=at).order_by("n").values_list("n", "line", "digest")[:_PAGE]):
        for n, line, digest in page:
            raw = line.encode()
            yield (raw, bytes(digest)) if n == expected or _number_in(raw) != expected else (raw, b"")
            expected += 1
        at = page[-1][0] + 1


def _number_in(line: bytes) -> object:
    try:
        return json.loads(line)["n"]
    except (ValueError, KeyError, TypeError):
        return None


def checkpoint(signer: NoteSigner, *, clock: Clock) -> SignedCheckpoint:
    """Sign the trail's size and root as they are now, and keep the note; of the same size there is only one.

    The signer's name is the trail's origin.  Raises Refused when the trail is shorter than a checkpoint signed before:
    two checkpoints that contradict one another are never signed; and when its rows are not as many as its head says,
    or end otherwise.  Whether each is as it was written is for ``verify`` to tell.
    """
    with transaction.atomic():
        lock()
        now = head()
        last = _newest(now)
        if TrailEntry.objects.count() != now.size or (last is not None and digest_of(last) != now.last.hex()):
            raise _other_end(now)
        newest = Checkpoint.objects.order_by("-size").first()
        if newest is not None and newest.size > now.size:
            message = f"the trail has {now.size} entries, and a checkpoint over {newest.size} was signed before"
            raise Refused(message, fix="restore the trail from a backup, and ask who had access")
        if newest is not None and newest.size == now.size:
            return _kept(newest).signed()
        root = Frontier.restored(now.size, now.frontier).root()
        made = signed(Statement(origin=signer.key.name, size=now.size, root=root), signer)
        Checkpoint.objects.create(size=now.size, note=made.note, made_at=clock())
    return made


def checkpoints() -> list[KeptCheckpoint]:
    """Give the checkpoints that were made, by size."""
    return [_kept(row) for row in Checkpoint.objects.order_by("size")]


def newest_checkpoint() -> KeptCheckpoint | None:
    """Give the checkpoint over the most entries, or None."""
    row = Checkpoint.objects.order_by("-size").first()
    return None if row is None else _kept(row)


def is_due(*, now: datetime, every: int = EVERY, within: timedelta = timedelta(hours=1)) -> bool:
    """Whether a checkpoint should be made: so many entries are new, or there are new ones and the last one is old.

    One that was made later than now, by a clock that was ahead, is as old as anybody knows.
    """
    last = newest_checkpoint()
    new = head().size - (last.size if last else 0)
    return new >= every or (new > 0 and (last is None or abs(now - last.made_at) >= within))


def mark_sent(size: int, witness: str, *, at: datetime) -> None:
    """Record that a witness has a checkpoint."""
    with transaction.atomic():
        row = Checkpoint.objects.select_for_update().get(size=size)
        row.sent = {**row.sent, witness: at.isoformat(timespec="seconds")}
        row.save(update_fields=["sent"])


def mark_lost(size: int, witness: str) -> None:
    """Record that a witness has a checkpoint no more."""
    with transaction.atomic():
        row = Checkpoint.objects.select_for_update().get(size=size)
        row.sent = {one: when for one, when in row.sent.items() if one != witness}
        row.save(update_fields=["sent"])


def last_sent() -> dict[str, tuple[int, str]]:
    """Say for each witness which checkpoint it has last: its size, and when it was handed over (ISO 8601)."""
    had: dict[str, tuple[int, str]] = {}
    for size, sent in Checkpoint.objects.order_by("size").values_list("size", "sent"):
        had.update((witness, (size, when)) for witness, when in sent.items())
    return had


def _kept(row: Checkpoint) -> KeptCheckpoint:
    return KeptCheckpoint(size=row.size, note=row.note, made_at=row.made_at, sent=row.sent)
