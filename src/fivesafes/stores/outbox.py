"""Documents that people must send or keep: recall notices, receipts, certificates; as text and as JSON."""

import json
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from fivesafes.core.errors import InvalidInput, TryAgain
from fivesafes.flow.haven.recall import Document

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,150}")


class FolderOutbox:
    """Keeps documents in ``<folder>/<project>/``, readable by their owner alone, apart from the work they tell of."""

    def __init__(self, folder: Path) -> None:
        """Take the haven's folder of documents."""
        self._folder = folder

    def folder(self, project: str) -> Path:
        """Name where a project's documents lie."""
        return self._folder / _checked(project)

    def put(self, documents: Iterable[Document]) -> None:
        """Write each as ``NAME.txt`` and ``NAME.json``; durable when it returns.  Done again, it replaces.

        Raises TryAgain when the disk is full or says no; then no document is half written.
        """
        for one in documents:
            data = json.dumps({**one.data, "sha256": one.digest}, indent=1, ensure_ascii=False) + "\n"
            try:
                folder = self.folder(one.project)
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                for ending, content in ((".txt", one.text), (".json", data)):
                    _write(folder / f"{_checked(one.name)}{ending}", content.encode())
                _sync(folder)
            except OSError as error:
                message = f"a document can't be written: {error.strerror}"
                raise TryAgain(message, fix="check free space and permissions, then run it again") from None


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        message = "a document's name is letters, digits, dots, dashes and underscores"
        raise InvalidInput(message, fix="this is a mistake of the program: report it")
    return name


def _write(path: Path, content: bytes) -> None:
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
