"""The haven that tests of backups share."""

import shutil
from pathlib import Path

import pytest
from tests.databases import HavenDatabase
from tests.stores.backup.sites import ANN, AUTHOR, BOB, ID, SECRET, Site
from tests.stores.conftest import NOW, make_project

from fivesafes.setting.vault.vault import fingerprint
from fivesafes.stores.books import DjangoBooks
from fivesafes.stores.database import current_database
from fivesafes.stores.founding import found
from fivesafes.stores.haven_file import KeyPrints, read_haven_file, write_haven_file
from fivesafes.stores.key_mark import make_keyring
from fivesafes.stores.keyring_files import FileKeyRing


@pytest.fixture
def site(haven_database: HavenDatabase, tmp_path: Path, request: pytest.FixtureRequest) -> Site:
    """Make a haven with the participants ann and bob."""
    folder = tmp_path / "haven"
    folder.mkdir(mode=0o700)
    write_haven_file(
        folder,
        id_=ID,
        origin="example.org/haven",
        database=haven_database.named,
        store="vault",
        tier="T2",
        keys=KeyPrints(address="0" * 32, trail="1" * 32),
    )
    make_keyring(folder / "keyring", ID)
    haven = read_haven_file(folder)
    if haven_database.kind == "sqlite":
        shutil.copy(haven_database.config["NAME"], folder / "state.sqlite3")
    cluster = request.getfixturevalue("postgresql") if haven_database.kind == "postgresql" else None
    site = Site(haven=haven, root=tmp_path, cluster=cluster)
    with current_database(haven.database_config()):
        found(id_=ID, origin=haven.origin, founders=[], event=AUTHOR.event("init", "haven", "made", project=""))
        books = DjangoBooks()
        with books.deed():
            books.save_project(make_project(), at=NOW)
    site.seal(ANN, b"ann 1", b"ann 2")
    site.seal(BOB, b"bob 1")
    own = f"projects/p1.quarantine.{fingerprint('age1project')}.age"
    FileKeyRing(haven.keyring, haven=ID).add(own, SECRET + b"identity of p1")
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "trail.key").write_bytes(bytes(32))
    for name in ("release/sub-x1/anat/t1.json", "private/finished/secret.nii", "private/report.html", "release/.lock"):
        path = folder / "projects" / "p1" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    document = folder / "documents" / "p1" / "receipt-1.txt"
    document.parent.mkdir(parents=True)
    document.write_text("receipt")
    return site
