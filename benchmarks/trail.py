"""Times the trail and tries to fool it.

Usage: python benchmarks/trail.py write|verify|flips [--entries N] [--flips N] [--seed N] [--postgresql URL]

``write`` appends durably in batches of 1, 10, 100 and 1,000 to a new SQLite file, and to an empty PostgreSQL database
whose URL is given, beside the same number of bare fsyncs of the same bytes in the same run: quote ratios.  ``verify``
walks a file and a database of N entries with a checkpoint each 1,000.  ``flips`` flips single bits anywhere in the
lines, digests, head and checkpoints of a trail, each time from the whole one, and counts what passed: it must be none,
with the outside checkpoint and, for each flip in a line, also after the whole chain was made anew.
"""

import os
import sys
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from django.db import transaction

from fivesafes.core.errors import InvalidInput
from fivesafes.core.event import Event
from fivesafes.setting.trail.checkpoint import Checkpoint, read_checkpoint, signed
from fivesafes.setting.trail.entry import GENESIS, digest_of, event_of, line_of
from fivesafes.setting.trail.merkle import Frontier, leaf_hash
from fivesafes.setting.trail.note import NoteSigner
from fivesafes.setting.trail.verify import Head, Row, Verified, rows_in, verify
from fivesafes.stores import trail
from fivesafes.stores.database import migrate, opened_database, postgresql_config, sqlite_config

SIGNER = NoteSigner(bytes(range(32)), "example.org/benchmark")
BEGAN = datetime(2026, 6, 1, tzinfo=UTC)
EVERY = 1000


def event(n: int) -> Event:
    """Make an event as a step of a series tells it."""
    facts: dict[str, str | int | float | None] = {"files": 176, "output": f"{n:064x}"}
    return Event(
        when=BEGAN + timedelta(milliseconds=n),
        actor="worker 1",
        verb="deidentify",
        object=f"{n:032x}",
        outcome="ok",
        policy_digest="a" * 16,
        facts=facts,
        project="memory-2026",
    )


def made(count: int) -> tuple[list[bytes], list[str]]:
    """Make a trail's lines, with a checkpoint over each thousand."""
    previous, lines, notes, tree = GENESIS, [], [], Frontier()
    for n in range(count):
        lines.append(line_of(event(n), n=n, previous=previous))
        previous = digest_of(lines[-1])
        tree.grow([leaf_hash(lines[-1])])
        if tree.size % EVERY == 0 or tree.size == count:
            notes.append(signed(Checkpoint(origin=SIGNER.key.name, size=tree.size, root=tree.root()), SIGNER).note)
    return lines, notes


def write(wish: Namespace) -> None:
    """Time durable appends."""
    with tempfile.TemporaryDirectory(dir=wish.folder) as folder:
        configs = {"SQLite": sqlite_config(Path(folder) / "state.sqlite3")}
        if wish.postgresql:
            configs["PostgreSQL"] = postgresql_config(wish.postgresql)
        for name, config in configs.items():
            with opened_database(config):
                migrate()
                for batch, count in ((1, 500), (10, 5_000), (100, 20_000), (1000, 50_000)):
                    spent = timed(lambda batch=batch, count=count: append(count, batch))  # type: ignore[misc]
                    bare = timed(lambda batch=batch, count=count: fsyncs(Path(folder), count, batch))  # type: ignore[misc]
                    rate, ratio = count / spent, spent / bare
                    print(f"{name:<11} batches of {batch:>4}: {rate:>8,.0f} events/s, {ratio:.1f} × bare fsyncs")
                size = trail.head().size
                told: list[Verified] = []
                spent = timed(lambda told=told: told.append(verify(trail.rows(), head=trail.head)))  # type: ignore[misc]
                print(f"{name:<11} verified {size:,} rows in {spent:.1f} s: {told[0].verdict.gravity.word}")


def append(count: int, batch: int) -> None:
    """Append so many events, each batch in a transaction of its own."""
    for first in range(0, count, batch):
        with transaction.atomic():
            trail.append([event(n) for n in range(first, first + batch)])


