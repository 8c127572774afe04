"""What notes, logs and reports disclose, and what authors may write."""

from collections.abc import Callable

import pytest

from fivesafes.data.model import Residue

Look = Callable[..., list[Residue]]


@pytest.mark.parametrize(
    ("path", "text", "kind"),
    [
        ("sourcedata/a.log", "Session Date: 03-04-2021\n", "date"),
        ("sourcedata/a.log", "Subject: Jane Smith\n", "name"),
        ("sourcedata/a.log", "Operator: X. Quillfeather\n", "name"),
        ("sourcedata/a.puls", "LogStartMDHTime:  52392017\n", "time_of_day"),
        ("sub-1/eeg/sub-1_eeg.vmrk", "Mk1=New Segment,,1,1,0,20210304143312000000\n", "date"),
        ("derivatives/r.html", "<html><body><p>Subject: Jane Smith</p></body></html>", "name"),
        ("logs/p.log", "read C:\\Users\\js\\SMITH_JANE\\IM0001\n", "name"),
        ("notes.md", "Participant sub-003 (Jane Citizen) was excluded\n", "name"),
        ("README", "sub-001 = Jane Citizen\n", "linking_key"),
        ("README", "includes MRN: 1234567\n", "direct_identifier"),
        ("a.txt", "-----BEGIN PRIVATE KEY-----\nabc\n", "linking_key"),
        ("a.txt", "coffee at 33°52'S 151°12'E\n", "location"),
        ("a.txt", "12 Smith Street\n", "small_area"),
    ],
)
def test_a_telling_line_is_found(look: Look, path: str, text: str, kind: str) -> None:
    """With the number of its line."""
    found = look(path, "first line\n" + text)
    assert (kind, True) in [(one.kind, one.locator.startswith("text:line ")) for one in found]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "latin-1"])
def test_texts_are_read_in_any_usual_encoding(look: Look, encoding: str) -> None:
    """Stimulus programs on Windows write UTF-16."""
    found = look("a.txt", "SessionDate: 03-04-2021\r\nOperator: Zoë Smith\r\n".encode(encoding))
    assert {one.kind for one in found} == {"date", "name"}


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("README", "Contact Jane Smith <jane@example.edu>, University of Sydney.  Scanned March 2019 to June 2020.\n"),
        ("README.md", "sub-003 moved.  Written by Jane Smith on 2021-03-04 after a talk with Mark Taylor.\n"),
        ("CHANGES", "1.0.1 2021-03-04\n  - Jane Smith fixed events.\n"),
        ("code/x.m", "% Jane Smith, 4 March 2021, jane@example.edu\n"),
        ("derivatives/p/sub-1.html", "<html><p>Jenkinson, Mark, and Stephen Smith. 2002. NeuroImage 17.</p></html>"),
        ("derivatives/p/log.txt", "12:30 elapsed, fMRIPrep 20.2.1, dcm2niix v1.0.20220720\n"),
        ("sub-1/dwi/sub-1_dwi.bval", "0 1000 2000 3000 20210304.5\n"),
        ("a.txt", "Parkinson sequence, May need re-scan.  Edinburgh Handedness Inventory.\n"),
    ],
)
def test_authors_references_and_versions_are_left_alone(look: Look, path: str, text: str) -> None:
    """In README, licence and programs people rightly name themselves."""
    assert look(path, text) == []


def test_a_key_in_words_is_a_key(look: Look) -> None:
    """Labels beside anything, in a file whose name says what it is."""
    found = look("key.txt", "sub-001 JS19620304\nsub-002 MN19700101\n")
    assert [(one.kind, one.locator) for one in found] == [("linking_key", "file")]
