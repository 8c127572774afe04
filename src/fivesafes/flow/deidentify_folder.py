"""A folder of DICOM in, a folder of de-identified DICOM out: stand-alone, no haven needed.

Two passes: each file is looked at once, whatever its name; then each series is cleaned and written.  The same input,
key and policies give the same output, so a run that was interrupted is finished by running it again.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from attrs import evolve, field, frozen

from fivesafes.core.errors import FiveSafesError, TryAgain, WorkerDied
from fivesafes.core.progress import Progress
from fivesafes.core.verdict import Gravity
from fivesafes.data.header.account import account_of
from fivesafes.data.header.content import read_content
from fivesafes.data.header.deidentify import Cleaned, Deidentifier, deidentifier_of_process
from fivesafes.data.header.malformed import Malformed, changing, too_much
from fivesafes.data.header.part10 import open_data_set
from fivesafes.data.header.pixel_step import Looked
from fivesafes.data.header.profile import Profile
from fivesafes.data.header.pseudonyms import Pseudonyms
from fivesafes.data.model import FileStatus, HeaderRecord
from fivesafes.data.pixels.pictures import page, picture
from fivesafes.flow.folder_outcome import NOTHING_BESIDE, FileOutcome, FolderOutcome, Options
from fivesafes.flow.limits import limited
from fivesafes.flow.output_folder import OutputFolder, check_places, private_folder, shown
from fivesafes.flow.ports import Executor
from fivesafes.flow.sort_folder import Seen, Sorted, sort_folder, stamp_of

PART: Final = 128
"""Files per job of the second pass: a series of a thousand slices is the work of every core."""

DONE: Final = "data.file.deidentified"


_Part = tuple[str, int]
"""Some files of a series: its output folder, and the place of the first among them."""


@frozen(kw_only=True)
class _Work:
    """What workers of the second pass are given once."""

    paths: tuple[Path, ...] = field(repr=False)
    parts: Mapping[_Part, tuple[Seen, ...]]
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
        found = sort_folder(source, pseudonyms, executor, progress)
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
    found = sort_folder(source, pseudonyms, executor, progress)
    work = _work(found, None, evolve(options, log=None, review=None), profile, pseudonyms)
    return _finish(source, found, work, executor, progress)


def _work(found: Sorted, into: Path | None, options: Options, profile: Profile, pseudonyms: Pseudonyms) -> _Work:
    parts = {
        (folder, start): ones[start : start + PART]
        for folder, ones in found.series.items()
        for start in range(0, len(ones), PART)
    }
    return _Work(paths=found.paths, parts=parts, into=into, options=options, profile=profile, pseudonyms=pseudonyms)


def _finish(source: Path, found: Sorted, work: _Work, executor: Executor, progress: Progress) -> FolderOutcome:
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


@frozen(kw_only=True)
class _PartDone:
    """What became of the files of a part, and of their headers where a log is kept."""

    part: _Part
    outcomes: list[tuple[int, FileOutcome]]
    log: dict[str, HeaderRecord] = field(factory=dict)


def _clean(work: _Work, executor: Executor, progress: Progress) -> Iterator[tuple[int, FileOutcome]]:
    left = Counter[str]()
    for (folder, _), ones in work.parts.items():
        left[folder] += len(ones)
    logs: dict[str, dict[int, dict[str, HeaderRecord]]] = {}
    progress.begin("deidentify", total=left.total(), unit="files")
    for done in _cleaned(work, list(work.parts), executor):
        yield from done.outcomes
        progress.advance("deidentify", len(done.outcomes))
        folder, place = done.part
        left[folder] -= len(done.outcomes)
        if done.log:
            logs.setdefault(folder, {})[place] = done.log
        if not left[folder] and folder in logs:
            _write_log(work, folder, logs.pop(folder))
    progress.end("deidentify")


def _write_log(work: _Work, folder: str, logs: Mapping[int, Mapping[str, HeaderRecord]]) -> None:
    """Write the account of a series, whose parts were done in any order."""
    if work.options.log is None:
        return
    account = account_of({name: log[name] for _, log in sorted(logs.items()) for name in log}, work.profile)
    _write(work.options.log / f"{folder.replace('/', '_')}.json", (account.encode(),))


def _cleaned(work: _Work, parts: Sequence[_Part], executor: Executor) -> Iterator[_PartDone]:
    """Clean parts of series; where one costs its worker, find the files that do, and clean the rest."""
    most = max((len(work.parts[part]) for part in parts), default=0)
    for part, answer in executor.run_with(work, _clean_part, parts, patience=work.options.patience(most)):
        if isinstance(answer, WorkerDied):
            yield from _without_killers(work, part, executor)
        elif isinstance(answer, FiveSafesError):
            raise answer
        else:
            yield answer


def _without_killers(work: _Work, part: _Part, executor: Executor) -> Iterator[_PartDone]:
    """Try each file of a part alone, writing nothing; set aside those that cost their worker, and do the rest."""
    folder, start = part
    ones = {(folder, start + place): (one,) for place, one in enumerate(work.parts[part])}
    trial = evolve(work, parts=ones, into=None, options=evolve(work.options, log=None, review=None))
    tried = dict(executor.run_with(trial, _clean_part, list(ones), patience=work.options.patience(1)))
    killers = {ones[name][0] for name, answer in tried.items() if isinstance(answer, WorkerDied)}
    rest = tuple(one for one in work.parts[part] if one not in killers)
    if not killers:  # each alone is harmless and all together are not: nobody knows why
        killers, rest = set(rest), ()
    yield _PartDone(part=part, outcomes=[(one.index, _problem(too_much())) for one in killers])
    if rest:
        yield from _cleaned(evolve(work, parts={part: rest}), [part], executor)


def _clean_part(work: _Work, part: _Part) -> _PartDone:
    """De-identify some objects of one series (a worker's job).  Raises TryAgain when they can't be written."""
    deidentifier = deidentifier_of_process(work.profile, work.pseudonyms, work.options.pixels)
    review = work.options.review
    done = _PartDone(part=part, outcomes=[])
    for one in work.parts[part]:
        name = f"{part[0]}/{work.pseudonyms.name('object', one.sop)}.dcm"
        path = work.paths[one.index]
        try:
            cleaned = limited(one.stamp[0], _cleaned_file, deidentifier, path, more_seconds=work.options.engine_seconds)
            if stamp_of(path) != one.stamp:
                raise changing()
        except Malformed as malformed:
            outcome = _problem(malformed)
        else:
            outcome = _outcome(cleaned, name)
            if cleaned.pieces and work.into is not None:
                _write(work.into / name, cleaned.pieces)
            if cleaned.pieces and work.options.log is not None:
                done.log[name] = cleaned.record
            if review is not None and cleaned.looked is not None:
                _show(review, name, cleaned.looked)
        done.outcomes.append((one.index, outcome))
    return done


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
