"""What today's de-identifiers leave and what they keep, beside ours: a page for the docs, made by one command.

Usage: python -m benchmarks.peers.table --data FOLDER [--environments FOLDER] [--seed S] [--page PAGE]

Each tool runs in an environment of its own, with its own defaults, one file at a time, on the sets of real scans below
FOLDER and on the corpus of planted identifiers.  What is compared: planted values found in the outputs; what dcm2niix
makes of a set before and after; CPU, from the page cache.  Quote ratios: single times say more of the machine.
"""

import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import click
from attrs import asdict, evolve, frozen
from benchmarks.peers.page import write_page
from benchmarks.peers.tools import TOOLS, Cost, Tool, python_of, run, version_of
from tests.planted.corpus import WHOLE, make_corpus, write_corpus
from tests.planted.search import Search

from fivesafes.core.errors import FiveSafesError
from fivesafes.data.conversion.compare import Look, compare_series, look_at
from fivesafes.data.conversion.fates import Fate, load_fates
from fivesafes.data.header.inspect import SetAside, inspect
from fivesafes.engines.converters.dcm2niix import Dcm2niix

SETS: Final = (
    "siemens-ge",
    "siemens-enhanced",
    "structural-t1",
    "vendors/siemens-b17",
    "vendors/ge-dwi",
    "vendors/philips-dwi",
    "vendors/canon",
    "vendors/uih",
)


DIGITS: Final = 6
"""Of the numbers by which runners call outputs."""


@frozen(kw_only=True)
class Science:
    """What is left of a set's conversion: keys and parts that must stay, and images that have all of theirs."""

    keys: int
    kept: int
    images: int
    whole: int


@frozen(kw_only=True)
class Leaks:
    """How many planted values are in the outputs, by category; ``planted`` counts all of them."""

    planted: Mapping[str, int]
    left: Mapping[str, int]


@click.command()
@click.option("--data", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--environments", type=click.Path(file_okay=False, path_type=Path), help="Where tools are installed.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of the corpus.")
@click.option("--share", type=float, default=WHOLE, show_default=True, help="Share of kept attributes to plant in.")
@click.option("--only", multiple=True, help="This tool, beside ours; may be repeated.")
@click.option("--page", type=click.Path(dir_okay=False, path_type=Path), help="Write the page there.")
def command(
    *, data: Path, environments: Path | None, seed: int, share: float, only: Sequence[str], page: Path | None
) -> None:
    """Compare, and write the page; figures go to standard output as JSON."""
    with tempfile.TemporaryDirectory(prefix="peers-") as made:
        place = Path(made)
        tools = list(_there(environments or place / "environments", only))
        leaks, at_corpus = _on_corpus(place, tools, seed=seed, share=share)
        costs: dict[str, dict[str, Cost]] = {"planted": at_corpus}
        science: dict[str, dict[str, Science]] = {}
        for name in SETS:
            science[name], costs[name] = _on_set(data / name, place / "set", tools)
    versions = {tool.name: f"{version_of(tool)}, {tool.says}" for tool, _ in tools}
    answer = {
        "versions": versions,
        "leaks": {tool: asdict(one) for tool, one in leaks.items()},
        "science": {name: {tool: asdict(one) for tool, one in row.items()} for name, row in science.items()},
        "costs": {name: {tool: asdict(one) for tool, one in row.items()} for name, row in costs.items()},
    }
    click.echo(json.dumps(answer, indent=1))
    if page is not None:
        write_page(page, answer, seed=seed)


def _there(environments: Path, only: Sequence[str]) -> Iterator[tuple[Tool, Path]]:
    for tool in TOOLS:
        if only and tool.name not in {*only, TOOLS[0].name}:
            continue
        python = python_of(tool, environments)
        if python is None:
            click.echo(f"{tool.name} is left out: install Debian's {tool.package}", err=True)
        else:
            yield tool, python


def _on_corpus(
    place: Path, tools: Sequence[tuple[Tool, Path]], *, seed: int, share: float
) -> tuple[dict[str, Leaks], dict[str, Cost]]:
    files = make_corpus(seed, share)
    write_corpus(files, place / "corpus")
    plants = [plant for file in files for plant in file.plants]
    planted = Counter(plant.category for plant in plants)
    search = Search(plants)
    leaks, costs = {}, {}
    for tool, python in tools:
        into = place / "out"
        costs[tool.name] = run(tool, python, place / "corpus", into)
        left = {plant.number: plant.category for path in _files(into) for plant, _ in search.find(_bytes(path, into))}
        leaks[tool.name] = Leaks(planted=dict(planted), left=dict(Counter(left.values())))
        click.echo(f"corpus, {tool.name}: {len(left)} of {len(plants)} left", err=True)
        shutil.rmtree(into)
    return leaks, costs


def _bytes(path: Path, below: Path) -> bytes:
    """Give a file's bytes, and its name: identifiers stand in names too."""
    return path.read_bytes() + b"\0" + path.relative_to(below).as_posix().encode()


def _on_set(
    source: Path, place: Path, tools: Sequence[tuple[Tool, Path]]
) -> tuple[dict[str, Science], dict[str, Cost]]:
    science, costs = {}, {}
    originals = dict(enumerate(_files(source)))
    series = _series(originals)
    before = _looks(originals, series, place)
    for tool, python in tools:
        into = place.with_name("out")
        costs[tool.name] = run(tool, python, source, into)
        written = {int(path.relative_to(into).as_posix()[:DIGITS]): path for path in _files(into)}
        science[tool.name] = _compared(before, _looks(written, series, place))
        click.echo(f"{source.name}, {tool.name}: {science[tool.name]}", err=True)
        shutil.rmtree(into)
    return science, costs


def _series(originals: Mapping[int, Path]) -> list[list[int]]:
    """Group whole images by their series; files that are none take part in no conversion."""
    series: dict[str, list[int]] = {}
    for number, path in originals.items():
        seen = inspect(path)
        if not isinstance(seen, SetAside):
            series.setdefault(seen.series_uid, []).append(number)
    return list(series.values())


def _looks(files: Mapping[int, Path], series: Sequence[Sequence[int]], place: Path) -> tuple[Look, ...]:
    """Convert series by series, whatever a tool made of their UIDs; one that can't be converted gives nothing."""
    looks: list[Look] = []
    for number, ones in enumerate(series):
        links, out = place / "in", place / "out"
        for folder in (links, out):
            folder.mkdir(parents=True)
        for one in ones:
            if one in files:
                (links / f"{one:0{DIGITS}}.dcm").symlink_to(files[one].resolve())
        try:
            looks += [
                evolve(look_at(image), name=f"{number} {image.nifti.stem}")
                for image in Dcm2niix().convert(links, into=out)
            ]
        except FiveSafesError:
            pass
        finally:
            shutil.rmtree(place)
    return tuple(looks)


def _compared(before: Sequence[Look], after: Sequence[Look]) -> Science:
    fates = load_fates()
    stays = {key for key, ruling in fates.items() if ruling.fate is not Fate.CHANGES}
    must = {look.name: {*look.parts, *(stays & look.sidecar.keys())} for look in before}
    gone = whole = 0
    for image in compare_series(before, after, fates):
        if image.new:
            continue
        lost = len(must[image.name] if image.lost else must[image.name] & {*image.missing, *image.different})
        gone += lost
        whole += lost == 0
    keys = sum(map(len, must.values()))
    return Science(keys=keys, kept=keys - gone, images=len(before), whole=whole)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


if __name__ == "__main__":
    command()
