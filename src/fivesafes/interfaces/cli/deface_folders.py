"""``fivesafes deface FOLDER…``: the DICOM series of folders, each into a folder of its own."""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from attrs import evolve, frozen

from fivesafes.core.errors import InvalidInput, UsageMistake
from fivesafes.data.model import Defaced, FaceMode, FaceStatus
from fivesafes.data.ports import Defacer
from fivesafes.flow.output_folder import OutputFolder, check_places, scratch_in

if TYPE_CHECKING:
    from fivesafes.data.face.dicom.gather import Other, Series
    from fivesafes.data.face.dicom.series import DefacedSeries, Drawer

ASIDE: Final = ".deface-"
"""How folders inside the output folder begin that hold what is not whole or not judged yet, and whole heads."""

MASK_ENDING: Final = "_mask.nii.gz"


@frozen(kw_only=True)
class Task:
    """A series to be defaced, and where its folder goes, relative to the output folder.

    ``beside``: an image of the same session that shows the head best.  ``magnitude``: the series that this one is the
    phase of.
    """

    series: "Series"
    place: Path
    beside: Path | None = None
    magnitude: "Series | None" = None

    @property
    def mask(self) -> Path:
        """Where its mask goes, relative to the output folder."""
        return self.place.with_name(self.place.name + MASK_ENDING)


@frozen(kw_only=True)
class Tasks:
    """What there is to do in the folders, and what lies there besides."""

    series: tuple[Task, ...] = ()
    others: tuple["Other", ...] = ()


def plan_folders(folders: Sequence[Path], out: Path, *, held: str) -> Tasks:
    """Look into the folders, and say where each series goes: to the place that it has in its folder.

    Where files of several series lie together, each gets a folder of its own below.  Raises UsageMistake when an
    original could be overwritten or a folder there holds other files, and InvalidInput for a folder without DICOM.
    """
    if not folders:
        return Tasks()
    from fivesafes.data.face.dicom.gather import gather  # noqa: PLC0415 - help stays quick

    names = [folder.resolve().name for folder in folders]
    if len(set(names)) < len(names):
        what = "two of the folders have the same name, so one result would overwrite the other"
        raise UsageMistake(what, fix="deface them in two calls, with different folders for --out")
    tasks: list[Task] = []
    others: list[Other] = []
    for folder, name in zip(folders, names, strict=True):
        check_places(folder, out)
        found = gather(folder)
        if not found.series:
            lost = next((f" ({other.path}: {other.why})" for other in found.others if other.damaged), "")
            what = f"no DICOM image was found in {folder}{lost}"
            raise InvalidInput(what, fix="give folders of DICOM, a folder of NIfTI images, or single images")
        tasks += (
            Task(series=one, place=Path(name) / _inside(one, found.series).relative_to(folder)) for one in found.series
        )
        others += found.others
    for task in tasks:
        for place in (out / task.place, out / held / task.place):
            _check_free(place, task.series)
    return Tasks(series=tuple(tasks), others=tuple(others))


def beside_best(tasks: Tasks, scratch: Path) -> Tasks | None:
    """Let the series look at the one that shows the head best, of which an image is written into a private folder.

    None when none shows it well enough.
    """
    from fivesafes.data.face.dicom.best import best_series  # noqa: PLC0415 - help stays quick
    from fivesafes.data.face.dicom.magnitude import magnitude_of  # noqa: PLC0415 - as said

    every = [task.series for task in tasks.series]
    best = best_series(every, scratch)
    if best is None:
        return None
    carried = (
        task
        if task.series is best.series
        else evolve(task, beside=best.twin, magnitude=magnitude_of(task.series, every))
        for task in tasks.series
    )
    return evolve(tasks, series=tuple(carried))


def _inside(one: "Series", every: Sequence["Series"]) -> Path:
    """Give the folder of a series, or, where others lie in it too, one below that is named for it."""
    shared = any(
        file.path.is_relative_to(one.folder) for other in every if other is not one for file in other.instances
    )
    return one.folder / f"series-{one.label}" if shared else one.folder


def _check_free(place: Path, series: "Series") -> None:
    """Refuse to replace a folder that holds anything but an earlier result of the same series."""
    if not place.exists():
        return
    ours = {place / one.path.relative_to(series.folder) for one in series.instances}
    if any(Path(at) / name not in ours for at, _, names in os.walk(place) for name in names):
        what = f"{place} holds other files, and would be replaced"
        raise UsageMistake(what, fix="give another folder for --out")


@contextmanager
def aside_in(out: Path) -> Iterator[Path]:
    """Give a private folder for what is not judged yet: it goes, a killed call's with the next, and so an empty out."""
    out.mkdir(parents=True, exist_ok=True)
    try:
        with scratch_in(out, prefix=ASIDE) as aside:
            yield aside
    finally:
        with suppress(OSError):  # it is not empty: as it should be
            out.rmdir()


@contextmanager
def writing_into(out: Path) -> Iterator[Path]:
    """Lock the output folder and give one inside for what is not whole; whatever happens, nothing of it stays."""
    with OutputFolder.locked(out), scratch_in(out, prefix=ASIDE) as aside:
        yield aside


def deface_task(task: Task, *, aside: Path, defacer: Defacer, mode: FaceMode, draw: "Drawer | None") -> "DefacedSeries":
    """Deface one series into a fresh folder.  Raises InvalidInput when its files can't be read."""
    from fivesafes.data.face.dicom.series import deface_series  # noqa: PLC0415 - help stays quick

    into = aside / "series"
    shutil.rmtree(into, ignore_errors=True)
    into.mkdir()
    return deface_series(
        task.series,
        into=into,
        defacer=defacer,
        mode=mode,
        draw=draw,
        beside=task.beside,
        magnitude=task.magnitude,
    )


def settled(task: Task, defaced: Defaced, out: Path, *, held: str) -> tuple[Path | None, Path | None]:
    """Move folder and mask to their places, what needs review apart; give both relative to the output folder."""
    here, other = Path(), Path(held)
    if defaced.status is FaceStatus.NEEDS_REVIEW:
        here, other = other, here
    moved: list[Path | None] = []
    for written, place in ((defaced.image, task.place), (defaced.mask, task.mask)):
        if written is None:
            moved.append(None)
            continue
        _replace(written, out / here / place)
        _remove(out / other / place)  # an earlier run may have judged otherwise
        moved.append(here / place)
    return moved[0], moved[1]


def _replace(written: Path, place: Path) -> None:
    """Put a folder or file into its place; an earlier result goes only once the new one is there."""
    place.parent.mkdir(parents=True, exist_ok=True)
    before = written.with_name("before")
    if place.exists():
        place.replace(before)
    written.replace(place)
    _remove(before)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
