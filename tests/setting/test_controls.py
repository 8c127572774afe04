"""The table of the setting's controls: whole, refused when wrong, and told in the documents as it is."""

from importlib.resources import files
from itertools import pairwise
from pathlib import Path

import pytest

from fivesafes.core.errors import PolicyInvalid
from fivesafes.flow.controls import load_controls
from fivesafes.project.model import Tier
from fivesafes.setting.audit import CONTROLS as OF_A_RUN
from fivesafes.setting.audit.books import BOOKS
from fivesafes.setting.audit.everything import COLLECTORS
from fivesafes.setting.controls import COLUMNS, TIERS, load_setting_controls
from fivesafes.setting.model import BY_PEOPLE
from fivesafes.setting.ports import HavenFacts

TEXT = (files("fivesafes") / "policies" / "setting.csv").read_text(encoding="utf-8")
ROOT = Path(__file__).resolve().parents[2]


def test_each_control_is_seen_by_somebody() -> None:
    """A machine, the books or a person: no row is nobody's, and nothing is collected that has no row."""
    rows = load_setting_controls()
    by_people = {one.name for one in rows if one.seen_by == BY_PEOPLE}
    assert {one.name for one in rows} == set(COLLECTORS) | set(BOOKS) | by_people
    assert not by_people & (set(COLLECTORS) | set(BOOKS))
    assert {name for name in vars(HavenFacts) if not name.startswith("_")} == set(BOOKS)


@pytest.mark.parametrize("tier", [Tier.T0, Tier.T1, Tier.T2, Tier.T3])
def test_an_audit_asks_for_all_that_a_run_asks_for(tier: Tier) -> None:
    """What ``controls.csv`` asks of a run's place is asked of the same tiers here."""
    asked = {one.name for one in load_setting_controls() if tier.label in one.tiers}
    assert set(load_controls(tier).place.controls) <= asked
    assert set(load_controls(tier).place.controls) <= set(OF_A_RUN)


def test_a_stricter_tier_asks_for_no_less() -> None:
    """Of the place, more is asked from tier to tier."""
    asked = [{one.name for one in load_setting_controls() if tier in one.tiers} for tier in TIERS]
    assert all(lower <= higher for lower, higher in pairwise(asked))


ROW = "a,topic,Is it?,stat,T0 T1,no,1,7,8.1,,,,mend it"


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (ROW.replace("T0", "T9"), "tiers"),
        (ROW.replace(",no,", ",perhaps,"), "attestable"),
        (ROW.replace("stat", BY_PEOPLE), "must be attestable"),
        (ROW.replace(",1,7,", ",1,soon,"), "days"),
        (ROW.replace("mend it", ""), "fix is empty"),
        (ROW.replace("a,", "a b,", 1), "no name"),
        (ROW + ",more", "cells"),
        (ROW.removesuffix(",mend it"), "cells"),
        (f"{ROW}\n{ROW}", "twice"),
    ],
)
def test_a_wrong_row_is_refused_with_its_line(tmp_path: Path, row: str, why: str) -> None:
    """The table is policy: nothing in it is guessed."""
    (tmp_path / "setting.csv").write_text(f"{','.join(COLUMNS)}\n{row}\n")
    with pytest.raises(PolicyInvalid, match=why) as caught:
        load_setting_controls(tmp_path)
    assert "line" in str(caught.value)
    (tmp_path / "setting.csv").write_text(f"{','.join(COLUMNS)}\n{ROW}\n")
    assert load_setting_controls(tmp_path)[0].tiers == ("T0", "T1")


def test_wrong_columns_are_refused(tmp_path: Path) -> None:
    """A column more or less is another table."""
    (tmp_path / "setting.csv").write_text(TEXT.replace("grace_days", "patience"))
    with pytest.raises(PolicyInvalid, match="columns must be"):
        load_setting_controls(tmp_path)


def test_the_reference_page_tells_every_row() -> None:
    """The page has each control with its question, tiers, days and clauses, as the table has them."""
    page = (ROOT / "docs/reference/setting-controls.md").read_text(encoding="utf-8")
    for one in load_setting_controls():
        clauses = "; ".join(f"{name} {clause}" for name, clause in _named(one.references) if clause)
        attest = "yes" if one.attestable else "no"
        row = f"| `{one.name}` | {one.question} | {one.seen_by} | {' '.join(one.tiers)} | {attest} "
        row += f"| {one.max_age_days} | {one.grace_days} | {clauses} |"
        assert row in page, row


def _named(references: object) -> list[tuple[str, str]]:
    names = {"iso": "ISO", "nist": "NIST", "hipaa": "HIPAA", "other": "other:"}
    return [(names[key], value) for key, value in references.items()]  # type: ignore[attr-defined]
