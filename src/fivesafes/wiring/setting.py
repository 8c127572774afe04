"""The audit of a place put together: this machine, the programs that the user has, and a haven's books."""

import os
import shutil
import stat
import tempfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final

from attrs import field, frozen

from fivesafes.core.errors import InvalidInput, UsageMistake
from fivesafes.engines import program
from fivesafes.engines.reporters.setting import page_of
from fivesafes.setting import facts as facts_file
from fivesafes.setting.audit.everything import collect_all
from fivesafes.setting.audit.look import Look
from fivesafes.setting.audit.machine import Machine, core_limit
from fivesafes.setting.controls import load_setting_controls
from fivesafes.setting.keyring import keys_folder
from fivesafes.setting.model import Attestation, Declaration, Fact, Judged, SettingReport, State
from fivesafes.setting.policy import fix_unknown, judge_audit
from fivesafes.setting.ports import HavenFacts, Ran

_CHANGEABLE: Final = 0o022
_MOST_PRINTED: Final = 50_000_000


@frozen(kw_only=True)
class InstalledPrograms:
    """The programs on PATH; one that others than its owner may change is not run, because an audit may run as root."""

    path: str = field(factory=lambda: os.environ.get("PATH", ""))

    def has(self, name: str) -> bool:
        """Whether the program is there and safe to run."""
        return self._found(name) is not None

    def run(self, command: Sequence[str], *, seconds: float) -> Ran:
        """Run it in an empty private folder."""
        found = self._found(command[0])
        if found is None:
            return Ran(code=None)
        with tempfile.TemporaryDirectory(prefix="fivesafes-audit-") as home:
            done = program.run(
                [found, *command[1:]], home=Path(home), seconds=seconds, environment={"PATH": self.path, "LC_ALL": "C"}
            )
        return Ran(code=done.code, printed=done.printed[:_MOST_PRINTED].decode("utf-8", errors="replace"))

    def _found(self, name: str) -> Path | None:
        found = shutil.which(name, path=self.path) if self.path else None
        if found is None or not Path(found).is_absolute():
            return None
        path = Path(found).resolve()
        status = path.stat()
        strange = status.st_uid not in {0, os.geteuid()} or stat.S_IMODE(status.st_mode) & _CHANGEABLE
        return None if strange else Path(found)


def as_found() -> Machine:
    """Give this machine as it is before a haven is opened: that sets a umask and a limit of its own."""
    limit = core_limit()
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        status = ""
    umask = next((int(line.split()[1], 8) for line in status.splitlines() if line.startswith("Umask:")), None)
    return Machine(programs=InstalledPrograms(), core_limit=lambda: limit, own_umask=umask)


def look_at(
    declared: Declaration, *, haven: Path | None, machine: Machine | None = None, books: HavenFacts | None = None
) -> tuple[Fact, ...]:
    """Look at this machine and the folders of the haven; nothing is changed."""
    if haven is not None and not haven.is_dir():
        message = "there is no such haven folder"
        raise UsageMistake(message, fix="give the folder that `fivesafes init` made")
    data = (*((haven,) if haven is not None else ()), *declared.data_folders)
    look = Look(
        machine=machine or as_found(),
        data=tuple(folder.absolute() for folder in data),
        keys=(keys_folder().absolute(),),
        temp=Path(tempfile.gettempdir()).absolute(),
        declared=declared,
    )
    return collect_all(look, books)


def load_facts(path: Path) -> tuple[Fact, ...]:
    """Read saved facts.  Raises InvalidInput when they can't be read or are not facts."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        message = f"can't read the file of facts: {error.strerror}"
        raise InvalidInput(message, fix="give a file that --save-facts wrote") from None
    return facts_file.from_bytes(raw, known=[control.name for control in load_setting_controls()])


def save_facts(facts: Sequence[Fact], path: Path) -> None:
    """Write facts aside and rename: canonical JSON, readable by the owner alone."""
    _write_aside(path, facts_file.as_bytes(facts))


def judge(facts: Sequence[Fact], attestations: Sequence[Attestation], *, tier: str, on: date) -> SettingReport:
    """Judge facts for a tier by the policy that ships with this version."""
    return judge_audit(facts, attestations, load_setting_controls(), tier=tier, on=on)


def as_answer(report: SettingReport, facts: Sequence[Fact]) -> dict[str, Any]:
    """Write a report as plain values, for JSON and for the page."""
    return {
        "tier": report.tier,
        "on": report.on.isoformat(),
        "state": report.state.value,
        "counts": {state.value: report.count(state) for state in State},
        "attested": sum(one.attestation is not None for one in report.demanded),
        "facts_digest": facts_file.digest(facts),
        "controls": [_row(one) for one in report.judged],
    }


def _row(one: Judged) -> dict[str, Any]:
    control, fact, word = one.control, one.fact, one.attestation
    return {
        "control": control.name,
        "topic": control.topic,
        "question": control.question,
        "demanded": one.demanded,
        "state": one.state.value,
        "basis": one.basis.value,
        "why": one.why,
        "fix": {State.YES: "", State.NO: control.fix, State.UNKNOWN: fix_unknown(one)}[one.state],
        "grace_days": control.grace_days,
        "references": dict(control.references),
        "fact": None
        if fact is None
        else {
            "state": fact.state.value,
            "how": fact.how,
            "seen": fact.seen,
            "version": fact.version,
            "at": None if fact.at is None else fact.at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        },
        "attestation": None
        if word is None
        else {
            "by": word.by,
            "on": word.on.isoformat(),
            "valid_until": word.valid_until.isoformat(),
            "evidence": word.evidence,
        },
    }


def save_page(answer: dict[str, Any], path: Path) -> None:
    """Write the report as one HTML page.  Raises InvalidInput when it can't be written."""
    _write_aside(path, page_of(answer).encode())


def _write_aside(path: Path, content: bytes) -> None:
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)  # it tells an attacker where to begin
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        aside.replace(path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        message = f"can't write {path.name}: {error.strerror}"
        raise InvalidInput(message, fix="give a file in a folder that you may write to") from None
