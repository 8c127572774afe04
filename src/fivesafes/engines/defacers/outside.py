"""Runs a tool that the user has installed, so that it sees nothing it could betray, and takes only its mask.

The tool gets a copy of the image in a private folder (data/face/neutral.py), relative names, a private home, a time
limit, and a session of its own that is killed as a whole.  What it makes of the image is thrown away; what it marked
goes the way of the embedded engine's zones: applied to the stored numbers, re-opened, measured, judged.
"""

import re
import shutil
import socket
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import ClassVar, Final

from attrs import evolve, frozen

from fivesafes.core.errors import EngineFailed, EngineMissing, TryAgain, UsageMistake
from fivesafes.data.face.cut import By, Look, check_folder
from fivesafes.data.face.itk import Bools, dilated
from fivesafes.data.face.neutral import Neutral, neutral
from fivesafes.data.face.other import deface_with
from fivesafes.data.model import Defaced, FaceMode, FaceStatus, ToolRun
from fivesafes.engines.defacers.containers import end_containers
from fivesafes.engines.defacers.modes import check_mode
from fivesafes.engines.defacers.programs import surroundings
from fivesafes.engines.program import Finished, run
from fivesafes.flow.output_folder import scratch_in

HOUR: Final = 3600.0
TOLD: Final = 600
"""Characters of a tool's last messages that are kept."""

ELSEWHERE: Final = ".fivesafes-defacing-"
"""How a private folder is called that lies among temporary files."""

_PLAIN: Final = re.compile(r"[\w./+@-]+")
_PATH: Final = re.compile(r"(?<![\w.])(?:~|[A-Za-z]:)?[/\\][^\s'\":;,()\[\]<>]+")
RIM_MM: Final = 2.0
"""Kept around a brain that a tool found: tools differ in where they say that a brain ends."""

REMOVING: Final = (FaceMode.REMOVE, FaceMode.MASK)
STRIPPING: Final = (FaceMode.SKULL_STRIP,)


@frozen(kw_only=True, eq=False)
class Job:
    """One image in a tool's hands: the private ``folder`` it runs in, the ``copy`` it is given, what we saw ourselves.

    ``suffix``: what kind of image it is by its name (T1w, FLAIR …), or empty; the name itself stays with us.
    """

    folder: Path
    copy: Neutral
    look: Look
    suffix: str


