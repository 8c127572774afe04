"""What a haven promises, and whether it kept it: looked at after a kill, and when the command was run to its end."""

import hashlib
import json
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from attrs import frozen
from django.db import connection
from tests.journeys.faults.places import Manner, Place, Run, victim
from tests.journeys.faults.scans import PROJECT

from fivesafes.core.errors import FiveSafesError
from fivesafes.flow.circle_told import Standing
from fivesafes.flow.haven.model import ParticipantState, ReleaseState, WithdrawalKind
from fivesafes.flow.sealed import Kind, sealed_in
from fivesafes.flow.sign_off import EVIDENCE, MANIFEST, RECORD
from fivesafes.output.manifest import digest_of, files_below, judge_manifest
from fivesafes.setting.vault.keys import not_opened_by, open_identity, participant_key
from fivesafes.stores.custody import DjangoCustody
from fivesafes.stores.identity_files import read_identity
from fivesafes.wiring.haven import OpenHaven
from fivesafes.wiring.trail import make_checkpoint, verify_haven
from fivesafes.wiring.vault import holding_of

_OUTCOME: Final = "outcome.json"  # how many seconds each step took differs from run to run


class Broken(AssertionError):
    """A promise was not kept."""

    def __init__(self, promise: str, found: object) -> None:
        """Name the promise, and what was found instead."""
        super().__init__(f"{promise}: {found}")


@frozen(kw_only=True)
class Witnessed:
    """What was so before: a checkpoint outside of the haven, what stood in the books, and the trail's size."""

    note: str
    size: int
    books: Mapping[str, Any]


@frozen(kw_only=True)
class Secret:
    """What must be found nowhere when its participant has withdrawn: byte strings by what they are."""

    name: tuple[bytes, ...]
    key: tuple[bytes, ...]
    sealed_name: bytes
    subject: str | None


def witnessed(place: Place) -> Witnessed:
    """Note down how things stand, outside of the haven."""
    with place.opened() as haven:
        made = make_checkpoint(haven)
        return Witnessed(note=made.note, size=made.checkpoint.size, books=_books(haven))


def secret_of_victim(place: Place) -> Secret:
    """Note down what a withdrawal must make unfindable: the name, and the key sealed and in clear."""
    who = victim(place)
    with place.opened() as haven:
        person = haven.books.participant(who)
        assert person is not None
        assert person.sealed_name is not None
        holding = holding_of(haven.config, haven.keys, read_identity(place.identity(2)))
        key = participant_key(person.id, person.recipient)
        name = holding.opened(key, person.sealed_name)
        opened = open_identity(haven.keyring, key, holding.identity).reveal()
        wrapped = haven.keyring.get(key)
    ids = [one for one in place.study.people if one.id.encode() in name]
    return Secret(
        name=ids[0].needles,
        key=(opened.encode(), wrapped[-64:], wrapped[:200]),
        sealed_name=person.sealed_name,
        subject=person.subject,
    )


def check_after_kill(place: Place, run: Run, before: Witnessed, manner: Manner) -> None:
    """Look whether what was acknowledged is whole, and that nothing in clear and no process is left."""
    left = run.left_behind(within=15)
    if left:
        raise Broken("what a killed command has started ends by itself", f"{len(left)} processes are left")
    if manner is not Manner.EVERYTHING:
        _check_scratch_goes(place)
    check(place, before)


def check(place: Place, before: Witnessed) -> None:
    """Look whether everything holds that holds at any moment."""
    with place.opened() as haven:
        _check_integrity()
        _check_trail(haven, before)
        _check_originals(haven, place)
        _check_nothing_doubled(haven)
        _check_nothing_lost(before.books, _books(haven), gone=_gone(haven))
        _check_keys(haven, place)
        _check_release(haven, place)
    check_no_clear_text(place)


