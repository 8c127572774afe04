"""The page of ``benchmarks.side_by_side``: what each defacer left, cut, answered and cost, for who must choose one."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.metadata import version
from typing import Any, Final

import numpy as np
from tests.heads.truth import PARTS
from tests.heads.variants import variants

from fivesafes.data.face.verify import MOST_ELSEWHERE, MOST_IN_CORE

Row = dict[str, Any]
MOST_CUT: Final = 0.05
"""Per cent of the brain: with more than this cut, *defaced* is a wrong answer."""
Tables = dict[tuple[str, str], list[Row]]
"""Rows of ``benchmarks.defacing`` by engine and mode."""

CORE: Final = PARTS[:3]
ELSEWHERE: Final = PARTS[3:]
LIMITS: Final = {part: MOST_IN_CORE if part in CORE else MOST_ELSEWHERE for part in PARTS}
NONE: Final = "–"

SHOWN: Final[Mapping[str, str]] = {
    "as-it-is": "as it is",
    "turned-mixed-30": "turned by 30 degrees about each axis",
    "child": "as small as a child's",
    "cut-under-nose": "field of view ends under the nose",
    "cut-back": "field of view ends before the back of the head",
    "voxels-1x1x5": "slices of 5 mm",
    "like-t2": "T2w look",
    "like-flair": "FLAIR look",
    "much-noise": "noise of 12 % of the brightest tissue",
    "surface-coil": "surface coil: bright on one side, nearly dark on the other",
    "series-epi": "EPI look, a series of 3 mm volumes",
    "already-defaced": "defaced before",
    "skull-stripped": "brain alone",
    "phantom": "phantom, no head at all",
}
"""The variants that are shown unless all are asked for, and how they are called; the last three have no face."""

LABELS: Final[Mapping[tuple[str, str], str]] = {
    ("embedded", "remove"): "fivesafes, remove",
    ("embedded", "reface"): "fivesafes, reface",
    ("embedded", "reface-plus"): "fivesafes, reface-plus",
    ("embedded", "skull-strip"): "fivesafes, skull-strip",
    ("pydeface", "remove"): "pydeface",
    ("quickshear", "remove"): "quickshear",
    ("bet-port", "skull-strip"): "BET port",
}

TEXT: Final = """\
# Defacers side by side

Written by `python -m benchmarks.side_by_side HEAD --every`; no figure was entered by hand.

How much of a face does each tool leave, how much brain does it cut, when is its answer wrong, and what does it cost?
Measured on one real head with its whole face (ds000031, sub-01, public) and scripted changes of it: {heads} images that
show a face, {others} that show none.  One head: the tables tell what can happen, not how often.

## What is compared

| in the tables | what ran |
|---|---|
| fivesafes | the embedded engine, fivesafes {ours}, in each of its modes |
| pydeface | {pydeface}, real, but **without FSL**, which can't be shipped: see below |
| quickshear | quickshear {quickshear}, real; it needs a brain mask and gets ours, so it stands on our shoulders |
| BET port | {bet}, a port of FSL's BET to Python, with its defaults; not FSL's own. Its brain stays, all else goes |

pydeface calls FSL's FLIRT to find the head; here another registration stands in for it.  What pydeface's mask takes can
be quoted where the head was found; its failures and its seconds are not FSL's.

Of another tool only the mask is taken ([how](../how-to/deface-with-other-tools.md)), and it runs between two steps of
ours: we look whether there is a head with a face at all, and measure what is left before an answer is given.  A tool
alone does neither: it writes a file.

- **Left**: of the skin of a part of the face, the share that has something kept within 1.3 mm.  0 % is good.  The skin
  was marked by eye.  Where a face is replaced (reface), a mean head's skin stands there instead.
- **Brain cut**: ml of brain that were removed.  0.00 is good.  The brain was drawn by deepbet 1.0.2.
- Marks and brain come from no engine that is judged, and what a tool says of itself is not used.  But our skull-strip
  runs a smaller network of deepbet's makers: what both networks get wrong is not seen here.

## The head as it is

| | eyes left | nose left | mouth left | chin left | ears left | brain cut, ml | answer |
|---|---|---|---|---|---|---|---|
{plain}

## All {heads} images with a face

*Nothing written*: the image was refused, or the tool failed on it; nothing leaks, but somebody has to see to it.

