"""A small haven on disk with sealed originals of two people, made without any scan: for tests of vault and custody."""

import atexit
import shutil
import tempfile
from collections.abc import Sequence
from datetime import UTC, date, datetime
from functools import cache, partial
from pathlib import Path

import pytest
from attrs import evolve, frozen

from fivesafes.core.ids import Identifying
from fivesafes.flow.haven.model import KeptAside, KeptInstance, KeptParticipant, KeptProject, KeptSeries, SeriesState
from fivesafes.project.model import (
    Approval,
    Cohort,
    Content,
    DataUse,
    IntendedUse,
    Permission,
    Project,
    Tier,
)
from fivesafes.setting.keyring import keys_folder
from fivesafes.setting.vault.address import series_digest
from fivesafes.setting.vault.keys import add_identity, add_secret, pseudonym_key, quarantine_key
from fivesafes.setting.vault.seal import Identity
from fivesafes.stores.identity_files import write_identity
from fivesafes.wiring.found import Founding, found_haven
from fivesafes.wiring.haven import OpenHaven, opened_haven

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
PEOPLE = ("CANARY-PAT-1", "CANARY-PAT-2")
PSEUDONYM_KEY = bytes(range(32))


@frozen(kw_only=True)
class SealedHaven:
    """Where it is, its custodians' identity files by name, and what was sealed: contents by series."""

    path: Path
    keys: Path
    identities: dict[str, Path]
    contents: dict[str, tuple[bytes, ...]]
    sheets: dict[str, bytes]
    aside: bytes


def make_haven(folder: Path) -> SealedHaven:
    """Give a haven ``folder/haven`` with project ``p1``: two people, three series, one file set aside.

    Its custodians are Ada and Ben.  Every haven of a session is a copy of one: making it takes a quarter of a second.
    """
    place, template = _template()
    shutil.copytree(place, folder, dirs_exist_ok=True)
    keys = keys_folder() / template.keys.relative_to(place / "keys")
    keys.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(folder / "keys" / keys.relative_to(keys_folder()), keys)
    shutil.rmtree(folder / "keys")
    identities = {name: folder / path.relative_to(place) for name, path in template.identities.items()}
    return evolve(template, path=folder / "haven", keys=keys, identities=identities)


@cache
def _template() -> tuple[Path, SealedHaven]:
    place = Path(tempfile.mkdtemp(prefix="fs-haven-"))
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FIVESAFES_KEYS", str(place / "keys"))
        return place, _made(place)


def _made(folder: Path) -> SealedHaven:
    identities = {}
    recipients = {}
    for name in ("Ada", "Ben"):
        identity = Identity.made()
        identities[name] = folder / "custodians" / f"{name}.agekey"
        write_identity(identity, identities[name])
        recipients[name] = identity.recipient
    made = found_haven(Founding(path=folder / "haven", custodians=recipients))
    contents = {
        f"{number}{number}" * 8: tuple(b"CANARY-SCAN %d %d " % (number, n) * (1 + 9000 * n) for n in range(4))
        for number in range(3)
    }
    haven = SealedHaven(
        path=folder / "haven",
        keys=made.keys,
        identities=identities,
        contents=contents,
        sheets={name: b'{"participant": "CANARY-PAT"}' + name.encode() for name in contents},
        aside=b"CANARY-ASIDE",
    )
    with opened_haven(haven.path) as opened:
        _fill(opened, haven)
    return haven


def _fill(opened: OpenHaven, haven: SealedHaven) -> None:
    ring, vault = opened.keyring, opened.vault("p1")
    add_secret(ring, pseudonym_key("p1"), PSEUDONYM_KEY, opened.openers)
    kept = KeptProject(project=_project(), recipient=add_identity(ring, partial(quarantine_key, "p1"), opened.openers))
    people = opened.newcomers("p1").admit([Identifying(name) for name in PEOPLE])
    with opened.books.deed():
        opened.books.save_project(kept, at=NOW)
        opened.books.add_participants(people, at=NOW)
    for number, (name, contents) in enumerate(haven.contents.items()):
        person = people[number % 2]
        instances = vault.keep(contents, recipient=person.recipient)
        (sheet,) = vault.keep([haven.sheets[name]], recipient=person.recipient)
        rows = [
            KeptInstance(address=one.address, uid=bytes([n]) * 16, bytes=one.bytes) for n, one in enumerate(instances)
        ]
        row = _series(name, person, rows, sheet.address)
        event = opened.author("test").event(
            "ingest", f"series {name}", "sealed", project="p1", digest=row.digest, participant=person.id
        )
        with opened.books.deed():
            opened.books.add_series(evolve(row, trail_n=opened.books.tell(event)), rows)
    (aside,) = vault.keep([haven.aside], recipient=kept.recipient)
    with opened.books.deed():
        file = KeptAside(
            project="p1", address=aside.address, bytes=12, status="review", code="test", why="a test", received_at=NOW
        )
        opened.books.add_aside([file])


def _series(name: str, person: KeptParticipant, rows: Sequence[KeptInstance], sheet: bytes) -> KeptSeries:
    return KeptSeries(
        id=name,
        project="p1",
        participant=person.id,
        state=SeriesState.SEALED,
        digest=series_digest([*(row.address for row in rows), sheet]),
        sheet=sheet,
        files=len(rows),
        bytes=sum(row.bytes for row in rows),
        received_at=NOW,
        trail_n=0,
    )


def _project() -> Project:
    return Project(
        id="p1",
        title="Test",
        investigator="Nobody",
        institution="Nowhere",
        contact="nobody@example.org",
        approval=Approval(committee="HREC", number="1", valid_from=date(2026, 1, 1), valid_until=date(2099, 1, 1)),
        use=IntendedUse(purpose="Test.", permission=Permission(use=DataUse.NRES)),
        cohort=Cohort(participants=2, eligible=1000, content=Content.CLINICAL),
        shared_with=Tier.T2,
    )
