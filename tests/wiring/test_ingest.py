"""Ingest into a real haven: what is new, what is there, what contradicts, and what changes under one's hands."""

import shutil
from collections import Counter
from pathlib import Path

import pytest
from attrs import evolve
from tests.wiring.conftest import Place

from fivesafes.core.errors import Refused
from fivesafes.core.ids import Identifying
from fivesafes.core.progress import Silent
from fivesafes.flow.haven.consent import StatedConsent
from fivesafes.flow.haven.ingest import ingest
from fivesafes.flow.haven.intake import Fate, IngestReport, Intake
from fivesafes.flow.haven.model import ProjectState, SeriesState
from fivesafes.flow.sealed import Kind, Sealed, sealed_in
from fivesafes.project.model import Consent
from fivesafes.setting.vault.address import series_digest
from fivesafes.setting.vault.seal import Identity
from fivesafes.setting.vault.vault import object_name
from fivesafes.stores.trail import last_of
from fivesafes.wiring.custodians import move_damaged, verify
from fivesafes.wiring.haven import OpenHaven
from fivesafes.wiring.projects import ingest_paths, look_at, record_stated


def taken(haven: OpenHaven, folder: Path) -> Counter[str]:
    """Ingest a folder; count the fates of its series."""
    report = ingest_paths(haven, "journey", [folder], workers=1, progress=Silent())
    return Counter(one.fate.value for one in report.series)


def test_the_same_scans_again_change_nothing(place: Place) -> None:
    """No second row, no second object, no second event of ingest."""
    scans = place.scans()
    place.register(scans.participant_id)
    with place.open() as haven:
        assert taken(haven, scans.folder) == {"sealed": 1}
        addresses = sorted(haven.books.addresses("journey"))
        assert taken(haven, scans.folder) == {"here-already": 1}
        assert sorted(haven.books.addresses("journey")) == addresses
        assert len(haven.books.series("journey")) == 1


def test_a_series_that_comes_in_two_parts_is_one_series(place: Place) -> None:
    """What was missing is added; the trail tells of both, and the digest is over all of it."""
    scans = place.scans(slices=4)
    place.register(scans.participant_id)
    files = sorted(path for path in scans.folder.rglob("*") if path.is_file())
    first = place.folder / "first"
    first.mkdir()
    for path in files[:2]:
        shutil.copy(path, first)
    with place.open() as haven:
        assert taken(haven, first) == {"sealed": 1}
        assert taken(haven, scans.folder) == {"sealed": 1}
        (series,) = haven.books.series("journey")
        assert series.files == 4
        addresses = [one.address for one in haven.books.instances(series.id)]
        assert len(set(addresses)) == 4
        event = haven.books.told(series.trail_n)
        assert event is not None
        assert event.facts["digest"] == series.digest == series_digest([*addresses, series.sheet])


def test_a_file_that_contradicts_what_is_sealed_is_set_aside_and_sealed_too(place: Place) -> None:
    """Same SOPInstanceUID, other content: both are kept, and a person must say which is right."""
    scans = place.scans()
    place.register(scans.participant_id)
    with place.open() as haven:
        taken(haven, scans.folder)
        path = next(path for path in scans.folder.rglob("*") if path.is_file())
        content = path.read_bytes()
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        report = ingest_paths(haven, "journey", [scans.folder], workers=1, progress=Silent())
        assert [one.code for one in report.set_aside] == ["data.file.contradicts"]
        (aside,) = haven.books.asides("journey")
        assert aside.bytes == len(content)
        (series,) = haven.books.series("journey")
        assert series.files == 3


def test_a_file_that_changes_while_it_is_read_is_not_acknowledged(place: Place) -> None:
    """What was looked at is not what was sealed: refused, and nothing stands in the books."""
    scans = place.scans()
    place.register(scans.participant_id)
    with place.open() as haven:
        received = look_at(haven, "journey", [scans.folder], workers=1, progress=Silent())
        changed = evolve(received, series=tuple(evolve(one, digest="0" * 64) for one in received.series))
        kept = haven.project("journey")
        intake = Intake(
            books=haven.books,
            vault=haven.vault("journey"),
            addresser=haven.addresser("journey"),
            newcomers=haven.newcomers("journey"),
            author=haven.author("test"),
            progress=Silent(),
        )
        report = ingest(kept, changed, intake)
        assert [one.fate for one in report.series] == [Fate.REFUSED]
        assert not haven.books.series("journey")


