"""A haven on disk, and how a user works with it on the command line."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from attrs import field, frozen
from tests.databases import HavenDatabase
from tests.journeys.studies import Answer, Study


@frozen(kw_only=True)
class Haven:
    """A haven below ``folder``; its keys lie beside it, and its database is the one given."""

    folder: Path
    database: HavenDatabase
    environment: dict[str, str] = field(factory=dict)

    @property
    def path(self) -> Path:
        """The haven's own folder."""
        return self.folder / "haven"

    @property
    def keys(self) -> Path:
        """The folder of keys in clear."""
        return self.folder / "keys"

    def run(self, *words: str | Path, stdin: str = "") -> Answer:
        """Run a command and read what it said."""
        environment = {
            **os.environ,
            "FIVESAFES_KEYS": str(self.keys),
            "FIVESAFES_HAVEN": str(self.path),
            **self.environment,
        }
        done = subprocess.run(
            [sys.executable, "-m", "fivesafes", *map(str, words)],
            capture_output=True,
            text=True,
            check=False,
            env=environment,
            input=stdin,
        )
        told: dict[str, Any] = json.loads(done.stdout) if done.stdout.lstrip().startswith("{") else {}
        return Answer(code=done.returncode, json=told, stderr=done.stderr + ("" if told else done.stdout))

    def done(self, *words: str | Path, stdin: str = "") -> Answer:
        """Run a command that must end well."""
        answer = self.run(*words, stdin=stdin)
        assert answer.code == 0, f"{words[0]}: exit {answer.code}\n{answer.stderr}\n{answer.json}"
        return answer

    def made(self) -> "Haven":
        """Make it."""
        named = "sqlite" if self.database.kind == "sqlite" else self.database.named
        self.done("init", self.path, "--database", named)
        return self

    def taking(self, study: Study) -> "Haven":
        """Register a study, with its key so that pseudonyms are those of ``fivesafes run``, and seal its scans."""
        self.done("project", "add", study.folder / "STUDY.toml", "--key", study.key)
        answer = self.run("ingest", "journey", study.scans, "--workers", "1", "--quiet", "--json")
        assert answer.code in {0, 5}, answer.stderr
        return self

    def custodian(self, number: int = 1) -> Path:
        """Name the identity file of a custodian."""
        (found,) = self.keys.glob(f"havens/*/custodians/custodian-{number}.agekey")
        return found

    def files(self) -> dict[str, bytes]:
        """Read every file of the haven."""
        return {str(one.relative_to(self.path)): one.read_bytes() for one in self.path.rglob("*") if one.is_file()}
