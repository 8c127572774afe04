"""Measure how far the records of a table hide among each other: k, l, t, risks, bits, and who is singled out by what.

A missing value is a category of its own.  Sources: Samarati & Sweeney 1998 (k), Machanavajjhala 2007 (l), Li 2007 (t,
equal distance), El Emam 2013 (prosecutor, marketer, records at risk), Elliot 2002 (special uniques).
"""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fivesafes.core.errors import InvalidInput
from fivesafes.output.model import Measures, Singling

Rows = Sequence[Mapping[str, object]]
Codes = NDArray[np.int64]

_MISSING: Final = frozenset({"", "n/a", "na", "nan", "none", "null"})
_RISK_LOW, _RISK_HIGH = 0.09, 0.2
_ROOM: Final = 1 << 62
_ENOUGH: Final = 3


def is_missing(value: object) -> bool:
    """Whether a cell says that there is no value."""
    return value is None or str(value).strip().lower() in _MISSING


def coded(rows: Rows, column: str) -> Codes:
    """Give each value of a column a number, (n,), equal values alike; missing values share one.

    Raises InvalidInput when a row does not have the column.
    """
    try:
        values = [row[column] for row in rows]
    except KeyError as error:
        what = f"the table has no column {column!r}"
        raise InvalidInput(what, fix="name columns that are in its first line") from error
    numbers: dict[object, int] = {}
    plain = {value: "" if is_missing(value) else str(value).strip() for value in dict.fromkeys(values)}
    for text in plain.values():
        numbers.setdefault(text, len(numbers))
    number_of = {value: numbers[text] for value, text in plain.items()}
    return np.fromiter(map(number_of.__getitem__, values), dtype=np.int64, count=len(values))


def joined(codes: Sequence[Codes], count: int) -> Codes:
    """Give each combination of several columns a number, (n,), without gaps; without columns all records are alike."""
    together = np.zeros(count, dtype=np.int64)
    size = 1
    for one in codes:
        width = int(one.max(initial=0)) + 1
        if size * width >= _ROOM:
            together = np.unique(together, return_inverse=True)[1].astype(np.int64)
            size = int(together.max(initial=0)) + 1
        together = together * width + one
        size *= width
    return _dense(together, size)


def _dense(numbers: Codes, size: int) -> Codes:
    """Renumber without gaps; by a table where that is shorter than sorting."""
    if size > 16 * len(numbers) + 1024:
        return np.unique(numbers, return_inverse=True)[1].astype(np.int64)
    present = np.zeros(size, dtype=np.int64)
    present[numbers] = 1
    return np.asarray((np.cumsum(present) - 1)[numbers], dtype=np.int64)


def measures(rows: Rows, quasi: Sequence[str], sensitive: str | None = None) -> Measures:
    """Measure a table over its quasi-identifiers.  Raises InvalidInput for an empty table or an unknown column."""
    if not rows:
        what = "the table has no rows"
        raise InvalidInput(what, fix="give a table with one row per participant")
    count = len(rows)
    classes = joined([coded(rows, name) for name in quasi], count)
    sizes = np.bincount(classes)
    risk = 1 / sizes[classes]
    distinct, entropy, distance = _of_sensitive(classes, sizes, coded(rows, sensitive)) if sensitive else (None,) * 3
    return Measures(
        k=int(sizes.min()),
        classes=len(sizes),
        sample_unique=int((sizes == 1).sum()),
        l_distinct=distinct,
        l_entropy=entropy,
        t_equal_distance=distance,
        prosecutor_max=float(1 / sizes.min()),
        marketer=len(sizes) / count,
        records_at_risk_0_09=float((risk > _RISK_LOW).mean()),
        records_at_risk_0_2=float((risk > _RISK_HIGH).mean()),
    )


def _of_sensitive(classes: Codes, sizes: Codes, sensitive: Codes) -> tuple[int, float, float]:
    """Compute l (distinct, entropy) and t (equal distance) of the worst class, from the filled cells alone."""
    values = int(sensitive.max()) + 1
    cells, counts = np.unique(classes * values + sensitive, return_counts=True)
    of_class, of_value = cells // values, cells % values
    distinct = np.bincount(of_class)
    share = counts / sizes[of_class]
    entropy = np.bincount(of_class, weights=-share * np.log(share))
    overall = np.bincount(sensitive, minlength=values) / len(sensitive)
    # Half of Σ|p − q| is the sum of what a class has too much of.
    distance = np.bincount(of_class, weights=np.maximum(share - overall[of_value], 0))
    return int(distinct.min()), float(np.exp(entropy.min())), float(distance.max())


def _bits(numbers: Codes) -> float:
    share = np.bincount(numbers) / len(numbers)
    share = share[share > 0]
    return float(max(0.0, -(share * np.log2(share)).sum()))


def bits(rows: Rows, columns: Sequence[str]) -> dict[str, float]:
    """Compute the entropy of each column in bits: what its value tells on average (Eckersley 2010)."""
    return {name: _bits(coded(rows, name)) for name in columns} if rows else {}


def greedy_bits(rows: Rows, columns: Sequence[str]) -> list[tuple[str, float]]:
    """Order columns by what each adds to those before it, with the joint bits so far; ties in the given order."""
    if not rows:
        return []
    left = {name: coded(rows, name) for name in columns}
    taken = np.zeros(len(rows), dtype=np.int64)
    order: list[tuple[str, float]] = []
    while left:
        together = {name: joined([taken, codes], len(rows)) for name, codes in left.items()}
        best = max(together, key=lambda name: _bits(together[name]))
        taken = together[best]
        order.append((best, _bits(taken)))
        del left[best]
    return order


def singled_out(rows: Rows, columns: Sequence[str], *, most: int = _ENOUGH) -> list[Singling]:
    """Find the smallest sets of up to ``most`` columns that point at single records (SUDA's minimal uniques).

    A set counts for the records that none of its subsets singles out.  Missing values single nobody out.
    """
    codes = {name: coded(rows, name) for name in columns}
    filled = {name: np.array([not is_missing(row[name]) for row in rows], dtype=np.bool_) for name in columns}
    minimal: dict[tuple[str, ...], NDArray[np.bool_]] = {}
    found = []
    for size in range(1, most + 1):
        for some in combinations(columns, size):
            together = joined([codes[name] for name in some], len(rows))
            alone = np.bincount(together)[together] == 1
            for name in some:
                alone &= filled[name]
            for smaller, rows_of in minimal.items():
                if set(smaller) < set(some):
                    alone &= ~rows_of
            if alone.any():
                minimal[some] = alone
                found.append(Singling(columns=some, rows=tuple(np.flatnonzero(alone).tolist())))
    return found
