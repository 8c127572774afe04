"""Ingest at scale: files and megabytes per second, memory and database size, and how they grow.

    python benchmarks/ingest.py --series 10000 --files 3            generated series, in steps
    python benchmarks/ingest.py --scans FOLDER                      real scans, once, then again (nothing new)

Ratios are against ``cp -r`` of the same files in the same run.
"""

import argparse
import hashlib
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from fivesafes.core.progress import Silent
from fivesafes.engines.sources.synthetic import write_series
from fivesafes.interfaces.cli.demo import STUDY
from fivesafes.interfaces.forms.study import read_form
from fivesafes.wiring.found import Founding, found_haven
from fivesafes.wiring.haven import OpenHaven, opened_haven
from fivesafes.wiring.projects import Registration, add_project, ingest_paths

SERIES_A_PERSON = 10
STEPS = (0.1, 0.2, 0.5, 1.0)


def main() -> None:
    """Measure, and print one line per step."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--series", type=int, default=1000)
    words.add_argument("--files", type=int, default=3, help="files per series")
    words.add_argument("--matrix", type=int, default=64, help="voxels along a side: 64 makes files of about 15 KB")
    words.add_argument("--scans", type=Path, help="ingest this folder instead")
    words.add_argument("--workers", type=int, help="processes (default: one per core)")
    given = words.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        os.environ["FIVESAFES_KEYS"] = str(folder / "keys")
        found_haven(Founding(path=folder / "haven", custodians={}))
        (folder / "STUDY.toml").write_text(STUDY, encoding="utf-8")
        with opened_haven(folder / "haven") as haven:
            add_project(haven, Registration(project=read_form(folder / "STUDY.toml").project), key=None)
            print("series   files      MB   seconds  files/s   MB/s  × cp  CPU s   peak MB   database MB   vault MB")
            parts = [given.scans, given.scans] if given.scans else generated(folder, given)
            for part in parts:
                measure(haven, folder, part, workers=given.workers)


def generated(folder: Path, given: argparse.Namespace) -> Iterator[Path]:
    """Write series in steps: one template, in which identifiers are exchanged for others of the same length."""
    template = folder / "template"
    write_series(template, slices=given.files, seed=1, matrix=given.matrix)
    files = [path.read_bytes() for path in sorted(template.rglob("*.dcm"))]
    uids, patient = identifiers(files)
    done = 0
    for number, share in enumerate(STEPS):
        part = folder / f"part{number}"
        wanted = round(given.series * share)
        for series in range(done, wanted):
            write_one(part / f"{series:06d}", files, uids, patient, series)
        done = wanted
        yield part
        shutil.rmtree(part)


def identifiers(files: list[bytes]) -> tuple[list[bytes], bytes]:
    """Read the UIDs that name study, series and instances, and the PatientID."""
    from io import BytesIO  # noqa: PLC0415 - only here

    import pydicom  # noqa: PLC0415 - only here

    uids = []
    for content in files:
        header = pydicom.dcmread(BytesIO(content), stop_before_pixels=True)
        uids += [
            str(header[word].value).encode() for word in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
        ]
    return sorted(set(uids), key=len, reverse=True), str(header.PatientID).encode()


def write_one(folder: Path, files: list[bytes], uids: list[bytes], patient: bytes, series: int) -> None:
    """Write one series: other UIDs, and another person every ten."""
    folder.mkdir(parents=True)
    person = str(series // SERIES_A_PERSON).zfill(len(patient) - 1)
    for number, content in enumerate(files):
        changed = content.replace(patient, b"P" + person.encode())
        for uid in uids:
            changed = changed.replace(uid, renumbered(uid, series))
        (folder / f"{number:04d}.dcm").write_bytes(changed)


def renumbered(uid: bytes, series: int) -> bytes:
    """Exchange a UID for one of the same length that belongs to this series alone."""
    digits = hashlib.sha256(uid + str(series).encode()).digest()
    return uid[:-12] + str(10**11 + int.from_bytes(digits[:4])).encode()


def measure(haven: OpenHaven, folder: Path, part: Path, *, workers: int | None) -> None:
    """Ingest one folder and print a line."""
    files = [path for path in part.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files) / 1e6
    before = time.perf_counter()
    subprocess.run(["cp", "-r", part, folder / "copy"], check=True)
    copied = time.perf_counter() - before
    shutil.rmtree(folder / "copy")
    before, used = time.perf_counter(), cpu_seconds()
    report = ingest_paths(haven, "demo", [part], workers=workers, progress=Silent())
    seconds, used = time.perf_counter() - before, cpu_seconds() - used
    database = sum(path.stat().st_size for path in haven.path.glob("state.sqlite3*")) / 1e6
    vault = sum(path.stat().st_size for path in haven.config.vault.rglob("*") if path.is_file()) / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
    print(
        f"{len(report.series):6d} {len(files):7d} {size:7.0f} {seconds:9.1f} {len(files) / seconds:8.0f} "
        f"{size / seconds:6.1f} {seconds / copied:5.0f} {used:6.1f} {peak:9.0f} {database:13.1f} {vault:10.0f}",
        flush=True,
    )


def cpu_seconds() -> float:
    """Sum the CPU of this process and of its workers that have ended."""
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


if __name__ == "__main__":
    main()
