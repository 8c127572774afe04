"""Whole studies: one person, one visit, the series that a neuroimaging protocol holds, and what else sites leave."""

import shutil
from collections.abc import Callable, Collection, Iterable
from enum import StrEnum
from pathlib import Path

from attrs import evolve, frozen

from fivesafes.core.progress import Progress, Silent
from fivesafes.engines.sources.synthetic.anatomy import (
    Head,
    bold_volumes,
    diffusion_volumes,
    head_of,
    phantom,
    t1_weighted,
)
from fivesafes.engines.sources.synthetic.capture import write_screen_save
from fivesafes.engines.sources.synthetic.enhanced import six_directions, write_diffusion
from fivesafes.engines.sources.synthetic.grids import Grid, centred
from fivesafes.engines.sources.synthetic.planted import Planted, PlantedKind, PlantedSeries
from fivesafes.engines.sources.synthetic.series import (
    ECHO_3D,
    LOCALIZER,
    TURBO_SPIN_ECHO,
    Output,
    write_mosaics,
    write_slices,
)
from fivesafes.engines.sources.synthetic.session import UNICODE, SeriesPlan, Session

_STAGE = "synthetic scans"
_BOLD_VOLUMES = 10
_REPETITION_MS = 2000.0
_MIDDLE_OF_HEAD = (0.0, -10.0, -34.0)
_MIDDLE_OF_BRAIN = (0.0, 8.0, 12.0)


class Extra(StrEnum):
    """What else a scanner's folder may hold beside the protocol."""

    SCREEN_SAVE = "screen-save"
    PHANTOM = "phantom"
    UNNAMED = "unnamed"


@frozen(kw_only=True)
class Protocol:
    """The grids of each scan."""

    localizer: tuple[Grid, ...]
    anatomical: Grid
    functional: Grid
    diffusion: Grid
    phantom: Grid
    turbo: Grid

    @classmethod
    def full(cls) -> "Protocol":
        """Scan as in practice: a T1 of about 1 mm."""
        return cls(
            localizer=_three_planes(size=128, spacing=2.0),
            anatomical=centred("sagittal", shape=(176, 256, 256), spacing=(1.1, 1.0, 1.0), centre=_MIDDLE_OF_HEAD),
            functional=_slab(shape=(24, 64, 64), spacing=(5.0, 3.4375, 3.4375), tilt=-15),
            diffusion=_slab(shape=(30, 96, 96), spacing=(4.0, 2.5, 2.5), tilt=-12),
            phantom=centred("axial", shape=(20, 64, 64), spacing=(9.0, 3.4375, 3.4375), centre=(0.0, 0.0, 0.0)),
            turbo=_slab(shape=(20, 128, 128), spacing=(6.0, 1.8, 1.8), tilt=-15),
        )

    @classmethod
    def small(cls) -> "Protocol":
        """Scan coarsely, for tests: a T1 of 3 mm."""
        return cls(
            localizer=_three_planes(size=48, spacing=5.5),
            anatomical=centred("sagittal", shape=(64, 86, 86), spacing=(3.0, 3.0, 3.0), centre=_MIDDLE_OF_HEAD),
            functional=_slab(shape=(12, 32, 32), spacing=(10.0, 6.875, 6.875), tilt=-15),
            diffusion=_slab(shape=(12, 48, 48), spacing=(10.0, 5.0, 5.0), tilt=-12),
            phantom=centred("axial", shape=(6, 32, 32), spacing=(30.0, 6.875, 6.875), centre=(0.0, 0.0, 0.0)),
            turbo=_slab(shape=(6, 48, 48), spacing=(20.0, 5.0, 5.0), tilt=-15),
        )


