"""Writes the comparison as a page of the docs."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_HEAD = """# Beside the de-identifiers of today

Made by `python -m benchmarks.peers.table --data FOLDER --page PAGE` (seed {seed}); no figure was entered by hand. Each
tool ran in an environment of its own, with its own defaults, one file at a time. They differ in purpose, and defaults
can be changed: the rows say what somebody gets who installs a tool and runs it. The corpus has the places that we
thought of; its generator is `tests/planted`.

| tool | version and settings |
| --- | --- |
{versions}
"""
_SCIENCE = """What dcm2niix tells of an image: voxels, grid, scaling, orientation, b-values and vectors, every sidecar
key of physics. The share that is the same after as before; in brackets, images that have all of theirs.  gdcmanon and
dcmodify are called once a file and make new UIDs each time, so that series of many files fall apart.
"""
_DONE = """Written, of the files given. Ours refuses what is no image of a kind that it knows, and says so; the corpus
and some sets have such files.
"""


def write_page(page: Path, answer: Mapping[str, Any], *, seed: int) -> None:
    """Write the page."""
    tools = list(answer["versions"])
    versions = "\n".join(f"| {name} | {said} |" for name, said in answer["versions"].items())
    parts = [
        _HEAD.format(seed=seed, versions=versions),
        "## Planted identifiers left\n",
        "Values found in the outputs, in any encoding, of those planted.\n",
        _leaks(answer["leaks"], tools),
        "## Science kept\n",
        _SCIENCE,
        _table(tools, answer["science"], _kept),
        "## Files done\n",
        _DONE,
        _table(tools, answer["costs"], lambda one: f"{one['written']}/{one['files']}"),
        "## Speed\n",
        "Files per CPU second, reading and writing, from the page cache; in brackets peak memory in MiB.\n",
        _table(tools, answer["costs"], lambda one: f"{one['files'] / one['cpu']:.0f} ({one['peak_mib']:.0f})"),
    ]
    page.write_text("\n".join(parts) + "\n", encoding="utf-8")


def _kept(one: Mapping[str, int]) -> str:
    return f"{_share(one['kept'], one['keys'])} ({one['whole']}/{one['images']})"


def _leaks(leaks: Mapping[str, Any], tools: Sequence[str]) -> str:
    planted: Mapping[str, int] = next(iter(leaks.values()))["planted"]
    rows = []
    for category, number in sorted(planted.items()):
        left = " | ".join(str(leaks[tool]["left"].get(category, 0)) for tool in tools)
        rows.append(f"| {category} | {number} | {left} |")
    total = " | ".join(f"**{sum(leaks[tool]['left'].values())}**" for tool in tools)
    rows.append(f"| all | {sum(planted.values())} | {total} |")
    return _lines(("category", "planted", *tools), rows)


def _table(tools: Sequence[str], by_set: Mapping[str, Any], cell: Any) -> str:  # noqa: ANN401 - of one cost or science
    rows = [
        f"| {name} | " + " | ".join(cell(row[tool]) if tool in row else "" for tool in tools) + " |"
        for name, row in by_set.items()
    ]
    return _lines(("set", *tools), rows)


def _lines(head: Sequence[str], rows: Sequence[str]) -> str:
    return "\n".join([f"| {' | '.join(head)} |", "|" + " --- |" * len(head), *rows, ""])


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f} %" if whole else "–"
