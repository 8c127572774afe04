"""The derived, de-identified work of a haven, one folder per project: where it lies, and how it is forgotten."""

import json
import secrets
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from fivesafes.core.errors import TryAgain
from fivesafes.flow.haven.shredding import Reach
from fivesafes.stores.workshop import SCRATCH, sweep_scratch

PRIVATE: Final = "private"
CANDIDATE: Final = "candidate"
_GOING: Final = "going-"
_REPORTS: Final = ("report.html", "report.json")


class FolderWorkspaces:
    """Implements ``flow.haven.shredding.Workspaces`` on the folders below ``projects/``."""

    def __init__(self, projects: Path) -> None:
        """Take the folder that holds one folder per project."""
        self._projects = projects

    def private(self, project: str) -> Path:
        """Name the folder in which a project is worked on."""
        return self._projects / project / PRIVATE

    def forget(self, project: str, *, subject: str | None, series: Sequence[str], reach: Reach) -> int:
        """Remove what was made of these series, and every candidate or report that tells of the participant.

        Raises TryAgain while a worker still holds one of the series in its scratch: it will drop it by itself.
        """
        private = self.private(project)
        removed = sum(_remove(one) for one in private.glob(f"{_GOING}*"))
        removed += sum(_remove(private / "finished" / one) for one in series)
        for whole in (CANDIDATE, "withheld"):
            if subject is None or (private / whole / f"sub-{subject}").exists():
                removed += _remove(_set_out(private / whole))
        if subject is None or any(_mentions(private / name, subject) for name in _REPORTS):
            removed += sum(_remove(private / name) for name in _REPORTS)
        removed += sweep_scratch(private)
        inside = [*series, *([f"candidate/sub-{subject}"] if subject is not None else [])]
        held = [path for one in inside for path in private.glob(f"{SCRATCH}*/{one}") if any(_files(path))]
        if held:
            message = "a worker has a series of this participant in hand"
            raise TryAgain(message, fix="run the command again in a minute: the worker drops it by itself")
        return removed

    def forget_project(self, project: str) -> int:
        """Remove all derived work of a project.  Raises TryAgain while somebody works on it."""
        private = self.private(project)
        sweep_scratch(private)
        if any(private.glob(f"{SCRATCH}*/*")):
            message = "a worker has a series of this project in hand"
            raise TryAgain(message, fix="run the command again when the worker has stopped")
        return _remove(self._projects / project)


def _remove(path: Path) -> int:
    """Remove a file or a folder; tell how many files that were.  Raises OSError when it can't be removed."""
    if path.is_file():
        path.unlink()
        return 1
    if not path.is_dir():
        return 0
    count = sum(1 for _ in _files(path))
    shutil.rmtree(path)
    return count


def _set_out(folder: Path) -> Path:
    """Give a folder that is to be removed whole another name, by which it is found when the removal was interrupted.

    Half removed under its own name it would no longer show whose data it holds.
    """
    going = folder.with_name(f"{_GOING}{secrets.token_hex(4)}")
    try:
        return folder.rename(going)
    except FileNotFoundError:
        return folder


def _files(path: Path) -> Iterator[Path]:
    return (one for one in path.rglob("*") if one.is_file())


def _mentions(report: Path, subject: str) -> bool:
    try:
        return subject in report.read_text(encoding="utf-8")
    except OSError:
        return False


def load_report(private: Path) -> dict[str, Any] | None:
    """Read the record of the last processing, or None when there is none."""
    try:
        content = json.loads((private / "report.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None
