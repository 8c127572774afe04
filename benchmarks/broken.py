"""Flip bits of whole files and cut them at every byte: what comes of it, how long it takes, and whether anything leaks.

Usage: python benchmarks/broken.py [--seed S] [--flips N] [--cuts] [FILE ...]

Seeds are the small files of tests/fuzz/seeds.py, one of each encoding and vendor blob; further FILEs get words planted
in their names first.  Each trial flips one to four bits in one file; every fourth trial sets a length or a word of
four bytes instead.  Reported: how trials ended, the slowest, peak memory, every exception but Malformed, and every
planted word of which five letters in a row came out, in the header or in the pixels (a damaged deflate stream, which
bears no checksum, copies earlier bytes to any place).  A planted number that came out whole is counted apart: where a
flipped tag makes a number another attribute's, nothing but its order tells.  Same seed, same trials.
"""

import argparse
import itertools
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import Final

import numpy as np
import pydicom
from attrs import field, frozen

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.fuzz.seeds import Seed, seeds  # noqa: E402 - the tests' code lies beside the benchmarks
from tests.fuzz.tried import cleaned, deidentifier, looked_at  # noqa: E402 - as above

_PLANTED: Final = {
    "PatientName": "Badqdabjaa^Bagqgabjaa",
    "InstitutionName": "Bikqkibjii",
    "OperatorsName": "Bopqpobjoo",
    "PatientComments": "Buvqvubjuu",
    "PatientAddress": "Bywqwybjyy",
}
_EXTREMES: Final = (b"\xff\xff\xff\xff", b"\0\0\0\0", b"\xff\xff\xff\x7f", b"\0\0\1\0", b"\xfe\xff\0\xe0")
_LOOK_EVERY: Final = 8
_FORGET_EVERY: Final = 500


@frozen
class Told:
    """What became of the trials."""

    ends: Counter[str] = field(factory=Counter)
    faults: list[str] = field(factory=list)
    leaks: list[str] = field(factory=list)
    in_pixels: list[str] = field(factory=list)
    slowest: list[tuple[float, str]] = field(factory=list)

    def add(self, name: str, seconds: float, end: str) -> None:
        """Count one trial."""
        self.ends[end or "cleaned"] += 1
        self.slowest.append((seconds, name))
        self.slowest.sort(reverse=True)
        del self.slowest[3:]


def of_file(path: Path) -> Seed:
    """Make a seed of a real file: words are planted in its names, and nothing else of it is looked for."""
    dataset = pydicom.dcmread(path)
    for keyword, word in _PLANTED.items():
        setattr(dataset, keyword, word)
    file = BytesIO()
    dataset.save_as(file)
    return Seed(file.getvalue(), tuple(word for text in _PLANTED.values() for word in text.split("^")), ())


def flipped(content: bytes, generator: np.random.Generator, header: int) -> tuple[bytes, str]:
    """Change a file a little, most often in its header; say where."""
    changed = bytearray(content)
    within = header if generator.random() < 0.9 else len(content)  # noqa: PLR2004 - nine of ten
    if generator.integers(4) == 0:
        place = int(generator.integers(max(within - 4, 1)))
        changed[place : place + 4] = _EXTREMES[generator.integers(len(_EXTREMES))]
        return bytes(changed), f"word at {place}"
    places = [int(generator.integers(8 * within)) for _ in range(generator.integers(1, 5))]
    for place in places:
        changed[place // 8] ^= 1 << place % 8
    return bytes(changed), f"bits {places}"


def changes(seed: Seed, number: int, generator: np.random.Generator) -> Iterator[tuple[bytes, str]]:
    """Give so many changed files."""
    header = max(seed.content.rfind(b"\xe0\x7f\x10\0"), 0) or len(seed.content)
    for _ in range(number):
        yield flipped(seed.content, generator, header)


def cuts(seed: Seed) -> Iterator[tuple[bytes, str]]:
    """Cut a file at every byte of its header, and at some of its pixels."""
    length = len(seed.content)
    for end in itertools.chain(range(min(length, 1 << 16)), range(1 << 16, length, 997)):
        yield seed.content[:end], f"cut at {end}"


def tried(name: str, seed: Seed, trials: Iterator[tuple[bytes, str]], told: Told, folder: Path) -> None:
    """Try each changed file."""
    by = deidentifier()
    for number, (content, how) in enumerate(trials):
        if number % _FORGET_EVERY == 0:
            by = deidentifier()
        began = time.process_time()
        try:
            end, header, pixels = cleaned(content, by)
            if number % _LOOK_EVERY == 0:
                looked_at(content, folder / "file")
        except Exception as fault:  # noqa: BLE001 - counting them is what this is for
            told.faults.append(f"{name}, {how}: {type(fault).__name__}")
            continue
        told.add(f"{name}, {how}", time.process_time() - began, end)
        if word := seed.found_in(header):
            told.leaks.append(f"{name}, {how}: {word}")
        if word := seed.found_in(pixels):
            told.in_pixels.append(f"{name}, {how}: {word}")
        told.ends["(planted numbers under another attribute)"] += seed.numbers_in(header)


def main(arguments: Sequence[str] | None = None) -> int:
    """Try, and tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--flips", type=int, default=10_000)
    parser.add_argument("--cuts", action="store_true")
    parser.add_argument("files", nargs="*", type=Path)
    asked = parser.parse_args(arguments)
    generator = np.random.default_rng(asked.seed)
    every = [*seeds(), *((path.name, of_file(path)) for path in asked.files)]
    told = Told()
    with tempfile.TemporaryDirectory() as folder:
        for name, seed in every:
            trials = cuts(seed) if asked.cuts else changes(seed, -(-asked.flips // len(every)), generator)
            tried(name, seed, trials, told, Path(folder))
    for end, number in sorted(told.ends.items()):
        print(f"{number:>9} {end}")
    print(f"slowest: {', '.join(f'{seconds * 1000:.0f} ms ({name})' for seconds, name in told.slowest)}")
    print(f"peak memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB")
    print(f"exceptions: {len(told.faults)}", *told.faults[:20], sep="\n  ")
    print(f"leaks: {len(told.leaks)}", *told.leaks[:20], sep="\n  ")
    print(f"in the pixels: {len(told.in_pixels)}", *told.in_pixels[:20], sep="\n  ")
    return 1 if told.faults or told.leaks else 0


if __name__ == "__main__":
    sys.exit(main())