| | worst of eyes, nose, mouth left | mean chin left | mean ears left | most brain cut, ml | nothing written |
|---|---|---|---|---|---|
{over}

A face that can't be replaced well, as where the field of view cuts it, is removed instead; replaced were: {replaced}.

## Whether the answer can be trusted

All {images} images, also those without a face.  *Left in*: files in which more than {core:.0%} of eyes, nose or mouth
was left, or more than {elsewhere:.0%} of chin or ears: what a tool alone would have handed on.  *Called defaced*: our
measuring found nothing wrong; *to look at*: it did, and the file is held until a person has looked.  **Wrong**: called
defaced with more than that left, or with more than {cut} % of the brain cut; called without a face though it shows one;
or a phantom called defaced.

| | files written | eyes, nose or mouth left in | chin or ears left in | called defaced | to look at | wrong answers |
|---|---|---|---|---|---|---|
{answers}

## Where there is no face

A file *to look at* is held; nothing wrong was said of it.  A skull-strip may strip a head defaced before.

| | {without} |
|---|{dashes}
| right would be | {right} |
{negatives}

## What it costs

For one image with a face: CPU seconds of all that ran, our looking and measuring included, *tool alone* the part of the
outside program; and the memory of the largest process.  Other work ran beside it: compare within the table only.

| | CPU s, median | CPU s, most | tool alone, median | MB, median | MB, most |
|---|---|---|---|---|---|
{costs}

## Each image

Most that was left of eyes, nose or mouth; *?*: to look at; *none*: nothing written.

| | {names} |
|---|{columns}
{left}

Brain cut, ml.

| | {names} |
|---|{columns}
{brain}
"""

REPLACING: Final = {("embedded", "reface"), ("embedded", "reface-plus")}


def page(tables: Tables, *, others: tuple[str, str]) -> str:
    """Write the page; ``others``: pydeface and the BET port, each as ``package==version``."""
    given = [row["variant"] for row in next(iter(tables.values()))]
    heads, without = [one for one in given if _shows_face(one)], [one for one in given if not _shows_face(one)]
    on_heads = {name: [row for row in rows if row["variant"] in heads] for name, rows in tables.items()}

    def each(line: Callable[[list[Row]], Iterable[str]], of: Tables = tables) -> str:
        return "\n".join(_line(LABELS[name], line(rows)) for name, rows in of.items())

    def by_image(cell: Callable[[Row], str]) -> str:
        return "\n".join(
            _line(SHOWN.get(one, one), [cell(_row(rows, one)) for rows in tables.values()]) for one in heads
        )

    return TEXT.format(
        images=len(given),
        heads=len(heads),
        others=len(without),
        ours=version("fivesafes"),
        quickshear=version("quickshear"),
        pydeface=others[0].replace("==", " "),
        bet=others[1].replace("==", " "),
        core=MOST_IN_CORE,
        elsewhere=MOST_ELSEWHERE,
        cut=MOST_CUT,
        plain=each(lambda rows: _plain(rows[0])),
        over=each(_over, on_heads),
        replaced=", ".join(f"{_replaced(rows)} by {name[1]}" for name, rows in on_heads.items() if name in REPLACING),
        answers=each(_answers),
        negatives=each(lambda rows: [_told(_row(rows, one)) for one in without]),
        without=" | ".join(SHOWN.get(one, one) for one in without),
        right=" | ".join(" or ".join(map(_in_words, sorted(_answers_to(one)))) for one in without),
        dashes="---|" * len(without),
        costs=each(_costs, on_heads),
        names=" | ".join(LABELS[name] for name in tables),
        columns="---|" * len(tables),
        left=by_image(lambda row: _core(row) + ("?" if row["answer"] == "needs-review" else "")),
        brain=by_image(lambda row: f"{row['brain_ml']:.2f}" if "left" in row else "none"),
    )


def wrong(row: Row) -> str:
    """Say what is wrong with an answer: it promises what is not so; empty when it does not."""
    if row["answer"] == "nothing-to-do":
        return "a face, called none" if _shows_face(row["variant"]) and not row["right"] else ""
    if row["answer"] != "defaced":
        return ""
    if "refused" in _answers_to(row["variant"]):
        return "no head, called defaced"
    if _too_much_left(row, PARTS):
        return "face left"
    return "brain cut" if row.get("brain_share", 0.0) * 100 > MOST_CUT else ""


def _answers_to(variant: str) -> frozenset[str]:
    return next(one.answers for one in variants() if one.name == variant)


def _shows_face(variant: str) -> bool:
    return "defaced" in _answers_to(variant)


def _too_much_left(row: Row, parts: Sequence[str]) -> bool:
    """Tell whether more is left of one of the parts than may be; where there was no face, none is left."""
    left = row.get("left", {})
    return _shows_face(row["variant"]) and any(left.get(part, 0.0) > LIMITS[part] for part in parts)


def _row(rows: Sequence[Row], variant: str) -> Row:
    return next(row for row in rows if row["variant"] == variant)


def _line(name: str, cells: Iterable[str]) -> str:
    return f"| {name} | {' | '.join(cells)} |"


def _told(row: Row) -> str:
    """Give an answer in words; a refusal that came of a tool's failure is told as that."""
    if row["answer"] == "failed" or " failed: " in row["why"]:
        return "the tool failed"
    return _in_words(row["answer"])


