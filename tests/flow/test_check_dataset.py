"""The check as a whole: findings, figures, releases compared, an attacker's data."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PIL import Image

from fivesafes.core.errors import InvalidInput
from fivesafes.data.model import Residue, Severity
from fivesafes.data.private_pictures import PAGE_MARK, plain_png, private_png
from fivesafes.data.residue.place import Place
from fivesafes.flow import check_faces
from fivesafes.flow.check_auxiliary import age_bounds
from fivesafes.flow.check_dataset import CheckReport, check_dataset

PEOPLE = 30


def now() -> datetime:
    """Stand still."""
    return datetime(2026, 11, 23, 12, tzinfo=UTC)


def write(path: Path, text: str) -> None:
    """Write a text, making its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def release(root: Path, labels: list[str], *, n: int = PEOPLE, mean: float = 33.0) -> Path:
    """Write a small data set of participants and one table of results."""
    rows = [f"{label}\t{20 + i}\t{'FM'[i % 2]}\t{90 + 3 * i}\tcontrol" for i, label in enumerate(labels)]
    write(root / "participants.tsv", "participant_id\tage\tsex\tiq\tgroup\n" + "\n".join(rows) + "\n")
    write(root / "derivatives/means.tsv", f"group\tn\tmean_age\ncontrol\t{n}\t{mean}\n")
    write(root / "dataset_description.json", json.dumps({"Name": "x", "BIDSVersion": "1.10.0"}))
    return root


LABELS = [f"sub-{i:03d}" for i in range(1, PEOPLE + 1)]


def test_a_plain_release_is_measured_over_columns_that_are_named(tmp_path: Path) -> None:
    """Nothing at medium or above; the quasi-identifiers are chosen by name and told."""
    report = check_dataset(release(tmp_path / "r", LABELS), clock=now)
    assert report.worst in (Severity.INFO, Severity.LOW)
    assert report.hiding is not None
    assert report.hiding.quasi == ("age", "sex")
    assert report.hiding.sensitive == "group"
    assert report.hiding.measures.k == 1
    assert [name for name, _ in report.hiding.greedy_bits] == ["age", "sex"]
    assert {one.kind for one in report.findings} == {"quasi_identifier"}
    assert "chosen by name" in report.notes[0]


def test_columns_and_table_can_be_given(tmp_path: Path) -> None:
    """And a column that is not there is refused."""
    root = release(tmp_path / "r", LABELS)
    report = check_dataset(root, qi=["sex"], sensitive="iq", table=Path("participants.tsv"), clock=now)
    assert report.hiding is not None
    assert report.hiding.measures.k == PEOPLE // 2
    with pytest.raises(InvalidInput):
        check_dataset(root, qi=["shoe"], clock=now)
    with pytest.raises(InvalidInput):
        check_dataset(root, table=Path("nothing.tsv"), clock=now)


@pytest.mark.parametrize("what", ["missing", "empty", "file"])
def test_what_is_no_data_set_is_refused(tmp_path: Path, what: str) -> None:
    """Missing, empty, or a single file."""
    if what == "empty":
        (tmp_path / what).mkdir()
    elif what == "file":
        (tmp_path / what).write_text("x")
    with pytest.raises(InvalidInput):
        check_dataset(tmp_path / what, clock=now)


def compared(tmp_path: Path, labels: list[str]) -> CheckReport:
    """Compare a second release with the first one."""
    first = release(tmp_path / "release1", LABELS)
    write(first / "sub-001/notes.txt", "Subject: Jane Smith\n")
    second = release(tmp_path / "release2", labels, n=len(labels), mean=32.5)
    return check_dataset(second, against=[first], clock=now)


def test_one_person_less_is_told_by_tables_and_by_labels(tmp_path: Path) -> None:
    """30 × 33 − 29 × 32.5 is the age of the one who left."""
    report = compared(tmp_path, LABELS[:-1])
    told = {(one.row, one.difference_n, one.value) for one in report.differencing}
    assert told == {("control", 1, 47.5), ("sub-030", 1, None)}
    assert ("release1/derivatives/means.tsv", "release2/derivatives/means.tsv") in {
        one.between for one in report.differencing
    }
    assert {one.path.split("/")[0] for one in report.findings} == {"release1", "release2"}
    assert report.cross_release_links == {}
    assert report.worst is Severity.HIGH


def test_new_labels_are_joined_from_the_earlier_to_the_later_release(tmp_path: Path) -> None:
    """Each participant of the first release is found again in the second one."""
    new = [f"sub-{i:03d}" for i in range(130, 100, -1)]
    report = compared(tmp_path, new)
    assert report.cross_release_links == dict(zip(LABELS, new, strict=True))
    assert "cross_release_join" in {one.kind for one in report.findings}


