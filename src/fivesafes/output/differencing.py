"""Compare releases: what two versions of a table tell together, who left, and who can be recognised under a new label.

Source: Denning 1979 (trackers); Xiao & Tao 2007 (re-publication); WP 216 (linkability).
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Final

from attrs import frozen

from fivesafes.output.linkage import is_missing
from fivesafes.output.model import Difference

FEW: Final = 10
"""People by which two groups must differ at least (GSS/SDAP handbook: threshold 10)."""

_COUNT: Final = re.compile(
    r"(?i)n|count|freq(?:uency)?|n_?(?:subj\w*|participants?|people|patients?|cases|obs)|participants?|subjects|sample_?size"
)
_MEAN: Final = re.compile(r"(?i)(?:.*[_ .])?(?:mean|average|avg)(?:[_ .].*)?")
_SUM: Final = re.compile(r"(?i)(?:.*[_ .])?(?:sum|total)(?:[_ .].*)?")
_DIGITS: Final = 6
_HALF: Final = 0.5
_SHARED: Final = 0.5
_ENOUGH_COLUMNS: Final = 4
_LEAST_MATCHED: Final = 0.3

Row = Mapping[str, str]


@frozen(kw_only=True)
class ResultTable:
    """A table of results: its path as the report shows it, its columns and its rows."""

    path: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]

    @property
    def name(self) -> str:
        """Give the file's name without its folder."""
        return self.path.rsplit("/", 1)[-1]


def differences(earlier: Sequence[ResultTable], later: Sequence[ResultTable]) -> Iterator[Difference]:
    """Yield the rows that an earlier and a later table give for groups differing by one to nine people.

    Tables are compared when they have the same labels and columns in common; same file names first, else any.
    """
    for after in later:
        same = [before for before in earlier if before.name == after.name]
        for before in same or earlier:
            yield from _between(before, after)


def _between(before: ResultTable, after: ResultTable) -> Iterator[Difference]:
    shared = [name for name in before.columns if name in after.columns]
    labels = [name for name in shared if not _is_numeric(before, name) and not _is_numeric(after, name)]
    numbers = [name for name in shared if name not in labels]
    if not numbers or len(shared) < _SHARED * max(len(before.columns), len(after.columns)):
        return
    labels = labels or [shared[0]]
    later_rows = {_key(row, labels): row for row in after.rows}
    for row in before.rows:
        other = later_rows.get(_key(row, labels))
        if other is not None:
            for column, n, value in _row_differences(row, other, numbers):
                label = ", ".join(_key(row, labels))
                yield Difference(
                    row=label, column=column, difference_n=n, value=value, between=(before.path, after.path)
                )


def _key(row: Row, labels: Sequence[str]) -> tuple[str, ...]:
    return tuple(row[name] for name in labels)


def _number(cell: str) -> float | None:
    return float(cell) if re.fullmatch(r"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?", cell.strip()) else None


def _is_numeric(table: ResultTable, column: str) -> bool:
    cells = [row[column] for row in table.rows]
    return sum(_number(cell) is not None for cell in cells) > _HALF * len(cells)


def _row_differences(before: Row, after: Row, numbers: Sequence[str]) -> Iterator[tuple[str, int, float | None]]:
    """Yield column, how many people more or fewer, and what the difference tells of them."""
    count = next((name for name in numbers if _COUNT.fullmatch(name)), None)
    if count is None:
        yield from _count_differences(before, after, numbers)
        return
    n1, n2 = _number(before[count]), _number(after[count])
    if n1 is None or n2 is None or not 0 < abs(n1 - n2) < FEW:
        return
    told = False
    for name in numbers:
        one, two = _number(before[name]), _number(after[name])
        if name == count or one is None or two is None:
            continue
        if _MEAN.fullmatch(name):
            told = True
            yield name, int(abs(n1 - n2)), round((n1 * one - n2 * two) / (n1 - n2), _DIGITS)
        elif _SUM.fullmatch(name):
            told = True
            yield name, int(abs(n1 - n2)), round((one - two) / (n1 - n2), _DIGITS)
    if not told:
        yield count, int(abs(n1 - n2)), None


def _count_differences(before: Row, after: Row, numbers: Sequence[str]) -> Iterator[tuple[str, int, float | None]]:
    """Yield the cells of a table of counts that changed by a few."""
    pairs = [(name, _number(before[name]), _number(after[name])) for name in numbers]
    if not all(one is None or one == int(one) for _, one, _ in pairs):
        return
    for name, one, two in pairs:
        if one is not None and two is not None and two == int(two) and 0 < abs(one - two) < FEW:
            yield name, int(abs(one - two)), None


def rekeyed(earlier: Sequence[Row], later: Sequence[Row], identity: tuple[str, str]) -> dict[str, str]:
    """Match participants of two releases by their attributes: earlier label → later label, one to one.

    ``identity`` names the label columns.  Empty when the labels were kept.  First by all columns in common, then with
    one column left out at a time (an age that went up, a value that was corrected); only profiles that are unique on
    both sides count.  Few matches are taken for chance between different people and give nothing.
    """
    old, new = identity
    columns = [name for name in earlier[0] if name in later[0] and name not in identity] if earlier and later else []
    if not columns or _labels_were_kept(earlier, later, identity, columns):
        return {}
    links: dict[str, str] = {}
    for size in (len(columns), len(columns) - 1) if len(columns) >= _ENOUGH_COLUMNS else (len(columns),):
        for some in combinations(columns, size):
            left = [row for row in earlier if row[old] not in links]
            right = [row for row in later if row[new] not in links.values()]
            links |= _unique_pairs(left, right, identity, some)
    return links if len(links) >= _LEAST_MATCHED * min(len(earlier), len(later)) else {}


def _labels_were_kept(
    earlier: Sequence[Row], later: Sequence[Row], identity: tuple[str, str], columns: Sequence[str]
) -> bool:
    """Whether rows of the same label mostly agree: then the releases share their labels."""
    by_label = {row[identity[1]]: row for row in later}
    common = [(row, by_label[row[identity[0]]]) for row in earlier if row[identity[0]] in by_label]
    if len(common) < _HALF * min(len(earlier), len(later)):
        return False
    agreeing = sum(sum(one[c] == two[c] for c in columns) * 2 > len(columns) for one, two in common)
    exact = sum(all(one[c] == two[c] for c in columns) for one, two in common)
    return exact > _HALF * len(common) or agreeing > 0.8 * len(common)


def _unique_pairs(
    left: Sequence[Row], right: Sequence[Row], identity: tuple[str, str], columns: Sequence[str]
) -> dict[str, str]:
    ours, theirs = _by_profile(left, identity[0], columns), _by_profile(right, identity[1], columns)
    return {
        labels[0]: theirs[profile][0]
        for profile, labels in ours.items()
        if len(labels) == 1 and len(theirs.get(profile, ())) == 1
    }


def _by_profile(rows: Sequence[Row], label: str, columns: Sequence[str]) -> dict[tuple[str, ...], list[str]]:
    found: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for row in rows:
        profile = tuple("" if is_missing(row[name]) else _canonical(row[name]) for name in columns)
        if any(profile):
            found[profile].append(row[label])
    return found


def _canonical(cell: str) -> str:
    number = _number(cell)
    return f"{number:g}" if number is not None else cell.strip().lower()


def gone(earlier: Sequence[str], later: Sequence[str], links: Mapping[str, str]) -> tuple[str, ...]:
    """Name the earlier participants who are in the later release neither by label nor by link."""
    if links:
        return tuple(label for label in earlier if label not in links)
    return tuple(label for label in earlier if label not in set(later))