def _in_words(answer: str) -> str:
    return {"needs-review": "to look at", "nothing-to-do": "nothing to do"}.get(answer, answer)


def _plain(row: Row) -> list[str]:
    left = row.get("left", {})
    shares = [f"{left[part]:.0%}" if part in left else NONE for part in PARTS]
    return [*shares, f"{row['brain_ml']:.2f}" if left else NONE, _told(row)]


def _core(row: Row) -> str:
    shares = [share for part, share in row.get("left", {}).items() if part in CORE]
    return f"{max(shares):.0%}" if shares else "none" if "left" not in row else NONE


def _over(rows: list[Row]) -> list[str]:
    """Sum up over the images with a face; each worst one by name."""
    empty = [f"{_named(row['variant'])}: {_told(row)}" for row in rows if "left" not in row]
    told = f"{len(empty)} of {len(rows)}" + (f" ({'; '.join(empty)})" if empty else "")
    done = [row for row in rows if "left" in row]
    if not done:
        return [NONE, NONE, NONE, NONE, told]
    cores = {row["variant"]: max(row["left"].get(part, 0.0) for part in CORE) for row in done}
    brains = {row["variant"]: row["brain_ml"] for row in done}
    means = {part: [row["left"][part] for row in done if part in row["left"]] for part in PARTS}
    others = [f"{np.mean(means[part]):.0%}" if means[part] else NONE for part in ELSEWHERE]
    return [_worst(cores, "{:.0%}"), *others, _worst(brains, "{:.2f}"), told]


def _replaced(rows: list[Row]) -> str:
    return f"{sum('left' in row and 'not replaced' not in row['why'] for row in rows)} of {len(rows)}"


def _worst(figures: Mapping[str, float], form: str) -> str:
    """Give the largest figure, and of which image it is, if it is not naught."""
    at = max(figures, key=lambda one: figures[one])
    told, naught = form.format(figures[at]), form.format(0.0)
    return told if told == naught else f"{told} ({_named(at)})"


def _named(variant: str) -> str:
    return SHOWN.get(variant, variant).partition(":")[0]


def _answers(rows: list[Row]) -> list[str]:
    """Count what was written and what was said of it."""
    written = [row for row in rows if "left" in row]
    mistakes = [f"{_named(row['variant'])}: {why}" for row in rows if (why := wrong(row))]
    return [
        str(len(written)),
        *(str(sum(_too_much_left(row, parts) for row in written)) for parts in (CORE, ELSEWHERE)),
        str(sum(row["answer"] == "defaced" for row in rows)),
        str(sum(row["answer"] == "needs-review" for row in rows)),
        f"{len(mistakes)} ({'; '.join(mistakes)})" if mistakes else "0",
    ]


def _costs(rows: list[Row]) -> list[str]:
    cpu, tool, memory = ([row[name] for row in rows] for name in ("cpu", "tool_cpu", "mb"))
    alone = f"{np.median(tool):.1f}" if max(tool) else NONE
    return [f"{np.median(cpu):.1f}", f"{max(cpu):.1f}", alone, f"{np.median(memory):.0f}", f"{max(memory):.0f}"]
