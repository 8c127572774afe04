"""Receives a folder: every file is recognised by its content; what is whole and MR becomes series, the rest is told."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from attrs import frozen

from fivesafes.core.errors import FiveSafesError, InvalidInput
from fivesafes.core.ids import Identifying, SeriesId, SubjectLabel
from fivesafes.core.progress import Progress
from fivesafes.data.header.inspect import Inspected, Instance, inspect
from fivesafes.data.header.profile import Profile
from fivesafes.data.header.pseudonyms import Pseudonyms
from fivesafes.data.model import FileStatus, SeriesFacts
from fivesafes.flow.ports import Executor

CHUNK: Final = 64
"""Files per job: enough that handing over costs little, few enough that progress is seen."""


@frozen(kw_only=True)
class AsideFile:
    """One file that is not used: status, reason code and a sentence without any value; the path is identifying."""

    path: Identifying[Path]
    status: FileStatus
    reason: str
    why: str


@frozen(kw_only=True)
class ReceivedSeries:
    """One series of one participant.  ``taken`` sorts by acquisition; ``texts`` must not be found in a release."""

    id: SeriesId
    participant: Identifying[str]
    subject: SubjectLabel
    study: str
    facts: SeriesFacts
    instances: tuple[Identifying[Path], ...]
    taken: Identifying[str]
    texts: Identifying[frozenset[str]]
    bytes: int


@frozen(kw_only=True)
class Received:
    """All that was found: series, what was set aside, and a digest of each series' files."""

    series: tuple[ReceivedSeries, ...]
    set_aside: tuple[AsideFile, ...]
    digests: Mapping[SeriesId, str]

    def texts_of(self, series: Iterable[SeriesId]) -> Identifying[frozenset[str]]:
        """Join the identifying strings of some series."""
        wanted = frozenset(series)
        found = (one.texts.reveal() for one in self.series if one.id in wanted)
        return Identifying(frozenset().union(*found))
