"""A release foretold: the same gates as in front of the real one, and then what the books and the last record say."""

import json
import os
from pathlib import Path
from typing import Any

from attrs import evolve

from fivesafes.core.errors import Refused, TryAgain, UsageMistake
from fivesafes.core.verdict import Verdict, note, refuse
from fivesafes.flow.foretell import Foretold, Last, Would, foretell
from fivesafes.flow.haven.model import ProjectState
from fivesafes.flow.release import CANDIDATE
from fivesafes.flow.sign_off import RECORD
from fivesafes.setting.audit import collect
from fivesafes.setting.keyring import KEY_BYTES
from fivesafes.stores.workspaces import load_report
from fivesafes.wiring.haven import OpenHaven
from fivesafes.wiring.process import Way, check_outside
from fivesafes.wiring.run import engines_of
from fivesafes.wiring.standing import check_access, check_exports


def foretell_release(haven: OpenHaven, project: str, way: Way, *, to: Path) -> Foretold:
    """Say what releasing a project there would come to; write nothing.

    Raises UsageMistake when the destination can't be one, TryAgain when it can't be written to, Refused when the
    project is closed, EngineMissing.
    """
    kept = haven.project(project)
    check_outside(haven, to)
    if kept.state is not ProjectState.OPEN:
        message = f"the project is {kept.state.value}"
        raise Refused(message, fix="register a new project for new work")
    passing = engines_of(  # its pseudonyms are of a key that is forgotten: it makes none
        os.urandom(KEY_BYTES), project, workers=way.workers, defacer=way.defacer, destination="delivery"
    )
    private = haven.workspaces.private(project)
    last = Last(record=load_report(private), candidate=private / CANDIDATE, versions=passing.versions())
    facts = collect(private if private.exists() else haven.path)
    foretold = foretell(haven.books, kept, last, place=facts, on=haven.clock().date())
    foretold = _judged_here(haven, foretold)
    _check_destination(to, project, foretold)
    return foretold


def _judged_here(haven: OpenHaven, foretold: Foretold) -> Foretold:
    """Add what stands in front of all work: the place's standing, and what would be carried on first."""
    found = Verdict()
    for check in (check_access, check_exports):
        try:
            check(haven)
        except Refused as refusal:
            found += refuse("setting.standing", why=refusal.what, fix=refusal.fix, source="setting.csv: cycles")
    verdicts = {**foretold.verdicts, "setting": foretold.verdicts["setting"] + found}
    if first := len(haven.books.withdrawals(open_only=True)) + len(haven.books.deliveries()):
        verdicts["project"] += note(
            "project.carried_on",
            why=f"{first} withdrawals or deliveries that were cut short would be carried on first",
            source="explanation/haven",
        )
    return evolve(foretold, verdicts=verdicts, would=Would.REFUSE if found.refuses else foretold.would)


def _check_destination(to: Path, project: str, foretold: Foretold) -> None:
    """Refuse what the real release would find in its way; the same release standing there already is not in its way."""
    if to.exists():
        record = _record(to / RECORD)
        if record.get("project") != project or record.get("candidate") != foretold.candidate:
            message = "there is something at the destination, and a release is never replaced"
            raise UsageMistake(message, fix="name a folder that does not exist yet")
        return
    there = next(one for one in to.absolute().parents if one.exists())
    if not os.access(there, os.W_OK | os.X_OK):
        message = "the release can't be written at the destination: you may not write there"
        raise TryAgain(message, fix="check its permissions, or name another folder")


def _record(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
