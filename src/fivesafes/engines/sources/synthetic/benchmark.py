"""Plain series of any length, quick to write: something to measure with."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from fivesafes.core.progress import Silent
from fivesafes.engines.sources.synthetic.grids import centred
from fivesafes.engines.sources.synthetic.planted import Planted, PlantedSeries
from fivesafes.engines.sources.synthetic.series import ECHO_3D, Output, Voxels, write_slices
from fivesafes.engines.sources.synthetic.session import Session

_NOISE_FIELDS = 8  # drawn once each and shifted: noise for a thousand slices would take longer than writing them


def write_series(folder: Path, *, slices: int, seed: int, matrix: int = 256) -> Planted:
    """Write a classic MR series of that many slices into ``folder``: an ellipsoid in noise, not a head.

    Headers are as full as those of ``write_study``.
    """
    session = Session.opened(seed=seed, visit=1)
    series = session.series(1, "anat-T1w", minutes=1.0)
    spacing = 256.0 / matrix
    grid = centred("axial", shape=(slices, matrix, matrix), spacing=(1.0, spacing, spacing), centre=(0.0, 0.0, 0.0))
    output = Output(folder=folder, file_stem="", progress=Silent(), stage="")
    voxels = _ellipsoid(session, slices=slices, matrix=matrix)
    files = tuple(write_slices(session, series, parts=[(grid, voxels)], physics=ECHO_3D, output=output))
    return Planted(
        participant_id=session.person.patient_id,
        folder=folder,
        values=session.ledger.values(),
        series=(PlantedSeries(description=series.description, role="anat", files=files),),
    )


def _ellipsoid(session: Session, *, slices: int, matrix: int) -> Iterator[Voxels]:
    rng = session.draws("benchmark")
    fields = np.abs(rng.normal(0, 12, (_NOISE_FIELDS, matrix, matrix))).astype(np.int16)
    across = np.linspace(-1.2, 1.2, matrix) ** 2
    plane = across[:, None] + across[None, :]
    for index, height in enumerate(np.linspace(-1.05, 1.05, slices)):
        inside = (plane + height**2 < 1).astype(np.int16) * np.int16(700)
        yield inside + np.roll(fields[index % _NOISE_FIELDS], 31 * index, axis=1)
