"""The consent table: spreadsheets' ways are taken as they are, and every wrong line is told at once, without a name."""

import hashlib
import os
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fivesafes.core.errors import InvalidInput
from fivesafes.core.ids import Identifying
from fivesafes.interfaces.forms.consent import HEADER, read_consent_table, read_consents
from fivesafes.project.model import DataUse, UseCondition

ROW = "1007,GRU NPUNCU,no,2026-01-01/..,\n"


def table(folder: Path, content: str | bytes) -> Path:
    """Write a table."""
    path = folder / "consent.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_public_and_evidence_are_optional_columns(tmp_path: Path) -> None:
    """Without them nothing is said; with them, what they say counts."""
    (without,) = read_consent_table(table(tmp_path, HEADER + ROW))
    assert (without.consent.public, without.public_stated, without.evidence_digest) == (True, False, None)
    forms = tmp_path / "forms"
    forms.mkdir()
    (forms / "Doe_Jane.pdf").write_bytes(b"signed")
    text = "participant,data_use,face,valid,withdrawn,public,evidence\n1007,NRES,no,2026-01-01/..,,no,Doe_Jane.pdf\n"
    (stated,) = read_consent_table(table(tmp_path, text), evidence=forms)
    assert (stated.consent.public, stated.public_stated) == (False, True)
    assert stated.evidence_digest == hashlib.sha256(b"signed").hexdigest()
    assert stated.line == 2
    assert not read_consents(table(tmp_path, text))[Identifying("1007")].public


@pytest.mark.parametrize("name", ["missing.pdf", "../consent.csv", "/etc/hostname", "pipe", "sub"])
def test_a_signed_form_is_a_file_of_the_folder_and_nothing_else(tmp_path: Path, name: str) -> None:
    """No path, no pipe that never ends, and the name, which may be a person's, is not repeated."""
    forms = tmp_path / "forms"
    (forms / "sub").mkdir(parents=True)
    os.mkfifo(forms / "pipe")
    text = f"participant,data_use,face,valid,withdrawn,evidence\n1007,GRU,no,2026-01-01/..,,{name}\n"
    with pytest.raises(InvalidInput, match=r"consent\.csv, line 2: ") as raised:
        read_consent_table(table(tmp_path, text), evidence=forms)
    assert name not in str(raised.value)


def test_a_named_form_needs_the_folder_of_forms(tmp_path: Path) -> None:
    """Evidence that nobody looked at is none."""
    text = "participant,data_use,face,valid,withdrawn,evidence\n1007,GRU,no,2026-01-01/..,,a.pdf\n"
    with pytest.raises(InvalidInput, match="--evidence"):
        read_consent_table(table(tmp_path, text))


def test_semicolons_tabs_quotes_and_marks_are_no_matter(tmp_path: Path) -> None:
    """What Excel writes in Berlin is what it writes in Sydney."""
    plain = read_consent_table(table(tmp_path, HEADER + ROW))
    for content in (
        (HEADER + ROW).replace(",", ";"),
        (HEADER + ROW).replace(",", "\t"),
        "\ufeff" + HEADER + ROW.replace("\n", "\r\n"),
        HEADER + '"1007","GRU NPUNCU","no","2026-01-01/..",""\n\n',
        HEADER + ROW.replace("GRU NPUNCU", '"GRU, NPUNCU"'),
    ):
        assert read_consent_table(table(tmp_path, content)) == plain


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ((HEADER + ROW + "Müller,GRU,no,2026-01-01/..,\n").encode("cp1252"), "line 3: .*Windows-1252"),
        ((HEADER + ROW).encode("utf-16"), "line 1: .*UTF-16"),
        (HEADER + ROW + '"1008,GRU,no,2026-01-01/..,\n', "line 3: this is no CSV"),
        (HEADER.replace("face", "faces") + ROW, "line 1: the columns must be"),
        (HEADER.replace("\n", ",face\n") + ROW, "line 1: the columns must be"),
        (HEADER.replace("\n", ",publik\n") + ROW, "line 1: the columns must be"),
        (HEADER.replace(",", ";").replace("face", "faces"), "semicolons"),
        ("participant,data_use,face,valid,withdrawn,public\n1,GRU,no,2026-01-01/..,,\n", "public must be yes or no"),
    ],
)
def test_what_can_t_be_read_is_refused_with_its_line(tmp_path: Path, content: str | bytes, expected: str) -> None:
    """Another encoding would be another person's identifier."""
    with pytest.raises(InvalidInput, match=expected) as raised:
        read_consents(table(tmp_path, content))
    assert raised.value.fix


