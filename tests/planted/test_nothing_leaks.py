"""Nothing that was planted is left in any byte that comes out, the good files come out, and the search can find."""

import json
from collections.abc import Iterator
from io import BytesIO, StringIO
from pathlib import Path

import pydicom
import pytest
from attrs import frozen
from click.testing import CliRunner
from tests.planted.corpus import SMALL, WHOLE, make_corpus, manifest, write_corpus
from tests.planted.encodings import spelt
from tests.planted.files import PlantedFile
from tests.planted.search import Search

from fivesafes.core.errors import InvalidInput
from fivesafes.data.header.deidentify import Deidentifier, deidentify
from fivesafes.data.header.malformed import Malformed
from fivesafes.data.header.part10 import open_data_set
from fivesafes.data.header.profile import load_profile
from fivesafes.data.header.pseudonyms import Pseudonyms
from fivesafes.interfaces.cli.deidentify import EXIT_PARTLY, command

KEY = bytes(range(32))
_BY_CHANCE = 6
CATEGORIES = {
    "standard",
    "nested",
    "kept",
    "binary",
    "private",
    "character sets",
    "file meta",
    "behind the pixels",
    "retired and unknown groups",
    "sequences",
    "UN",
    "false VRs",
    "UIDs",
    "names of files",
    "between items",
    "Siemens CSA",
    "GE protocol",
    "compressed pixels",
    "refused objects",
}


@frozen
class Corpus:
    """Files, and the search for all of their plants."""

    files: list[PlantedFile]
    search: Search


def _corpus(seed: int, share: float) -> Corpus:
    files = make_corpus(seed, share)
    return Corpus(files, Search(plant for file in files for plant in file.plants))


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    """Give a corpus that is quick to go through."""
    return _corpus(1, SMALL)


@pytest.fixture
def deidentifier() -> Deidentifier:
    """Give what is tried."""
    return Deidentifier(load_profile(), Pseudonyms(KEY, "test"))


def _cleaned(file: PlantedFile, deidentifier: Deidentifier) -> bytes:
    try:
        return b"".join(deidentifier.clean(open_data_set(file.content)).pieces)
    except Malformed:
        return b""


def _left(corpus: Corpus, *contents: bytes) -> list[str]:
    found = [one for content in contents for one in corpus.search.find(content)]
    return [f"{plant.category}: {plant.place} ({encoding})" for plant, encoding in found]


def _left_in(corpus: Corpus, file: PlantedFile, content: bytes) -> list[str]:
    """List what is left in a file's result; six bytes of another file's plant stand somewhere in forty megabytes."""
    own = {plant.number for plant in file.plants}
    return [
        f"{plant.category}: {plant.place} ({encoding})"
        for plant, encoding in corpus.search.find(content)
        if plant.number in own or max(len(raw) for how, raw in plant.needles if how == encoding) > _BY_CHANCE
    ]


def test_every_plant_is_found_where_it_was_planted(corpus: Corpus) -> None:
    """The search finds each value in its own file, or in its name: one that copied its input would leak them all."""
    for file in corpus.files:
        found = {plant.number for part in (file.content, file.name.encode()) for plant, _ in corpus.search.find(part)}
        assert not [plant.place for plant in file.plants if plant.number not in found], file.name
    assert {plant.category for file in corpus.files for plant in file.plants} == CATEGORIES


def _stay_as_they_are(corpus: Corpus, deidentifier: Deidentifier) -> Iterator[str]:
    for file in corpus.files:
        cleaned = _cleaned(file, deidentifier)
        assert bool(cleaned) == file.accepted, file.name
        if cleaned:
            before, after = (_values(content) for content in (file.content, cleaned))
            yield from (f"{file.name} {tag:08X}" for tag in file.science if before[tag] != after.get(tag))


def _values(content: bytes) -> dict[int, bytes]:
    data_set = open_data_set(content)
    return {element.tag: data_set.buffer[element.start : element.end] for element in data_set.elements()}


def test_good_files_come_out_with_their_physics(corpus: Corpus, deidentifier: Deidentifier) -> None:
    """What should be refused is, nothing else is, and no attribute that was left alone has changed."""
    assert sum(file.accepted for file in corpus.files) > len(corpus.files) // 2
    assert sum(len(file.science) for file in corpus.files) > 1000
    assert not list(_stay_as_they_are(corpus, deidentifier))


