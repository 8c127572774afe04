"""Write the tables of docs/explanation/what-defacing-costs-science.md from what ``benchmarks.utility --json`` measured.

Usage: python -m benchmarks.utility_tables ROWS.json …

A table per head, in the order of the rows; the draws of noise are told as a range.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

Row = dict[str, Any]
TISSUES: Final = {"like-t2": "dark, % | middle, % | bright, %"}
OF_T1W: Final = "CSF, % | grey, % | white, %"
TITLE: Final = (
    "| what was done | brain, Dice | brain, % | {tissues} | bias field, %: median | 95th percentile | whole heads, mm "
    "| defaced, zone left out, mm | original, zone left out, mm | both, mm "
    "| brains alone, mm | brain voxels altered, ml |"
)


def main() -> int:
    """Print the tables."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("files", nargs="+", type=Path)
    rows = [row for file in words.parse_args().files for row in json.loads(file.read_text(encoding="utf-8"))]
    for head in dict.fromkeys(row["head"] for row in rows):
        print(f"\n### {head}\n")
        print("\n".join(_table(head, [row for row in rows if row["head"] == head])))
    return 0


def _table(head: str, rows: Sequence[Row]) -> Iterator[str]:
    yield TITLE.format(tissues=TISSUES.get(head, OF_T1W))
    yield "|" + "---|" * 14
    noise = [row for row in rows if row["what"].startswith("retest: noise")]
    if noise:
        yield _line(f"*nothing: 1 % of noise, {len(noise)} draws*", noise)
    for row in rows:
        if row not in noise:
            yield _line(_named(row), [row])


def _named(row: Row) -> str:
    """Say what was done, and the answer where it was another than wanted."""
    if row["what"].startswith("retest"):
        return "*nothing: half a voxel further*"
    return f"`{row['what']}`" + ("" if row["answer"] == "defaced" else f" ({row['answer']})")


def _line(name: str, rows: Sequence[Row]) -> str:
    if "dice" not in rows[0]:
        return f"| {name} | no image |" + " |" * 12
    looks: list[tuple[Callable[[Row], float | None], str]] = [
        (lambda row: row["dice"], ".4f"),
        (lambda row: row["brain"], "+.2f"),
        *((lambda row, at=at: row["tissues"][at], "+.2f") for at in range(3)),  # type: ignore[misc]
        *((lambda row, at=at: row["bias"][at], ".2f") for at in range(2)),  # type: ignore[misc]
        *((lambda row, at=at: row.get(f"{at}_mm"), ".1f") for at in ("whole", "masked", "blind", "both", "alone")),  # type: ignore[misc]
        (lambda row: None if row["answer"] == "not defaced" else row["changed_ml"], ".2f"),
    ]
    return f"| {name} | " + " | ".join(_range([look(row) for row in rows], form) for look, form in looks) + " |"


def _range(values: Sequence[float | None], form: str) -> str:
    """Give the least and the most, once where they are the same as told."""
    given = [one for one in values if one is not None]
    ends = dict.fromkeys(format(one, form).replace("-", "−") for one in (min(given), max(given))) if given else ["–"]
    return " to ".join(ends)


if __name__ == "__main__":
    sys.exit(main())
