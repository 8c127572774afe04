"""A release handed over into somebody's folder, perhaps on another disk: complete or absent, never replaced."""

import secrets
import shutil
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import ClassVar, Final

from fivesafes.core.errors import TryAgain, UsageMistake
from fivesafes.engines.destinations.mark import Mark, found_mark, marked, sync
from fivesafes.flow.ports import Left, Passage

_FOLDER: Final = 0o750
_FILE: Final = 0o640
"""For the owner and the group that the release is for; the destination's folder decides further."""


class DeliveryDestination:
    """Copies a finished candidate into a part folder beside its place, waits for the disk, then renames.

    The books know the part folder by its random name before it is made, so that no byte outside is unknown.
    """

    name: ClassVar[str] = "delivery"
    keeps: ClassVar[bool] = False

    def release(self, candidate: Path, *, to: Path, aside: Path, passage: Passage) -> None:
        """Put a copy of ``candidate`` where ``to`` says.

        Raises UsageMistake when something stands there (a release that somebody holds is not exchanged under their
        hands), TryAgain when the disk refuses or another release is being written there.
        """
        try:
            to.parent.mkdir(parents=True, exist_ok=True)
            with marked(to) as mark:
                _deliver(candidate, to, mark, passage)
        except OSError as error:
            message = f"the release can't be written at the destination: {error.strerror or 'not all of it was copied'}"
            raise TryAgain(
                message, fix="check its free space and permissions, then run the same command again"
            ) from None

    def withdraw(self, release: Path, *, into: Path) -> bool:
        """Leave what was handed over where it is: it is recalled by a notice, not by a hand in somebody's folder."""
        return False

    def settle(self, to: Path, part: str, *, settled: Callable[[Left], None]) -> Left:
        """Remove what a delivery that was killed left beside ``to``, and call ``settled`` before its mark goes.

        What can't be seen (a disk that is away, another disk at the same path) is not taken for gone.
        """
        with ExitStack() as stack:
            try:
                mark = stack.enter_context(found_mark(to))
                ours = mark is not None and mark.names(part)
            except TryAgain:
                return Left.WRITING
            except (OSError, UsageMistake):
                return Left.AWAY
            beside = to.parent / Path(part).name
            there = beside.is_dir()
            if not (there or ours) or not removed(beside):
                return Left.AWAY
            left = Left.SWEPT if there else Left.NOTHING
            settled(left)
            if ours and mark is not None:
                mark.remove()
            return left


def _deliver(candidate: Path, to: Path, mark: Mark, passage: Passage) -> None:
    part = f".{to.name}.{secrets.token_hex(8)}.part"
    beside = to.parent / part
    try:
        _check_free(to)
    except UsageMistake:
        mark.remove_if_new()
        raise
    mark.write(part)
    try:
        passage.begin(part)
        shutil.copytree(candidate, beside)
        durable(beside)
        passage.leave()
        _check_free(to)  # a folder that was made meanwhile would be written over when it is empty
        beside.rename(to)
    except BaseException:
        if removed(beside) and not to.exists():  # stopped just after the renaming it stands: settled by the next run
            passage.stopped()
            mark.remove()
        raise
    sync(to.parent)
    passage.arrived()
    mark.remove()


def durable(folder: Path) -> None:
    """Give a copy the modes that its readers need, and wait until the disk has all of it."""
    for path in (folder, *sorted(folder.rglob("*"))):
        path.chmod(_FOLDER if path.is_dir() else _FILE)
        sync(path)
    sync(folder.parent)


def removed(folder: Path) -> bool:
    """Remove a folder for good, a power cut included; tell whether nothing of it is left."""
    with suppress(OSError):
        shutil.rmtree(folder, ignore_errors=True)
        sync(folder.parent)
        return not folder.exists()
    return False


def _check_free(to: Path) -> None:
    if to.exists():
        message = "there is something at the destination, and a release is never replaced"
        raise UsageMistake(message, fix="name a folder that does not exist yet")
