"""Look at tables of results: small cells, one suppressed cell beside its total, dominance, minimum and maximum.

Rules and thresholds of the GSS/SDAP handbook: ten people per cell; the nk rule with n = 2, k = 0.9.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from attrs import frozen

from fivesafes.data.model import Residue
from fivesafes.data.residue.delimited import Delimited
from fivesafes.data.residue.place import Place

THRESHOLD: Final = 10
FEW: Final = 3
DOMINANT: Final = 0.9
_COUNTS: Final = re.compile(
    r"(?i)n|n_?(?:subj\w*|participants?|people|patients?|cases|obs)|counts?|freq(?:uency)?|num(?:ber)?(?:_of)?_?\w*"
    r"(?:participants?|subjects?|people|patients)|participants?|subjects?|people|patients|cases|sample_?size",
)
_RESULT_NAMES: Final = re.compile(r"(?i)(?:counts?|crosstab|freq\w*|contingency|tabulation|xtab|demographics?)")
_TOTAL: Final = re.compile(r"(?i)(?:grand[ _]?)?(?:total|sum|all|overall|margin)s?")
_SUPPRESSED: Final = re.compile(r"(?i)[<≤]\s*=?\s*\d+|\*+|x|s|suppressed|supp|\[c\]|c|-|–|n/?p|\.\.|redacted|masked|†")
_EXTREMES: Final = re.compile(
    r"(?i)(?:.*[_ .])?(?:min|max|minimum|maximum|range|smallest|largest|lowest|highest)(?:[_ .].*)?"
)
_STATISTICS: Final = re.compile(
    r"(?i)(?:.*[_ .])?(?:mean|median|sd|std|average|avg|iqr|sem|se|variance)(?:[_ .].*)?|n|count"
)
_SHARES: Final = re.compile(
    r"(?i).*(?:largest|top_?[12]?|max|dominant|biggest|leading).*(?:share|frac\w*|prop\w*|pct|percent\w*|contrib\w*)|.*(?:share|contrib\w*).*(?:largest|top|max).*"
)
_LARGEST: Final = re.compile(
    r"(?i)(?:.*_)?(?:largest|top_?[12]|biggest|max(?:imum)?)(?:_(?:value|contributor|contribution))?(?:_.*)?"
)
_RESIDUAL: Final = re.compile(r"(?i)(?<![a-z])resid(?:ual)?s?(?![a-z])")
_FITTED: Final = re.compile(r"(?i)(?<![a-z])(?:fitted|predicted|yhat|y_hat|observed|y)(?![a-z])")
_PER_PERSON: Final = re.compile(r"(?:^|/)sub-")
_NOT_PEOPLE: Final = re.compile(
    r"(?i)voxel|cluster|vert|peak|roi|region|trial|frame|volume|slice|label|index|hemi|electrode|edge|node"
)


@frozen
class _Grid:
    """The numbers of a table: None where a cell is suppressed; ``row_total``, ``column_total`` index the margins."""

    columns: tuple[str, ...]
    rows: tuple[tuple[float | None, ...], ...]
    row_total: int | None
    column_total: int | None

    @property
    def inner_rows(self) -> list[int]:
        """Give the rows that are no margin."""
        return [index for index in range(len(self.rows)) if index != self.row_total]

    @property
    def inner_columns(self) -> list[int]:
        """Give the columns that are no margin."""
        return [index for index in range(len(self.columns)) if index != self.column_total]


def find(table: Delimited, place: Place) -> Iterator[Residue]:
    """Yield what a table of results discloses about few people; tables of rows per person are left alone."""
    if _is_of_residuals(table, place):
        yield place.residue("residual_rows", "cells")
    if _is_result(table, place):
        for code in (*_count_codes(table, place), *_statistic_codes(table)):
            yield place.residue(code, "cells")


def _is_of_residuals(table: Delimited, place: Place) -> bool:
    """Whether a fitted model's residuals are listed, person by person."""
    names = " ".join(table.columns)
    told = _RESIDUAL.search(names) and _FITTED.search(names)
    return bool(told) and len(table.rows) >= FEW and not _PER_PERSON.search(place.path)


def _is_result(table: Delimited, place: Place) -> bool:
    """Whether rows stand for groups: no participant's folder or label, few rows, no words of image analysis."""
    if not table.rows or len(table.rows) > 500 or _PER_PERSON.search(place.path):  # noqa: PLR2004 - a printed table
        return False
    if any(_NOT_PEOPLE.search(name) for name in table.columns):
        return False
    return not any(cell.startswith("sub-") for row in table.rows for cell in row[:2])


