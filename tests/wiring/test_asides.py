"""What is set aside and says whose it is belongs to that participant: it goes with them."""

import shutil
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import UID, BasicTextSRStorage, ExplicitVRLittleEndian
from tests.wiring.conftest import Place

from fivesafes.core.errors import TryAgain, UsageMistake
from fivesafes.core.ids import Identifying
from fivesafes.core.progress import Silent
from fivesafes.data.header.inspect import DICOMDIR
from fivesafes.flow.haven.intake import IngestReport
from fivesafes.flow.haven.model import KeptAside, ParticipantState, WithdrawalKind
from fivesafes.flow.haven.withdraw import withdraw
from fivesafes.flow.sealed import Kind, sealed_in
from fivesafes.setting.vault.vault import folder_of
from fivesafes.stores.blobs import FolderBlobs
from fivesafes.stores.trail import head
from fivesafes.wiring.asides import Chosen, asides_of, choose, hand_out, id_of, remove
from fivesafes.wiring.backup import back_up_data
from fivesafes.wiring.consent import means_of
from fivesafes.wiring.custodians import verify
from fivesafes.wiring.haven import OpenHaven
from fivesafes.wiring.projects import ingest_paths


def _ingest(haven: OpenHaven, folder: Path) -> IngestReport:
    return ingest_paths(haven, "journey", [folder], workers=1, progress=Silent())


def _odd_files(scans: Path, folder: Path) -> Path:
    """Write beside one another: a file that was cut short, an object that is no image, and a text."""
    folder.mkdir()
    first = min(path for path in scans.rglob("*") if path.is_file())
    (folder / "cut.dcm").write_bytes(first.read_bytes()[:-100])
    report = dcmread(first)
    report.SOPClassUID = report.file_meta.MediaStorageSOPClassUID = BasicTextSRStorage
    report.SOPInstanceUID = report.file_meta.MediaStorageSOPInstanceUID = UID("1.2.3.4.5")
    del report.PixelData, report.Rows
    dcmwrite(folder / "report.dcm", report)
    (folder / "notes.txt").write_text("whose is this?")
    return folder


def _asides(haven: OpenHaven) -> dict[str, KeptAside]:
    return {one.code: one for one in haven.books.asides("journey")}


def test_a_file_set_aside_is_sealed_to_whom_it_names_and_else_to_the_project(place: Place) -> None:
    """Cut short or no image: the part that can be read says whose it is; a text says nothing."""
    scans = place.scans()
    place.register(scans.participant_id)
    with place.open() as haven:
        report = _ingest(haven, _odd_files(scans.folder, place.folder / "odd"))
        assert report.newcomers == 0
        (person,) = haven.books.participants("journey")
        asides = _asides(haven)
        assert {code: one.participant for code, one in asides.items()} == {
            "data.file.truncated": person.id,
            "data.header.sop-class": person.id,
            "data.file.not-dicom": None,
        }
        sealed = {one.recipient: len(one.addresses) for one in sealed_in(haven.books) if one.kind is Kind.ASIDE}
        assert sealed == {person.recipient: 2, haven.project("journey").recipient: 1}
        assert len(list(haven.blobs.walk(folder_of(person.recipient)))) == 2


def test_a_withdrawal_takes_what_was_set_aside_with_it(place: Place) -> None:
    """Objects, rows and key are gone; the receipt counts them, and those of which nobody knows whose they are."""
    scans = place.scans()
    place.register(scans.participant_id)
    with place.open() as haven:
        _ingest(haven, scans.folder)
        _ingest(haven, _odd_files(scans.folder, place.folder / "odd"))
        (person,) = haven.books.participants("journey")
        done = withdraw(means_of(haven, by="test"), person.id, WithdrawalKind.FULL)
        assert done.withdrawal.receipt is not None
        destroyed = done.withdrawal.receipt["destroyed"]
        assert isinstance(destroyed, dict)
        assert destroyed["files_set_aside"] == 2
        assert done.withdrawal.receipt["files_set_aside_of_unknown_people"] == 1
        assert set(_asides(haven)) == {"data.file.not-dicom"}
        assert not list(haven.blobs.walk(folder_of(person.recipient)))
        (left,) = sealed_in(haven.books)
        assert left.recipient == haven.project("journey").recipient


def test_a_file_of_somebody_who_withdrew_is_not_taken_in(place: Place) -> None:
    """Not even set aside: told as refused, and nothing of it is kept."""
    scans = place.scans()
    place.register(scans.participant_id)
    with place.open() as haven:
        _ingest(haven, scans.folder)
        (person,) = haven.books.participants("journey")
        withdraw(means_of(haven, by="test"), person.id, WithdrawalKind.FULL)
        report = _ingest(haven, _odd_files(scans.folder, place.folder / "odd"))
        assert sorted(one.code for one in report.set_aside) == [
            "data.file.not-dicom", "data.participant.withdrawn", "data.participant.withdrawn",
        ]  # fmt: skip
        assert set(_asides(haven)) == {"data.file.not-dicom"}
        assert not list(haven.blobs.walk(folder_of(person.recipient)))


def test_who_is_named_only_by_a_file_set_aside_becomes_a_participant(place: Place) -> None:
    """What is held of somebody must be theirs to take back."""
    scans = place.scans()
    place.register()
    with place.open() as haven:
        report = _ingest(haven, _odd_files(scans.folder, place.folder / "odd"))
        assert report.newcomers == 1
        (person,) = haven.books.participants("journey")
        assert person.state is ParticipantState.ACTIVE
        assert person.id == haven.addresser("journey").participant(Identifying(scans.participant_id))


