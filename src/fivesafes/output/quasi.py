"""Choose the quasi-identifiers of a table: what others may know about a person and what tells people apart.

The names are policy: ``policies/residue/quasi.csv``.
"""

import csv
import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files

from fivesafes.output.linkage import is_missing


@cache
def _patterns(role: str) -> tuple[re.Pattern[str], ...]:
    text = files("fivesafes").joinpath("policies", "residue", "quasi.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines())
    return tuple(re.compile(row["pattern"], re.IGNORECASE) for row in rows if row["role"] == role)


def _has_role(name: str, role: str) -> bool:
    plain = re.sub(r"[\s.-]+", "_", name.strip())
    return any(pattern.fullmatch(plain) for pattern in _patterns(role))


def choose_quasi(columns: Sequence[str]) -> tuple[str, ...]:
    """Name the columns that by their name could be known to others, in the table's order; identities are none."""
    return tuple(
        name
        for name in columns
        if _has_role(name, "quasi") and not _has_role(name, "identity") and not _has_role(name, "neither")
    )


def choose_sensitive(columns: Sequence[str], quasi: Sequence[str]) -> str | None:
    """Name the first column that by its name tells of health, and is no quasi-identifier; None when there is none."""
    return next((name for name in columns if _has_role(name, "sensitive") and name not in quasi), None)


def with_values(rows: Sequence[Mapping[str, object]], columns: Sequence[str]) -> tuple[str, ...]:
    """Keep the columns that tell something of anybody: at least one value."""
    return tuple(name for name in columns if not all(is_missing(row[name]) for row in rows))
