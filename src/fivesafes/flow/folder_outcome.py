"""What may be asked for beside de-identified files, and what became of every file of a folder."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from attrs import field, frozen

from fivesafes.data.header.pixel_step import AS_TOLD, Looked, PixelStep
from fivesafes.data.model import FileStatus
from fivesafes.flow.limits import patience_for

ENGINE_SECONDS: Final = 3600.0
"""Of processor time that looking for text in the pixels of one object may take."""


@frozen(kw_only=True)
class FileOutcome:
    """What became of one input file; ``path`` is relative to the input folder and may itself hold a name."""

    path: str = field(repr=False)
    status: FileStatus
    code: str
    why: str
    output: str | None = None
    pixels: Looked | None = field(default=None, repr=False)


@frozen(kw_only=True)
class Options:
    """What may be asked for beside: ``log``, a folder for what was done to each header; how pixels are dealt with.

    ``review``, a private folder, gets pictures of text that was found and blanked: as identifying as the pixels.
    """

    log: Path | None = field(default=None, repr=False)
    pixels: PixelStep = AS_TOLD
    review: Path | None = field(default=None, repr=False)

    @property
    def engine_seconds(self) -> float:
        """How long an engine may take with one object."""
        return 0.0 if self.pixels.finder is None else ENGINE_SECONDS

    def patience(self, files: int) -> float:
        """Say after how many seconds without an answer to a job of so many files a worker process is stuck."""
        return patience_for(files) + files * self.engine_seconds


NOTHING_BESIDE: Final = Options()


@frozen(kw_only=True)
class FolderOutcome:
    """What became of every file, in order of paths.  ``links`` counts linked folders, which are not followed."""

    files: tuple[FileOutcome, ...]
    profile: str
    policy_digest: str
    links: int = 0

    @property
    def counts(self) -> Mapping[str, int]:
        """How many files have each status."""
        return dict(sorted(Counter(file.status.value for file in self.files).items()))
