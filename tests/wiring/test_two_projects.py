"""What leaves the house of two projects with the same scans, the trail, tells nobody that they are the same."""

from pathlib import Path

from tests.journeys.studies import FORM
from tests.wiring.conftest import Place

from fivesafes.core.event import Event
from fivesafes.core.ids import Identifying
from fivesafes.core.progress import Silent
from fivesafes.engines.sources.synthetic import write_series
from fivesafes.flow.haven.model import WithdrawalKind
from fivesafes.flow.haven.withdraw import withdraw
from fivesafes.interfaces.forms.consent import HEADER, read_consent_table
from fivesafes.interfaces.forms.study import read_form
from fivesafes.wiring.asides import asides_of, choose, hand_out, id_of
from fivesafes.wiring.consent import means_of
from fivesafes.wiring.custodians import hand_back, to_hand_back
from fivesafes.wiring.disposal import dispose_project
from fivesafes.wiring.haven import OpenHaven
from fivesafes.wiring.process import Way, process_project
from fivesafes.wiring.projects import Registration, add_project, ingest_paths, record_stated
from fivesafes.wiring.reviewing import reidentify


def written(folder: Path, *, seed: int, slices: int, matrix: int) -> tuple[Path, str]:
    """Write a series, a stray text and a damaged image of one person; give the folder and the PatientID."""
    planted = write_series(folder, slices=slices, seed=seed, matrix=matrix)
    image = next(path for path in sorted(folder.rglob("*")) if path.is_file())
    (folder / "notes.txt").write_text("a stray " * (seed + slices), encoding="utf-8")
    (folder / "cut.dcm").write_bytes(image.read_bytes()[: -100 * seed])
    return folder, planted.participant_id


def live(haven: OpenHaven, place: Place, project: str, scans: Path, patient: str, custodians: list[Path]) -> None:
    """Let a project do all that a haven can: take in, heal, process, hand back, name, withdraw, dispose."""
    form = place.folder / f"{project}.toml"
    form.write_text(FORM.replace('id = "journey"', f'id = "{project}"').replace("consent.csv", f"{project}.csv"))
    (place.folder / f"{project}.csv").write_text(f"{HEADER}{patient},NRES,no,2026-01-01/..,\n", encoding="utf-8")
    signed = place.folder / "signed.csv"
    signed.write_text(f"{HEADER.strip()},evidence\n{patient},NRES,no,2026-01-01/..,,{patient}.pdf\n")
    (place.folder / f"{patient}.pdf").write_bytes(patient.encode())
    study = read_form(form)
    add_project(haven, Registration(project=study.project, rules=study.rules), key=None)
    record_stated(haven, project, read_consent_table(signed, evidence=place.folder), table="signed.csv")
    ingest_paths(haven, project, [scans], workers=1, progress=Silent())
    haven.blobs.delete([name for name, _ in haven.blobs.walk()])
    ingest_paths(haven, project, [scans], workers=1, progress=Silent())
    process_project(haven, project, Way(workers=1), to=None, progress=Silent())
    (series,) = haven.books.series(project)
    identity, aside = custodians[0], [id_of(one) for one in asides_of(haven, project)]
    asked = to_hand_back(haven, project, series.id, to=place.folder / f"out-{project}", identity=identity)
    hand_back(haven, asked, reason="a test", by="custodian")
    chosen = choose(haven, project, aside, identity=identity)
    hand_out(haven, chosen, to=place.folder / f"asides-{project}", reason="a test", by="custodian")
    person = haven.addresser(project).participant(Identifying(patient))
    reidentify(haven, project, person, identity=identity, reason="a test")
    assert withdraw(means_of(haven, by="test"), person, WithdrawalKind.FULL).done
    assert dispose_project(haven, project, by="test", reason="a test", identities=custodians).certificate


def values(events: list[Event], project: str) -> set[str]:
    """Give every word that a project's lines have, but for times, the project's name and the policies' digest."""
    words: set[str] = set()
    for one in events:
        if one.project == project:
            said = [one.verb, one.object, one.outcome, one.purpose, *(f"{k} {v}" for k, v in one.facts.items())]
            words |= set(" ".join(said).split()) | {f"{name}={value}" for name, value in one.facts.items()}
    return {word for word in words if project not in word}


def test_the_trails_of_two_projects_with_the_same_scans_share_nothing_that_other_scans_would_not(place: Place) -> None:
    """No size, no count of files, no digest: only words that stand in every project's lines."""
    same, jane = written(place.folder / "same", seed=1, slices=5, matrix=32)
    other, joan = written(place.folder / "other", seed=2, slices=7, matrix=24)
    with place.open() as haven:
        custodians = sorted(haven.keys.glob("custodians/*.agekey"))
        for project, scans, patient in (("one", same, jane), ("two", same, jane), ("three", other, joan)):
            live(haven, place, project, scans, patient, custodians)
        told: list[Event] = []
        while (event := haven.books.told(len(told))) is not None:
            told.append(event)
    words = {project: values(told, project) for project in ("one", "two", "three")}
    verbs = {"ingest", "quarantine", "heal", "process", "unseal", "reidentify", "consent", "withdraw", "dispose"}
    assert verbs <= {one.verb for one in told if one.project == "one"}
    assert len(words["one"]) > 60
    assert (words["one"] & words["two"]) - words["three"] == set()
