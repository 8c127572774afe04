"""What the vault costs, and what it lets pass.

Usage: python benchmarks/vault.py speed [ROUNDS]     CPU beside plain copy, in a memory disk and on disk
       python benchmarks/vault.py macs               CPU of the digests that addresses could be made with
       python benchmarks/vault.py keeper             reading through the keeper, beside reading in process
       python benchmarks/vault.py flips [--seed N] [--number N] [--at seal|vault]
                                                     flipped bits, one at a time: how many are accepted, by the seal
                                                     alone or by all that reading from a vault on disk does

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
from collections import deque
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pyrage  # type: ignore[import-untyped] # a compiled module without stubs

from fivesafes.setting.vault.address import Addresser
from fivesafes.setting.vault.keys import add_identity, participant_key
from fivesafes.setting.vault.seal import Identity, SealBroken, seal, seal_in_parts, unseal
from fivesafes.setting.vault.vault import Vault, object_name
from fivesafes.stores.blobs import FolderBlobs
from fivesafes.stores.identity_files import read_identity
from fivesafes.wiring.found import Founding, found_haven
from fivesafes.wiring.haven import opened_haven
from fivesafes.wiring.vault import holding_of, keeper_of

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


def digest(paths: list[Path], _to: Path) -> None:
    """Read each file and digest it."""
    addresser = Addresser(bytes(32), "benchmark")
    for path in paths:
        addresser.of(path.read_bytes())


def digest_and_seal(paths: list[Path], _to: Path) -> None:
    """Read each file, digest and seal it, and keep nothing."""
    addresser = Addresser(bytes(32), "benchmark")
    recipient = Identity.made().recipient
    for path in paths:
        content = path.read_bytes()
        addresser.of(content)
        deque(seal_in_parts(content, (recipient,)), maxlen=0)


def digest_and_pyrage(paths: list[Path], _to: Path) -> None:
    """Do the same with pyrage's sealing, by the way of it that takes the least CPU."""
    addresser = Addresser(bytes(32), "benchmark")
    recipients = [pyrage.x25519.Recipient.from_str(Identity.made().recipient)]
    for path in paths:
        content = path.read_bytes()
        addresser.of(content)
        pyrage.encrypt_io(BytesIO(content), _Parts(), recipients)


class _Parts(list[bytes]):
    """What pyrage writes, in the pieces it came in: small enough for the allocator to use the same memory again."""

    def write(self, part: bytes) -> int:
        self.append(part)
        return len(part)

    def flush(self) -> None:
        """Have nothing to flush."""


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
    ways = [copy, copy_durably, digest, digest_and_pyrage, digest_and_seal, keep]
    for place in [Path("/dev/shm"), Path(tempfile.gettempdir())]:  # noqa: S108 - a memory disk, in a private folder
        for files, size in [(FILES, SLICE), (4, 64 * 2**20)]:
            with tempfile.TemporaryDirectory(dir=place) as name:
                paths = written(Path(name) / "from", files=files, size=size)
                times = [[timed(way, paths, Path(name)) for way in ways] for _ in range(rounds)]
            report(str(place), ways, times, megabytes=files * size / 1e6)


def report(
    place: str, ways: list[Callable[..., None]], times: list[list[tuple[float, float]]], megabytes: float
) -> None:
    """Print the medians."""
    base = statistics.median(round_[0][0] for round_ in times)
    print(f"\n{place}, {megabytes:.0f} MB, {len(times)} rounds")
    for number, way in enumerate(ways):
        cpu = statistics.median(round_[number][0] for round_ in times)
        wall = statistics.median(round_[number][1] for round_ in times)
        rate = f"{megabytes / cpu:7.0f} MB per CPU-s  {cpu / base:5.2f} × copy  {megabytes / wall:7.0f} MB/s"
        print(f"  {way.__name__:<18} {rate}")


