"""Domain values as JSON and back, exactly: dates, enums, sets, and the order of a BIDS name's entities.

JSON columns keep no order of keys (PostgreSQL sorts them), so what is ordered travels as a list.  A field that this
version does not know refuses: it may be a restriction.
"""

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Final, TypeVar

from attrs import frozen
from cattrs.errors import BaseValidationError
from cattrs.preconf.json import make_converter

from fivesafes.core.errors import InvalidInput, Refused
from fivesafes.data.bids.rules import Rule
from fivesafes.data.model import BidsName
from fivesafes.output.airlock import Review
from fivesafes.people.model import Recipient, Reviewer
from fivesafes.project.model import Project
from fivesafes.setting.model import Attestation

T = TypeVar("T")
_NUL: Final = chr(0)


@frozen(kw_only=True)
class Form:
    """What a project's form says, as one JSON column."""

    project: Project
    recipients: tuple[Recipient, ...]
    attestations: tuple[Attestation, ...]
    reviews: tuple[Review, ...]
    reviewers: tuple[Reviewer, ...]
    rules: tuple[Rule, ...]


def _pairs(name: BidsName) -> dict[str, object]:
    return {
        "datatype": name.datatype,
        "suffix": name.suffix,
        "entities": [list(pair) for pair in name.entities.items()],
    }


def _name(raw: Mapping[str, Any], _: object) -> BidsName:
    entities = {str(key): str(value) for key, value in raw["entities"]}
    return BidsName(datatype=raw["datatype"], suffix=raw["suffix"], entities=entities)


def canonical(value: object) -> str:
    """Write JSON in one way: keys sorted, no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _in_order(values: Iterable[object]) -> list[object]:
    return sorted(values, key=canonical)


# A set has no order of its own: sorted, the same value has the same digest.
_JSON: Final = make_converter(forbid_extra_keys=True, unstruct_collection_overrides={AbstractSet: _in_order})
_JSON.register_unstructure_hook(BidsName, _pairs)
_JSON.register_structure_hook(BidsName, _name)


def to_json(value: object) -> Any:  # noqa: ANN401 - JSON is any of dict, list, str, number, None
    """Turn a domain value into what a JSON column holds.

    A number that is not finite becomes null, which every gate reads as "nobody measured it".  Raises InvalidInput for a
    text that no database keeps (a NUL character).
    """
    return _kept(_JSON.unstructure(value))


def _kept(raw: object) -> object:
    if isinstance(raw, str) and _NUL in raw:
        message = "a text holds a NUL character"
        raise InvalidInput(message, fix="remove it from the form")
    if isinstance(raw, float) and not math.isfinite(raw):
        return None
    if isinstance(raw, Mapping):
        return {str(_kept(str(key))): _kept(one) for key, one in raw.items()}
    if isinstance(raw, list | tuple):
        return [_kept(one) for one in raw]
    return raw


def from_json(raw: object, kind: type[T]) -> T:
    """Turn a JSON column back into its domain value.  Raises Refused when this version can't read all of it."""
    try:
        return _JSON.structure(raw, kind)
    except (BaseValidationError, KeyError, TypeError, ValueError) as fault:
        message = f"a {kind.__name__.lower()} of this haven was written by another version of fivesafes"
        raise Refused(message, fix="use the version that wrote it, or a later one") from fault


def digest(value: object) -> str:
    """Digest JSON by its canonical form: SHA-256 in hexadecimal."""
    return hashlib.sha256(canonical(value).encode("utf-8", "backslashreplace")).hexdigest()
