"""Deliveries that were begun: what stands in the books of each until it stands outside, or nothing of it does.

A release is written down as going, with the folder that is filled, before its first byte is outside.  Killed anywhere,
the next command that works at the haven settles it: it left, or its part is removed, or the place can't be seen.  One
that may stand outside keeps its row: what was about to appear counts as out unless its part is still there.
"""

import json
from pathlib import Path
from typing import Final

from attrs import frozen

from fivesafes.core.errors import TryAgain
from fivesafes.core.event import Event
from fivesafes.flow.haven.author import Author
from fivesafes.flow.haven.model import KeptRelease, ReleaseState
from fivesafes.flow.haven.ports import Books
from fivesafes.flow.ports import Deliveries, Found, Left

_RECORD: Final = "derivatives/fivesafes/record.json"
"""As ``flow.sign_off.RECORD``, which this must not load: it is the runner's, and the runner works for havens."""


@frozen(kw_only=True)
class Cleaner:
    """What settling works with."""

    books: Books
    deliveries: Deliveries
    author: Author


def settle_deliveries(
    cleaner: Cleaner, *, participant: str | None = None, project: str | None = None
) -> dict[str, Found]:
    """Settle every delivery that was begun (of a participant, of a project); say of each release what was found.

    One that a process is writing, or whose place can't be seen, stays as it is.
    """
    return {
        one.id: _settle(cleaner, one)
        for one in cleaner.books.deliveries()
        if participant in {None, *one.participants} and project in {None, one.project}
    }


def sweep_deliveries(cleaner: Cleaner, *, participant: str | None = None, project: str | None = None) -> int:
    """Remove what unfinished deliveries left outside of a participant or a project; tell how many parts that were.

    What can't be seen stays in the books, by which a recall names it.  Raises TryAgain while one is being written.
    """
    found = settle_deliveries(cleaner, participant=participant, project=project)
    left = [one.left for one in found.values()]
    if Left.WRITING in left:
        message = "a release that holds what is to be destroyed is being written"
        raise TryAgain(message, fix="run the command again in a minute: the release stops by itself")
    return left.count(Left.SWEPT)


def _settle(cleaner: Cleaner, release: KeptRelease) -> Found:
    def settled(left: Left) -> None:  # asked here, where nobody else delivers: before, it may appear meanwhile
        _write(cleaner, release, left, stands=left is Left.GONE or _stands(release))

    found = cleaner.deliveries.settle(Path(release.destination), release.part, settled=settled)
    if found.left is Left.AWAY and _stands(release):  # its mark is gone already
        _write(cleaner, release, Left.GONE, stands=True)
        return Found(left=Left.GONE)
    return found


def _write(cleaner: Cleaner, release: KeptRelease, left: Left, *, stands: bool) -> None:
    with cleaner.books.deed():
        outcome = "out" if stands else "stopped"
        told = cleaner.author.event(
            "export", f"release {release.id}", outcome, project=release.project, found=left.value
        )
        write_end(cleaner.books, release, told, stands=stands)


def _stands(release: KeptRelease) -> bool:
    """Tell whether this very release stands where it was to go."""
    try:
        record = json.loads((Path(release.destination) / _RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(record, dict) and record.get("candidate") == release.digest


def write_end(books: Books, begun: KeptRelease, told: Event, *, stands: bool) -> None:
    """Write down, in the open deed, how a delivery ended; nothing when another process has done so.

    One that never left has no row any more; one that was recalled meanwhile stays recalled.
    """
    release = next((one for one in books.releases(begun.project) if one.id == begun.id), None)
    if release is None or (release.state is not ReleaseState.GOING and not release.part):
        return
    if release.state is ReleaseState.GOING and not stands:
        books.drop_release(release.id)
    else:
        if release.state is ReleaseState.GOING:
            books.set_release_state(release.id, ReleaseState.OUT)
        books.set_release_part(release.id, "")
    books.tell(told)