def fsyncs(folder: Path, count: int, batch: int) -> None:
    """Write the same bytes to a plain file with as many fsyncs."""
    line = line_of(event(0), n=0, previous=GENESIS) + b"\n"
    handle = os.open(folder / "bare", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for _ in range(0, count, batch):
        os.write(handle, line * batch)
        os.fsync(handle)
    os.close(handle)


def walk(wish: Namespace) -> None:
    """Time the verification of a file."""
    lines, notes = made(wish.entries)
    with tempfile.TemporaryDirectory(dir=wish.folder) as folder:
        path = Path(folder) / "trail.jsonl"
        path.write_bytes(b"".join(line + b"\n" for line in lines))
        size = path.stat().st_size
        del lines
        for _ in range(3):
            with path.open("rb") as file:
                began, cpu = time.perf_counter(), time.process_time()
                found = verify(rows_in(file), notes=notes, key=SIGNER.key)
                spent, cpu = time.perf_counter() - began, time.process_time() - cpu
            print(
                f"{found.entries:,} entries, {size / found.entries:.0f} bytes each, {found.checkpoints} checkpoints: "
                f"{spent:.1f} s, {cpu:.1f} s of CPU, {found.verdict.gravity.word}"
            )


def timed(work: Callable[[], Any]) -> float:
    """Time one call."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


class Whole:
    """A small whole trail, and what a flip is tried on."""

    def __init__(self, entries: int) -> None:
        """Make it."""
        self.lines, self.notes = made(entries)
        self.rows: list[Row] = [(line, bytes.fromhex(digest_of(line))) for line in self.lines]
        tree = Frontier()
        tree.grow([leaf_hash(line) for line in self.lines])
        self.head = Head(size=entries, last=self.rows[-1][1] or b"", frontier=tree.peaks_as_bytes())

    def passes(self, rows: Sequence[Row], notes: Sequence[str], head: Head) -> bool:
        """Whether a trail is taken for whole."""
        return not verify(rows, notes=notes, key=SIGNER.key, head=lambda: head).verdict.refuses

    def flipped(self, row: int, place: int, mask: int) -> list[Row]:
        """Give the rows with one bit of a line or of the digest beside it flipped."""
        line, digest = self.rows[row]
        both = bytearray(line + (digest or b""))
        both[place] ^= mask
        return [*self.rows[:row], (bytes(both[: len(line)]), bytes(both[len(line) :])), *self.rows[row + 1 :]]

    def rechained(self, row: int, line: bytes) -> list[bytes] | None:
        """Give the chain made anew over a flipped line, or None when it is no entry any more."""
        try:
            events = [event_of(one) for one in (*self.lines[:row], line, *self.lines[row + 1 :])]
            previous, forged = GENESIS, []
            for n, one in enumerate(events):
                forged.append(line_of(one, n=n, previous=previous))
                previous = digest_of(forged[-1])
        except (InvalidInput, ValueError):
            return None
        return None if forged == self.lines else forged


def flips(wish: Namespace) -> None:
    """Flip bits, and count what passes."""
    whole, chosen = Whole(16), np.random.default_rng(wish.seed)
    if not whole.passes(whole.rows, whole.notes, whole.head):
        sys.exit("the whole trail does not pass")
    tried = {"line or digest": 0, "made anew": 0, "head": 0, "checkpoint": 0}
    passed = dict.fromkeys(tried, 0)
    for count in range(wish.flips):
        where = int(chosen.integers(20))
        mask = 1 << int(chosen.integers(8))
        if where == 0:
            record(tried, passed, "head", passes=flip_head(whole, chosen, mask))
        elif where == 1:
            record(tried, passed, "checkpoint", passes=flip_note(whole, chosen, mask))
        else:
            flip_row(whole, chosen, mask, tried, passed)
        if count and count % 100_000 == 0:
            print(f"{count:,} flips, {sum(passed.values())} passed", file=sys.stderr)
    for name, number in tried.items():
        print(f"{name:<15} {number:>9,} tried, {passed[name]} passed")
    sys.exit(1 if any(passed.values()) else 0)


def record(tried: dict[str, int], passed: dict[str, int], name: str, *, passes: bool) -> None:
    """Count one attempt."""
    tried[name] += 1
    passed[name] += passes


def flip_row(
    whole: Whole, chosen: np.random.Generator, mask: int, tried: dict[str, int], passed: dict[str, int]
) -> None:
    """Flip one bit of a row; now and then make the chain anew over it, as a forger would."""
    row = int(chosen.integers(len(whole.rows)))
    line, digest = whole.rows[row]
    rows = whole.flipped(row, int(chosen.integers(len(line) + len(digest or b""))), mask)
    record(tried, passed, "line or digest", passes=whole.passes(rows, [], whole.head))
    if chosen.integers(10) == 0 and (forged := whole.rechained(row, rows[row][0])) is not None:
        bare: list[Row] = [(one, None) for one in forged]
        found = verify(bare, notes=whole.notes, key=SIGNER.key)
        record(tried, passed, "made anew", passes=not found.verdict.refuses)


def flip_head(whole: Whole, chosen: np.random.Generator, mask: int) -> bool:
    """Flip one bit of the head."""
    raw = bytearray(whole.head.size.to_bytes(8, "big") + whole.head.last + whole.head.frontier)
    raw[int(chosen.integers(len(raw)))] ^= mask
    head = Head(size=int.from_bytes(raw[:8], "big"), last=bytes(raw[8:40]), frontier=bytes(raw[40:]))
    return whole.passes(whole.rows, [], head)


def flip_note(whole: Whole, chosen: np.random.Generator, mask: int) -> bool:
    """Flip one bit of a checkpoint."""
    raw = bytearray(whole.notes[-1].encode())
    raw[int(chosen.integers(len(raw)))] ^= mask
    try:
        read_checkpoint(raw.decode(), SIGNER.key)
    except (InvalidInput, UnicodeDecodeError):
        return False
    return True


def main() -> None:
    """Read the words and do it."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["write", "verify", "flips"])
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--flips", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=20261123)
    parser.add_argument("--postgresql", default="", help="URL of an empty database")
    parser.add_argument("--folder", help="where to write (default: the temporary folder)")
    wish = parser.parse_args()
    {"write": write, "verify": walk, "flips": flips}[wish.what](wish)


if __name__ == "__main__":
    main()
