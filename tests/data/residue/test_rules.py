"""The rules are data: they are complete, they fit together, and a broken one is refused."""

from importlib.resources import files

import pytest

from fivesafes.core.errors import PolicyInvalid
from fivesafes.data.model import Severity
from fivesafes.data.residue import columns, rules, spots


def test_every_rule_names_a_known_sort_of_finding() -> None:
    """All tables load, and each code says why, how to mend it and who says so."""
    assert len(rules.codes()) > 50
    for code in rules.codes().values():
        assert code.why
        assert code.fix
        assert code.source
        assert code.kind in rules.KINDS
    assert rules.patterns()
    assert rules.date_rules()
    assert rules.file_codes(".DS_Store") == ("leftover",)
    assert {rule.check for rule in rules.patterns()} <= set(spots._CHECKS)


def test_every_test_that_keys_name_exists() -> None:
    """A misspelt test would never find anything."""
    named = {rule.when for name in rules._keys().values() for rule in name}
    assert named <= set(columns._TESTS)


def test_a_finding_in_a_document_never_weighs_more_than_in_a_record() -> None:
    """Authors may say more than records."""
    order = list(Severity)
    assert all(order.index(code.in_documents) <= order.index(code.severity) for code in rules.codes().values())


@pytest.mark.parametrize(
    ("table", "text"),
    [
        ("codes.csv", "code,kind\n"),
        ("codes.csv", "code,kind,severity,in_documents,why,fix,source\nx,gossip,high,low,a,b,c\n"),
        ("codes.csv", "code,kind,severity,in_documents,why,fix,source\nx,name,terrible,low,a,b,c\n"),
        ("codes.csv", "code,kind,severity,in_documents,why,fix,source\nx,name,high,low,a,b\n"),
        ("codes.csv", "code,kind,severity,in_documents,why,fix,source\nx,name,high,low,a,b,c,d\n"),
    ],
)
def test_a_broken_table_is_refused(monkeypatch: pytest.MonkeyPatch, table: str, text: str) -> None:
    """Unknown columns, kinds and severities, and lines of another length."""

    class Broken:
        def joinpath(self, *parts: str) -> "Broken":
            assert parts[-1] == table
            return self

        def read_text(self, encoding: str) -> str:
            return text

    monkeypatch.setattr(rules, "files", lambda _: Broken())
    rules.codes.cache_clear()
    with pytest.raises(PolicyInvalid):
        rules.codes()
    monkeypatch.undo()
    rules.codes.cache_clear()
    assert files("fivesafes").joinpath("policies/residue/codes.csv").is_file()


def test_keys_are_compared_without_case_signs_and_brackets() -> None:
    """``Date of birth (dd/mm/yyyy)`` is ``DateOfBirth``."""
    assert rules.normalised("Date of birth (dd/mm/yyyy)") == "dateofbirth"
    assert [rule.code for rule in rules.key_rules("Patient_Name", "json")][:1] == ["name"]
