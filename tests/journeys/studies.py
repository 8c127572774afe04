"""A study on disk, and how a user runs it."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import frozen

from fivesafes.engines.sources.synthetic import Planted
from fivesafes.interfaces.forms.consent import HEADER

FORM = """\
[project]
id = "journey"
title = "Journey"
investigator = "Dr Test Investigator"
institution = "Example University"
contact = "office@university.example"

[approval]
committee = "Example HREC"
number = "2026/001"
valid_from = 2026-01-01
valid_until = 2099-12-31

[use]
purpose = "Test the journey."
data_use = "NRES"

[sharing]
with = "public"

[cohort]
participants = 2
eligible = 1000000
content = "healthy-structural"

[consent]
table = "consent.csv"
"""


@frozen(kw_only=True)
class Answer:
    """What a command said."""

    code: int
    json: Mapping[str, Any]
    stderr: str


@frozen(kw_only=True)
class Study:
    """A study on disk: its folder, form and scans."""

    folder: Path
    key: Path
    planted: tuple[Planted, ...]

    @property
    def scans(self) -> Path:
        """The folder of scans."""
        return self.folder / "scans"

    @property
    def out(self) -> Path:
        """The output folder."""
        return self.folder / "out"

    def consent(self, *rows: str) -> None:
        """Write the consent table; without rows everybody agrees to everything."""
        agreed = [f"{planted.participant_id},NRES,no,2026-01-01/..," for planted in self.planted]
        lines = "\n".join(rows or dict.fromkeys(agreed))
        (self.folder / "consent.csv").write_text(HEADER + lines + "\n", encoding="utf-8")

    def form(self, text: str = FORM) -> None:
        """Write the form."""
        (self.folder / "STUDY.toml").write_text(text, encoding="utf-8")

    def command(self, *further: str, out: Path | None = None) -> list[str]:
        """Compose the command line that a user would type."""
        place = str(out or self.out)
        words = ["run", str(self.folder / "STUDY.toml"), str(self.scans), "--out", place, "--key", str(self.key)]
        return [sys.executable, "-m", "fivesafes", *words, "--workers", "1", "--quiet", "--json", *further]

    def run(self, *further: str, out: Path | None = None) -> Answer:
        """Run it, and read what it said."""
        done = subprocess.run(
            self.command(*further, out=out),
            capture_output=True,
            text=True,
            check=False,
        )
        told = json.loads(done.stdout) if done.stdout.strip() else {}
        return Answer(code=done.returncode, json=told, stderr=done.stderr)
