"""Reads the names that ReproIn gives to series: ``[PREFIX:]datatype[-suffix][_key-value…][_suffix][__comment]``.

Source: the ReproIn specification (ReproNim); where heudiconv's reader is laxer (unknown words are carried along, signs
are deleted from labels), a name that is not plain here is no ReproIn name, and its series waits for a rule.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from attrs import frozen

from fivesafes.data.bids.names import Entity, bids_name, complaint, suffixes
from fivesafes.data.model import BidsName

# A scanner's own "PU:" (ReproIn allows any capitals) or Philips' "WIP ".
_SCANNERS_PREFIX: Final = re.compile(r"(?:[A-Z]+:)?(?:WIP )?")
_DEFAULT_SUFFIX: Final = {"func": "bold", "dwi": "dwi"}
_SESSION: Final = Entity(key="ses", is_index=False, values=())
_SCOUTS: Final = frozenset({"scout", "anat-scout"})
# What Siemens appends to the name of a series beside or derived from it.
_SIEMENS_ENDINGS: Final = {
    ("func", "SBRef"): "sbref",
    ("dwi", "SBRef"): "sbref",
    ("dwi", "TRACEW"): "trace",
    ("dwi", "ColFA"): "colFA",
}


@frozen(kw_only=True)
class ReproIn:
    """What a ReproIn name says; ``name`` is None for a scout, which plans the scan and is no data."""

    name: BidsName | None
    session: str | None


def parse(text: str, *, image_type: Sequence[str] = ()) -> ReproIn | None:
    """Read a series' description; None when it is not a ReproIn name, or not one that BIDS allows.

    ``image_type`` (DICOM ImageType) decides what the grammar leaves open: a field map without a suffix.  ``_run+`` and
    ``_run=`` say that runs are counted: the number is then given later, in the order of acquisition.
    """
    words = _SCANNERS_PREFIX.sub("", text.strip(" "), count=1).split("__", 1)[0].rstrip(" ").split("_")
    words = words[1:] if words[0] == "bids" and len(words) > 1 else words
    datatype, _, suffix = words[0].partition("-")
    if words[0].startswith("AAHead") or words[0] in _SCOUTS:
        return ReproIn(name=None, session=_session(words[1:]))
    rest, suffix = _ending(datatype, words[1:], suffix)
    parts = _parts(rest)
    if parts is None:
        return None
    session = parts.pop("ses", None)
    suffix = suffix or _DEFAULT_SUFFIX.get(datatype, "") or _field_map(parts, image_type)
    if complaint(datatype, suffix, parts) is not None or (session is not None and not _may_be_session(session)):
        return None
    return ReproIn(name=bids_name(datatype, suffix, parts), session=session)


def _session(words: Sequence[str]) -> str | None:
    """Find the session that a scout announces for its whole study."""
    told = [word[4:] for word in words if word.startswith("ses-")]
    return told[0] if told and _may_be_session(told[0]) else None


def _may_be_session(label: str) -> bool:
    """Whether it may stand in a file name; ``_ses-{date}`` may not."""
    return _SESSION.complaint(label) is None


def _ending(datatype: str, words: Sequence[str], suffix: str) -> tuple[Sequence[str], str]:
    """Take a suffix from the last word: BIDS' own place for it, or what a scanner appends to a derived series."""
    last = words[-1] if words else ""
    if (datatype, last) in _SIEMENS_ENDINGS:
        return words[:-1], _SIEMENS_ENDINGS[datatype, last]
    if last in suffixes(datatype) and (not suffix or datatype == "dwi"):
        return words[:-1], last
    return words, suffix


def _parts(words: Sequence[str]) -> dict[str, str] | None:
    """Split ``key-value`` words; None when one is neither that nor a counted run, or stands twice."""
    parts: dict[str, str] = {}
    for word in words:
        if word in {"run+", "run="}:
            continue
        key, dash, value = word.partition("-")
        if not dash or not key or key in parts:
            return None
        parts[key] = value
    return parts


def _field_map(parts: Mapping[str, str], image_type: Sequence[str]) -> str:
    """Tell a field map's suffix from its kind of image; empty when that can't be told."""
    if "dir" in parts:
        return "epi"
    return {"phase": "phasediff", "mag": "magnitude1"}.get(component(image_type) or "", "")


_COMPONENTS: Final = {
    "P": "phase",
    "PHASE": "phase",
    "M": "mag",
    "MAGNITUDE": "mag",
    "R": "real",
    "REAL": "real",
    "I": "imag",
    "IMAGINARY": "imag",
}


def component(image_type: Sequence[str]) -> str | None:
    """Say which component of the complex signal an image shows, in the words of BIDS' ``part``; None when untold.

    Values 1 and 2 of ImageType (original or derived, primary or secondary) say nothing of it; where several of the
    further ones do, they must agree.
    """
    told = {_COMPONENTS[value] for value in image_type[2:] if value in _COMPONENTS}
    return told.pop() if len(told) == 1 else None
