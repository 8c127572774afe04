"""A folder of DICOM in, a folder of de-identified DICOM out: stand-alone, no haven needed.

Two passes: each file is looked at once, whatever its name; then each series is cleaned and written.  The same input,
key and policies give the same output, so a run that was interrupted is finished by running it again.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from attrs import evolve, field, frozen

from fivesafes.core.errors import FiveSafesError, TryAgain, WorkerDied
from fivesafes.core.ids import Identifying
from fivesafes.core.progress import Progress
from fivesafes.core.verdict import Gravity
from fivesafes.data.header.account import account_of
from fivesafes.data.header.content import read_content
from fivesafes.data.header.deidentify import Cleaned, Deidentifier, deidentifier_of_process
from fivesafes.data.header.inspect import SetAside, inspect, set_aside_unread
from fivesafes.data.header.malformed import Malformed, changing, too_much
from fivesafes.data.header.mapped import digest_of
from fivesafes.data.header.part10 import open_data_set
from fivesafes.data.header.pixel_step import Looked
from fivesafes.data.header.profile import Profile
from fivesafes.data.header.pseudonyms import Pseudonyms
from fivesafes.data.model import FileStatus, HeaderRecord
from fivesafes.data.pixels.pictures import page, picture
from fivesafes.flow.folder_outcome import NOTHING_BESIDE, FileOutcome, FolderOutcome, Options
from fivesafes.flow.limits import limited, run_spans
from fivesafes.flow.output_folder import OutputFolder, check_places, is_regular, private_folder, shown, walk
from fivesafes.flow.ports import Executor

CHUNK: Final = 64
"""Files per job of the first pass."""

DONE: Final = "data.file.deidentified"
DUPLICATE: Final = "data.file.duplicate"
SAME_UID: Final = "data.file.same-uid"


@frozen(kw_only=True)
class _Seen:
    """What sorting needs of one whole object; its place in the list of paths is ``index``.

    ``stamp`` is the file's size and time of change: what is cleaned must be what was looked at.
    """

    index: int
    stamp: tuple[int, int]
    sha256: str
    sop: str = field(repr=False)
    series: str = field(repr=False)
    study: str = field(repr=False)
    patient: Identifying[str]


@frozen(kw_only=True)
class _Paths:
    """What workers of the first pass are given once: every path, in order."""

    paths: tuple[Path, ...] = field(repr=False)


@frozen(kw_only=True)
class _Work:
    """What workers of the second pass are given once; ``series`` names an output folder and its files by index."""

    paths: tuple[Path, ...] = field(repr=False)
    series: Mapping[str, tuple[_Seen, ...]]
    into: Path | None = field(repr=False)
    options: Options
    profile: Profile
    pseudonyms: Pseudonyms


def deidentify_folder(
    source: Path,
    into: Path,
    *,
    profile: Profile,
    pseudonyms: Pseudonyms,
    executor: Executor,
    progress: Progress,
    options: Options = NOTHING_BESIDE,
) -> FolderOutcome:
    """De-identify every file below ``source`` into ``into``/sub-label/study/series/object.dcm.

    What is there already and equal is left alone.  A log gets one file per series with what was done to each header
    (attributes, counts, the row that decided; no values).  Raises UsageMistake when one folder lies in the other, or
    the one for review in either, and TryAgain when the output can't be written (full, locked by another run, not
    permitted); nothing half-written is left.
    """
    check_places(source, into)
    if options.review is not None:
        private_folder(options.review, apart_from=(source, into))
    with OutputFolder.locked(into):
        found = _sorted(source, pseudonyms, executor, progress)
        work = _work(found, into, options, profile, pseudonyms)
        outcome = _finish(source, found, work, executor, progress)
    if options.review is not None:
        _write(options.review / "index.html", (page(sorted(path.name for path in options.review.glob("*.png"))),))
    return outcome


def preview_folder(
    source: Path,
    *,
    profile: Profile,
    pseudonyms: Pseudonyms,
    executor: Executor,
    progress: Progress,
    options: Options = NOTHING_BESIDE,
) -> FolderOutcome:
    """Say what deidentify_folder would do; write nothing."""
    found = _sorted(source, pseudonyms, executor, progress)
    work = _work(found, None, evolve(options, log=None, review=None), profile, pseudonyms)
    return _finish(source, found, work, executor, progress)


@frozen(kw_only=True)
class _Sorted:
    """The first pass: whole objects by output folder, and what is already known of the other files."""

    paths: tuple[Path, ...] = field(repr=False)
    series: Mapping[str, tuple[_Seen, ...]]
    outcomes: dict[int, FileOutcome]
    closed: tuple[Path, ...] = field(repr=False)
    links: int


def _work(found: _Sorted, into: Path | None, options: Options, profile: Profile, pseudonyms: Pseudonyms) -> _Work:
    return _Work(
        paths=found.paths, series=found.series, into=into, options=options, profile=profile, pseudonyms=pseudonyms
    )


def _sorted(source: Path, pseudonyms: Pseudonyms, executor: Executor, progress: Progress) -> _Sorted:
    walked = walk(source)
    outcomes: dict[int, FileOutcome] = {}
    seen = list(_look(source, walked.files, executor, progress, outcomes))
    chosen = list(_choose(source, walked.files, seen, outcomes))
    series = _by_series(chosen, pseudonyms)
    return _Sorted(paths=walked.files, series=series, outcomes=outcomes, closed=walked.unreadable, links=walked.links)


def _finish(source: Path, found: _Sorted, work: _Work, executor: Executor, progress: Progress) -> FolderOutcome:
    outcomes = dict(found.outcomes)
    for index, outcome in _clean(work, executor, progress):
        outcomes[index] = evolve(outcome, path=shown(found.paths[index], source))
    closed = [
        FileOutcome(path=shown(path, source), status=FileStatus.UNREADABLE, code="data.folder.permission", why=_CLOSED)
        for path in found.closed
    ]
    files = sorted([*outcomes.values(), *closed], key=lambda outcome: outcome.path)
    profile = work.profile
    return FolderOutcome(files=tuple(files), profile=profile.name, policy_digest=profile.digest, links=found.links)


_CLOSED: Final = "the system does not let this folder be read: what it holds is unknown"


def _look(
    source: Path, paths: tuple[Path, ...], executor: Executor, progress: Progress, outcomes: dict[int, FileOutcome]
) -> Iterator[_Seen]:
    """Look at every file once; yield whole objects, note the rest in ``outcomes``."""
    progress.begin("look", total=len(paths), unit="files")
    context = _Paths(paths=paths)
    jobs = [(start, min(start + CHUNK, len(paths))) for start in range(0, len(paths), CHUNK)]
    for (start, _), answer in run_spans(executor, context, _inspect_chunk, jobs):
        if isinstance(answer, WorkerDied):
            answer = [(start, set_aside_unread(paths[start], too_much()))]  # noqa: PLW2901 - the killer's answer
        for index, what in answer:
            if isinstance(what, _Seen):
                yield what
            else:
                outcomes[index] = _told(what, shown(paths[index], source))
            progress.advance("look")
    progress.end("look")


def _told(what: SetAside, path: str) -> FileOutcome:
    return FileOutcome(path=path, status=what.status, code=what.code, why=what.why)


def _inspect_chunk(context: _Paths, job: tuple[int, int]) -> list[tuple[int, _Seen | SetAside]]:
    """Inspect the files of one chunk (a worker's job)."""
    return [(index, _inspected(index, context.paths[index])) for index in range(*job)]


def _inspected(index: int, path: Path) -> _Seen | SetAside:
    """Inspect one file within limits."""
    if not is_regular(path):
        return _link(path)
    stamp = _stamp(path)
    try:
        what = limited(stamp[0], inspect, path)
    except Malformed as malformed:
        return set_aside_unread(path, malformed)
    if isinstance(what, SetAside):
        return what
    return _Seen(
        index=index,
        stamp=stamp,
        sha256=what.sha256,
        sop=what.sop_instance_uid,
        series=what.series_uid,
        study=what.study_uid,
        patient=what.patient,
    )


def _stamp(path: Path) -> tuple[int, int]:
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
    source: Path, paths: tuple[Path, ...], seen: Sequence[_Seen], outcomes: dict[int, FileOutcome]
) -> Iterator[_Seen]:
    """Yield one file of each object; copies are noted, and different objects under one UID wait for a person."""
    by_uid: dict[str, dict[str, list[_Seen]]] = {}
    for one in sorted(seen, key=lambda one: one.index):
        by_uid.setdefault(one.sop, {}).setdefault(one.sha256, []).append(one)
    for copies in by_uid.values():
        distinct = list(copies.values()) if len(copies) == 1 else _by_content(paths, copies)
        for first, *others in distinct:
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