def _grid(table: Delimited) -> _Grid | None:
    """Read the columns that hold whole numbers or suppressed cells; None when there are none."""
    kept = [i for i in range(1, len(table.columns)) if _is_counted([row[i] for row in table.rows])]
    if not kept:
        return None
    rows = tuple(tuple(_value(row[index]) for index in kept) for row in table.rows)
    names = tuple(table.columns[index] for index in kept)
    row_total = next((i for i, row in enumerate(table.rows) if _TOTAL.fullmatch(row[0])), None)
    column_total = next((i for i, name in enumerate(names) if _TOTAL.fullmatch(name)), None)
    return _Grid(names, rows, row_total, column_total)


def _is_counted(cells: Sequence[str]) -> bool:
    whole = [bool(re.fullmatch(r"\d{1,7}(?:\.0)?", cell)) for cell in cells]
    fine = [ok or bool(_SUPPRESSED.fullmatch(cell)) or not cell for ok, cell in zip(whole, cells, strict=True)]
    return all(fine) and any(whole)


def _value(cell: str) -> float | None:
    return float(cell) if re.fullmatch(r"\d+(?:\.0)?", cell) else None


def _count_codes(table: Delimited, place: Place) -> Iterator[str]:
    grid = _grid(table)
    if grid is None:
        return
    named = [i for i, name in enumerate(grid.columns) if _COUNTS.fullmatch(name)]
    margins = _margins_agree(grid)
    if not named and not margins and not _RESULT_NAMES.search(place.path.rsplit("/", 1)[-1]):
        return
    columns = grid.inner_columns if margins or not named else named
    counts = [grid.rows[r][c] for r in grid.inner_rows for c in columns]
    small = [count for count in counts if count is not None and 0 < count < THRESHOLD]
    if small:
        yield "lone_cells" if min(small) < FEW else "small_cells"
    if _is_recoverable(grid, columns):
        yield "complementary_disclosure"


def _margins_agree(grid: _Grid) -> bool:
    """Whether a total equals the sum of its cells wherever none is suppressed: then the numbers are counts."""
    checked = [
        total == sum(cell for cell in line if cell is not None)
        for total, line in _lines(grid, grid.inner_columns)
        if total is not None and None not in line and len(line) > 1
    ]
    recoverable = any(total is not None and line.count(None) == 1 for total, line in _lines(grid, grid.inner_columns))
    return all(checked) if checked else recoverable


def _lines(grid: _Grid, columns: Sequence[int]) -> Iterator[tuple[float | None, list[float | None]]]:
    """Yield each row and column that has a total: the total and its cells."""
    if grid.column_total is not None:
        for r in range(len(grid.rows)):
            yield grid.rows[r][grid.column_total], [grid.rows[r][c] for c in columns if c != grid.column_total]
    if grid.row_total is not None:
        for c in range(len(grid.columns)):
            yield grid.rows[grid.row_total][c], [grid.rows[r][c] for r in grid.inner_rows]


def _is_recoverable(grid: _Grid, columns: Sequence[int]) -> bool:
    """Whether some suppressed cell is alone in its line, or becomes so once others are computed."""
    return any(total is not None and len(line) > 1 and line.count(None) == 1 for total, line in _lines(grid, columns))


def _statistic_codes(table: Delimited) -> Iterator[str]:
    names = [name for name in table.columns[1:] if name]
    if any(_STATISTICS.fullmatch(name) for name in names) and any(_EXTREMES.fullmatch(name) for name in names):
        yield "min_max"
    if _is_dominated(table):
        yield "dominance"


def _is_dominated(table: Delimited) -> bool:
    for name in table.columns:
        values = [value for cell in table.column(name) if (value := _share(cell)) is not None]
        if _SHARES.fullmatch(name) and any(value >= DOMINANT for value in values):
            return True
    totals = [name for name in table.columns if re.fullmatch(r"(?i)(?:.*_)?(?:total|sum)(?:_.*)?", name)]
    largest = [name for name in table.columns if _LARGEST.fullmatch(name)]
    return any(
        (part := _share(one)) is not None and (whole := _share(all_)) and part >= DOMINANT * whole > 0
        for total in totals
        for name in largest
        for one, all_ in zip(table.column(name), table.column(total), strict=True)
    )


def _share(cell: str) -> float | None:
    found = re.fullmatch(r"(-?\d+(?:\.\d+)?)\s*(%?)", cell)
    if not found:
        return None
    return float(found.group(1)) / (100 if found.group(2) else 1)
