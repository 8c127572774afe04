"""What cleaning a header costs, beside the tools that people use today, in one run.

Usage: python benchmarks/headers.py --data FOLDER [--set NAME …] [--rounds N] [--venvs FOLDER] [--two-cores]

FOLDER holds a folder of DICOM files per set (siemens-ge, structural-t1, siemens-enhanced unless --set names others).
Each peer gets a virtual environment of its own in the folder of --venvs, made once by pip from pinned versions; a
program (gdcmanon, dcmodify) is tried where it is installed.  Rounds of all ways are interleaved and the median counts.
CPU is user and kernel time of a process that reads each file from the page cache, cleans it and writes it into a
memory disk; what the process needs to start and to load its rules is measured apart and left out, as is its first
file.  ``cp -r`` and programs are whole processes.  Quote the ratios.
"""

import argparse
import hashlib
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

import pydicom

SETS = ("siemens-ge", "structural-t1", "siemens-enhanced")
PINNED = {
    "pydicom": "pydicom==3.0.1",
    "dicognito": "dicognito==0.19.0",
    "dicom-anonymizer": "dicom-anonymizer==2.1.0",
    "dcmanon": "dcmanon==0.3.1",
}
LOOP = """
import gc, sys, time, warnings, logging
from pathlib import Path
warnings.simplefilter("ignore"); logging.disable()
files = [Path(line) for line in Path(sys.argv[1]).read_text().splitlines()]
out = Path(sys.argv[2])
{setup}
def work(path, to):
{body}
def run():
    lost = 0
    for number, path in enumerate(files):
        try:
            work(path, out / f"{{number}}.dcm")
        except Exception:
            lost += 1
    return lost
run()
gc.freeze()
begin, clock = time.process_time(), time.monotonic()
lost = run()
print(clock, time.monotonic(), time.process_time() - begin, lost)
"""
WRITE = "    with to.open('wb') as file:\n        file.writelines({pieces})\n"
WAYS = {
    "ours": (
        (
            "from fivesafes.data.header.deidentify import Deidentifier\n"
            "from fivesafes.data.header.part10 import open_data_set\n"
            "from fivesafes.data.header.profile import load_profile\n"
            "from fivesafes.data.header.pseudonyms import Pseudonyms\n"
            "made = []\n"
        ),
        (
            "    if path == files[0]:\n"
            "        made[:] = [Deidentifier(load_profile(), Pseudonyms(bytes(32), 'benchmark'))]\n"
            "    pieces = made[0].clean(open_data_set(path.read_bytes())).pieces\n"
        )
        + WRITE.format(pieces="pieces"),
    ),
    "pydicom": ("import pydicom\n", "    pydicom.dcmread(path).save_as(to)\n"),
    "dicognito": (
        "import pydicom\nfrom dicognito.anonymizer import Anonymizer\nmade = Anonymizer(seed='1')\n",
        "    dataset = pydicom.dcmread(path)\n    made.anonymize(dataset)\n    dataset.save_as(to)\n",
    ),
    "dicom-anonymizer": (
        "from dicomanonymizer import anonymize_dicom_file\n",
        "    anonymize_dicom_file(str(path), str(to))\n",
    ),
    "dcmanon": (
        "from dcmanon import Anonymizer\nmade = Anonymizer()\n",
        "    pieces = (made.anonymize(str(path)),)\n" + WRITE.format(pieces="pieces"),
    ),
}
PROGRAMS = {
    "gdcmanon": ["gdcmanon", "-e", "-c", "CERTIFICATE", "--recursive", "--continue"],
    "gdcmanon --dumb": ["gdcmanon", "--dumb", "--empty", "10,10", "--remove", "10,20", "--recursive", "--continue"],
    "dcmodify": ["dcmodify", "-nb", "-ie", "-ea", "(0010,0010)", "-ea", "(0010,0020)"],
}
"""What the last two are asked for is less than they must do: no more than name and number."""


