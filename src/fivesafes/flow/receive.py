"""Receives a folder: every file is recognised by its content; what is whole and MR becomes series, the rest is told."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

from attrs import evolve, field, frozen

from fivesafes.core.errors import TryAgain, WorkerDied
from fivesafes.core.ids import Identifying, SeriesId, SubjectLabel
from fivesafes.core.progress import Progress
from fivesafes.data.header.collect import TextCollector, nobodys
from fivesafes.data.header.content import size_of
from fivesafes.data.header.inspect import Instance, SetAside, examine, set_aside, set_aside_unread
from fivesafes.data.header.malformed import Malformed, too_much
from fivesafes.data.header.profile import Profile, load_profile
from fivesafes.data.header.pseudonyms import Pseudonyms
from fivesafes.data.model import FileStatus, SeriesFacts
from fivesafes.data.originals import InPlace, Originals
from fivesafes.flow.limits import limited, run_spans
from fivesafes.flow.output_folder import is_regular, walk
from fivesafes.flow.ports import Executor
from fivesafes.flow.record import SeriesOutcome

CHUNK: Final = 64
"""Files per job: enough that handing over costs little, few enough that progress is seen."""
FEW: Final = 16
"""Chunks that are looked at in this process: starting others takes longer than looking at a thousand files."""


@frozen(kw_only=True)
class ReceivedSeries:
    """One series of one participant.

    ``taken`` sorts by acquisition; ``texts`` must not be found in a release; ``uids`` are the instances' own, in order,
    where the originals were just received.
    """

    id: SeriesId
    participant: Identifying[str]
    subject: SubjectLabel
    study: str
    facts: SeriesFacts
    originals: Originals
    uids: Identifying[tuple[str, ...]] = field(default=Identifying(()), repr=False)
    taken: Identifying[str]
    texts: Identifying[frozenset[str]]
    bytes: int
    digest: str


@frozen(kw_only=True)
class Received:
    """All that was found: the series, each file that was set aside, and series that were not opened at all."""

    series: tuple[ReceivedSeries, ...]
    set_aside: tuple[SetAside, ...]
    withheld: tuple[SeriesOutcome, ...] = ()

    @property
    def digests(self) -> Mapping[SeriesId, str]:
        """Digest each series' files."""
        return {one.id: one.digest for one in self.series}

    def texts_of(self, series: Iterable[SeriesId]) -> Identifying[frozenset[str]]:
        """Join the identifying strings of some series."""
        wanted = frozenset(series)
        found = (one.texts.reveal() for one in self.series if one.id in wanted)
        return Identifying(frozenset().union(*found))


class Source(Protocol):
    """Where scans come from: a folder as it was handed over, or the vault."""

    def receive(self, *, executor: Executor, profile: Profile, pseudonyms: Pseudonyms, progress: Progress) -> Received:
        """Give everything that is there, each series and file with an answer."""


@frozen(kw_only=True)
class FolderSource:
    """A folder of scans, however nested; read where it lies."""

    path: Identifying[Path]

    def receive(self, *, executor: Executor, profile: Profile, pseudonyms: Pseudonyms, progress: Progress) -> Received:
        """Look at every file below it."""
        return receive(self.path, executor=executor, profile=profile, pseudonyms=pseudonyms, progress=progress)


@frozen(kw_only=True)
class _Folder:
    """What a worker is given once: the files, and the name of the profile that says what of them is kept."""

    files: tuple[Identifying[Path], ...]
    profile: str


@frozen(kw_only=True)
class _Seen:
    """What a worker found in some files: each one's answer, and the identifying strings by series UID."""

    answers: tuple[Instance | SetAside, ...]
    texts: Identifying[Mapping[str, frozenset[str]]] = field(repr=False)


def receive(
    source: Identifying[Path],
    *,
    executor: Executor,
    profile: Profile,
    pseudonyms: Pseudonyms,
    progress: Progress,
) -> Received:
    """Look at every file below a folder, whatever its name.  No entry is left without answer."""
    files, unseen = _look_around(source.reveal())
    progress.begin("receive", total=len(files), unit="files")
    answers: list[Instance | SetAside] = []
    texts: dict[str, set[str]] = defaultdict(set)
    jobs = [(start, min(start + CHUNK, len(files))) for start in range(0, len(files), CHUNK)]
    context = _Folder(files=files, profile=profile.name)
    here = ((job, _look(context, job)) for job in jobs)
    for job, answer in here if len(jobs) <= FEW else run_spans(executor, context, _look, jobs):
        seen = _killer(files[job[0]]) if isinstance(answer, WorkerDied) else answer
        answers += seen.answers
        for uid, found in seen.texts.reveal().items():
            texts[uid] |= found
        progress.advance("receive", job[1] - job[0])
    progress.end("receive")
    if len(answers) != len(files):
        message = "some files were not looked at"
        raise TryAgain(message, fix="run the same command again; report it if it stays so")
    instances = [one for one in answers if isinstance(one, Instance)]
    aside = [one for one in answers if isinstance(one, SetAside)]
    wanted, unwanted = _sorted_out(instances, profile)
    series, mixed = _series(wanted, texts, pseudonyms)
    return Received(series=tuple(series), set_aside=tuple(unseen + aside + unwanted + mixed))


