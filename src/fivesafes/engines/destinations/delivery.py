"""A release handed over into somebody's folder, perhaps on another disk: complete or absent, never replaced."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar, Final

from fivesafes.core.errors import TryAgain, UsageMistake

_FOLDER: Final = 0o750
_FILE: Final = 0o640
"""For the owner and the group that the release is for; the destination's folder decides further."""


class DeliveryDestination:
    """Copies a finished candidate beside its place, waits for the disk, then renames."""

    name: ClassVar[str] = "delivery"
    keeps: ClassVar[bool] = False

    def release(self, candidate: Path, *, to: Path, aside: Path, entered: Callable[[], None]) -> None:
        """Put a copy of ``candidate`` where ``to`` says.

        Raises UsageMistake when something stands there (a release that somebody holds is not exchanged under their
        hands), TryAgain when the disk refuses.
        """
        if to.exists():
            message = "there is something at the destination, and a release is never replaced"
            raise UsageMistake(message, fix="name a folder that does not exist yet")
        beside = to.parent / f".{to.name}.part"
        shutil.rmtree(beside, ignore_errors=True)
        try:
            shutil.copytree(candidate, beside)
            for path in (beside, *sorted(beside.rglob("*"))):
                path.chmod(_FOLDER if path.is_dir() else _FILE)
                _sync(path)
            entered()
            beside.rename(to)
            _sync(to.parent)
        except OSError as error:
            message = f"the release can't be written at the destination: {error.strerror}"
            raise TryAgain(
                message, fix="check its free space and permissions, then run the same command again"
            ) from None
        finally:
            shutil.rmtree(beside, ignore_errors=True)

    def withdraw(self, release: Path, *, into: Path) -> bool:
        """Leave what was handed over where it is: it is recalled by a notice, not by a hand in somebody's folder."""
        return False


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
