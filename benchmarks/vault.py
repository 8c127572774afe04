"""What the vault costs, and what it lets pass.

Usage: python benchmarks/vault.py speed [ROUNDS]     CPU beside plain copy, in a memory disk and on disk
       python benchmarks/vault.py macs               CPU of the digests that addresses could be made with
       python benchmarks/vault.py keeper             CPU and time of reading through the keeper, beside reading in process
       python benchmarks/vault.py flips [--seed N] [--number N]     flipped bits, one at a time: how many are accepted

Rounds of all ways are interleaved and the median counts; CPU is that of the process and its kernel time, so that
neighbours on the machine matter little.  Quote the ratios.
"""

import argparse
import hashlib
import hmac
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from fivesafes.setting.vault.address import Addresser
from fivesafes.setting.vault.keys import Openers, add_identity, open_identity, participant_key
from fivesafes.setting.vault.seal import Identity, SealBroken, seal, unseal
from fivesafes.setting.vault.vault import Vault, object_name
from fivesafes.stores.blobs import FolderBlobs
from fivesafes.stores.keyring_files import FileKeyRing, write_identity

SLICE = 200_000
FILES = 512


def written(folder: Path, *, files: int, size: int) -> list[Path]:
    """Write files of random bytes, which no file system can make small."""
    folder.mkdir()
    paths = []
    for number in range(files):
        paths.append(folder / f"{number:05}.dcm")
        paths[-1].write_bytes(os.urandom(size))
    return paths


def copy(paths: list[Path], to: Path) -> None:
    """Read each file and write it: the peer."""
    for path in paths:
        (to / path.name).write_bytes(path.read_bytes())


def copy_durably(paths: list[Path], to: Path) -> None:
    """Copy with what durability costs anybody: sync, rename, sync of the folder."""
    for path in paths:
        descriptor = os.open(to / f".{path.name}", os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        os.write(descriptor, path.read_bytes())
        os.fsync(descriptor)
        os.close(descriptor)
        (to / f".{path.name}").rename(to / path.name)
    folder = os.open(to, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)


def keep(paths: list[Path], to: Path) -> None:
    """Read each file, digest, seal and keep it, as ingest does."""
    vault = Vault(FolderBlobs(to), Addresser(bytes(32), "benchmark"))
    recipient = Identity.made().recipient
    vault.keep((path.read_bytes() for path in paths), recipient=recipient)


def digest(paths: list[Path], to: Path) -> None:
    """Read each file and digest it."""
    addresser = Addresser(bytes(32), "benchmark")
    for path in paths:
        addresser.of(path.read_bytes())


def digest_and_seal(paths: list[Path], to: Path) -> None:
    """Read each file, digest and seal it, and keep nothing."""
    addresser = Addresser(bytes(32), "benchmark")
    recipient = Identity.made().recipient
    for path in paths:
        content = path.read_bytes()
        addresser.of(content)
        seal(content, (recipient,))


def timed(way: Callable[[list[Path], Path], None], paths: list[Path], folder: Path) -> tuple[float, float]:
    """Give CPU and wall seconds of one round."""
    to = folder / "to"
    to.mkdir()
    os.sync()
    cpu, wall = time.process_time(), time.perf_counter()
    way(paths, to)
    took = time.process_time() - cpu, time.perf_counter() - wall
    shutil.rmtree(to)
    return took


def speed(rounds: int) -> None:
    """Compare the ways on small slices and on big files, in memory and on disk."""
    ways = [copy, copy_durably, digest, digest_and_seal, keep]
    for place in [Path("/dev/shm"), Path(tempfile.gettempdir())]:  # noqa: S108 - a memory disk, in a private folder
        for files, size in [(FILES, SLICE), (4, 64 * 2**20)]:
            with tempfile.TemporaryDirectory(dir=place) as name:
                paths = written(Path(name) / "from", files=files, size=size)
                times = [[timed(way, paths, Path(name)) for way in ways] for _ in range(rounds)]
            report(str(place), ways, times, megabytes=files * size / 1e6)


def report(place: str, ways: list[Callable[..., None]], times: list[list[tuple[float, float]]], megabytes: float) -> None:
    """Print the medians."""
    base = statistics.median(round_[0][0] for round_ in times)
    print(f"\n{place}, {megabytes:.0f} MB, {len(times)} rounds")
    for number, way in enumerate(ways):
        cpu = statistics.median(round_[number][0] for round_ in times)
        wall = statistics.median(round_[number][1] for round_ in times)
        print(f"  {way.__name__:<16} {megabytes / cpu:7.0f} MB per CPU-s  {cpu / base:5.2f} × copy  {megabytes / wall:7.0f} MB/s")


if __name__ == "__main__":
    speed(int(sys.argv[2]) if len(sys.argv) > 2 else 5)
