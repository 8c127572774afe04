"""Which images show a face: ``policies/faces.csv``, the first row that fits an image decides.  Pure."""

import csv
from collections.abc import Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

from attrs import frozen

from fivesafes.core.errors import PolicyInvalid
from fivesafes.core.verdict import Verdict, note, refuse, review
from fivesafes.data.model import BidsName, Defaced, FaceStatus

COLUMNS: Final = ("datatype", "suffix", "action", "why", "source")
DEFACE: Final = "deface"
PASS: Final = "pass"  # noqa: S105 - a policy's word, not a password


@frozen(kw_only=True)
class FaceRule:
    """One row: images of this datatype and suffix (``*``: any) are defaced, or let pass with the reason."""

    datatype: str
    suffix: str
    action: str
    why: str
    source: str


def load_face_rules(folder: Traversable | None = None) -> tuple[FaceRule, ...]:
    """Load the table.  Raises PolicyInvalid for a column or an action that nobody knows."""
    source = (folder or files("fivesafes") / "policies") / "faces.csv"
    reader = csv.DictReader(source.read_text(encoding="utf-8").splitlines())
    if tuple(reader.fieldnames or ()) != COLUMNS:
        message = f"faces.csv, line 1: columns must be {', '.join(COLUMNS)}"
        raise PolicyInvalid(message, fix="compare with the file that ships with this version")
    rules = []
    for row in reader:
        rule = FaceRule(**row)
        if rule.action not in {DEFACE, PASS} or not rule.why or not rule.source:
            message = f"faces.csv, line {reader.line_num}: action must be {DEFACE} or {PASS}, with reason and source"
            raise PolicyInvalid(message, fix="compare with the file that ships with this version")
        rules.append(rule)
    return tuple(rules)


def rule_for(name: BidsName, rules: Sequence[FaceRule]) -> FaceRule:
    """Find the rule of an image; one that no row names is defaced: when in doubt there is a face."""
    for rule in rules:
        if rule.datatype == name.datatype and rule.suffix in {"*", name.suffix}:
            return rule
    return FaceRule(
        datatype=name.datatype,
        suffix=name.suffix,
        action=DEFACE,
        why="no row of faces.csv names it",
        source="ARCHITECTURE: absence refuses",
    )


def judge_defaced(defaced: Defaced, *, about: str) -> Verdict:
    """Judge what a defacer did: only what was verified, or needed nothing, goes on."""
    source = "PS3.15 E.3.2 Clean Recognizable Visual Features"
    match defaced.status:
        case FaceStatus.DEFACED | FaceStatus.NOTHING_TO_DO:
            return note(f"data.face.{defaced.status.value}", why=defaced.why, source=source, about=about)
        case FaceStatus.NEEDS_REVIEW:
            return review(
                "data.face.unverified",
                why=defaced.why,
                fix="look at the pictures; mend with another engine, or leave the series out by a rule",
                source=source,
                about=about,
            )
        case FaceStatus.REFUSED:
            return refuse(
                "data.face.refused",
                why=defaced.why,
                fix="if it shows no head (a phantom), leave the series out by a rule; else try another engine",
                source=source,
                about=about,
            )