def check_at_end(place: Place, reference: Mapping[str, Any], *, elsewhere: bool = False) -> None:
    """Look whether the haven is as one whose command was never disturbed, with nothing left over.

    ``elsewhere``: it lies on another disk, of which the release's own report speaks (encrypted or not).
    """
    found = ended(place)
    if elsewhere:
        reference, found = (
            {**one, "release": {name: it for name, it in one["release"].items() if not name.startswith(str(EVIDENCE))}}
            for one in (reference, found)
        )
    for name in reference.keys() | found.keys():
        if found.get(name) != reference.get(name):
            promise = f"the end is as if nothing had happened ({name})"
            raise Broken(promise, _difference(reference, found, name))
    # The keyring's aside may hold a key that nobody was told of, sealed; who next destroys or replaces one sweeps it.
    aside = place.haven / "vault" / "aside"
    left = [one.name for one in aside.iterdir() if one.name != "lock"] if aside.exists() else []
    if left:
        raise Broken("nothing is left aside in the vault", f"{len(left)} files")
    scratch = [one.name for one in place.haven.glob("projects/*/private/scratch-*")]
    if scratch:
        raise Broken("nothing is left in scratch", scratch)
    parts = [one.name for one in place.out.parent.iterdir() if one.name.startswith(".")]
    if parts:
        raise Broken("no part of a release is left", parts)


def ended(place: Place) -> dict[str, Any]:
    """Describe a haven without what differs from run to run: times, random names and ids."""
    with place.opened() as haven:
        described = _books(haven)
        described["steps"] = {
            one.id: sorted((step.name, step.status, step.output_digest) for step in haven.books.steps(one.id))
            for one in haven.books.series(PROJECT)
        }
        described["jobs"] = sorted((job.object, job.state.value) for job in haven.jobs.jobs())
        described["custodians"] = sorted((one.name, one.standing.value) for one in DjangoCustody().custodians())
        described["withdrawals"] = sorted(
            (one.participant, one.kind.value, one.done_at is not None) for one in haven.books.withdrawals()
        )
    private = place.haven / "projects" / PROJECT / "private"
    described["finished"] = _digests(private / "finished", leaving_out=_OUTCOME)
    described["candidate"] = _digests(private / "candidate")
    described["release"] = _digests(place.out)
    return described


def check_withdrawn(place: Place, secret: Secret) -> None:
    """Look whether who withdrew is gone: neither the name nor a key that opens lies anywhere."""
    with place.opened() as haven:
        done = [one for one in haven.books.withdrawals() if one.kind is WithdrawalKind.FULL and one.done_at]
        states = {one.participant: haven.books.participant(one.participant) for one in done}
    if not done or any(one is None or one.state is not ParticipantState.WITHDRAWN for one in states.values()):
        raise Broken("a withdrawal that was begun comes to its end", "it is not done")
    check_gone(place, secret)


def check_gone(place: Place, secret: Secret) -> None:
    """Look whether neither the name of somebody whose data were destroyed, nor a key that opens, lies anywhere."""
    sought = {"the name": secret.name, "the key": secret.key}
    if place.cluster is None:
        sought["the sealed name"] = (secret.sealed_name,)
    else:
        place.cluster.do("CHECKPOINT")
        _search("a withdrawn participant is found in no file of PostgreSQL", place.cluster.socket / "data", sought)
    _search("a withdrawn participant is found in no file of the haven", place.haven, sought)
    _search("a withdrawn participant is found in no file of the keys", place.keys, sought)
    _search("a withdrawn participant is found in no temporary file", place.temporary, sought)
    if secret.subject is not None:
        check_no_derived(place, secret.subject)


def check_no_derived(place: Place, subject: str) -> None:
    """Look whether work made of somebody is left: a folder or file that has their pseudonym, or tells of it."""
    projects = place.haven / "projects"
    if named := [one for one in projects.rglob("*") if f"sub-{subject}" in one.name]:
        raise Broken("no derived work of a withdrawn participant is left", named[0].relative_to(place.haven))
    told = {"the pseudonym": (subject.encode(),)}
    _search("no derived work tells of a withdrawn participant", projects, told)