def write_study(
    folder: Path,
    *,
    seed: int,
    visit: int = 1,
    small: bool = False,
    revealing_names: bool = False,
    extras: Collection[Extra] = (),
    progress: Progress | None = None,
) -> Planted:
    """Write one visit of the person with that seed into a folder of its own below ``folder``.

    The same arguments give the same bytes; a visit written before is replaced.  ``small`` takes 3 mm instead of 1 mm.
    ``revealing_names`` calls folders and files by the person's name and date, as sites do; else they tell nothing.
    """
    session = Session.opened(seed=seed, visit=visit)
    place, stem = _names(session, revealing=revealing_names)
    aside = folder / f".unfinished-{seed}-{visit}"
    shutil.rmtree(aside, ignore_errors=True)
    scans = _scans(session, Protocol.small() if small else Protocol.full(), extras)
    progress = progress or Silent()
    progress.begin(_STAGE, total=sum(scan.files for scan in scans), unit="files")
    output = Output(folder=aside, file_stem=stem, progress=progress, stage=_STAGE)
    head = head_of(seed)
    try:
        written = [evolve(scan.made, files=tuple(scan.write(head, output))) for scan in scans]
        _put_in_place(aside, folder / place)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
        progress.end(_STAGE)
    return Planted(
        participant_id=session.person.patient_id,
        folder=folder / place,
        values=session.ledger.values(),
        series=tuple(
            evolve(made, files=tuple(folder / place / file.relative_to(aside) for file in made.files))
            for made in written
        ),
    )


@frozen(kw_only=True)
class _Scan:
    """One series to come: what it will be, how many files, and how to write them."""

    made: PlantedSeries
    files: int
    write: Callable[[Head, Output], Iterable[Path]]


def _scans(session: Session, protocol: Protocol, extras: Collection[Extra]) -> list[_Scan]:
    scans = [
        _localizer(session, protocol.localizer),
        _anatomical(session, protocol.anatomical),
        _functional(session, protocol.functional),
        _diffusion(session, protocol.diffusion),
    ]
    further: dict[Extra, Callable[[], _Scan]] = {
        Extra.SCREEN_SAVE: lambda: _screen_save(session),
        Extra.PHANTOM: lambda: _phantom(session.for_phantom(), protocol.phantom),
        Extra.UNNAMED: lambda: _unnamed(session, protocol.turbo),
    }
    return scans + [make() for extra, make in further.items() if extra in extras]


def _localizer(session: Session, grids: tuple[Grid, ...]) -> _Scan:
    series = session.series(1, "anat-scout", minutes=1.5)

    def write(head: Head, output: Output) -> Iterable[Path]:
        rng = session.draws("localizer")
        parts = [(grid, t1_weighted(head, grid, pose=session.pose, rng=rng)) for grid in grids]
        return write_slices(session, series, parts=parts, physics=LOCALIZER, output=output)

    return _Scan(made=_made(series, "localizer"), files=sum(grid.shape[0] for grid in grids), write=write)


def _anatomical(session: Session, grid: Grid) -> _Scan:
    series = session.series(2, "anat-T1w_acq-mprage", minutes=3.2)

    def write(head: Head, output: Output) -> Iterable[Path]:
        voxels = t1_weighted(head, grid, pose=session.pose, rng=session.draws("anatomical"))
        return write_slices(session, series, parts=[(grid, voxels)], physics=ECHO_3D, output=output)

    return _Scan(made=_made(series, "anat"), files=grid.shape[0], write=write)


def _functional(session: Session, grid: Grid) -> _Scan:
    typed = session.ledger.plant(
        f"func-bold_task-rest__{session.visit.performer.split('^')[0]}",
        place="ProtocolName",
        kind=PlantedKind.FREE_TEXT,
    )
    series = session.series(3, "func-bold_task-rest", protocol=typed, minutes=9.5)

    def write(head: Head, output: Output) -> Iterable[Path]:
        rng = session.draws("functional")
        volumes = bold_volumes(head, grid, pose=session.pose, volumes=_BOLD_VOLUMES, rng=rng)
        return write_mosaics(session, series, grid=grid, volumes=volumes, repetition_ms=_REPETITION_MS, output=output)

    return _Scan(made=_made(series, "func"), files=_BOLD_VOLUMES, write=write)