def _by_content(paths: tuple[Path, ...], copies: Mapping[str, list[_Seen]]) -> list[list[_Seen]]:
    """Group files of one UID by their data sets: file meta information and preamble make no other object."""
    groups: dict[str, list[_Seen]] = {}
    for ones in copies.values():
        try:
            path = paths[ones[0].index]
            content = limited(ones[0].stamp[0], _digest, path)
        except Malformed:
            content = ones[0].sha256
        groups.setdefault(content, []).extend(ones)
    return [sorted(group, key=lambda one: one.index) for group in groups.values()]


def _digest(path: Path) -> str:
    data_set = open_data_set(read_content(path))
    return digest_of(memoryview(data_set.buffer)[data_set.start :])


def _by_series(chosen: Sequence[_Seen], pseudonyms: Pseudonyms) -> dict[str, tuple[_Seen, ...]]:
    """Group objects by the folder they go to."""
    series: dict[str, list[_Seen]] = {}
    for one in chosen:
        subject = pseudonyms.subject(one.patient)
        folder = f"sub-{subject}/{pseudonyms.name('study', one.study)}/{pseudonyms.series(one.series)}"
        series.setdefault(folder, []).append(one)
    return {folder: tuple(ones) for folder, ones in sorted(series.items())}


def _clean(work: _Work, executor: Executor, progress: Progress) -> Iterator[tuple[int, FileOutcome]]:
    progress.begin("deidentify", total=sum(map(len, work.series.values())), unit="files")
    for answer in _cleaned(work, list(work.series), executor):
        yield from answer
        progress.advance("deidentify", len(answer))
    progress.end("deidentify")


