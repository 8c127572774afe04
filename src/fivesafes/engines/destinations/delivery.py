"""A release handed over into somebody's folder, perhaps on another disk: complete or absent, never replaced."""

import shutil
import stat
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import ClassVar, Final

from fivesafes.core.errors import TryAgain, UsageMistake
from fivesafes.engines.destinations.mark import Mark, found_mark, marked, sync
from fivesafes.engines.destinations.names import check_name, new_part, try_name
from fivesafes.flow.ports import Found, Left, Passage

_FOLDER: Final = 0o750
_FILE: Final = 0o640
"""For the owner and the group that the release is for; the destination's folder decides further."""


class DeliveryDestination:
    """Copies a finished candidate into a part folder beside its place, waits for the disk, then renames.

    The books know the part folder by its random name before it is made, so that no byte outside is unknown; its mark
    says before the renaming that it may have happened.
    """

    name: ClassVar[str] = "delivery"
    keeps: ClassVar[bool] = False

    def release(self, candidate: Path, *, to: Path, aside: Path, passage: Passage) -> None:
        """Put a copy of ``candidate`` where ``to`` says.

        Raises UsageMistake when something stands there (a release that somebody holds is not exchanged under their
        hands) or its name can't be written there, TryAgain when the disk refuses or another release is being
        written there.
        """
        check_name(to)
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

    def settle(self, to: Path, part: str, *, settled: Callable[[Left], None]) -> Found:
        """Remove what a delivery that was killed left beside ``to``, and call ``settled`` before its mark goes.

        What can't be seen (a disk that is away, another disk at the same path) is not taken for gone.
        """
        with ExitStack() as stack:
            try:
                held = stack.enter_context(found_mark(to))
                mark = held if held is not None and held.names(part) else None
                found = _sweep(to.parent / Path(part).name, mark)
            except TryAgain:
                return Found(left=Left.WRITING)
            except UsageMistake as error:
                return Found(left=Left.AWAY, why=error.what)
            except OSError as error:
                return Found(left=Left.AWAY, why=error.strerror or type(error).__name__)
            if found.left is not Left.AWAY:
                settled(found.left)
                if mark is not None:
                    mark.remove()
            return found


def _sweep(beside: Path, mark: Mark | None) -> Found:
    """Remove a part; ``mark`` is None where there is none of this delivery, so that only the part itself can tell."""
    there = lies(beside)
    if not there and mark is None:
        return Found(left=Left.AWAY, why="neither its part nor its mark is there")
    if there and mark is not None:
        mark.staying()  # else it would be taken for out when this is killed between the removal and the books
    if not removed(beside):
        return Found(left=Left.AWAY, why="its part can't be removed whole")
    if there:
        return Found(left=Left.SWEPT)
    return Found(left=Left.GONE if mark is not None and mark.says_leaving else Left.NOTHING)


def _deliver(candidate: Path, to: Path, mark: Mark, passage: Passage) -> None:
    part = new_part()
    beside = to.parent / part
    try:
        _check_free(to)
        try_name(to)
    except (UsageMistake, OSError):
        mark.remove_if_new()
        raise
    mark.write(part)
    try:
        passage.begin(part)
        shutil.copytree(candidate, beside)
        durable(beside)
        passage.leave()
        _check_free(to)  # a folder that was made meanwhile would be written over when it is empty
        mark.leaving()
        beside.rename(to)
    except BaseException:
        _stop(beside, mark, passage)
        raise
    sync(to.parent)
    passage.arrived()
    mark.remove()


def _stop(beside: Path, mark: Mark, passage: Passage) -> None:
    """Remove the part of a delivery that goes no further; what can't be removed now, the next command settles.

    Stopped just after the renaming it stands, and nobody may say that it does not.
    """
    with suppress(OSError):
        if _sweep(beside, mark).left in {Left.SWEPT, Left.NOTHING}:
            passage.stopped()
            mark.remove()


def durable(folder: Path) -> None:
    """Give a copy the modes that its readers need, and wait until the disk has all of it."""
    for path in (folder, *sorted(folder.rglob("*"))):
        path.chmod(_FOLDER if path.is_dir() else _FILE)
        sync(path)
    sync(folder.parent)


def lies(folder: Path) -> bool:
    """Tell whether a folder is there.  Raises OSError when nobody can tell."""
    try:
        return stat.S_ISDIR(folder.lstat().st_mode)
    except FileNotFoundError:
        return False


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
