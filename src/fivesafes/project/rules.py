"""Reads ``policies/tiers.toml``: the thresholds by which a tier is derived."""

import tomllib
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from fivesafes.core.errors import PolicyInvalid
from fivesafes.project.model import Content, Impact, Tier, Vulnerable
from fivesafes.project.policy import TierRules

_LABELS = {tier.label: tier for tier in Tier}


def load_tier_rules(folder: Traversable | None = None) -> TierRules:
    """Load and check the rules.  Raises PolicyInvalid when a class, a tier or a gate is missing or unknown."""
    source = (folder or files("fivesafes") / "policies") / "tiers.toml"
    try:
        raw = tomllib.loads(source.read_text(encoding="utf-8"))
        return _rules(raw)
    except (KeyError, ValueError, TypeError) as fault:
        what = f"tiers.toml: {type(fault).__name__}: {fault}"
        raise PolicyInvalid(what, fix="compare with the file that ships with this version") from fault


def _rules(raw: dict[str, Any]) -> TierRules:
    impact = raw["impact"]
    rules = TierRules(
        matrix={Impact[row]: tuple(_LABELS[tier] for tier in tiers) for row, tiers in raw["matrix"].items()},
        record_risk=tuple(raw["probability"]["record_risk"]),
        linkage=tuple(raw["probability"]["linkage"]),
        unique_share_of_p4=float(raw["probability"]["unique_share_of_p4"]),
        small_cohort=int(raw["probability"]["small_cohort"]),
        content={Content(word): Impact[name] for word, name in impact["content"].items()},
        vulnerable={Vulnerable(word): Impact[name] for word, name in impact["vulnerable"].items()},
        genetics=Impact[impact["genetics"]["record_level"]],
        reach_people=int(impact["reach"]["people"]),
        gates={gate: _LABELS[tier] for gate, tier in raw["gates"].items()},
    )
    _check_complete(rules)
    return rules


_GATES = {
    "consent_unknown",
    "consent_restricts_use",
    "face_without_consent",
    "genetics",
    "first_nations_without_community",
}


def _check_complete(rules: TierRules) -> None:
    whole = (
        set(rules.matrix) == set(Impact)
        and all(len(row) == len(("P1", "P2", "P3", "P4", "P5")) for row in rules.matrix.values())
        and set(rules.content) == set(Content)
        and set(rules.vulnerable) == set(Vulnerable)
        and set(rules.gates) == _GATES
        and len(rules.record_risk) == len(rules.linkage) == len(("P1", "P2", "P3", "P4"))
    )
    if not whole:
        message = "a row, a class or a gate is missing or unknown"
        raise ValueError(message)
    for row in rules.matrix.values():
        if list(row) != sorted(row):
            message = "a tier falls as the probability grows"
            raise ValueError(message)