def main() -> None:
    """Measure each way on each set, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--set", nargs="+", default=list(SETS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--venvs", type=Path, default=Path(tempfile.gettempdir()) / "fivesafes-benchmark-venvs")
    parser.add_argument("--only", nargs="+", help="ways to measure; all when not given")
    parser.add_argument(
        "--two-cores", action="store_true", help="also the whole command with two workers, beside cp -r"
    )
    given = parser.parse_args()
    memory = Path("/dev/shm")  # noqa: S108 - a memory disk, in a folder of its own below
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as scratch:
        for name in given.set:
            _measure(given, given.data / name, Path(scratch))
        if given.two_cores:
            _halves(given.data / "structural-t1", Path(scratch), given.rounds)
            _two_cores(given.data / "structural-t1", Path(scratch), given.rounds)


def _measure(given: argparse.Namespace, folder: Path, scratch: Path) -> None:
    listed = scratch / "list"
    kept = scratch / "in"
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.read_bytes()[128:132] == b"DICM"]
    kept.mkdir(exist_ok=True)
    for number, path in enumerate(paths):
        shutil.copyfile(path, kept / f"{number}.dcm")
    files = [kept / f"{number}.dcm" for number in range(len(paths))]
    listed.write_text("\n".join(map(str, files)))
    ways = [way for way in (*WAYS, "ours, plain", *PROGRAMS, "cp -r") if not given.only or way in given.only]
    spent: dict[str, list[float]] = {}
    lost: dict[str, int] = {}
    for _ in range(given.rounds):
        for way in ways:
            out = scratch / "out"
            shutil.rmtree(out, ignore_errors=True)
            answer = _program(way, kept, files, out) if way not in WAYS and way != "ours, plain" else None
            if way in WAYS or way == "ours, plain":
                out.mkdir()
                answer = _loop(way, listed, out, given.venvs)
            if answer is not None:
                spent.setdefault(way, []).append(answer[0])
                lost[way] = answer[1]
            shutil.rmtree(out, ignore_errors=True)
    shutil.rmtree(kept)
    ours = statistics.median(spent["ours"]) if "ours" in spent else 0.0
    print(f"\n{folder.name}: {len(files)} files\n{'way':<18} {'CPU s':>8} {'ms/file':>9} {'x ours':>7} {'lost':>5}")
    for way in ways:
        if way in spent:
            cpu = statistics.median(spent[way])
            ratio = f"{cpu / ours:7.2f}" if ours else "      -"
            print(f"{way:<18} {cpu:8.3f} {1000 * cpu / len(files):9.3f} {ratio} {lost[way]:5}")
        else:
            print(f"{way:<18} not here")


def _loop(way: str, listed: Path, out: Path, venvs: Path) -> tuple[float, int] | None:
    """Run one way in a process of its own: CPU seconds of the second time through, and files it gave up."""
    python = sys.executable if way.startswith("ours") else _python_of(way, venvs)
    if python is None:
        return None
    setup, body = WAYS[way.split(",", maxsplit=1)[0]]
    plain = {"FIVESAFES_SCANNER": "plain"} if way == "ours, plain" else {}
    done = subprocess.run(
        [python, "-c", LOOP.format(setup=setup, body=body), str(listed), str(out)],
        env={**os.environ, **plain},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        print(f"{way}: {done.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
        return None
    cpu, lost = done.stdout.rsplit(maxsplit=2)[-2:]
    return float(cpu), int(lost)


def _python_of(way: str, venvs: Path) -> str | None:
    """Give the Python of a peer's own environment, made when it is not there yet."""
    folder = venvs / PINNED[way].replace("==", "-")
    python = folder / "bin" / "python"
    if not (folder / "ready").exists():
        print(f"making an environment for {PINNED[way]}", file=sys.stderr)
        venv.create(folder, with_pip=True, clear=True)
        if subprocess.run([python, "-m", "pip", "install", "-q", PINNED[way]], check=False).returncode:
            return None
        (folder / "ready").touch()
    return str(python)


def _program(way: str, kept: Path, files: list[Path], out: Path) -> tuple[float, int] | None:
    """Run a program once; its CPU seconds, and whether it gave up."""
    if way == "cp -r":
        return _spent([["cp", "-r", str(kept), str(out)]])
    if shutil.which(PROGRAMS[way][0]) is None:
        return None
    if way.startswith("gdcmanon"):
        certificate = _certificate(kept.parent)
        command = [str(certificate) if word == "CERTIFICATE" else word for word in PROGRAMS[way]]
        cpu, _ = _spent([[*command, str(kept), str(out)]])
        return cpu, len(files) - sum(path.is_file() for path in out.rglob("*"))
    shutil.copytree(kept, out)
    return _spent([[*PROGRAMS[way], *(str(out / one.name) for one in files)]])


