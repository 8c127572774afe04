"""Look at the names of files and folders: dates, names of people, record numbers, keys, leftovers, histories."""

import re
from collections.abc import Iterator
from typing import Final

from fivesafes.data.model import Residue
from fivesafes.data.residue.place import Place
from fivesafes.data.residue.rules import file_codes, words
from fivesafes.data.residue.spots import VALUE, at_least_medium, spots
from fivesafes.data.residue.words import is_family, is_given, is_plain, names_in

_ENDINGS: Final = re.compile(
    r"(?:\.(?:nii|json|tsv|csv|txt|gz|bval|bvec|png|jpg|jpeg|svg|pdf|html|md|py|zip|tar|tgz|dcm|IMA|mgz|xlsx))+$"
)
_LABEL: Final = re.compile(r"(?:^|_)(?:sub|ses)-([A-Za-z0-9+]+)")
_ENTITY: Final = re.compile(r"(?:^|_)([a-z]+)-([A-Za-z0-9+]+)")
_INNOCENT_ENTITIES: Final = frozenset(
    [
        "task",
        "acq",
        "ce",
        "trc",
        "stain",
        "rec",
        "dir",
        "run",
        "mod",
        "echo",
        "flip",
        "inv",
        "mt",
        "part",
        "proc",
        "hemi",
        "space",
        "split",
        "recording",
        "chunk",
        "seg",
        "res",
        "den",
        "label",
        "desc",
        "atlas",
        "sample",
        "tracksys",
        "nuc",
        "voi",
        "cohort",
        "tpl",
        "from",
        "to",
        "mode",
        "model",
        "subset",
    ],
)
_NUMBERS_FOR_DATE: Final = 6
_PARTS_OF_LABEL: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_RECORD: Final = re.compile(r"(?i)(?:mrn|ur|urn|pid|hosp|pat)[-_]?\d{5,10}")
_PEOPLE_FREE_FOLDERS: Final = re.compile(r"(?:^|/)(?:stimuli|code|\.git|\.datalad)/")


def find(place: Place) -> Iterator[Residue]:
    """Yield what the last part of a path, a file's or a folder's name, discloses."""
    name = place.path.rsplit("/", 1)[-1]
    for code in file_codes(name):
        if code != "linking_key":
            yield place.residue(code, "file")
    stem = _ENDINGS.sub("", name)
    for found in (_dates(stem) or _record(stem), _people(stem, place)):
        if found:
            code, shown = found
            yield place.residue(code, "filename", shown)


def _dates(stem: str) -> tuple[str, str] | None:
    """Find a date in the stem; labels hold no separators, so each entity's value is looked at by itself too."""
    values = [value for entity, value in _ENTITY.findall(stem) if entity not in _INNOCENT_ENTITIES]
    for text in [stem, *values]:
        if sum(character.isdigit() for character in text) < _NUMBERS_FOR_DATE:
            continue
        for spot in at_least_medium(list(spots(text, VALUE if text in values else frozenset({"any"})))):
            if spot.code in ("date", "identifier", "national_number", "phone", "email", "uid_with_date"):
                return spot.code, text[spot.start : spot.end]
    for text in (*values, *re.split(r"[_\s.-]+", stem)):
        if re.fullmatch(r"(?:0[1-9]|[12]\d|3[01])(?:0[1-9]|1[0-2])(?:19|20)\d\d", text):
            return "date", text
    return None


def _record(stem: str) -> tuple[str, str] | None:
    found = _RECORD.search(stem)
    return ("identifier", found.group()) if found else None


def _people(stem: str, place: Place) -> tuple[str, str] | None:
    """Find a name of a person: in participant and session labels even a common word's, elsewhere only sure ones."""
    if "^" in stem and at_least_medium(list(spots(stem))):
        return "name", stem
    for label in _LABEL.findall(stem):
        if _is_name_label(label):
            return "name", label
    if _PEOPLE_FREE_FOLDERS.search(place.path):
        return None
    pair = next((spot for spot in names_in(stem.replace("_", " ").replace("-", " "), alone=False)), None)
    if pair:
        return pair.code, stem[pair.start : pair.end]
    rest = _LABEL.sub("", stem)
    rest = re.sub(r"(?:^|_)(?:task|space|desc|atlas|tpl|seg|from|to|label)-[A-Za-z0-9+]+", "", rest)
    for word in _PARTS_OF_LABEL.findall(rest):
        if len(word) > 3 and (is_given(word) or is_family(word)):  # noqa: PLR2004 - shorter ones are abbreviations
            return "given_name" if is_given(word) else "surname", word
    return None


def _is_name_label(label: str) -> bool:
    """Whether a label is a name: ``john``, ``SmithJohn``, ``johnsmith``, ``jsmith``; ``pilot``, ``control`` are not."""
    parts = _PARTS_OF_LABEL.findall(label)
    if any(len(part) > 2 and (is_given(part) or is_family(part)) for part in parts):  # noqa: PLR2004 - as above
        return True
    whole = re.sub(r"\d+$", "", label).lower()
    if not whole.isalpha() or all(map(is_plain, parts)):
        return False
    given, family = words("given") | words("given_ambiguous"), words("surname") | words("surname_ambiguous")
    if whole in words("given_ambiguous") and len(whole) > 3:  # noqa: PLR2004 - as above
        return True
    return any(
        (whole[:cut] in given and whole[cut:] in family) or (cut == 1 and is_family(whole[1:]) and len(whole) > 5)  # noqa: PLR2004 - jsmith
        for cut in range(1, len(whole))
    )
