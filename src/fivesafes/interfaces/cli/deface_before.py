"""What an earlier call did of the images of a data set, so that a call that was interrupted goes on where it ended."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cattrs
from attrs import evolve

from fivesafes.data.model import Defaced, FaceEvidence, FaceMode, FaceStatus
from fivesafes.interfaces.cli.deface_images import Image
from fivesafes.interfaces.cli.deface_outcome import Outcome, Table, by_people


def origin_of(image: Path, table: Table) -> str:
    """Digest what a result is made from: the original's bytes, the engine, its version, the mode asked for."""
    from fivesafes.data.face.decisions import digest_of  # noqa: PLC0415 - help stays quick

    parts = (digest_of(image), table.defacer.name, table.defacer.version(), table.mode.value)
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()


def done_before(image: Image, out: Path, table: Table) -> Outcome | None:
    """Give what came of the same bytes, by the same engine and mode, when its result is there unchanged; else None.

    What was refused is tried again.
    """
    from fivesafes.data.face.decisions import digest_of, places_in, standing  # noqa: PLC0415 - help stays quick

    row = None if table.report is None else table.report.kept(image.place.as_posix())
    if row is None or row["status"] == FaceStatus.REFUSED.value or row.get("origin") != _origin(image.path, table):
        return None
    defaced = _read(row, table)
    warnings = tuple(row["warnings"])
    done = Outcome(
        path=image.path, place=image.place, defaced=defaced, output=None, mask=None, warnings=warnings, before=True
    )
    if row["output"] is None:
        return done if defaced.status is FaceStatus.NOTHING_TO_DO else None
    written = image.place.with_name(Path(row["output"]).name)
    there = (folder / written for folder in places_in(out) if (folder / written).is_file())
    found = next((one for one in there if digest_of(one) == row["sha256"]), None)
    mask = None if found is None else _mask_of(found, defaced.mode)
    if found is None or mask is None:
        return None
    stands = standing(table.decisions, image=written.as_posix(), sha256=row["sha256"])
    defaced = evolve(defaced if stands is None else by_people(defaced, stands), mask=mask)
    output = None if found == mask else found
    return evolve(
        done,
        defaced=evolve(defaced, image=output),
        output=None if output is None else output.relative_to(out),
        mask=mask.relative_to(out),
    )


def _origin(path: Path, table: Table) -> str | None:
    """Give the origin of what is there now, None when it can't be read: then it is tried, and its fault told."""
    try:
        return origin_of(path, table)
    except OSError:
        return None


def _mask_of(written: Path, mode: FaceMode) -> Path | None:
    """Find the mask beside an image; other engines than the embedded one may leave it unpacked."""
    from fivesafes.data.face.cut import mask_name  # noqa: PLC0415 - help stays quick

    if mode is FaceMode.MASK:
        return written
    packed = written.with_name(mask_name(written))
    return next((mask for mask in (packed, packed.with_suffix("")) if mask.is_file()), None)


def _read(row: Mapping[str, Any], table: Table) -> Defaced:
    """Read from the report's row what was told of the image."""
    return Defaced(
        status=FaceStatus(row["status"]),
        image=None,
        mask=None,
        engine=table.defacer.name,
        engine_version=table.defacer.version(),
        mode=FaceMode(row["mode"]),
        evidence=cattrs.structure(row["evidence"], FaceEvidence),
        why=row["why"],
    )
