"""The report: self-contained, escaped, and without a face where it leaves."""

import json
from pathlib import Path

import pytest

from fivesafes.engines.reporters.html import HtmlReporter, for_leaving

HOSTILE = "<script>alert(1)</script>\u202e"
PROJECT = ("id", "title", "investigator", "institution", "approval", "purpose", "data_use")
VERDICT = {"gravity": "note", "findings": []}
DECISION = {"tier": "T0", "probability": "P2", "impact": "I1", "reasons": [], "raised_by": []}
RECORD = {
    "schema": 1,
    "date": "2026-06-01",
    "outcome": {"kind": "released", "sentence": "Released."},
    "project": dict.fromkeys(
        ("id", "title", "investigator", "institution", "approval", "purpose", "data_use"), HOSTILE
    ),
    "tier": {"planned": DECISION, "measured": DECISION, "shared_with": "T0", "shared_with_words": "public"},
    "participants": {"received": 1, "refused": 0, "released": 1},
    "questions": dict.fromkeys(("project", "people", "setting", "data", "output"), "?"),
    "verdicts": dict.fromkeys(("project", "people", "setting", "data", "output"), VERDICT),
    "plan": [],
    "received": [],
    "series": [
        {
            "id": "s",
            "status": "released",
            "outputs": [],
            "why": HOSTILE,
            "subject": "x",
            "session": None,
            "files_received": 1,
            "header": {"kept": {"EchoTime": 1}, "replaced": {}, "blanked": {}, "removed": {"PatientName": 1}},
            "label": "T1w",
            "images": [
                {
                    "output": "sub-x/anat/sub-x_T1w.nii.gz",
                    "stem": "sub-x_T1w",
                    "face": {
                        "status": "defaced",
                        "because": "b",
                        "engine": "e",
                        "engine_version": "1",
                        "mode": "remove",
                        "evidence": {
                            "mutual_information": 0.4,
                            "residual": {"eyes": 0.0, "nose": 0.01, "mouth": None, "chin": 0.0, "ears": 0.0},
                            "brain_voxels_altered": 0,
                            "outside_voxels_altered": 0,
                        },
                    },
                    "sidecar_removed": ["AcquisitionTime"],
                    "pictures": [
                        {"name": "before", "alt": "face", "file": "before.png", "identifying": True, "sealed": False},
                        {"name": "after", "alt": "no face", "file": "after.png", "identifying": False, "sealed": False},
                    ],
                }
            ],
        }
    ],
    "shows_faces": True,
    "bids": {"validator": "v", "errors": 0, "warnings": 0, "issues": []},
    "linkage": None,
    "candidate": None,
    "compare": [],
    "versions": {"fivesafes": "0"},
    "policy_digest": "d",
}

COMPARED = {
    "release": "0123456789abcdef",
    "destination": "/gone/first",
    "released_on": "2026-05-01",
    "manifest_sha256": "d",
    "people": 1,
    "withdrawn": 1,
    "why": "it holds 1 participant whom this one does not, 1 of them withdrawn",
}


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Write two small files that stand for pictures."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    (folder / "before.png").write_bytes(b"BEFORE")
    (folder / "after.png").write_bytes(b"AFTER")
    return folder


@pytest.mark.parametrize("leaving", [False, True])
def test_texts_are_escaped_and_nothing_is_fetched(tmp_path: Path, pictures: Path, leaving: bool) -> None:
    """A name from a form or a header is text, whatever it looks like."""
    HtmlReporter().write(RECORD, pictures=pictures, into=tmp_path, leaving=leaving)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "default-src 'none'" in page
    assert "PatientName" in page
    assert ('class="before"' in page) is not leaving


def test_the_copy_that_leaves_has_only_pictures_marked_as_faceless() -> None:
    """A picture whose mark is missing or odd does not leave."""
    series = RECORD["series"]
    assert isinstance(series, list)
    left = for_leaving(RECORD)["series"][0]["images"][0]["pictures"]
    assert [picture["name"] for picture in left] == ["after"]


def test_the_copy_that_leaves_says_nothing_of_who_was_left_out() -> None:
    """Withdrawn means absent: neither a pseudonym nor a finding nor a count tells of somebody who is not there."""
    series = RECORD["series"]
    assert isinstance(series, list)
    absent = {**series[0], "id": "t", "subject": "gone", "status": "refused"}
    finding = {"code": "c", "gravity": "note", "why": "left out: withdrawn", "fix": "f", "source": "s"}
    told = [{**finding, "about": about} for about in ("sub-gone", "series t", "sub-gone_ses-01_T1w", "README")]
    verdicts = {"project": {"gravity": "note", "findings": told}}
    people = {"received": 2, "refused": 1, "released": 1}
    record = {**RECORD, "series": [*series, absent], "verdicts": verdicts, "participants": people}
    record["outcome"] = {"kind": "released", "sentence": "Released: all of it.  1 series did not leave, it is gone."}
    record["compare"] = [COMPARED]
    left = for_leaving(record)
    assert "gone" not in json.dumps(left)
    assert [f["about"] for f in left["verdicts"]["project"]["findings"]] == ["README"]
    assert left["participants"] == {"received": 1, "refused": 0, "released": 1}
    assert left["outcome"] == {"kind": "released", "sentence": "Released: all of it."}
    assert left["compare"] == []


@pytest.mark.parametrize("leaving", [False, True])
def test_who_checks_the_output_sees_what_to_compare_with(tmp_path: Path, pictures: Path, leaving: bool) -> None:
    """In the private report alone: outside it would tell that somebody is missing."""
    HtmlReporter().write({**RECORD, "compare": [COMPARED]}, pictures=pictures, into=tmp_path, leaving=leaving)
    for name in ("report.html", "report.json"):
        assert ("0123456789abcdef" in (tmp_path / name).read_text(encoding="utf-8")) is not leaving