def _look_around(source: Path) -> tuple[tuple[Identifying[Path], ...], list[SetAside]]:
    """List the files to look at; what is no file of its own, and folders that may not be read, are set aside."""
    walked = walk(source)
    links = "a link: links are not followed"
    aside = [_no_file(path, links, "data.file.link") for path in walked.files if path.is_symlink()]
    aside += [
        _no_file(path, "neither a file nor a folder", "data.file.special")
        for path in walked.files
        if not path.is_symlink() and not is_regular(path)
    ]
    unread = "a folder that the system does not let be read"
    aside += [_no_file(path, unread, "data.file.folder") for path in walked.unreadable]
    aside += [_no_file(source, "a linked folder: links are not followed", "data.file.link")] * walked.links
    return tuple(Identifying(path) for path in walked.files if is_regular(path)), aside


def _no_file(path: Path, why: str, code: str) -> SetAside:
    return SetAside(path=Identifying(path), status=FileStatus.UNREADABLE, code=code, why=why)


def _killer(path: Identifying[Path]) -> _Seen:
    """Set a file aside that cost its worker."""
    return _Seen(answers=(set_aside_unread(path.reveal(), too_much()),), texts=Identifying({}))


def _look(context: _Folder, job: tuple[int, int]) -> _Seen:
    """Inspect some files, each within limits."""
    profile = load_profile(context.profile)
    cleaning = nobodys(profile)
    answers: list[Instance | SetAside] = []
    collectors: dict[str, TextCollector] = {}

    def collector(uid: str) -> TextCollector:
        if uid not in collectors:
            collectors[uid] = TextCollector(profile, cleaning)
        return collectors[uid]

    for path in (one.reveal() for one in context.files[slice(*job)]):
        try:
            answers.append(limited(size_of(path), _examined, path, collector))
        except Malformed as malformed:
            answers.append(set_aside_unread(path, malformed))
    texts = {uid: collector.texts() for uid, collector in collectors.items()}
    return _Seen(answers=tuple(answers), texts=Identifying(texts))


def _examined(path: Path, collector: Callable[[str], TextCollector]) -> Instance | SetAside:
    """Inspect a file and collect its texts, at every level."""
    answer, data_set = examine(path)
    if isinstance(answer, Instance) and data_set is not None:
        try:
            collector(answer.series_uid).add(data_set)
        except Malformed as malformed:  # its outermost level was whole, and one within is not
            return set_aside(path, malformed)
    return answer


def _sorted_out(instances: Sequence[Instance], profile: Profile) -> tuple[list[Instance], list[SetAside]]:
    """Set aside what is no MR image, copies of a file, and files that contradict one another under one UID."""
    kept: list[Instance] = []
    aside: list[SetAside] = []
    by_uid: dict[str, list[Instance]] = defaultdict(list)
    for one in sorted(instances, key=lambda one: str(one.path.reveal())):
        kind = profile.sop_class(one.sop_class)
        if kind.accepted and profile.accepts_modality(one.modality):
            by_uid[one.sop_instance_uid].append(one)
        else:
            why = kind.why if not kind.accepted else "its Modality is not one that this profile knows"
            aside.append(_aside(one, FileStatus.REFUSED, "data.header.sop-class", why))
    for same in by_uid.values():
        if len({one.sha256 for one in same}) == 1:
            kept.append(same[0])
            copies = "the same file stands elsewhere in the folder"
            aside += [_aside(one, FileStatus.DUPLICATE, "data.file.duplicate", copies) for one in same[1:]]
        else:
            clash = "several files have one SOPInstanceUID and different content: which is right, a person must say"
            aside += [_aside(one, FileStatus.REVIEW, "data.file.contradicts", clash) for one in same]
    return kept, aside


def _aside(one: Instance, status: FileStatus, code: str, why: str) -> SetAside:
    return SetAside(
        path=one.path, status=status, code=code, why=why, sha256=one.sha256, bytes=one.bytes, patient=one.patient
    )


def _series(
    instances: Sequence[Instance], texts: Mapping[str, set[str]], pseudonyms: Pseudonyms
) -> tuple[list[ReceivedSeries], list[SetAside]]:
    """Group instances by series; one whose files name two participants or studies is set aside: whose is it?"""
    groups: dict[str, list[Instance]] = defaultdict(list)
    for one in instances:
        groups[one.series_uid].append(one)
    series: list[ReceivedSeries] = []
    aside: list[SetAside] = []
    for uid, group in groups.items():
        if len({(one.patient, one.study_uid) for one in group}) > 1:
            mixed = "files of one series name different participants or studies"
            aside += [_aside(one, FileStatus.REVIEW, "data.series.mixed", mixed) for one in group]
        else:
            series.append(_one_series(uid, group, frozenset(texts[uid]), pseudonyms))
    return sorted(series, key=lambda one: one.id), aside


def _one_series(uid: str, group: Sequence[Instance], texts: frozenset[str], pseudonyms: Pseudonyms) -> ReceivedSeries:
    first = group[0]
    digest = hashlib.sha256("\0".join(sorted(one.sha256 for one in group)).encode()).hexdigest()
    return ReceivedSeries(
        id=pseudonyms.series(uid),
        participant=first.patient,
        subject=pseudonyms.subject(first.patient),
        study=pseudonyms.name("study", first.study_uid),
        facts=evolve(first.series, instances=len(group)),
        originals=InPlace(tuple(one.path for one in group)),
        uids=Identifying(tuple(one.sop_instance_uid for one in group)),
        taken=Identifying(min(one.study_date.reveal() + one.study_time.reveal() for one in group)),
        texts=Identifying(texts),
        bytes=sum(one.bytes for one in group),
        digest=digest,
    )