def test_what_an_earlier_release_holds_is_told_apart(tmp_path: Path) -> None:
    """It can't be mended here, so it decides nothing."""
    report = compared(tmp_path, LABELS)
    assert [(one.kind, one.path) for one in report.earlier if one.severity is Severity.CRITICAL] == [
        ("name", "release1/sub-001/notes.txt"),
    ]
    assert not [one for one in report.findings if one.kind == "name"]


def test_an_attacker_with_a_log_of_visits_is_simulated(tmp_path: Path) -> None:
    """By place, day, hour, sex and age; columns are recognised by name and told."""
    data, known = tmp_path / "data", tmp_path / "known"
    write(data / "participants.tsv", "participant_id\tage\tsex\tsite\nsub-01\t40\tF\tnorth\nsub-02\t50\tM\tnorth\n")
    for label, hour in (("sub-01", 10), ("sub-02", 14)):
        write(data / f"{label}/{label}_scans.tsv", f"filename\tacq_time\nanat/a.nii.gz\t2021-03-04T{hour}:20:00\n")
    write(known / "venues.csv", "venue,site\nB7,north\nB8,south\n")
    write(
        known / "visits.csv",
        "person,venue,arrive,leave\nann,B7,2021-03-04T10:00,2021-03-04T11:00\n"
        "bob,B7,2021-03-04 14:00:00,2021-03-04 15:00:00\ncid,B8,2021-03-04T10:00,2021-03-04T11:00\n",
    )
    write(
        known / "register.csv", "person,sex,birth_date\nann,female,1980-05-06\nbob,male,01/01/1971\ncid,f,1980-01-01\n"
    )
    report = check_dataset(data, auxiliary=known, clock=now)
    assert report.attack is not None
    assert {(link.participant, link.person, link.probability) for link in report.attack.links} == {
        ("sub-01", "ann", 1.0),
        ("sub-02", "bob", 1.0),
    }
    assert [point.fields for point in report.attack.curve][-1] == ("site", "date", "time", "sex", "age")
    assert any("visits.csv" in note for note in report.notes)
    write(known / "truth.csv", "participant_id,person\nsub-01,ann\nsub-02,cid\n")
    exact = check_dataset(data, auxiliary=known, clock=now).attack
    assert exact is not None
    assert exact.curve[-1].uniquely_and_rightly_linked == 1


def test_auxiliary_data_without_visits_link_nobody_and_say_so(tmp_path: Path) -> None:
    """Nothing is claimed."""
    write(tmp_path / "known/x.csv", "a,b\n1,2\n")
    report = check_dataset(release(tmp_path / "r", LABELS), auxiliary=tmp_path / "known", clock=now)
    assert report.attack is None
    assert any("nobody was linked" in note for note in report.notes)


@pytest.mark.parametrize(
    ("cell", "bounds"),
    [
        ("34", (34, 35)),
        ("30-39", (30, 40)),
        ("90+", (90, 130)),
        (">89", (89, 130)),
        ("n/a", None),
        ("34.5", (34.45, 34.55)),
    ],
)
def test_ages_are_read_as_bounds(cell: str, bounds: tuple[float, float] | None) -> None:
    """Bands and open groups too."""
    got = age_bounds(cell)
    assert got == pytest.approx(bounds) if bounds else got is None


def test_faces_are_asked_for_only_where_wanted_and_failures_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An image that can't be examined is unchecked."""
    root = release(tmp_path / "r", LABELS)
    for name in ("T1w", "FLAIR", "bold", "desc-brain_mask"):
        write(root / f"sub-001/anat/sub-001_{name}.nii.gz", "broken")
    asked = []

    def looked(path: Path, _place: object, _dataset: object) -> tuple[object, ...]:
        asked.append(path.name)
        return ()

    assert not [one for one in check_dataset(root, clock=now).findings if one.code.endswith("face_unknown")]
    found = check_dataset(root, look_for_faces=True, clock=now).findings
    assert {one.path for one in found if one.code.endswith("face_unknown")} == {
        "sub-001/anat/sub-001_T1w.nii.gz",
        "sub-001/anat/sub-001_FLAIR.nii.gz",
    }
    monkeypatch.setattr(check_faces, "_looked_at", looked)
    check_dataset(root, look_for_faces=True, clock=now)
    assert asked == ["sub-001_FLAIR.nii.gz", "sub-001_T1w.nii.gz"]


