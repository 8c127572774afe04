"""Reads ``policies/setting.csv``: every control of a place, the tiers that ask for it, and the clauses behind it."""

import csv
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

from fivesafes.core.errors import PolicyInvalid
from fivesafes.setting.model import BY_PEOPLE, SettingControl

REFERENCES: Final = ("iso", "nist", "hipaa", "other")
COLUMNS: Final = (
    "control", "topic", "question", "seen_by", "tiers", "attestable", "max_age_days", "grace_days", *REFERENCES, "fix",
)  # fmt: skip
TIERS: Final = ("T0", "T1", "T2", "T3")


def load_setting_controls(folder: Traversable | None = None) -> tuple[SettingControl, ...]:
    """Load the rows in their order.  Raises PolicyInvalid with line and reason."""
    policies = folder or files("fivesafes") / "policies"
    return _parsed((policies / "setting.csv").read_text(encoding="utf-8"))


@cache
def _parsed(text: str) -> tuple[SettingControl, ...]:
    reader = csv.DictReader(text.splitlines())
    if tuple(reader.fieldnames or ()) != COLUMNS:
        raise _invalid(1, f"columns must be {', '.join(COLUMNS)}")
    controls: dict[str, SettingControl] = {}
    for row in reader:
        if None in row or None in row.values():
            raise _invalid(reader.line_num, f"a row has {len(COLUMNS)} cells")
        control = _control(row, reader.line_num)
        if control.name in controls:
            raise _invalid(reader.line_num, f"the control {control.name!r} is there twice")
        controls[control.name] = control
    return tuple(controls.values())


def _control(row: Mapping[str, str], line: int) -> SettingControl:
    for column in ("control", "topic", "question", "seen_by", "tiers", "fix"):
        if not row[column].strip():
            raise _invalid(line, f"{column} is empty")
    if not row["control"].replace("_", "").isalnum():
        raise _invalid(line, f"{row['control']!r} is no name: letters, digits and _ only")
    tiers = tuple(row["tiers"].split())
    if not set(tiers) <= set(TIERS):
        raise _invalid(line, f"tiers are among {', '.join(TIERS)}")
    if row["attestable"] not in {"yes", "no"}:
        raise _invalid(line, "attestable is yes or no")
    if row["seen_by"] == BY_PEOPLE and row["attestable"] == "no":
        raise _invalid(line, "what no machine can see must be attestable, or nobody can ever meet it")
    for column in ("max_age_days", "grace_days"):
        if not row[column].isdecimal():
            raise _invalid(line, f"{column} is a number of days")
    return SettingControl(
        name=row["control"],
        topic=row["topic"],
        question=row["question"],
        seen_by=row["seen_by"],
        tiers=tiers,
        attestable=row["attestable"] == "yes",
        max_age_days=int(row["max_age_days"]),
        grace_days=int(row["grace_days"]),
        references={column: row[column] for column in REFERENCES},
        fix=row["fix"],
    )


def _invalid(line: int, why: str) -> PolicyInvalid:
    return PolicyInvalid(f"setting.csv, line {line}: {why}", fix="compare with the file that ships with this version")
