"""Verifies a trail: chain, tree, head and checkpoints.  Pure over lines; the first bad entry is named."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Final

from attrs import evolve, frozen

from fivesafes.core.errors import InvalidInput
from fivesafes.core.verdict import Verdict, note, refuse, review
from fivesafes.setting.trail.base64_strict import encoded
from fivesafes.setting.trail.checkpoint import Checkpoint, SignedCheckpoint, read_checkpoint
from fivesafes.setting.trail.entry import GENESIS
from fivesafes.setting.trail.merkle import Frontier
from fivesafes.setting.trail.note import VerifierKey

_SOURCE: Final = "RFC 9162; NIST SP 800-53 AU-9(3), AU-10"
_CHUNK: Final = 4096
_ASK: Final = "treat what the trail says from here on as unproven, and ask who had access"

Row = tuple[bytes, bytes | None]
"""A line without its newline, and the SHA-256 that is kept beside it where one is kept."""


def rows_in(stream: Iterable[bytes]) -> Iterator[Row]:
    """Give the rows of a trail file's raw lines; nothing is kept beside them."""
    return ((line.removesuffix(b"\n"), None) for line in stream)


@frozen(kw_only=True)
class Head:
    """Where the trail says that it ends: its size, the last line's SHA-256, the Merkle frontier; 32 bytes a hash."""

    size: int
    last: bytes
    frontier: bytes


@frozen(kw_only=True)
class Verified:
    """What was found: the verdict, how many entries were whole, and how many a checkpoint from outside proves.

    ``first_bad`` is the number of the first entry that is not as it was written; None when there is none, or when only
    the checkpoints tell that something was made anew.  ``last`` is the digest of the last whole line.
    """

    verdict: Verdict
    entries: int
    first_bad: int | None
    checkpoints: int
    proven: int
    root: bytes
    last: str


class _Fault(Exception):
    """An entry is not as it was written.  ``bad`` is its number."""

    def __init__(self, bad: int, why: str) -> None:
        super().__init__(why)
        self.bad = bad
        self.why = why


class _Walk:
    """Walks along the chain, a chunk at a time, growing the tree; every line is parsed and every link compared."""

    def __init__(self, rows: Iterator[Row]) -> None:
        self._rows = rows
        self.tree = Frontier()
        self.last = GENESIS
        self._parse = json.JSONDecoder().raw_decode

    def to(self, size: int | None) -> bool:
        """Go on until so many entries are taken in, or to the end; tell whether there were so many.

        Raises _Fault at the first entry that does not fit.
        """
        while size is None or self.tree.size < size:
            wanted = _CHUNK if size is None else min(_CHUNK, size - self.tree.size)
            chunk = list(islice(self._rows, wanted))
            self._take(chunk)
            if len(chunk) < wanted:
                return size is None
        return True

    def _take(self, chunk: list[Row]) -> None:
        sha256, parse = hashlib.sha256, self._parse
        n, last, leaves = self.tree.size, self.last, []
        try:
            for line, kept in chunk:
                digest = sha256(line)
                if kept is not None and digest.digest() != kept:
                    raise _Fault(n, "its line and the digest kept beside it differ")
                text = line.decode()
                body, end = parse(text)
                if end != len(text) or body["n"] != n or body["previous"] != last:
                    self._blame(n, last, line, chunk)
                leaves.append(sha256(b"\x00" + line).digest())
                n, last = n + 1, digest.hexdigest()
        except (ValueError, KeyError, TypeError, RecursionError):
            raise _Fault(n, "its line can't be read") from None
        finally:
            self.tree.grow(leaves)
            self.last = last

    def _blame(self, n: int, last: str, line: bytes, chunk: list[Row]) -> None:
        """Find out which of two neighbours was altered, by the entry after them, and raise the fault."""
        body = json.loads(line)
        if (number := body["n"]) != n:
            gap = isinstance(number, int) and number > n
            raise _Fault(n, f"entry {number} stands in its place" + (": something is missing" if gap else ""))
        at = n - self.tree.size
        following = chunk[at + 1][0] if at + 1 < len(chunk) else next(self._rows, (b"", None))[0]
        if n == 0:
            raise _Fault(0, "it is not the beginning of a trail")
        if not following:
            raise _Fault(n - 1, "it and the last entry, the one after it, don't fit together")
        try:
            intact = json.loads(following)["previous"] == hashlib.sha256(line).hexdigest()
        except (ValueError, KeyError, TypeError):
            intact = False
        if intact:
            raise _Fault(n - 1, "its line is not the one that the entry after it was chained to")
        raise _Fault(n, "it is not chained to the line before it")