def test_every_wrong_line_is_named_at_once_and_nobody_with_it(tmp_path: Path) -> None:
    """Lines with the same fault stand together; a quoted line break does not shift the numbers."""
    rows = ["SECRET1,GRU,maybe,2026-01-01/..,", ROW.strip(), "SECRET2,GRU,maybe,2026-01-01/..,"]
    rows += ['"SECRET3\n",GRU,perhaps,2026-01-01/..,', "SECRET4,XYZ,no,2026-01-01/..,", "SECRET5,GRU,eh,2026-01-01/..,"]
    with pytest.raises(InvalidInput) as raised:
        read_consents(table(tmp_path, HEADER + "\n".join(rows) + "\n"))
    told = raised.value.what.splitlines()
    assert told[0].startswith("consent.csv, lines 2, 4-5, 8: face must be yes or no")
    assert told[1].startswith("consent.csv, line 7: data_use holds a term")
    assert "SECRET" not in str(raised.value)


@pytest.mark.parametrize(
    ("written", "use", "conditions"),
    [
        ("gru", DataUse.GRU, set()),
        ("DUO:0000042", DataUse.GRU, set()),
        ("DUO_0000006", DataUse.HMB, set()),
        ("http://purl.obolibrary.org/obo/DUO_0000004", DataUse.NRES, set()),
        ("https://purl.obolibrary.org/obo/DUO_0000011 NPU", DataUse.POA, {UseCondition.NPU}),
        ("GRU DUO:0000044", DataUse.GRU, {UseCondition.NPOA}),
        ("GRU GSO|NCU", DataUse.GRU, {UseCondition.GSO, UseCondition.NCU}),
        ("GRU DUO:0000018", DataUse.GRU, {UseCondition.NPUNCU}),
        ("DS:MONDO:0005180", DataUse.DS, set()),
        ("DUO:0000007:MONDO_0005180", DataUse.DS, set()),
        (
            "http://purl.obolibrary.org/obo/DUO_0000007:http://purl.obolibrary.org/obo/MONDO_0005180",
            DataUse.DS,
            set(),
        ),
    ],
)
def test_terms_are_read_by_name_curie_and_iri(
    tmp_path: Path, written: str, use: DataUse, conditions: set[UseCondition]
) -> None:
    """All three spellings of the ontology mean the same."""
    (stated,) = read_consent_table(table(tmp_path, HEADER + ROW.replace("GRU NPUNCU", written)))
    assert [one.use for one in stated.consent.permissions] == [use]
    assert stated.consent.conditions == conditions
    assert {one.disease for one in stated.consent.permissions} == ({"MONDO:0005180"} if use is DataUse.DS else {None})


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("GRU-CC", "write GRU CC"),
        ("DUO:0000014", "made obsolete"),
        ("DUO:9999999", "not of the GA4GH"),
        ("DS:diabetes", "no MONDO term"),
        ("NPU", "names no permission"),
    ],
)
def test_terms_that_are_obsolete_or_unknown_are_refused(tmp_path: Path, written: str, expected: str) -> None:
    """With what to write instead."""
    with pytest.raises(InvalidInput, match=expected):
        read_consents(table(tmp_path, HEADER + ROW.replace("GRU NPUNCU", written)))


def test_a_hundred_thousand_rows_are_read(tmp_path: Path) -> None:
    """A registry's table is a table."""
    rows = "".join(f"P{number},GRU,no,2026-01-01/..,\n" for number in range(100_000))
    assert len(read_consents(table(tmp_path, HEADER + rows))) == 100_000


@given(content=st.binary(max_size=300))
@settings(max_examples=150)
def test_no_bytes_break_the_reader(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Whatever is handed in, the answer is a table or a reason."""
    folder = tmp_path_factory.mktemp("any", numbered=True)
    with suppress(InvalidInput):
        assert read_consents(table(folder, HEADER.encode() + content))