class OutsideDefacer(ABC):
    """What all users' own tools have in common; each says how it is called and where its mask is."""

    name: ClassVar[str]
    modes: ClassVar[tuple[FaceMode, ...]] = REMOVING
    programs: ClassVar[tuple[str, ...]]
    """What it starts, and what that starts: their folders are on its PATH."""

    inherited: ClassVar[tuple[str, ...]] = ()
    """The variables of this machine that it gets to see."""

    taken: ClassVar[str]
    """What of its output is used, for the record."""

    def __init__(self, *, seconds: float = HOUR) -> None:
        """Take the time limit for one image."""
        self._seconds = seconds
        self._elsewhere: Path | None = None
        self._version = ""

    @abstractmethod
    def missing(self) -> str | None:
        """Say what must be installed first, or None when ready."""

    @abstractmethod
    def version(self) -> str:
        """Name the tool's version as it says it itself."""

    @abstractmethod
    def words(self, job: Job) -> Sequence[str | Path]:
        """Put what it reads into the job's folder, and give the command: an absolute program, relative names.

        Raises EngineFailed when it can't be given what it needs.
        """

    @abstractmethod
    def marked(self, job: Job) -> Bools:
        """Read from the job's folder what it would remove, on the copy's grid.  Raises EngineFailed for no mask."""

    def variables(self, home: Path) -> dict[str, str]:
        """Give what it needs to know beyond the variables it inherits; put into its private home what it looks for."""
        return {}

    def deface(self, image: Path, *, into: Path, mode: FaceMode, beside: Path | None = None) -> Defaced:
        """Write the image less what the tool marks, and the mask, into the folder; never touch ``image``.

        The tool looks at this image alone; what it left is measured with the head that ``beside`` shows, if given.
        A tool that fails on an image has it refused: nothing is written, and the answer's ``run`` says how it ended.
        Raises UsageMistake for a mode it can't do, EngineMissing when it is not installed, InvalidInput for no image.
        """
        self._check(mode, into)
        check_folder(image, into)
        self._version = self._version or self.version()  # asked once: some take seconds to say it
        by = By(engine=self.name, version=self._version, mode=mode)
        runs: list[ToolRun] = []

        def marker(look: Look) -> Bools:
            with _private_folder(into, place=self.works_in(into)) as folder:
                return self._mark(look, folder, runs)

        try:
            defaced = deface_with(image, into=into, by=by, marker=marker, beside=beside)
        except EngineFailed as failed:
            why = f"{self.name} failed: {failed.what} (fix: {failed.fix})"
            defaced = by.answers(FaceStatus.REFUSED, why=why)
        return evolve(defaced, run=runs[-1] if runs else None)

    def _check(self, mode: FaceMode, into: Path) -> None:
        """Refuse before anything is run."""
        check_mode(self, mode)
        missing = self.missing()
        if missing is not None:
            what = f"the defacer {self.name} can't work here"
            raise EngineMissing(what, fix=f"install {missing}")
        self.check_place(into)

    def check_place(self, into: Path) -> None:
        """Raise UsageMistake for a folder for which it can't work."""
        self.works_in(into)

    def may_work_in(self, place: Path) -> None:
        """Allow it to work in a private folder there, where it can't inside of the folder that it writes into.

        A journey allows none: what shows a head stays in its own private folder.
        """
        self._elsewhere = place

    def works_in(self, into: Path) -> Path:
        """Say in which folder its private one is made.

        Tools put paths into shell commands as they are, and find out where they really are: no link helps.  Raises
        UsageMistake when no folder's path will do.
        """
        for place in (into, self._elsewhere):
            if place is not None and _PLAIN.fullmatch(str(place.resolve())):
                return place
        what = f"{self.name} can't work in a folder whose path has spaces or signs that a shell reads"
        fix = "give an output folder whose path has letters, digits, '.', '_' and '-' only"
        raise UsageMistake(what, fix=fix if self._elsewhere is None else f"{fix}, or set TMPDIR to such a folder")

    def _mark(self, look: Look, folder: Path, runs: list[ToolRun]) -> Bools:
        """Run the tool in a folder, note how it went, and read its mask."""
        work, home = folder / "work", folder / "home"
        for place in (work, home):
            place.mkdir(mode=0o700)
        job = Job(folder=work, copy=neutral(look), look=look, suffix=_suffix(look.path))
        words = self.words(job)
        known = {**surroundings(self.programs, self.inherited), **self.variables(home)}
        began, messages = time.monotonic(), folder / "messages"
        finished = None
        try:
            finished = run(words, home=home, folder=work, seconds=self._seconds, environment=known, messages=messages)
        finally:  # also when we are stopped
            if "docker" in self.programs and (finished is None or finished.code != 0):
                end_containers(folder, home)
        seconds = round(time.monotonic() - began, 1)
        runs.append(self._noted(words, finished, seconds, told=_told(messages, finished, folder, look.path)))
        if finished.code != 0:
            what = "its time was up" if finished.code is None else f"it ended with exit code {finished.code}"
            raise EngineFailed(what, fix="read its messages (run.messages in --json), or use another engine")
        removed = job.copy.returned(self.marked(job))
        return _spared(removed, look) if FaceMode.SKULL_STRIP in self.modes else removed

    def _noted(self, words: Sequence[str | Path], finished: Finished, seconds: float, *, told: str) -> ToolRun:
        named = tuple(Path(word).name if Path(word).is_absolute() else str(word) for word in words)
        return ToolRun(
            program=named[0],
            arguments=named[1:],
            exit_code=finished.code,
            seconds=seconds,
            messages=told,
            taken=self.taken,
        )


def _spared(removed: Bools, look: Look) -> Bools:
    """Leave a rim around the brain that a tool found."""
    near = [int(RIM_MM / step + 0.5) for step in look.stored.grid.steps]
    return ~dilated(~removed, (near[0], near[1], near[2]))


def _suffix(image: Path) -> str:
    """Give the BIDS suffix of a file's name: ``sub-1_T1w.nii.gz`` → ``T1w``."""
    return image.name.split(".")[0].rpartition("_")[2]


def _told(messages: Path, finished: Finished, folder: Path, image: Path) -> str:
    """Keep the end of what a tool said, without paths, names of image, user and machine, and what is no text."""
    text = (messages.read_bytes()[-8 * TOLD :] + b"\n" + finished.printed[-8 * TOLD :]).decode(errors="replace")
    for place in {str(folder), str(folder.resolve())}:
        text = text.replace(f"{place}/work/", "")
    text = _PATH.sub("…", text)
    stem = image.name.split(".")[0]
    for word in {stem, Path.home().name, socket.gethostname()}:
        text = re.sub(rf"(?<!\w){re.escape(word)}(?!\w)", "…", text) if word else text
    lines = ("".join(sign for sign in line if sign.isprintable()).strip() for line in text.splitlines())
    return "\n".join(line for line in lines if line)[-TOLD:]


@contextmanager
def _private_folder(into: Path, *, place: Path) -> Iterator[Path]:
    """Make a folder only we can enter, and let nothing of it stay, however this ends.

    It lies on the disk that the result goes to, or, where paths there are not plain, among temporary files; there what
    a killed call left goes first.
    """
    made = not into.exists()
    into.mkdir(exist_ok=True)
    try:
        with _inside(into) if place == into else scratch_in(place, prefix=ELSEWHERE) as folder:
            yield folder
    finally:
        if made:
            with suppress(OSError):
                into.rmdir()
    if folder.exists():
        where = "the output folder (.deface-…)" if place == into else f"{place} ({ELSEWHERE}…)"
        what = f"the tool left files that can't be removed in a hidden folder of {where}"
        raise TryAgain(what, fix="remove that folder with an administrator's rights: it holds a copy of the image")


@contextmanager
def _inside(into: Path) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix=".defacing-", dir=into.resolve()))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