def test_no_word_before_the_end_of_a_name_hides_a_face(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Labels and descriptions that speak of brains, pairs, capitals: all are looked at; other kinds are told."""
    root = release(tmp_path / "r", LABELS)
    names = (
        "sub-brain01_T1w.nii.gz",
        "sub-001_space-MNI152NLin2009cAsym_desc-preproc_T1w.nii.gz",
        "sub-001_desc-masked_T2w.NII.GZ",
        "sub-001_FLAIR.img",
        "sub-001_desc-brain_mask.nii.gz",
        "sub-001_T1w.mgz",
        "sub-001_T2w.mnc",
        "aparc+aseg.mgz",
        "brainmask.mgz",
        "sub-001_T1w+orig.BRIK",
    )
    for name in names:
        write(root / "sub-001/anat" / name, "some content")
    asked = []

    def looked(path: Path, _place: object, _dataset: object) -> tuple[object, ...]:
        asked.append(path.name)
        return ()

    monkeypatch.setattr(check_faces, "_looked_at", looked)
    findings = check_dataset(root, look_for_faces=True, clock=now).findings
    assert set(asked) == {*names[:4], "sub-001_T1w.mgz", "sub-001_T2w.mnc", "brainmask.mgz"}
    told = [one.path for one in findings if one.code.endswith("face_unknown")]
    assert told == ["sub-001/anat/sub-001_T1w+orig.BRIK"]


def test_a_name_that_tells_nothing_is_looked_at_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A face under any name is a face; what can't be told of it weighs less, for it may hold anything."""
    root = release(tmp_path / "r", LABELS)
    for name in ("scan0003.nii.gz", "sub-001_pet.nii", "sub-001_bold.nii.gz", "sub-001_T1w.nii.gz"):
        write(root / "sub-001" / name, "some content")
    asked = []

    def looked(path: Path, place: Place, _dataset: object) -> tuple[Residue, ...]:
        asked.append(path.name)
        return (place.residue("face" if "pet" in path.name else "face_unknown", "file"),)

    monkeypatch.setattr(check_faces, "_looked_at", looked)
    found = check_dataset(root, look_for_faces=True, clock=now).findings
    assert asked == ["sub-001_T1w.nii.gz", "scan0003.nii.gz", "sub-001_pet.nii"]
    weights = {one.path.rpartition("/")[2]: one.severity for one in found if "face" in one.code}
    assert weights == {
        "sub-001_pet.nii": Severity.HIGH,
        "sub-001_T1w.nii.gz": Severity.MEDIUM,
        "scan0003.nii.gz": Severity.LOW,
    }
    monkeypatch.setattr(check_faces, "_MOST", 2)
    found = check_dataset(root, look_for_faces=True, clock=now).findings
    weights = {one.path.rpartition("/")[2]: one.severity for one in found if "face" in one.code}
    assert weights["sub-001_pet.nii"] is Severity.LOW


@pytest.mark.parametrize("name", ["sub-001_headmask", "T1_outskin_mask", "sub-001_label-Skin_probseg"])
def test_the_outline_of_a_head_is_told(tmp_path: Path, name: str) -> None:
    """Its surface is the face."""
    root = release(tmp_path / "r", LABELS)
    write(root / f"sub-001/anat/{name}.nii.gz", "some content")
    found = [one for one in check_dataset(root, look_for_faces=True, clock=now).findings if "face" in one.code]
    assert [(one.path, one.severity) for one in found] == [(f"sub-001/anat/{name}.nii.gz", Severity.MEDIUM)]


def test_pictures_are_told_as_not_looked_at(tmp_path: Path) -> None:
    """Once per folder, those in pages too; it is low: most are plots."""
    root = release(tmp_path / "r", LABELS)
    for name in ("one.png", "two.JPG"):
        write(root / "figures" / name, "some content")
    write(root / "figures/page.html", '<html><img src="data:image/png;base64,AAAA"></html>')
    write(root / "figures/plain.html", "<html><p>nothing</p></html>")
    found = check_dataset(root, look_for_faces=True, clock=now).findings
    told = [one for one in found if one.code.endswith("unseen_pictures")]
    assert [(one.path, one.locator, one.severity) for one in told] == [("figures", "pictures: 3", Severity.LOW)]


def test_pictures_for_the_eyes_of_a_few_are_never_passed_over(tmp_path: Path) -> None:
    """The defacer's folder with faces, one of its pages, and one of its pictures taken out of it."""
    root = release(tmp_path / "r", LABELS)
    write(root / "deface-report-IDENTIFYING/.gitignore", "*")
    write(root / "qa/page.html", f"<!doctype html><html><head>{PAGE_MARK}</head><body></body></html>")
    (root / "qa/face.png").write_bytes(private_png(Image.new("L", (4, 4))))
    (root / "qa/plot.png").write_bytes(plain_png(Image.new("L", (4, 4))))
    found = check_dataset(root, clock=now).findings
    told = {one.path: one.severity for one in found if one.code.endswith("identifying_pictures")}
    places = ("deface-report-IDENTIFYING", "qa/page.html", "qa/face.png")
    assert told == dict.fromkeys(places, Severity.CRITICAL)