def check_no_clear_text(place: Place) -> None:
    """Look through every byte of the haven, the keys, the temporary files and the release for what identifies."""
    needles = place.study.needles()
    for folder in (place.haven, place.keys, place.temporary, place.out):
        _search("no identifying text lies anywhere in clear", folder, {"what a scan says": needles})
    for path in _files(place.haven):
        if _is_dicom(path) and not any(part.startswith("scratch-") for part in path.parts):
            raise Broken("no DICOM lies outside the vault in clear", path.relative_to(place.root))
    for path in _files(place.temporary):
        if _is_dicom(path):
            raise Broken("no DICOM lies in the machine's temporary folder", path.name)


def _check_scratch_goes(place: Place) -> None:
    deadline = time.monotonic() + 15
    while left := [*place.haven.glob("projects/*/private/scratch-*")]:
        if time.monotonic() > deadline:
            raise Broken("the scratch of a killed run goes within seconds", f"{len(left)} folders are left")
        time.sleep(0.05)


def _check_integrity() -> None:
    if connection.vendor != "sqlite":
        return  # the server was not killed, and holds its foreign keys by itself
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA integrity_check")
        if (said := cursor.fetchall()) != [("ok",)]:
            raise Broken("the database is whole", said)
        cursor.execute("PRAGMA foreign_key_check")
        if said := cursor.fetchall():
            raise Broken("the database's rows fit together", said)


def _check_trail(haven: OpenHaven, before: Witnessed) -> None:
    found = verify_haven(haven, notes=[before.note])
    if found.verdict.refuses or found.first_bad is not None:
        raise Broken("the trail verifies", [str(one) for one in found.verdict.findings])
    if found.proven < before.size or found.entries < before.size:
        raise Broken("the trail goes on from where an outside checkpoint proves it", found.proven)


def _check_originals(haven: OpenHaven, place: Place) -> None:
    """Open every original that a row names with a custodian's key: each series is one that was given, whole."""
    holding = holding_of(haven.config, haven.keys, read_identity(place.identity(2)))
    told, going = _told_series(haven), _gone(haven)
    for one in sealed_in(haven.books, PROJECT):
        if one.series and _participant(haven, one.series) in going:
            continue  # the key may be gone, or about to go
        try:
            contents = list(holding.contents(one.project, one.key, one.addresses))
        except FiveSafesError as fault:
            raise Broken("what was acknowledged opens with a custodian's key", f"{one.kind}: {fault.what}") from None
        digests = [hashlib.sha256(content).hexdigest() for content in contents]
        if one.kind is Kind.ORIGINAL and frozenset(digests) not in place.study.series:
            raise Broken("what was acknowledged is what was given", f"series {one.series}, {len(digests)} files")
        if len(digests) != len(set(digests)):
            raise Broken("nothing is doubled", f"series {one.series}")
        told.pop(one.series, None)
    active = {one.id for one in haven.books.participants(PROJECT) if one.state is ParticipantState.ACTIVE}
    if lost := [series for series, participant in told.items() if participant in active]:
        raise Broken("every series that the trail says was sealed is in the books", lost)


def _participant(haven: OpenHaven, series: str) -> str:
    row = haven.books.one_series(series)
    assert row is not None
    return row.participant


def _told_series(haven: OpenHaven) -> dict[str, str]:
    """Give every series that the trail says was taken in, with its participant."""
    told = {}
    n = 0
    while (event := haven.books.told(n)) is not None:
        if event.verb == "ingest":
            told[event.object.removeprefix("series ")] = str(event.facts["participant"])
        n += 1
    return told


def _check_nothing_doubled(haven: OpenHaven) -> None:
    for series in haven.books.series(PROJECT):
        instances = haven.books.instances(series.id)
        for what in ({one.address for one in instances}, {one.uid for one in instances}):
            if len(what) != len(instances):
                raise Broken("no instance is doubled", f"series {series.id}")
    out = [(one.digest, one.destination) for one in haven.books.releases(PROJECT) if one.state is ReleaseState.OUT]
    if len(out) != len(set(out)):
        raise Broken("no release is doubled", f"{len(out)} rows, {len(set(out))} releases")