def test_nothing_planted_is_left(corpus: Corpus, deidentifier: Deidentifier) -> None:
    """No value in any encoding in any byte of any result, nor in what is told of it."""
    for file in corpus.files:
        assert not _left_in(corpus, file, _cleaned(file, deidentifier)), file.name


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_nothing_of_the_whole_corpus_is_left(seed: int, deidentifier: Deidentifier) -> None:
    """Each variant in each kept attribute."""
    corpus = _corpus(seed, WHOLE)
    assert sum(len(file.plants) for file in corpus.files) > 20_000
    for file in corpus.files:
        assert not _left_in(corpus, file, _cleaned(file, deidentifier)), file.name
    assert not list(_stay_as_they_are(corpus, deidentifier))


@pytest.mark.parametrize("category", sorted(CATEGORIES))
def test_a_leak_is_found_in_every_category_and_encoding(
    corpus: Corpus, deidentifier: Deidentifier, category: str
) -> None:
    """A result into which one plant was put back, in any of its encodings, is caught."""
    clean = next(made for file in corpus.files if (made := _cleaned(file, deidentifier)))
    plants = [plant for file in corpus.files for plant in file.plants if plant.category == category]
    assert not _left(corpus, clean)
    for plant in plants[:: max(1, len(plants) // 20)]:
        for encoding, needle in plant.needles:
            found = {
                one.number for one, _ in corpus.search.find(clean[:300] + b" " + needle.upper() + b" " + clean[300:])
            }
            assert plant.number in found, (plant.place, encoding)


def test_the_command_leaves_nothing_behind(corpus: Corpus, tmp_path: Path) -> None:
    """Files, names of files and folders, logs, standard output and error; --json names only what it was given."""
    write_corpus(corpus.files, tmp_path / "in")
    key = tmp_path / "key"
    key.write_bytes(KEY)
    key.chmod(0o600)
    arguments = [str(tmp_path / "in"), str(tmp_path / "out"), "--key", str(key), "--log", str(tmp_path / "log")]
    result = CliRunner().invoke(command, [*arguments, "--workers", "1"])
    assert result.exit_code == EXIT_PARTLY, result.output
    accepted = sum(file.accepted for file in corpus.files)
    written = [path for path in (tmp_path / "out").rglob("*") if path.suffix == ".dcm"]
    assert len(written) == accepted
    for folder in ("out", "log"):
        for path in sorted((tmp_path / folder).rglob("*")):
            name = str(path.relative_to(tmp_path)).encode()
            assert not _left(corpus, name, path.read_bytes() if path.is_file() else b""), folder
    assert list((tmp_path / "log").rglob("*.json"))
    assert not _left(corpus, result.stdout.encode(), result.stderr.encode())
    told = json.loads(CliRunner().invoke(command, [*arguments, "--json"]).stdout)
    for file in told["files"]:
        del file["path"]
    assert not _left(corpus, json.dumps(told).encode())


@pytest.mark.filterwarnings("ignore")
def test_the_function_for_pydicom_leaves_nothing_behind(corpus: Corpus) -> None:
    """The same through ``deidentify()``, for what pydicom can read and write."""
    profile, pseudonyms = load_profile(), Pseudonyms(KEY, "test")
    done, told = 0, []
    for file in corpus.files:
        try:
            made, record, verdict = deidentify(pydicom.dcmread(BytesIO(file.content)), profile, pseudonyms)
        except InvalidInput as problem:
            told.append(str(problem).encode())
            continue
        except (pydicom.errors.InvalidDicomError, EOFError):
            continue  # pydicom itself can't read it
        assert not _left(corpus, repr(record).encode(), repr(verdict).encode())
        if made:
            out = BytesIO()
            pydicom.dcmwrite(out, made, enforce_file_format=False)
            assert not _left(corpus, out.getvalue()), file.name
            done += 1
    assert not _left(corpus, *told)
    assert done > len(corpus.files) // 3


def test_the_same_seed_makes_the_same_corpus() -> None:
    """A corpus can be made again elsewhere, and another seed makes another."""
    one, again, other = (make_corpus(seed, 0.02) for seed in (5, 5, 6))
    assert [file.content for file in one] == [file.content for file in again]
    assert all(
        file.content != another.content for file, another in zip(one, other, strict=True) if len(file.plants) > 1
    )
    told = json.load(StringIO(manifest(one[:2], 5)))
    assert len(told["plants"]) == sum(len(file.plants) for file in one[:2])
    assert len({plant["id"] for plant in told["plants"]}) == len(told["plants"])


def test_texts_are_spelt_in_every_encoding() -> None:
    """A search that knew one encoding only would miss the others."""
    names = {encoding for encoding, _ in spelt("Müllerova")}
    assert names == {"utf-8", "utf-16-le", "utf-16-be", "latin-1", "hexadecimal", "base64", "pairs of bytes swapped"}
