"""What is wrong with a table, line by line: collected first, so that all of it is told at once."""

from collections import defaultdict
from collections.abc import Iterable

from fivesafes.core.errors import InvalidInput


class WrongLines:
    """Collects reasons by line of one table; reasons never repeat what stands in a cell."""

    def __init__(self, table: str) -> None:
        """Take the table's file name, as messages show it."""
        self._table = table
        self._lines: dict[tuple[str, str], list[int]] = defaultdict(list)

    def add(self, line: int, why: str, *, fix: str = "mend this line of the table") -> None:
        """Note a reason."""
        self._lines[why, fix].append(line)

    def raise_any(self) -> None:
        """Raise InvalidInput with every reason and each of its lines, in the order of the table."""
        if not self._lines:
            return
        ordered = sorted(self._lines.items(), key=lambda item: min(item[1]))
        told = "\n".join(f"{self._table}, {_spans(lines)}: {why}" for (why, _), lines in ordered)
        raise InvalidInput(told, fix="; ".join(dict.fromkeys(fix for (_, fix), _ in ordered)))


def _spans(lines: Iterable[int]) -> str:
    """Write line numbers shortly: ``line 3``, ``lines 3, 7-9``."""
    spans: list[list[int]] = []
    for line in sorted(set(lines)):
        if spans and line == spans[-1][1] + 1:
            spans[-1][1] = line
        else:
            spans.append([line, line])
    words = [str(first) if first == last else f"{first}-{last}" for first, last in spans]
    one = len(spans) == 1 and spans[0][0] == spans[0][1]
    return f"{'line' if one else 'lines'} {', '.join(words)}"