def test_what_is_no_image_is_sealed_to_the_project_with_its_reason(place: Place) -> None:
    """A stray text file is kept: set aside, sealed, dated."""
    scans = place.scans()
    place.register(scans.participant_id)
    (scans.folder / "notes.txt").write_text("remember to call Jane Doe")
    with place.open() as haven:
        taken(haven, scans.folder)
        (aside,) = haven.books.asides("journey")
        assert aside.why
        assert not [path for path in place.path.rglob("*") if path.is_file() and b"Jane Doe" in path.read_bytes()]


def test_a_closed_project_and_one_whose_approval_has_ended_take_nothing_in(place: Place) -> None:
    """From the day after the approval ends, and from the moment a project is closed."""
    scans = place.scans()
    place.register(scans.participant_id)
    place.clock.now = place.clock.now.replace(year=2100)
    with place.open() as haven, pytest.raises(Refused):
        taken(haven, scans.folder)
    place.clock.now = place.clock.now.replace(year=2026)
    with place.open() as haven:
        with haven.books.deed():
            haven.books.set_project_state("journey", ProjectState.CLOSED, at=haven.clock())
        with pytest.raises(Refused):
            taken(haven, scans.folder)


def test_scans_of_somebody_who_withdrew_before_they_came_are_not_taken_in(place: Place) -> None:
    """The table that told of it found nothing to destroy; the scans come later."""
    scans = place.scans()
    place.register()
    day = place.clock.now.date()
    left = Consent(permissions=frozenset(), face=False, valid_from=day, withdrawn_on=day)
    stated = StatedConsent(line=2, participant=Identifying(scans.participant_id), consent=left)
    with place.open() as haven:
        assert record_stated(haven, "journey", [stated], table="t.csv").unseen
        assert taken(haven, scans.folder) == {"refused": 1}
        assert list(haven.books.addresses("journey")) == []


def test_scans_of_somebody_without_consent_wait_sealed(place: Place) -> None:
    """Quarantined with the reason, and nobody's name in the clear."""
    scans = place.scans()
    place.register()
    with place.open() as haven:
        assert taken(haven, scans.folder) == {"quarantined": 1}
        (series,) = haven.books.series("journey")
        assert series.state is SeriesState.QUARANTINED
        assert "consent" in series.why


def again(haven: OpenHaven, folder: Path) -> IngestReport:
    """Ingest a folder another time."""
    return ingest_paths(haven, "journey", [folder], workers=1, progress=Silent())


def objects(place: Place, haven: OpenHaven, kind: Kind) -> list[Path]:
    """Name the files of the vault's objects of one kind."""
    sealed: list[Sealed] = [one for one in sealed_in(haven.books) if one.kind is kind]
    return [place.path / "vault" / object_name(address, one.recipient) for one in sealed for address in one.addresses]


@pytest.mark.parametrize("kind", [Kind.ORIGINAL, Kind.SHEET])
@pytest.mark.parametrize("fault", ["missing", "cut"])
def test_what_the_vault_has_lost_is_sealed_anew_from_the_same_scans_and_told(
    place: Place, kind: Kind, fault: str
) -> None:
    """Here already is said of what is there: one look at each name, and nothing is opened for it."""
    scans = place.scans()
    place.register(scans.participant_id)
    with place.open() as haven:
        again(haven, scans.folder)
        (before,) = haven.books.series("journey")
        path = objects(place, haven, kind)[0]
        whole = path.read_bytes()
        if fault == "missing":
            path.unlink()
        else:
            path.write_bytes(whole[:150])
        assert verify(haven, identity=None, sample=0, progress=Silent()).verdict().refuses
        (healed,) = again(haven, scans.folder).series
        assert (healed.fate, healed.healed, healed.missing, healed.new_files) == (Fate.HEALED, 1, 0, 0)
        assert "sealed anew" in healed.why
        found = verify(haven, identity=None, sample=None, progress=Silent())
        assert (found.damaged, found.not_as_told, found.stray_objects) == ((), (), ())
        assert haven.books.series("journey") == [before]
        told = last_of("heal")
        assert told is not None
        assert (told.object, told.facts) == (f"series {before.id}", {"participant": before.participant})
        assert [one.fate for one in again(haven, scans.folder).series] == [Fate.HERE_ALREADY]