def _certificate(folder: Path) -> Path:
    """Give the certificate to which gdcmanon seals what it takes out."""
    path = folder / "certificate.pem"
    if not path.exists():
        made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=benchmark"]
        command = [*made, "-keyout", str(folder / "key.pem"), "-out", str(path)]
        subprocess.run(command, check=True, capture_output=True)
    return path


def _spent(commands: list[list[str]]) -> tuple[float, int]:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    lost = sum(bool(subprocess.run(one, capture_output=True, check=False).returncode) for one in commands)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, lost


def _halves(folder: Path, scratch: Path, rounds: int) -> None:
    """Print how long two processes take for half of a set each, by the clock, beside cp -r."""
    inside = scratch / "halves"
    _copies(folder, inside, 4)
    paths = sorted(inside.iterdir())
    setup, body = WAYS["ours"]
    taken: list[float] = []
    copied: list[float] = []
    for _ in range(rounds):
        running = []
        for half in (0, 1):
            out, listed = scratch / f"out-{half}", scratch / f"list-{half}"
            out.mkdir()
            listed.write_text("\n".join(map(str, paths[half::2])))
            command = [sys.executable, "-c", LOOP.format(setup=setup, body=body), str(listed), str(out)]
            running.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        times = [[float(word) for word in one.communicate()[0].split()[-4:-2]] for one in running]
        taken.append(max(end for _, end in times) - min(begin for begin, _ in times))
        for half in (0, 1):
            shutil.rmtree(scratch / f"out-{half}")
        copied.append(_clock(["cp", "-r", str(inside), str(scratch / "out")]))
        shutil.rmtree(scratch / "out")
    ours, copy = statistics.median(taken), statistics.median(copied)
    print(
        f"\n{folder.name} four times, two processes: read, clean and write {len(paths)} files in {ours:.2f} s; cp -r "
        f"{copy:.2f} s; {ours / copy:.1f} x"
    )
    shutil.rmtree(inside)


def _two_cores(folder: Path, scratch: Path, rounds: int) -> None:
    """Print how long seven more copies of a set take the whole command with two workers, beside cp -r of as many.

    The clock is what counts here, so nothing else may run; what the command needs to start falls out of the difference.
    """
    few, many = scratch / "few", scratch / "many"
    _copies(folder, few, 1)
    _copies(folder, many, 8)
    figures: dict[str, list[float]] = {name: [] for name in ("few", "many", "cp few", "cp many")}
    for _ in range(rounds):
        for name, source in (("few", few), ("many", many)):
            command = [sys.executable, "-m", "fivesafes", "deidentify", str(source), str(scratch / "out")]
            figures[name].append(_clock([*command, "--workers", "2"]))
            shutil.rmtree(scratch / "out")
            figures[f"cp {name}"].append(_clock(["cp", "-r", str(source), str(scratch / "out")]))
            shutil.rmtree(scratch / "out")
    few_s, many_s, cp_few, cp_many = (statistics.median(figures[name]) for name in figures)
    ratio = (many_s - few_s) / (cp_many - cp_few)
    print(
        f"\n{folder.name}, the whole command, two workers: {few_s:.2f} s, eight times as much {many_s:.2f} s; cp -r "
        f"{cp_few:.2f} and {cp_many:.2f} s; seven sets more take {ratio:.1f} x as long as cp -r"
    )


def _copies(folder: Path, into: Path, times: int) -> None:
    """Write the objects of a folder several times, each time under other instance UIDs of the same length."""
    into.mkdir()
    for path in sorted(path for path in folder.rglob("*.dcm")):
        content = path.read_bytes()
        uid = pydicom.dcmread(path, specific_tags=["SOPInstanceUID"]).SOPInstanceUID.encode()
        for number in range(times):
            drawn = int.from_bytes(hashlib.sha512(uid + b"%d" % number).digest())
            other = (b"2.25.1%d" % drawn)[: len(uid)] if number else uid
            (into / f"{path.stem}-{number}.dcm").write_bytes(content.replace(uid, other))


def _clock(command: list[str]) -> float:
    begin = time.perf_counter()
    subprocess.run(command, capture_output=True, check=True)
    return time.perf_counter() - begin


if __name__ == "__main__":
    main()
