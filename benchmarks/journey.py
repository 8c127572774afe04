"""Times each step of the journey on generated series of 10, 100 and 1,000 slices, beside ``cp -r`` of the same files.

Usage: python benchmarks/journey.py [SLICES …]

Everything runs in one process, one series at a time, so that a step's time is its own.  The generated series show no
head, so they pass the face step unaltered; a synthetic person's head of 176 slices is timed last.  Figures are wall
seconds of this machine and this moment: quote the ratios to ``cp -r``.
"""

import secrets
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from fivesafes.core.progress import Silent
from fivesafes.engines.sources.synthetic import write_series, write_study
from fivesafes.interfaces.forms.consent import HEADER
from fivesafes.interfaces.forms.study import read_study
from fivesafes.wiring.run import engines, run_study

FORM = """
[project]
id = "benchmark"
title = "Benchmark"
investigator = "Nobody"
institution = "Nowhere"
contact = "nobody@example.org"
[approval]
committee = "None"
number = "0"
valid_from = 2026-01-01
valid_until = 2099-12-31
[use]
purpose = "Measure."
data_use = "NRES"
[sharing]
with = "public"
[cohort]
participants = 1
eligible = 1000000
content = "healthy-structural"
[consent]
table = "consent.csv"
[[series]]
when = { SeriesDescription = "DESCRIPTION" }
name = { datatype = "func", suffix = "sbref", task = "rest" }
"""


TOO_SHORT = 0.001


class Clocked(Silent):
    """Times the stages that the journey tells of."""

    def __init__(self) -> None:
        """Begin with no stage."""
        self.seconds: dict[str, float] = {}
        self._begun: dict[str, float] = {}

    def begin(self, stage: str, *, total: int, unit: str) -> None:
        """Start the clock of a stage."""
        self._begun[stage] = time.perf_counter()

    def end(self, stage: str) -> None:
        """Stop it."""
        self.seconds[stage] = time.perf_counter() - self._begun[stage]


def journey(folder: Path, slices: int | None) -> None:
    """Generate one series (None: a person), copy it, and take it through the journey."""
    scans = folder / "scans"
    planted = write_series(scans, slices=slices, seed=1) if slices else write_study(scans, seed=1)
    files = [path for path in scans.rglob("*") if path.is_file()]
    megabytes = sum(path.stat().st_size for path in files) / 1e6
    begun = time.perf_counter()
    subprocess.run(["cp", "-r", scans, folder / "copy"], check=True)
    copied = time.perf_counter() - begun
    named = FORM.replace("DESCRIPTION", planted.series[0].description)
    (folder / "STUDY.toml").write_text(named if slices else FORM.split("[[series]]", maxsplit=1)[0])
    (folder / "consent.csv").write_text(f"{HEADER}{planted.participant_id},NRES,no,2026-01-01/..,\n")
    key = folder / "key"
    key.touch(mode=0o600)
    key.write_bytes(secrets.token_bytes(32))
    form = read_study(folder / "STUDY.toml")
    clock = Clocked()
    begun = time.perf_counter()
    made = engines(form.project.id, key=key, workers=1)
    conclusion = run_study(form.request(scans), made, out=folder / "out", progress=clock)
    whole = time.perf_counter() - begun
    steps = {"cp -r": copied, "receive": clock.seconds["receive"]}
    for outcome in conclusion.state.outcomes:
        for step, seconds in outcome.seconds.items():
            steps[step] = steps.get(step, 0.0) + seconds
    steps |= {"assess": clock.seconds.get("assess", 0.0), "whole journey": whole}
    what = f"{slices} slices" if slices else f"a synthetic person, {len(files)} files"
    print(f"\n{what}, {megabytes:.1f} MB.  {conclusion.sentence}")
    print(f"{'step':<14}{'seconds':>9}{'files/s':>10}{'MB/s':>8}{'x cp -r':>9}")
    for step, seconds in steps.items():
        if seconds < TOO_SHORT:
            print(f"{step:<14}{'nothing to do':>18}")
        else:
            rates = f"{len(files) / seconds:10.0f}{megabytes / seconds:8.1f}{seconds / copied:9.1f}"
            print(f"{step:<14}{seconds:9.2f}{rates}")


if __name__ == "__main__":
    for count in [*([int(word) for word in sys.argv[1:]] or [10, 100, 1000]), None]:
        with tempfile.TemporaryDirectory(prefix="fivesafes-benchmark-") as place:
            journey(Path(place), count)
