"""Judges a data set with the official bids-validator, from its Python package: offline, read-only, in a private place.

The program is JavaScript run by Deno, which grants it what the command names and nothing else: to read this data set.
It gets no network, no writing and no programs, so that nothing leaves and nothing is fetched.  Below /dev and /proc
Deno reads nothing unless it is granted everything, which we don't: a data set there is refused.
"""

import csv
import json
import tempfile
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, Final

from fivesafes.core.errors import EngineMissing, InvalidInput
from fivesafes.data.ports import BidsIssue
from fivesafes.engines.program import Finished, run

_PERMISSIONS: Final = ("--allow-env", "--allow-read=.", "--no-prompt")
_ISOLATED: Final = ("--no-config", "--no-remote", "--no-npm", "--no-lock", "--cached-only")
_JUDGED: Final = (0, 16)  # valid, perhaps with warnings; invalid
_INSTALL: Final = "install it with: pip install bids-validator-deno"


class BidsValidator:
    """Runs bids-validator on one data set, its derivatives included, with a time limit in seconds."""

    name: ClassVar[str] = "bids_validator"

    def __init__(self, *, seconds: float = 3600.0) -> None:
        """Take the time limit for one data set."""
        self._seconds = seconds

    def missing(self) -> str | None:
        """Say what must be installed first, or None when ready."""
        return None if _program() else f"the program bids-validator is missing: {_INSTALL}"

    def version(self) -> str:
        """Name the program's package and its version."""
        from importlib.metadata import version  # noqa: PLC0415 - reads the disk, and only provenance asks

        return f"bids-validator-deno {version('bids-validator-deno')}"

    def validate(self, dataset: Path) -> tuple[BidsIssue, ...]:
        """List errors and warnings, without those that de-identification causes (policies/bids/expected-warnings.csv).

        An issue's message is the validator's explanation of its code, and never quotes a value from the data set.
        Raises InvalidInput when the validator can't judge the folder.
        """
        if dataset.resolve().is_relative_to("/dev") or dataset.resolve().is_relative_to("/proc"):
            message = "the BIDS validator can't read a data set that lies below /dev or /proc, such as in /dev/shm"
            raise InvalidInput(message, fix="put the haven, or the output folder, on a disk or elsewhere in memory")
        with tempfile.TemporaryDirectory(prefix="fivesafes-") as home:
            finished = self._run(Path(home), dataset)
        try:
            told = json.loads(finished.printed) if finished.code in _JUDGED else {}
            issues = [*_issues(told["issues"], below="")]
            for folder, derivative in (told.get("derivativesSummary") or {}).items():
                issues += _issues(derivative["issues"], below=folder)
        except (ValueError, KeyError, TypeError, AttributeError):
            message = "the BIDS validator could not judge the data set"
            raise InvalidInput(message, fix="run it by hand to see why: bids-validator-deno DATASET") from None
        return tuple(sorted(issues, key=lambda issue: (issue.severity, issue.location, issue.code, issue.message)))

    def _run(self, home: Path, dataset: Path) -> Finished:
        program = _program()
        if program is None:
            message = "the program bids-validator is missing"
            raise EngineMissing(message, fix=_INSTALL)
        deno, script = program
        # The data set is the working folder and named ".": its path may hold a comma, which --allow-read would split.
        command: list[str | Path] = [
            deno,
            "run",
            *_PERMISSIONS,
            *_ISOLATED,
            script,
            ".",
            "--format",
            "json",
            "--recursive",
        ]
        private = {"DENO_DIR": str(home / "deno"), "DENO_NO_UPDATE_CHECK": "1", "NO_COLOR": "1"}
        return run(command, home=home, seconds=self._seconds, folder=dataset, environment=private)


def _program() -> tuple[Path, Path] | None:
    """Find Deno and the validator's script inside their packages."""
    spec = find_spec("bids_validator_deno")
    if spec is None or spec.origin is None or find_spec("deno") is None:
        return None
    from deno import find_deno_bin  # type: ignore[import-untyped] # noqa: PLC0415 - optional until it is used

    script = Path(spec.origin).with_name("bids-validator.js")
    try:
        return (Path(find_deno_bin()), script) if script.is_file() else None
    except FileNotFoundError:
        return None


def _issues(told: Mapping[str, Any], *, below: str) -> Iterator[BidsIssue]:
    """Take over the issues of the data set, or of the derivative in that folder, but those that are expected."""
    explained = told.get("codeMessages", {})
    for raw in told["issues"]:
        code, detail, severity = str(raw["code"]), str(raw.get("subCode") or ""), str(raw["severity"])
        if severity != "error" and (severity != "warning" or (code, detail) in expected_warnings()):
            continue
        message = str(explained.get(code, code)).strip().replace("\n", " ")
        yield BidsIssue(
            code=code,
            severity=severity,
            location=f"{below.strip('/')}/{str(raw.get('location') or '').strip('/')}".strip("/"),
            message=f"{message} ({detail})" if detail else message,
        )


@cache
def expected_warnings() -> Mapping[tuple[str, str], str]:
    """Read the warnings that exist because of what is removed on purpose: (code, detail) → why."""
    table = files("fivesafes").joinpath("policies", "bids", "expected-warnings.csv").read_text(encoding="utf-8")
    return {(row["code"], row["subcode"]): row["why"] for row in csv.DictReader(table.splitlines())}