def verify(
    rows: Iterable[Row],
    *,
    notes: Sequence[str] = (),
    key: VerifierKey | None = None,
    head: Callable[[], Head] | None = None,
) -> Verified:
    """Verify a trail's lines, in order, against signed checkpoint notes and, in a haven, against its head.

    ``head`` is asked after the last row: while one verifies, others may append, and rows and head move together.
    """
    checkpoints, faults = _read(notes, key)
    walk, fits, others = _Walk(iter(rows)), list[Checkpoint](), list[Checkpoint]()
    bad: int | None = None
    try:
        for stated in checkpoints:
            if not walk.to(stated.size):
                faults.append(_cut(walk.tree.size, stated.size))
                break
            (fits if walk.tree.root() == stated.root else others).append(stated)
        walk.to(None)
        if head is not None:
            faults.append(_judge_head(walk, head()))
    except _Fault as fault:
        bad = fault.bad
        faults.append(_broken(fault))
    matched, proven = len(fits), max((one.size for one in fits), default=0)
    faults += _judge_others(fits, others)
    verdict = Verdict.all_of(faults)
    if not verdict.refuses:
        verdict += _told(walk.tree.size, proven=proven, matched=matched)
    return Verified(
        verdict=verdict,
        entries=walk.tree.size if bad is None else bad,
        first_bad=bad,
        checkpoints=matched,
        proven=proven,
        root=walk.tree.root(),
        last=walk.last,
    )


def came_with_it(found: Verified) -> Verified:
    """Say of a trail that was verified with a public key which came with it what that is worth: nothing was proven.

    Who makes a trail anew makes a key too, under any name; a person must compare it with one got by another way.
    """
    if found.verdict.refuses or not found.checkpoints:
        return found
    told = review(
        "setting.trail.key",
        why=f"the chain of {_entries(found.entries)} is whole and fits its checkpoints ({found.checkpoints}), but they "
        "were verified with the public key that came with the trail: nothing is proven about who signed",
        fix="give the key that you got by another way: --key FILE; and a checkpoint that a witness keeps",
        source=_SOURCE,
    )
    return evolve(found, verdict=told, proven=0)


def _read(notes: Sequence[str], key: VerifierKey | None) -> tuple[list[Checkpoint], list[Verdict]]:
    """Verify the notes' signatures; give the checkpoints by size, and what is against the others."""
    faults: list[Verdict] = []
    found: set[tuple[int, bytes]] = set()
    origin, before = "", "at the beginning"
    for text in notes:
        try:
            stated = _signed(text, key).checkpoint
        except InvalidInput as fault:
            faults.append(_not_signed(fault, before))
            continue
        found.add((stated.size, stated.root))
        origin, before = stated.origin, f"after the checkpoint over {_entries(stated.size)}"
    return [Checkpoint(origin=origin, size=size, root=root) for size, root in sorted(found)], faults


def _signed(text: str, key: VerifierKey | None) -> SignedCheckpoint:
    if key is None:
        message = "there is no public key to verify the checkpoints with"
        raise InvalidInput(message, fix="give the trail's public key (trail.pub)")
    return read_checkpoint(text, key)


