"""What a tier asks for: ``policies/controls.csv``, one row per control, a column per tier, the source last.

Read across, a row is not monotone on purpose: data tighten where the setting loosens.  The five safes are one dial.
"""

import csv
import hashlib
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

from attrs import frozen

from fivesafes.core.errors import PolicyInvalid
from fivesafes.people.model import PeopleDemands
from fivesafes.project.model import Tier
from fivesafes.setting.audit import CONTROLS as PLACE_CONTROLS
from fivesafes.setting.model import SettingDemands

COLUMNS: Final = ("control", "step", "T0", "T1", "T2", "T3", "why", "source")
STEPS: Final = ("receive", "gate", "deidentify", "convert", "deface", "assess", "airlock", "release")

ALLOWED: Final[Mapping[str, tuple[str, ...]]] = {
    "approval": ("required",),
    "consent": ("required",),
    "recipients": ("none", "named"),
    "recipient_mfa": ("no", "yes"),
    "agreement_days": ("none", "<days>"),
    "training_days": ("none", "<days>"),
    "place": ("<place controls>",),
    "header_profile": ("<name>",),
    "dates": ("shifted",),
    "sidecar": ("minimal", "standard"),
    "series_unknown": ("held",),
    "bids_valid": ("required",),
    "face": ("remove", "reface", "reface-plus", "skull-strip", "optional"),
    "face_evidence": ("verified",),
    "residue": ("none",),
    "max_record_risk": ("<share>",),
    "min_k": ("<count>",),
    "reviewers": ("<count>",),
    "manifest": ("sha256",),
}
"""Every control that is implemented, and the settings its step understands; a file that names others is refused."""


@frozen(kw_only=True)
class Control:
    """One control as set for one tier."""

    name: str
    step: str
    setting: str
    why: str
    source: str


@frozen(kw_only=True)
class Controls:
    """All controls of one tier, with the digest of the policies they come from."""

    tier: Tier
    by_name: Mapping[str, Control]
    policy_digest: str

    def setting(self, name: str) -> str:
        """Say how a control is set."""
        return self.by_name[name].setting

    @property
    def people(self) -> PeopleDemands:
        """What is asked of the recipients."""
        return PeopleDemands(
            named=self.setting("recipients") == "named",
            mfa=self.setting("recipient_mfa") == "yes",
            agreement_days=_days(self.setting("agreement_days")),
            training_days=_days(self.setting("training_days")),
        )

    @property
    def place(self) -> SettingDemands:
        """What is asked of the place."""
        return SettingDemands(controls=tuple(self.setting("place").split()))

    @property
    def max_record_risk(self) -> float:
        """The largest estimated population risk that a record may carry, 0 to 1."""
        return float(self.setting("max_record_risk"))

    @property
    def min_k(self) -> int:
        """The smallest class that may leave unless the population risk is below its bound."""
        return int(self.setting("min_k"))

    @property
    def reviewers(self) -> int:
        """How many people must have looked at the candidate."""
        return int(self.setting("reviewers"))


def _days(setting: str) -> int | None:
    return None if setting == "none" else int(setting)


def load_controls(tier: Tier, folder: Traversable | None = None) -> Controls:
    """Load the column of a tier.  Raises PolicyInvalid with line and reason; T3+ has no column: nothing leaves."""
    if tier is Tier.T3_PLUS:
        message = "controls.csv: T3+ has no controls, because nothing is shared"
        raise PolicyInvalid(message, fix="let researchers visit, or send their analysis to the data")
    policies = folder or files("fivesafes") / "policies"
    text = (policies / "controls.csv").read_text(encoding="utf-8")
    reader = csv.DictReader(text.splitlines())
    if tuple(reader.fieldnames or ()) != COLUMNS:
        raise _invalid(1, f"columns must be {', '.join(COLUMNS)}")
    controls: dict[str, Control] = {}
    for row in reader:
        _check_row(row, reader.line_num, controls)
        controls[row["control"]] = Control(
            name=row["control"], step=row["step"], setting=row[tier.label], why=row["why"], source=row["source"]
        )
    missing = sorted(set(ALLOWED) - set(controls))
    if missing:
        raise _invalid(reader.line_num, f"no row for {', '.join(missing)}")
    return Controls(tier=tier, by_name=controls, policy_digest=policy_digest(policies))


def _check_row(row: Mapping[str, str | None], line: int, seen: Mapping[str, Control]) -> None:
    name = row["control"] or ""
    if name not in ALLOWED:
        raise _invalid(line, f"nobody implements the control {name!r}")
    if name in seen:
        raise _invalid(line, f"the control {name!r} is set twice")
    if row["step"] not in STEPS:
        raise _invalid(line, f"there is no step {row['step']!r} (there are {', '.join(STEPS)})")
    for column in ("T0", "T1", "T2", "T3"):
        if not _understood(name, row[column] or ""):
            raise _invalid(line, f"{name} can't be {row[column]!r} ({', '.join(ALLOWED[name])})")
    if not row["why"] or not row["source"]:
        raise _invalid(line, f"{name} has no reason or no source")


def _understood(name: str, setting: str) -> bool:
    return any(_matches(form, setting) for form in ALLOWED[name])


def _matches(form: str, setting: str) -> bool:
    if form in {"<days>", "<count>"}:
        return setting.isdecimal()
    if form == "<share>":
        return setting.replace(".", "", 1).isdecimal() and 0 < float(setting) <= 1
    if form == "<place controls>":
        return bool(setting) and set(setting.split()) <= set(PLACE_CONTROLS)
    if form == "<name>":
        return setting.replace("-", "").isalnum()
    return form == setting


def _invalid(line: int, why: str) -> PolicyInvalid:
    return PolicyInvalid(f"controls.csv, line {line}: {why}", fix="compare with the file that ships with this version")


def policy_digest(policies: Traversable) -> str:
    """SHA-256 over every policy file, name and content, in the order of names."""
    digest = hashlib.sha256()
    for name, content in sorted(_files_below(policies, "")):
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


@lru_cache(maxsize=1)
def current_policy_digest() -> str:
    """Digest the policies of this version."""
    return policy_digest(files("fivesafes") / "policies")


def policy_texts() -> list[str]:
    """Give the text of every policy file of this version."""
    return [content.decode("utf-8") for _, content in _files_below(files("fivesafes") / "policies", "")]


def _files_below(folder: Traversable, prefix: str) -> list[tuple[str, bytes]]:
    found: list[tuple[str, bytes]] = []
    for entry in folder.iterdir():
        if entry.is_dir() and entry.name != "__pycache__":
            found += _files_below(entry, f"{prefix}{entry.name}/")
        elif entry.name.endswith((".csv", ".toml", ".txt", ".json")):
            found.append((prefix + entry.name, entry.read_bytes()))
    return found
