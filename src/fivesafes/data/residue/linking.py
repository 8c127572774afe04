"""Recognise a key: a table, a mapping or a text that ties the data set's labels to other identities."""

import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Final

from fivesafes.data.residue import shapes
from fivesafes.data.residue.delimited import Delimited
from fivesafes.data.residue.rules import file_codes, key_rules
from fivesafes.data.residue.spots import VALUE, rank, spots
from fivesafes.data.residue.words import is_dummy, is_person

_TELLING: Final = frozenset(
    [
        "name",
        "initials",
        "identifier",
        "study_number",
        "linking_column",
        "national_number",
        "email",
        "phone",
        "birth_date",
        "original_uid",
    ],
)
_MOST_COLUMNS: Final = 12
_FEWEST: Final = 2
_HIGH: Final = 3


def is_linking_table(table: Delimited, path: str, labels: AbstractSet[str]) -> bool:
    """Whether one column holds participants' labels and another one identities, or the file's name says so."""
    if not table.rows or len(table.columns) > _MOST_COLUMNS:
        return False
    cells = {name: [cell for cell in table.column(name) if not is_dummy(cell)] for name in table.columns}
    ours = [name for name, values in cells.items() if _are_labels(values, labels)]
    if not ours:
        return False
    others = [name for name in table.columns if name not in ours and cells[name]]
    if named_as_key(path) and any(_one_each(cells[name]) for name in [*others, *ours[1:]]):
        return True
    return any(_is_identity(name, cells[name]) for name in others)


def named_as_key(path: str) -> bool:
    """Whether a file's name speaks of keys, links or mappings."""
    return "linking_key" in file_codes(path.rsplit("/", 1)[-1])


def _are_labels(values: Sequence[str], labels: AbstractSet[str]) -> bool:
    known = {label.removeprefix("sub-") for label in labels}

    def ours(value: str) -> bool:
        return value.startswith("sub-") or value in known

    return len(values) >= 1 and shapes.share(values, ours) > shapes.MOST


def _one_each(values: Sequence[str]) -> bool:
    """Whether the values could be keys: as many as there are rows, and no measurements."""
    return len(set(values)) >= shapes.NEARLY_ALL * len(values) and not any("." in value for value in values)


def _is_identity(name: str, values: Sequence[str]) -> bool:
    if any(rule.code in _TELLING and rule.when in ("present", "anydate") for rule in key_rules(name, "table")):
        return True
    return (
        shapes.looks_like_keys(values)
        or shapes.looks_like_digests(values)
        or shapes.share(values, is_person) > (shapes.MOST)
    )


def is_linking_mapping(content: Any, path: str, labels: AbstractSet[str]) -> bool:  # noqa: ANN401 - any JSON value
    """Whether a JSON object maps labels to identities, or a list of records does so, at any depth."""
    if isinstance(content, list):
        records = [item for item in content if isinstance(item, Mapping)]
        if records and len(records) == len(content):
            return is_linking_table(_as_table(records), path, labels)
        return False
    if not isinstance(content, Mapping):
        return False
    pairs = [(str(key), str(value)) for key, value in content.items() if isinstance(value, str | int)]
    if len(pairs) >= _FEWEST and _links(pairs, path, labels):
        return True
    return any(is_linking_mapping(value, path, labels) for value in content.values())


def _as_table(records: Sequence[Mapping[Any, Any]]) -> Delimited:
    columns = tuple(dict.fromkeys(str(key) for record in records for key in record))
    rows = tuple(tuple(str(record.get(name, "")) for name in columns) for record in records)
    return Delimited(columns=columns, rows=rows)


def _links(pairs: Sequence[tuple[str, str]], path: str, labels: AbstractSet[str]) -> bool:
    keys, values = [key for key, _ in pairs], [value for _, value in pairs]
    for side, other in ((keys, values), (values, keys)):
        if _are_labels(side, labels):
            worst = [found[0] for text in other if (found := spots(text, VALUE))]
            telling = sum(rank(spot.code) >= _HIGH for spot in worst) > shapes.MOST * len(other)
            return telling or _is_identity("", other) or (named_as_key(path) and _one_each(other))
    return False


def is_linking_text(text: str, path: str) -> bool:
    """Whether a text whose name speaks of keys lists the data set's labels beside something else."""
    lines = [line for line in text.splitlines() if re.search(r"\bsub-[A-Za-z0-9]+\W+\w{2,}", line)]
    return named_as_key(path) and len(lines) >= _FEWEST