def test_a_directory_of_a_medium_is_not_kept(place: Place) -> None:
    """It names everybody on the medium, so no one's withdrawal could take it away."""
    scans = place.scans()
    place.register(scans.participant_id)
    shutil.rmtree(scans.folder)
    scans.folder.mkdir()
    directory = Dataset()
    directory.SOPClassUID, directory.SOPInstanceUID, directory.PatientID = DICOMDIR, "1.2.3", scans.participant_id
    directory.file_meta = FileMetaDataset()
    directory.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dcmwrite(scans.folder / "DICOMDIR", directory, enforce_file_format=True)
    with place.open() as haven:
        report = _ingest(haven, scans.folder)
        assert [one.code for one in report.set_aside] == ["data.file.dicomdir"]
        assert not haven.books.asides("journey")
        assert not list(haven.books.addresses("journey"))


def test_a_custodian_looks_at_files_set_aside_and_removes_them(place: Place) -> None:
    """The trail says whose key and why; afterwards neither row nor object is left, and nothing is missed."""
    scans = place.scans()
    place.register(scans.participant_id)
    with place.open() as haven:
        odd = _odd_files(scans.folder, place.folder / "odd")
        _ingest(haven, odd)
        identity = haven.keys / "custodians" / "custodian-1.agekey"
        ids = [id_of(one) for one in asides_of(haven, "journey")]
        chosen = choose(haven, "journey", ids, identity=identity)
        hand_out(haven, chosen, to=place.folder / "looked-at", reason="which is right?", by="test")
        written = sorted(path.read_bytes() for path in (place.folder / "looked-at").iterdir())
        assert written == sorted(path.read_bytes() for path in odd.iterdir())
        remove(haven, chosen, reason="looked at", by="test")
        assert not haven.books.asides("journey")
        assert not list(haven.blobs.walk())
        told = [haven.books.told(n) for n in range(head().size)][-6:]
        assert [(one.verb, one.facts["proved"]) for one in told if one] == [
            *[("unseal", "custodian-1")] * 3, *[("shred", "custodian-1")] * 3,
        ]  # fmt: skip
        with pytest.raises(UsageMistake):
            choose(haven, "journey", ids[:1], identity=identity)
        with pytest.raises(UsageMistake):
            choose(haven, "journey", [""], identity=identity)


def _two_of_one_name(scans: Path) -> Path:
    """Leave two files that say they are the same image, and differ; name the second."""
    first, second, *rest = sorted(path for path in scans.rglob("*") if path.is_file())
    for path in rest:
        path.unlink()
    other = dcmread(second)
    other.SOPInstanceUID = other.file_meta.MediaStorageSOPInstanceUID = dcmread(first).SOPInstanceUID
    dcmwrite(second, other)
    return second


def test_removing_a_file_that_was_taken_in_since_leaves_the_original(place: Place) -> None:
    """Of two contradicting files both are set aside, one is ingested: two rows name its object."""
    scans = place.scans()
    place.register(scans.participant_id)
    wrong = _two_of_one_name(scans.folder)
    with place.open() as haven:
        _ingest(haven, scans.folder)
        asides = asides_of(haven, "journey")
        assert len(asides) == 2
        wrong.unlink()
        (series,) = _ingest(haven, scans.folder).series
        assert series.new_files == 1
        identity = haven.keys / "custodians" / "custodian-1.agekey"
        remove(haven, _chosen(haven, identity), reason="looked at", by="test")
        assert not haven.books.asides("journey")
        checked = verify(haven, identity=identity, sample=None, progress=Silent())
        assert (checked.damaged, checked.stray_objects) == ((), ())
        assert checked.opened == 2  # the image and the sheet of its series


def test_nothing_is_removed_while_scans_are_being_taken_in(place: Place) -> None:
    """One of them may be the very file, sealed and not written down yet."""
    scans = place.scans()
    place.register(scans.participant_id)
    with place.open() as haven:
        _ingest(haven, _odd_files(scans.folder, place.folder / "odd"))
        chosen = _chosen(haven, haven.keys / "custodians" / "custodian-1.agekey")
        with haven.keyring.working(), pytest.raises(TryAgain, match="taken in"):
            remove(haven, chosen, reason="looked at", by="test")
        assert len(haven.books.asides("journey")) == 3


def test_a_backup_forgets_what_a_custodian_removed_and_takes_it_again_when_it_is_back(place: Place) -> None:
    """It is not lost: the books say who removed it.  The same file, ingested again, is set aside again."""
    scans = place.scans()
    place.register(scans.participant_id)
    odd, to = _odd_files(scans.folder, place.folder / "odd"), place.folder / "backup"
    with place.open() as haven:
        _ingest(haven, odd)
        assert back_up_data(haven, to, progress=Silent()).lost == 0
        remove(haven, _chosen(haven, haven.keys / "custodians" / "custodian-1.agekey"), reason="seen", by="test")
        after = back_up_data(haven, to, progress=Silent())
        assert (after.forgotten, after.lost) == (3, 0)
        assert (back_up_data(haven, to, progress=Silent()).forgotten, _objects(to)) == (0, 0)
        _ingest(haven, odd)
        assert len(haven.books.asides("journey")) == 3
        assert (back_up_data(haven, to, progress=Silent()).lost, _objects(to)) == (0, 3)
        haven.blobs.delete([name for name, _ in haven.blobs.walk()][:1])
        assert back_up_data(haven, to, progress=Silent()).lost == 1


def _objects(backup: Path) -> int:
    return len(list(FolderBlobs(backup / "vault").walk()))


def _chosen(haven: OpenHaven, identity: Path) -> Chosen:
    return choose(haven, "journey", [id_of(one) for one in asides_of(haven, "journey")], identity=identity)