def macs() -> None:
    """Compare the digests that an address could be made with, on slices."""
    key = os.urandom(32)
    contents = [os.urandom(SLICE) for _ in range(100)]
    ways: dict[str, Callable[[bytes], bytes]] = {
        "HMAC-SHA-256": lambda content: hmac.digest(key, content, "sha256"),
        "HMAC-SHA-512": lambda content: hmac.digest(key, content, "sha512"),
        "keyed BLAKE2b": lambda content: hashlib.blake2b(content, key=key, digest_size=32).digest(),
        "keyed BLAKE2s": lambda content: hashlib.blake2s(content, key=key).digest(),
        "SHA-256, no key": lambda content: hashlib.sha256(content).digest(),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(5):
        for name, way in ways.items():
            cpu = time.process_time()
            for content in contents:
                way(content)
            times[name].append(time.process_time() - cpu)
    for name, took in times.items():
        print(f"  {name:<16} {len(contents) * SLICE / 1e6 / statistics.median(took):7.0f} MB per CPU-s")


def keeper() -> None:
    """Compare reading a series through the keeper with opening it in process; the keeper's own CPU counts too."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as name:
        os.environ["FIVESAFES_KEYS"] = f"{name}/keys"
        custodians = {one: Identity.made().recipient for one in ("a", "b")}
        made = found_haven(Founding(path=Path(name) / "haven", custodians=custodians))
        with opened_haven(Path(name) / "haven") as haven:
            ring, vault = haven.keyring, haven.vault("benchmark")
            recipient = add_identity(ring, lambda new: participant_key("0" * 64, new), haven.openers)
            key = participant_key("0" * 64, recipient)
            contents = [os.urandom(SLICE) for _ in range(FILES)]
            addresses = [one.address for one in vault.keep(contents, recipient=recipient)]
            holding = holding_of(haven.config, haven.keys, read_identity(made.keys / "worker.agekey"))
            begun = time.perf_counter()
            with keeper_of(haven.config, haven.keys) as client:
                print(f"  the keeper began within {time.perf_counter() - begun:.2f} s")
                _compare_reading(
                    {
                        "in process": lambda: holding.contents("benchmark", key, addresses),
                        "by the keeper": lambda: client.of_key("benchmark", key, addresses),
                    }
                )


def _compare_reading(ways: dict[str, Callable[[], Iterator[bytes]]]) -> None:
    megabytes = FILES * SLICE / 1e6
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for _ in range(5):
        for name, way in ways.items():
            cpu, wall = time.process_time(), time.perf_counter()
            assert sum(map(len, way())) == FILES * SLICE  # noqa: S101 - a benchmark that reads less is wrong
            times[name].append((time.process_time() - cpu, time.perf_counter() - wall))
    for name, took in times.items():
        cpu, wall = (statistics.median(one) for one in zip(*took, strict=True))
        asking = f"{1000 * cpu / FILES:.3f} ms CPU of the asking process per slice"
        print(f"  {name:<14} {megabytes / wall:6.0f} MB/s   {asking}")


def seal_alone(contents: list[bytes], _folder: Path) -> tuple[list[bytes], Callable[[int, bytes], object]]:
    """Seal contents; give the objects, and what opens one: the seal alone must refuse, without the address."""
    identity = Identity.made()
    return [seal(one, (identity.recipient,)) for one in contents], lambda _, sealed: unseal(sealed, identity)


def whole_vault(contents: list[bytes], folder: Path) -> tuple[list[bytes], Callable[[int, bytes], object]]:
    """Keep contents in a vault's folder; give the objects, and what reads one after writing it there, as jobs do."""
    identity = Identity.made()
    vault = Vault(FolderBlobs(folder), Addresser(bytes(32), "benchmark"))
    kept = [one.address for one in vault.keep(contents, recipient=identity.recipient)]
    places = [folder / object_name(address, identity.recipient) for address in kept]

    def read(number: int, sealed: bytes) -> bytes:
        places[number].write_bytes(sealed)
        return vault.read(kept[number], identity=identity)

    whole = [place.read_bytes() for place in places]
    for number, sealed in enumerate(whole):
        assert read(number, sealed) == contents[number]  # noqa: S101 - else nothing would be accepted for another reason
    return whole, read


def flips(number: int, seed: int, at: str) -> int:
    """Flip one random bit of a sealed object at a time and try to open it; give how many were accepted.

    The objects are small, so that each part of them (header, nonce, content, tag) is met often.
    """
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        return _flips(number, seed, {"seal": seal_alone, "vault": whole_vault}[at], Path(folder))


def _flips(
    number: int,
    seed: int,
    way: Callable[[list[bytes], Path], tuple[list[bytes], Callable[[int, bytes], object]]],
    folder: Path,
) -> int:
    draw = np.random.default_rng(seed)
    objects, read = way([draw.bytes(size) for size in (0, 1, 32, 300, 1000, 4096)], folder)
    accepted = 0
    begun = time.perf_counter()
    for done in range(number):
        which = int(draw.integers(len(objects)))
        content = bytearray(objects[which])
        bit = int(draw.integers(8 * len(content)))
        content[bit // 8] ^= 1 << bit % 8
        try:
            read(which, bytes(content))
        except SealBroken:
            continue
        accepted += 1
        print(f"ACCEPTED: flip {done} of seed {seed}")
    took = time.perf_counter() - begun
    print(f"{number} flipped bits ({way.__name__}, seed {seed}): {accepted} accepted, in {took:.0f} s")
    return accepted


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["speed", "macs", "keeper", "flips"])
    parser.add_argument("rounds", nargs="?", type=int, default=7)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--number", type=int, default=1_000_000)
    parser.add_argument("--at", choices=["seal", "vault"], default="vault")
    asked = parser.parse_args()
    match asked.what:
        case "speed":
            speed(asked.rounds)
        case "macs":
            macs()
        case "keeper":
            keeper()
        case _:
            sys.exit(flips(asked.number, asked.seed, asked.at) > 0)


if __name__ == "__main__":
    main()
