"""The sceptic's script in its short form: bits flipped anywhere in a trail, and none accepted."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def test_no_flipped_bit_is_accepted() -> None:
    """Five thousand of the million that ``benchmarks/trail.py flips`` tries, in every place that it knows."""
    words: list[str | Path] = [
        sys.executable,
        ROOT / "benchmarks" / "trail.py",
        "flips",
        "--flips",
        "5000",
        "--seed",
        "7",
    ]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    counts = re.findall(r"([\d,]+) tried, (\d+) passed", done.stdout)
    assert len(counts) == 4
    assert all(int(tried.replace(",", "")) > 100 and passed == "0" for tried, passed in counts)