def _not_signed(fault: InvalidInput, where: str) -> Verdict:
    return refuse(
        "setting.trail.checkpoint",
        why=f"among the checkpoints given, {where}: {fault.what}",
        fix=fault.fix,
        source="C2SP tlog-checkpoint",
        about=where,
    )


def _judge_others(fits: Sequence[Checkpoint], others: Sequence[Checkpoint]) -> list[Verdict]:
    """Judge checkpoints that do not fit the trail: altered since, or signed over another trail than this one.

    One over no more entries than another that fits contradicts that one, whatever became of the trail; so do two of
    one size.
    """
    told: list[Verdict] = []
    anew: set[int] = set()
    for at, one in enumerate(others):
        rivals = [fit for fit in fits if fit.size >= one.size] + [more for more in others[:at] if more.size == one.size]
        if rivals:
            told.append(_forked(rivals[0], one))
        if one.size not in anew and not any(fit.size >= one.size for fit in fits):
            anew.add(one.size)
            told.append(_made_anew(max((fit.size for fit in fits), default=0), one.size))
    return told


def _judge_head(walk: _Walk, head: Head) -> Verdict:
    last = bytes.fromhex(walk.last) if walk.tree.size else bytes(32)
    if (head.size, head.last, head.frontier) == (walk.tree.size, last, walk.tree.peaks_as_bytes()):
        return Verdict()
    return refuse(
        "setting.trail.head",
        why=f"the trail has {walk.tree.size} entries, and its head tells of {head.size} with another end or tree",
        fix="compare with a checkpoint that a witness keeps; restore the trail from a backup",
        source=_SOURCE,
        about=f"entry {min(walk.tree.size, head.size)}",
    )


def _broken(fault: _Fault) -> Verdict:
    return refuse(
        "setting.trail.broken",
        why=f"entry {fault.bad} is not as it was written: {fault.why}",
        fix=_ASK,
        source=_SOURCE,
        about=f"entry {fault.bad}",
    )


def _cut(size: int, stated: int) -> Verdict:
    return refuse(
        "setting.trail.cut",
        why=f"a checkpoint tells of {stated} entries and the trail has {size}: its tail was cut off",
        fix="restore the missing entries from a backup, and ask who had access",
        source=_SOURCE,
        about=f"entry {size}",
    )


def _forked(one: Checkpoint, other: Checkpoint) -> Verdict:
    return refuse(
        "setting.trail.forked",
        why=f"two checkpoints of {one.origin}, both rightly signed, contradict one another: over "
        f"{_entries(one.size)} with root {encoded(one.root)}, and over {_entries(other.size)} with root "
        f"{encoded(other.root)}; one and the same trail can't have had both",
        fix="keep both notes, they are proof: ask who holds the signing key; a haven that was copied, or restored from "
        "a backup and used on, signs so too",
        source=_SOURCE,
        about=f"{_entries(other.size)}",
    )


def _made_anew(proven: int, stated: int) -> Verdict:
    return refuse(
        "setting.trail.rewritten",
        why=f"a checkpoint over {stated} entries has another root: something in entries {proven} to {stated - 1} was "
        "altered and the chain made anew",
        fix="compare these entries with a backup, and ask who had access",
        source=_SOURCE,
        about=f"entries {proven} to {stated - 1}",
    )


def _entries(count: int) -> str:
    return "1 entry" if count == 1 else f"{count} entries"


def _told(size: int, *, proven: int, matched: int) -> Verdict:
    if matched:
        return note(
            "setting.trail.proven",
            why=f"the trail of {_entries(size)} is whole; signed checkpoints ({matched}) prove the first {proven}",
            source=_SOURCE,
        )
    return note(
        "setting.trail.unwitnessed",
        why=f"the chain of {_entries(size)} is whole; whether its tail was cut off or all of it made anew, only a "
        "checkpoint from outside can tell",
        fix="give a checkpoint that a witness keeps",
        source=_SOURCE,
    )
