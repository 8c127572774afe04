"""The texts around the images of a BIDS data set, and where each file goes.  Pure: nothing here writes.

Source: BIDS 1.11, modality agnostic files and data set description.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from pathlib import PurePosixPath
from typing import Any, Final

from attrs import evolve
from bidsschematools.schema import load_schema

from fivesafes.core.errors import InvalidInput
from fivesafes.core.ids import SubjectLabel
from fivesafes.core.verdict import Verdict, refuse
from fivesafes.data.bids.names import in_order, mask_entities
from fivesafes.data.model import BidsName

TOP_AGE: Final = 89
"""Ages from here on are told as this one (45 CFR 164.514(b); BIDS 1.11 caps the column ``age`` at it)."""

DERIVATIVES: Final = PurePosixPath("derivatives", "fivesafes")
"""Where the masks of what was removed go, a BIDS derivative of its own."""

LATEST_YEAR: Final = 1925
"""Shifted times must lie before its end, so that nobody takes them for real ones (BIDS 1.11, common principles)."""

_CELLS: Final[Mapping[str, re.Pattern[str]]] = {
    "participant_id": re.compile(r"sub-[0-9A-Za-z]{1,32}"),
    "sex": re.compile(r"[MFO]|n/a"),
    "age": re.compile(r"\d{1,3}|89\+|n/a"),
    "age_band": re.compile(r"\d{1,3}-\d{1,3}|89\+|n/a"),
}
_COLUMNS: Final[Mapping[str, Mapping[str, Any]]] = {
    "sex": {"Description": "Sex as the scans' headers have it", "Levels": {"M": "male", "F": "female", "O": "other"}},
    "age": {"Description": "Age at the first scan in whole years; 89 stands for 89 and older", "Units": "year"},
    "age_band": {"LongName": "Age class", "Description": "Age at the first scan as a class of whole years"},
}


@cache
def bids_version() -> str:
    """Name the version of BIDS whose schema is installed."""
    return str(load_schema().bids_version)


def dataset_description(
    *, title: str, licence: str, made_by: Mapping[str, str], further: Mapping[str, str | Sequence[str]] | None = None
) -> dict[str, Any]:
    """Describe the data set: ``dataset_description.json`` of the images.

    ``made_by``: program → version, in the order of work; ``licence``: as BIDS abbreviates it, empty leaves it out;
    ``further``: what the project wants told beyond that (``Authors``, ``EthicsApprovals``, ``Funding`` …), by key.
    Raises InvalidInput for a key that BIDS does not have there.
    """
    described = {"Name": title, "BIDSVersion": bids_version(), "DatasetType": "raw"}
    if licence:
        described["License"] = licence
    if unknown := sorted(set(further or {}) - _FURTHER):
        message = f"a data set description has no {', '.join(unknown)}"
        raise InvalidInput(message, fix=f"it may have {', '.join(sorted(_FURTHER))}")
    return {**described, **(further or {}), "GeneratedBy": _programs(made_by)}


_FURTHER: Final = frozenset(
    {
        "Acknowledgements",
        "Authors",
        "DatasetDOI",
        "EthicsApprovals",
        "Funding",
        "HowToAcknowledge",
        "Keywords",
        "ReferencesAndLinks",
    }
)


def derivative_description(*, title: str, licence: str, made_by: Mapping[str, str]) -> dict[str, Any]:
    """Describe the derivative that holds the masks of what was removed."""
    described = dataset_description(title=f"{title}: masks of removed faces", licence=licence, made_by=made_by)
    links = {"DatasetLinks": {"images": "../.."}, "SourceDatasets": [{"URL": "../.."}]}
    return {**described, "DatasetType": "derivative", **links}


def _programs(made_by: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Name": name, "Version": version} for name, version in made_by.items()]


def as_json(value: Mapping[str, Any]) -> str:
    """Write JSON as people read it: indented, in the order given, UTF-8, one line break at the end."""
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def participants_tsv(rows: Sequence[Mapping[str, str]], columns: Sequence[str]) -> str:
    """Write the participants, sorted by label; only the columns named, ``participant_id`` first.

    Cells: ``participant_id`` with its ``sub-``, ``sex`` M, F or O, ``age`` in whole years, ``age_band`` ``30-34``;
    ``n/a`` where not known.  Ages from 89 on become 89.  Raises InvalidInput for other columns or cells.
    """
    chosen = ["participant_id", *(column for column in columns if column != "participant_id")]
    in_turn = sorted(rows, key=lambda row: row["participant_id"])
    return _table([chosen, *([_cell(column, row.get(column, "n/a")) for column in chosen] for row in in_turn)])


def _cell(column: str, text: str) -> str:
    if column not in _CELLS:
        message = f"a participants table has no column {column}"
        raise InvalidInput(message, fix=f"it may have {', '.join(_CELLS)}")
    if not _CELLS[column].fullmatch(text):
        message = f"a cell of the participants' column {column} is not what the column holds"
        raise InvalidInput(message, fix="give n/a where it is not known")
    if column == "age" and text != "n/a":
        return str(min(int(text.rstrip("+")), TOP_AGE))
    return text


def participants_json(columns: Sequence[str]) -> dict[str, Any]:
    """Describe the columns that the table has."""
    identifier = {"Description": "Keyed pseudonym; the key stays with the project"}
    return {
        "participant_id": identifier,
        **{column: dict(_COLUMNS[column]) for column in columns if column in _COLUMNS},
    }


def scans_tsv(scans: Iterable[tuple[PurePosixPath, datetime | None]], *, subject_folder: PurePosixPath) -> str:
    """List the images of one subject, or one session, below its folder; with times only where each has one.

    ``scans``: the image's path within the data set, and its *shifted* time of acquisition or None.  Raises
    InvalidInput for a time after 1925, which can't be a shifted one.
    """
    listed = sorted(scans, key=lambda scan: str(scan[0]))
    timed = bool(listed) and all(time is not None for _, time in listed)
    written = [["filename", "acq_time"] if timed else ["filename"]]
    for path, time in listed:
        row = [str(path.relative_to(subject_folder))]
        if timed and time is not None:
            row.append(_shifted(time))
        written.append(row)
    return _table(written)


def _shifted(time: datetime) -> str:
    if time.year > LATEST_YEAR:
        message = "a time of acquisition was not shifted"
        raise InvalidInput(message, fix="shift dates before they are written, or leave acq_time out")
    # Below year 1000 strftime does not pad; isoformat does.
    return time.replace(tzinfo=None, microsecond=0).isoformat()


def _table(rows: Iterable[Sequence[str]]) -> str:
    return "".join("\t".join(row) + "\n" for row in rows)


def subject_folder(subject: SubjectLabel, session: str | None) -> PurePosixPath:
    """Give the folder of one subject, or of one session where there are sessions."""
    folder = PurePosixPath(f"sub-{subject}")
    return folder / f"ses-{session}" if session is not None else folder


def relative_path(subject: SubjectLabel, session: str | None, name: BidsName, ending: str) -> PurePosixPath:
    """Say where a file goes: ``sub-x/ses-01/func/sub-x_ses-01_task-rest_bold.nii.gz``; ``ending`` with its dot."""
    return subject_folder(subject, session) / name.datatype / f"{name.stem(subject, session)}{ending}"


def scans_path(subject: SubjectLabel, session: str | None) -> PurePosixPath:
    """Say where the list of a subject's, or session's, images goes."""
    parts = f"sub-{subject}" if session is None else f"sub-{subject}_ses-{session}"
    return subject_folder(subject, session) / f"{parts}_scans.tsv"


def judge_clashes(paths: Iterable[PurePosixPath]) -> Verdict:
    """Refuse a data set in which two files would have one path, even where case does not count.

    Series are told apart before they are converted; what their images turn out to be (echoes, field maps) can still
    meet the name of another series.
    """
    counted = Counter(str(path).casefold() for path in paths)
    return Verdict.all_of(
        refuse(
            "data.bids.clash",
            why=f"{times} images of different series would have this name",
            fix="tell the series apart by acq, run or echo in the study form's rules",
            source="BIDS 1.11, file name structure",
            about=path,
        )
        for path, times in sorted(counted.items())
        if times > 1
    )


def mask_name(name: BidsName) -> BidsName:
    """Name the mask of what was removed from an image, for the derivative: ``desc-defaceT1w_mask``.

    It says the image's suffix and so is unique.  Where BIDS has no mask of that kind (field maps, inversions), it
    keeps the suffix: ``desc-defacemask_magnitude1``.
    """
    described = f"deface{name.suffix[0].upper()}{name.suffix[1:]}"
    allowed = mask_entities(name.datatype)
    if allowed and set(name.entities) <= allowed:
        return evolve(name, suffix="mask", entities=in_order({**name.entities, "desc": described}))
    return evolve(name, entities=in_order({**name.entities, "desc": "defacemask"}))


def mask_sidecar(image: PurePosixPath) -> dict[str, Any]:
    """Describe such a mask; ``image`` is the path within the data set of the image that it belongs to."""
    return {
        "Description": "1 where voxels were removed so that the face can't be seen, 0 where they are as acquired",
        "Type": "Face",
        "Sources": [f"bids:images:{image}"],
        "SpatialReference": "orig",
        "SkullStripped": False,  # required where the mask keeps its image's suffix
    }