def test_bits_that_flipped_are_healed_once_verification_has_moved_them_aside(place: Place) -> None:
    """Only who opens can see them: verify moves them aside, and ingest, which opens nothing, seals the scans anew."""
    scans = place.scans()
    place.register(scans.participant_id)
    with place.open() as haven:
        again(haven, scans.folder)
        path = objects(place, haven, Kind.ORIGINAL)[1]
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 8
        path.write_bytes(content)
        found = verify(haven, identity=None, sample=None, progress=Silent())
        assert len(found.damaged) == 1
        assert move_damaged(haven, found, identity=None).moved == 1
        assert [(one.fate, one.healed) for one in again(haven, scans.folder).series] == [(Fate.HEALED, 1)]
        assert verify(haven, identity=None, sample=None, progress=Silent()).damaged == ()


def test_what_the_scans_at_hand_can_not_mend_is_told(place: Place) -> None:
    """One file of three is given again: another that is missing is not called here."""
    scans = place.scans()
    place.register(scans.participant_id)
    files = sorted(path for path in scans.folder.rglob("*") if path.is_file())
    (place.folder / "one").mkdir()
    shutil.copy(files[0], place.folder / "one")
    with place.open() as haven:
        again(haven, scans.folder)
        given = {haven.addresser("journey").of(files[0].read_bytes()).hex()}
        victim = next(path for path in objects(place, haven, Kind.ORIGINAL) if path.name not in given)
        victim.unlink()
        (told,) = again(haven, place.folder / "one").series
        assert (told.fate, told.healed, told.missing) == (Fate.HERE_ALREADY, 0, 1)
        assert "missing in the vault" in told.why


def test_a_lost_sheet_that_no_one_can_make_again_is_replaced_by_one_that_knows_every_file(place: Place) -> None:
    """A series that came in two parts has two sheets; all its files together make one that stands for a lost one."""
    scans = place.scans(slices=4)
    place.register(scans.participant_id)
    first = place.folder / "first"
    first.mkdir()
    for path in sorted(path for path in scans.folder.rglob("*") if path.is_file())[2:]:
        shutil.copy(path, first)
    with place.open() as haven:
        again(haven, first)
        again(haven, scans.folder)
        sheets = objects(place, haven, Kind.SHEET)
        sheets[0].unlink()
        (told,) = again(haven, scans.folder).series
        assert (told.healed, told.missing) == (1, 0)
        found = verify(haven, identity=None, sample=None, progress=Silent())
        assert (found.damaged, found.not_as_told) == ((), ())


def test_a_file_set_aside_that_the_vault_has_lost_is_sealed_anew_and_told(place: Place) -> None:
    """One row, one object, an event that tells of it."""
    scans = place.scans()
    place.register(scans.participant_id)
    (scans.folder / "notes.txt").write_text("remember to call Jane Doe")
    with place.open() as haven:
        again(haven, scans.folder)
        (path,) = objects(place, haven, Kind.ASIDE)
        path.unlink()
        report = again(haven, scans.folder)
        assert report.asides_healed == 1
        assert path.exists()
        assert len(haven.books.asides("journey")) == 1
        told = last_of("heal")
        assert told is not None
        assert (told.object, told.facts) == (f"file {path.name}", {})
        assert again(haven, scans.folder).asides_healed == 0


@pytest.mark.parametrize("whose", ["participant", "project"])
def test_nothing_is_sealed_to_a_recipient_that_somebody_wrote_into_the_books(place: Place, whose: str) -> None:
    """The keyring has no key of that name: no custodian could open it, and somebody else perhaps could."""
    from fivesafes.stores.models import Participant, Project  # noqa: PLC0415 - as somebody with the database would

    scans = place.scans()
    place.register(scans.participant_id)
    with place.open() as haven:
        model = Participant if whose == "participant" else Project
        assert model.objects.update(recipient=Identity.made().recipient) == 1
        before = sorted(haven.blobs.walk())
        with pytest.raises(Refused, match="not in the keyring"):
            taken(haven, scans.folder)
        assert sorted(haven.blobs.walk()) == before
