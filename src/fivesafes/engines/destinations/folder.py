"""A release as a folder on this machine: complete or absent."""

import shutil
from pathlib import Path
from typing import ClassVar

from fivesafes.flow.ports import Passage


class FolderDestination:
    """Moves a finished candidate into place by renaming; both lie on one file system."""

    name: ClassVar[str] = "folder"
    keeps: ClassVar[bool] = True

    def release(self, candidate: Path, *, to: Path, aside: Path, passage: Passage) -> None:
        """Put ``candidate`` where ``to`` says; what stood there before goes by way of ``aside`` and is removed."""
        passage.begin("")
        passage.leave()
        self.withdraw(to, into=aside)
        candidate.replace(to)
        passage.arrived()
        shutil.rmtree(aside, ignore_errors=True)

    def withdraw(self, release: Path, *, into: Path) -> bool:
        """Take a release out of sight, so that nobody takes it for one that holds; tell whether there was one."""
        if not release.exists():
            return False
        shutil.rmtree(into, ignore_errors=True)
        into.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        release.replace(into)
        return True