def _cleaned(work: _Work, folders: Sequence[str], executor: Executor) -> Iterator[list[tuple[int, FileOutcome]]]:
    """Clean series; where one costs its worker, find the files that do, and clean the rest."""
    most = max((len(work.series[folder]) for folder in folders), default=0)
    for folder, answer in executor.run_with(work, _clean_series, folders, patience=work.options.patience(most)):
        if isinstance(answer, WorkerDied):
            yield from _without_killers(work, folder, executor)
        elif isinstance(answer, FiveSafesError):
            raise answer
        else:
            yield answer


def _without_killers(work: _Work, folder: str, executor: Executor) -> Iterator[list[tuple[int, FileOutcome]]]:
    """Try each file of a series alone, writing nothing; set aside those that cost their worker, and do the rest."""
    ones = {f"{folder} {place}": (one,) for place, one in enumerate(work.series[folder])}
    trial = evolve(work, series=ones, into=None, options=evolve(work.options, log=None, review=None))
    tried = dict(executor.run_with(trial, _clean_series, list(ones), patience=work.options.patience(1)))
    killers = {ones[name][0] for name, answer in tried.items() if isinstance(answer, WorkerDied)}
    rest = tuple(one for one in work.series[folder] if one not in killers)
    if not killers:  # each alone is harmless and all together are not: nobody knows why
        killers, rest = set(rest), ()
    yield [(one.index, _problem(too_much())) for one in killers]
    if rest:
        yield from _cleaned(evolve(work, series={folder: rest}), [folder], executor)


def _clean_series(work: _Work, folder: str) -> list[tuple[int, FileOutcome]]:
    """De-identify the objects of one series (a worker's job).  Raises TryAgain when they can't be written."""
    deidentifier = deidentifier_of_process(work.profile, work.pseudonyms, work.options.pixels)
    log_folder, review = work.options.log, work.options.review
    outcomes = []
    log: dict[str, HeaderRecord] = {}
    for one in work.series[folder]:
        name = f"{folder}/{work.pseudonyms.name('object', one.sop)}.dcm"
        path = work.paths[one.index]
        try:
            cleaned = limited(one.stamp[0], _cleaned_file, deidentifier, path, more_seconds=work.options.engine_seconds)
            if _stamp(path) != one.stamp:
                raise changing()
        except Malformed as malformed:
            outcome = _problem(malformed)
        else:
            outcome = _outcome(cleaned, name)
            if cleaned.pieces and work.into is not None:
                _write(work.into / name, cleaned.pieces)
            if cleaned.pieces and log_folder is not None:
                log[name] = cleaned.record
            if review is not None and cleaned.looked is not None:
                _show(review, name, cleaned.looked)
        outcomes.append((one.index, outcome))
    if log_folder is not None and log:
        account = account_of(log, work.profile)
        _write(log_folder / f"{folder.replace('/', '_')}.json", (account.encode(),))
    return outcomes


def _cleaned_file(deidentifier: Deidentifier, path: Path) -> Cleaned:
    return deidentifier.clean(open_data_set(read_content(path)))


def _problem(malformed: Malformed) -> FileOutcome:
    return FileOutcome(path="", status=malformed.status, code=malformed.code, why=malformed.why)


def _outcome(cleaned: Cleaned, name: str) -> FileOutcome:
    status = {
        Gravity.NOTE: FileStatus.DEIDENTIFIED,
        Gravity.REVIEW: FileStatus.REVIEW,
        Gravity.REFUSE: FileStatus.REFUSED,
    }[cleaned.verdict.gravity]
    heaviest = max(cleaned.verdict.findings, key=lambda finding: finding.gravity, default=None)
    return FileOutcome(
        path="",
        status=status,
        code=heaviest.code if heaviest else DONE,
        why=heaviest.why if heaviest else "",
        output=name if cleaned.pieces else None,
        pixels=None if cleaned.looked is None else evolve(cleaned.looked, shown=()),
    )


def _show(review: Path, name: str, looked: Looked) -> None:
    """Write pictures of what was found in one object, under its pseudonymous name."""
    stem = name.removesuffix(".dcm").replace("/", "_")
    for one in looked.shown:
        png = picture(before=one.before, after=one.after, found=one.boxes, blanked=looked.blanked)
        _write(review / f"{stem}_frame-{one.frame + 1:04d}.png", (png,))


def _write(path: Path, pieces: Sequence[bytes | bytearray | memoryview]) -> None:
    try:
        OutputFolder.write(path, pieces)
    except OSError as error:
        what = f"the output folder can't be written: {error.strerror}"
        fix = "make room or give permission, then run the same command again: it goes on where it stopped"
        raise TryAgain(what, fix=fix) from None