def _check_nothing_lost(before: Mapping[str, Any], now: Mapping[str, Any], *, gone: set[str]) -> None:
    """Compare with what stood there: it stands there still, unless its participant is withdrawing."""
    for name in ("participants", "series", "instances", "consents"):
        for id_, was in before[name].items():
            if was != now[name].get(id_) and _owner(name, id_, before) not in gone:
                promise = f"nothing acknowledged is lost or altered ({name})"
                raise Broken(promise, id_)
    # One that is going may arrive, or leave no row when nothing of it was outside: _check_release looks at those.
    stood = [one for one in before["releases"] if one[1] != ReleaseState.GOING.value]
    if lost := [one for one in stood if one not in now["releases"] and not gone & set(one[2])]:
        raise Broken("no release is lost from the books", lost)


def _owner(name: str, id_: str, books: Mapping[str, Any]) -> str:
    return id_ if name in {"participants", "consents"} else str(books["series"][id_][0])


def _gone(haven: OpenHaven) -> set[str]:
    return {one.id for one in haven.books.participants(PROJECT) if one.state is not ParticipantState.ACTIVE}


def _check_keys(haven: OpenHaven, place: Place) -> None:
    if locked := not_opened_by(haven.keyring, [read_identity(place.identity(2))]):  # also of those being destroyed
        raise Broken("every key opens by the custodian who stays", f"{len(locked)} do not")
    named = {one.name for one in DjangoCustody().custodians() if one.standing is Standing.CUSTODIAN}
    if "custodian-2" not in named:
        raise Broken("who was not asked to leave is still a custodian", sorted(named))


def _check_release(haven: OpenHaven, place: Place) -> None:
    """See that a release is absent, or complete and in the books; and that the books name what is half outside."""
    named = {one.part for one in haven.books.deliveries()}
    parts = {one.name for one in place.out.parent.glob(".*.part")}
    if unknown := parts - named:
        raise Broken("what is half outside is in the books", unknown)
    if not place.out.exists():
        return
    manifest = place.out / MANIFEST
    if (
        not manifest.exists()
        or judge_manifest(place.out, manifest.read_text(encoding="utf-8"), leaving_out=[RECORD, MANIFEST]).findings
    ):
        raise Broken("a release is complete or absent", "it is not what its manifest says")
    candidate = json.loads((place.out / RECORD).read_text(encoding="utf-8"))["candidate"]
    if candidate not in {one.digest for one in haven.books.releases(PROJECT)}:
        raise Broken("a release that is out is in the books", "no row names it")


def _books(haven: OpenHaven) -> dict[str, Any]:
    books = haven.books
    series = books.series(PROJECT)
    return {
        "participants": {one.id: one.state.value for one in books.participants(PROJECT)},
        "consents": {id_: str(one.consent) for id_, one in books.consents(PROJECT).items()},
        "series": {one.id: (one.participant, one.state.value, one.digest, one.files, one.bytes) for one in series},
        "instances": {one.id: sorted(item.address.hex() for item in books.instances(one.id)) for one in series},
        "asides": sorted(one.address.hex() for one in books.asides(PROJECT)),
        "releases": sorted((one.digest, one.state.value, one.participants) for one in books.releases(PROJECT)),
    }


def _difference(reference: Mapping[str, Any], found: Mapping[str, Any], name: str) -> str:
    one, other = reference.get(name), found.get(name)
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        keys = [key for key in one.keys() | other.keys() if one.get(key) != other.get(key)]
        return "; ".join(f"{key}: {one.get(key)} / {other.get(key)}" for key in sorted(keys)[:5])
    return f"{one} / {other}"


def _digests(folder: Path, *, leaving_out: str = "") -> dict[str, str]:
    if not folder.is_dir():
        return {}
    return {name: digest_of(folder / name) for name in files_below(folder) if Path(name).name != leaving_out}


def _search(promise: str, folder: Path, sought: Mapping[str, Iterable[bytes]]) -> None:
    patterns = {what: re.compile(b"|".join(map(re.escape, needles))) for what, needles in sought.items()}
    for path in _files(folder):
        try:
            content = path.read_bytes()
        except OSError:
            continue  # gone since it was listed, or a socket
        for what, pattern in patterns.items():
            if found := pattern.search(content):
                where = f"{what} in {path.relative_to(folder)} at {found.start()}"
                raise Broken(promise, where)


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file()) if folder.exists() else iter(())


def _is_dicom(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:
        return False
