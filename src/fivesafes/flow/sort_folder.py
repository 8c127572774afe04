"""The first pass over a folder of DICOM: which files are objects, whose, and in which series; copies told apart.

Each file is looked at once, whatever its name.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from attrs import field, frozen

from fivesafes.core.errors import WorkerDied
from fivesafes.core.ids import Identifying
from fivesafes.core.progress import Progress
from fivesafes.data.header.content import read_content
from fivesafes.data.header.inspect import Identifier, SetAside, set_aside_unread
from fivesafes.data.header.malformed import Malformed, too_much
from fivesafes.data.header.mapped import digest_of
from fivesafes.data.header.part10 import open_data_set
from fivesafes.data.header.pseudonyms import Pseudonyms
from fivesafes.data.model import FileStatus
from fivesafes.flow.folder_outcome import FileOutcome
from fivesafes.flow.limits import limited, run_spans
from fivesafes.flow.output_folder import is_regular, shown, walk
from fivesafes.flow.ports import Executor

CHUNK: Final = 64
"""Files per job of the first pass."""

DUPLICATE: Final = "data.file.duplicate"
SAME_UID: Final = "data.file.same-uid"


@frozen(kw_only=True)
class Seen:
    """What sorting needs of one whole object; its place in the list of paths is ``index``.

    ``stamp`` is the file's size and time of change: what is cleaned must be what was looked at.
    """

    index: int
    stamp: tuple[int, int]
    sop: str = field(repr=False)
    series: str = field(repr=False)
    study: str = field(repr=False)
    patient: Identifying[str]


@frozen(kw_only=True)
class _Paths:
    """What workers of the first pass are given once: every path, in order."""

    paths: tuple[Path, ...] = field(repr=False)


@frozen(kw_only=True)
class Sorted:
    """The first pass: whole objects by output folder, and what is already known of the other files."""

    paths: tuple[Path, ...] = field(repr=False)
    series: Mapping[str, tuple[Seen, ...]]
    outcomes: dict[int, FileOutcome]
    closed: tuple[Path, ...] = field(repr=False)
    links: int


def sort_folder(source: Path, pseudonyms: Pseudonyms, executor: Executor, progress: Progress) -> Sorted:
    """Look at every file below a folder."""
    walked = walk(source)
    outcomes: dict[int, FileOutcome] = {}
    seen = list(_look(source, walked.files, executor, progress, outcomes))
    chosen = list(_choose(source, walked.files, seen, executor, outcomes))
    series = _by_series(chosen, pseudonyms)
    return Sorted(paths=walked.files, series=series, outcomes=outcomes, closed=walked.unreadable, links=walked.links)


def _look(
    source: Path, paths: tuple[Path, ...], executor: Executor, progress: Progress, outcomes: dict[int, FileOutcome]
) -> Iterator[Seen]:
    """Look at every file once; yield whole objects, note the rest in ``outcomes``."""
    progress.begin("look", total=len(paths), unit="files")
    context = _Paths(paths=paths)
    jobs = [(start, min(start + CHUNK, len(paths))) for start in range(0, len(paths), CHUNK)]
    for (start, _), answer in run_spans(executor, context, _inspect_chunk, jobs):
        if isinstance(answer, WorkerDied):
            answer = [(start, set_aside_unread(paths[start], too_much()))]  # noqa: PLW2901 - the killer's answer
        for index, what in answer:
            if isinstance(what, Seen):
                yield what
            else:
                outcomes[index] = _told(what, shown(paths[index], source))
            progress.advance("look")
    progress.end("look")


def _told(what: SetAside, path: str) -> FileOutcome:
    return FileOutcome(path=path, status=what.status, code=what.code, why=what.why)


def _inspect_chunk(context: _Paths, job: tuple[int, int]) -> list[tuple[int, Seen | SetAside]]:
    """Inspect the files of one chunk (a worker's job)."""
    identifier = Identifier()
    return [(index, _inspected(identifier, index, context.paths[index])) for index in range(*job)]


def _inspected(identifier: Identifier, index: int, path: Path) -> Seen | SetAside:
    """Inspect one file within limits."""
    if not is_regular(path):
        return _link(path)
    stamp = stamp_of(path)
    try:
        what = limited(stamp[0], identifier.identify, path)
    except Malformed as malformed:
        return set_aside_unread(path, malformed)
    if isinstance(what, SetAside):
        return what
    return Seen(
        index=index,
        stamp=stamp,
        sop=what.sop_instance_uid,
        series=what.series_uid,
        study=what.study_uid,
        patient=what.patient,
    )


def stamp_of(path: Path) -> tuple[int, int]:
    """Give what changes when a file is written to: its size, and when it was changed; zeros where that is not told."""
    try:
        told = path.stat()
    except OSError:
        return 0, 0
    return told.st_size, told.st_mtime_ns


def _link(path: Path) -> SetAside:
    why = "a link, pipe or device: only files that lie in the folder themselves are read"
    return SetAside(path=Identifying(path), status=FileStatus.NOT_DICOM, code="data.file.link", why=why)


def _choose(
    source: Path, paths: tuple[Path, ...], seen: Sequence[Seen], executor: Executor, outcomes: dict[int, FileOutcome]
) -> Iterator[Seen]:
    """Yield one file of each object; copies are noted, and different objects under one UID wait for a person."""
    by_uid: dict[str, list[Seen]] = {}
    for one in sorted(seen, key=lambda one: one.index):
        by_uid.setdefault(one.sop, []).append(one)
    digests = _digests(paths, [one for ones in by_uid.values() if len(ones) > 1 for one in ones], executor)
    for ones in by_uid.values():
        distinct: dict[str, list[Seen]] = {}
        for one in ones:
            distinct.setdefault(digests.get(one.index, ""), []).append(one)
        for first, *others in distinct.values():
            for other in others:
                path = shown(paths[other.index], source)
                why = "the same object is there already"
                outcomes[other.index] = FileOutcome(path=path, status=FileStatus.DUPLICATE, code=DUPLICATE, why=why)
            if len(distinct) == 1:
                yield first
            else:
                path = shown(paths[first.index], source)
                outcomes[first.index] = FileOutcome(path=path, status=FileStatus.REVIEW, code=SAME_UID, why=_TWO)


_TWO: Final = "another file with other contents bears the same SOPInstanceUID: keep the right one, take the other away"


def _digests(paths: tuple[Path, ...], twins: Sequence[Seen], executor: Executor) -> dict[int, str]:
    """Give the digests of the data sets of files that share a UID: meta information and preamble make no other object.

    One that can't be read any more is like no other.
    """
    context = _Paths(paths=tuple(paths[one.index] for one in twins))
    jobs = [(start, min(start + CHUNK, len(twins))) for start in range(0, len(twins), CHUNK)]
    if len(jobs) <= 1:
        answers = [digest for job in jobs for digest in _digest_chunk(context, job)]
    else:
        told = {
            span: [""] if isinstance(answer, WorkerDied) else answer
            for span, answer in run_spans(executor, context, _digest_chunk, jobs)
        }
        answers = [digest for span in sorted(told) for digest in told[span]]
    return {one.index: digest or f"unread {one.index}" for one, digest in zip(twins, answers, strict=True)}


def _digest_chunk(context: _Paths, job: tuple[int, int]) -> list[str]:
    """Digest the data sets of one chunk of files (a worker's job); nothing for one that can't be read."""
    return [_digest_of(context.paths[index]) for index in range(*job)]


def _digest_of(path: Path) -> str:
    try:
        return limited(stamp_of(path)[0], _digest, path)
    except Malformed:
        return ""


def _digest(path: Path) -> str:
    data_set = open_data_set(read_content(path))
    return digest_of(memoryview(data_set.buffer)[data_set.start :])


def _by_series(chosen: Sequence[Seen], pseudonyms: Pseudonyms) -> dict[str, tuple[Seen, ...]]:
    """Group objects by the folder they go to."""
    folders: dict[tuple[Identifying[str], str, str], str] = {}
    series: dict[str, list[Seen]] = {}
    for one in chosen:
        key = (one.patient, one.study, one.series)
        folder = folders.get(key)
        if folder is None:
            subject = pseudonyms.subject(one.patient)
            folder = f"sub-{subject}/{pseudonyms.name('study', one.study)}/{pseudonyms.series(one.series)}"
            folders[key] = folder
        series.setdefault(folder, []).append(one)
    return {folder: tuple(ones) for folder, ones in sorted(series.items())}