def _diffusion(session: Session, grid: Grid) -> _Scan:
    series = session.series(4, "dwi_dir-AP", minutes=16.0, charset=UNICODE)
    gradients = six_directions(1000.0)

    def write(head: Head, output: Output) -> Iterable[Path]:
        rng = session.draws("diffusion")
        volumes = diffusion_volumes(head, grid, pose=session.pose, gradients=gradients, rng=rng)
        yield write_diffusion(session, series, grid=grid, volumes=volumes, gradients=gradients, output=output)

    return _Scan(made=_made(series, "dwi"), files=1, write=write)


def _screen_save(session: Session) -> _Scan:
    series = session.series(99, "Screen save", minutes=24.0)

    def write(_: Head, output: Output) -> Iterable[Path]:
        yield write_screen_save(session, series, output=output)

    return _Scan(made=_made(series, "screen-save"), files=1, write=write)


def _phantom(session: Session, grid: Grid) -> _Scan:
    series = session.series(71, "QA_ep2d_sphere", minutes=-35.0)

    def write(_: Head, output: Output) -> Iterable[Path]:
        parts = [(grid, phantom(grid, rng=session.draws("phantom")))]
        return write_slices(session, series, parts=parts, physics=LOCALIZER, output=output)

    return _Scan(made=_made(series, "phantom"), files=grid.shape[0], write=write)


def _unnamed(session: Session, grid: Grid) -> _Scan:
    surname = session.person.name.split("^")[0]
    typed = session.ledger.plant(f"t2_haste_xyz {surname}", place="ProtocolName", kind=PlantedKind.FREE_TEXT)
    series = session.series(5, "t2_haste_xyz", protocol=typed, minutes=20.5)

    def write(head: Head, output: Output) -> Iterable[Path]:
        gradient = (0.0, (0.0, 0.0, 0.0))
        rng = session.draws("turbo")
        voxels = diffusion_volumes(head, grid, pose=session.pose, gradients=(gradient,), rng=rng)[0]
        return write_slices(session, series, parts=[(grid, voxels)], physics=TURBO_SPIN_ECHO, output=output)

    return _Scan(made=_made(series, "unnamed"), files=grid.shape[0], write=write)


def _made(series: SeriesPlan, role: str) -> PlantedSeries:
    return PlantedSeries(description=series.description, role=role, files=())


def _three_planes(*, size: int, spacing: float) -> tuple[Grid, ...]:
    return tuple(
        centred(plane, shape=(3, size, size), spacing=(20.0, spacing, spacing), centre=_MIDDLE_OF_HEAD)
        for plane in ("sagittal", "coronal", "axial")
    )


def _slab(*, shape: tuple[int, int, int], spacing: tuple[float, float, float], tilt: float) -> Grid:
    return centred("axial", shape=shape, spacing=spacing, centre=_MIDDLE_OF_BRAIN, tilt_degrees=tilt)


def _names(session: Session, *, revealing: bool) -> tuple[Path, str]:
    """Give the study's folder and what file names begin with."""
    person, visit = session.person, session.visit
    if not revealing:
        return Path(f"scan-{session.seed:04d}-{visit.number}"), ""
    family, given = person.name.split("^")[:2]
    plant = session.ledger.plant
    whose = plant(f"{family}_{given}_{person.born:%Y-%m-%d}", place="folder name", kind=PlantedKind.NAME)
    when = plant(f"{visit.starts:%Y-%m-%d} {visit.accession}", place="folder name", kind=PlantedKind.DATE)
    stem = plant(f"{family}-{visit.starts:%d%b%Y}-", place="file name", kind=PlantedKind.NAME)
    return Path(whose) / when, stem


def _put_in_place(aside: Path, final: Path) -> None:
    final.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(final, ignore_errors=True)
    aside.replace(final)
