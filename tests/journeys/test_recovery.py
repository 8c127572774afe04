"""The recovery drill: a backup, one custodian's key, the age program, and the printed page's own commands."""

import hashlib
import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from attrs import frozen
from click.testing import CliRunner
from tests.setting.vault.havens import SealedHaven, make_haven

from fivesafes.flow.haven.model import KeptAside
from fivesafes.interfaces.cli.backup import command as backup
from fivesafes.interfaces.cli.vault import command
from fivesafes.wiring.haven import opened_haven

pytestmark = pytest.mark.skipif(
    shutil.which("age") is None or shutil.which("openssl") is None,
    reason="the drill needs the programs age and openssl (Debian: apt install age openssl)",
)


@frozen(kw_only=True)
class Drill:
    """A fresh folder with what a recovery needs, and what must come back."""

    folder: Path
    page: str
    haven: SealedHaven

    def commands(self, name: str) -> str:
        """Take the page's own commands: the block that is marked so."""
        (block,) = re.findall(rf"^```sh{name}\n(.*?)^```$", self.page, flags=re.MULTILINE | re.DOTALL)
        return str(block)

    def follow(self, *names: str) -> subprocess.CompletedProcess[str]:
        """Type the page's blocks into a shell in which nothing of ours can be found."""
        script = "".join(self.commands(name) for name in ("", *names))
        return subprocess.run(
            ["sh", "-u", "-c", script],
            cwd=self.folder,
            env={"PATH": "/usr/bin:/bin", "HOME": str(self.folder)},
            capture_output=True,
            text=True,
            check=False,
        )

    def digests(self) -> Counter[str]:
        """Digest every file that came back."""
        files = (path for path in (self.folder / "originals").rglob("*") if path.is_file())
        return Counter(hashlib.sha256(path.read_bytes()).hexdigest() for path in files)

    def expected(self) -> Counter[str]:
        """Digest every content that was sealed: originals, sheets, and what was set aside."""
        contents = [content for series in self.haven.contents.values() for content in series]
        contents += [*self.haven.sheets.values(), self.haven.aside, *ASIDES]
        return Counter(hashlib.sha256(content).hexdigest() for content in contents)


ASIDES = tuple(b"CANARY-SET-ASIDE %d" % number for number in range(6))


def set_aside(haven: SealedHaven) -> None:
    """Set more files aside: two of each of the two people, and two more that name nobody."""
    with opened_haven(haven.path) as opened:
        owners = [*opened.books.participants("p1"), None] * 2
        for content, person in zip(ASIDES, owners, strict=True):
            to = opened.project("p1").recipient if person is None else person.recipient
            (kept,) = opened.vault("p1").keep([content], recipient=to)
            row = KeptAside(
                project="p1",
                participant=None if person is None else person.id,
                address=kept.address,
                bytes=kept.bytes,
                status="review",
                code="test",
                why="a test",
                received_at=opened.clock(),
            )
            with opened.books.deed():
                opened.books.add_aside([row])


@pytest.fixture(params=["Ada", "Ben"])
def drill(request: pytest.FixtureRequest, tmp_path: Path) -> Drill:
    """Carry both backups, the page and one custodian's key into a fresh folder; lose the rest."""
    haven = make_haven(tmp_path / "before")
    set_aside(haven)
    for what, to in (("data", tmp_path / "data"), ("keys", tmp_path / "elsewhere" / "keys-copy")):
        copied = CliRunner().invoke(backup, [what, str(to), "--haven", str(haven.path)])
        assert copied.exit_code == 0, copied.output
    fresh = tmp_path / "after"
    fresh.mkdir()
    printed = fresh / "recovery.md"
    done = CliRunner().invoke(command, ["recover", "--page", str(printed), "--haven", str(haven.path)])
    assert done.exit_code == 0, done.output
    shutil.copytree(tmp_path / "data" / "vault", fresh / "vault")
    shutil.copytree(tmp_path / "elsewhere" / "keys-copy" / "keyring", fresh / "keyring")
    shutil.copy(haven.identities[request.param], fresh / "custodian.agekey")
    shutil.rmtree(tmp_path / "before")
    shutil.rmtree(haven.keys)
    return Drill(folder=fresh, page=printed.read_text(encoding="utf-8"), haven=haven)


def test_each_custodian_alone_gets_every_original_back(drill: Drill) -> None:
    """Digests equal, nothing reported, nothing left open: no opened key lies anywhere."""
    done = drill.follow(" recover")
    assert (done.returncode, done.stderr) == (0, "")
    assert drill.digests() == drill.expected()
    files = [path for path in drill.folder.rglob("*") if path.is_file()]
    opened = [path for path in files if re.search(rb"AGE-SECRET-KEY-1[0-9A-Z]", path.read_bytes())]
    assert opened == [drill.folder / "custodian.agekey"]
    assert {path.stat().st_mode & 0o077 for path in (drill.folder / "originals").rglob("*")} == {0}


def test_the_page_compares_what_came_back_with_the_trails_digests(drill: Drill) -> None:
    """By openssl alone; and an original that is another is seen."""
    drill.follow(" recover")
    first = next(iter(drill.haven.contents))
    altered = drill.folder / "originals" / "p1" / first / "original-2"
    altered.write_bytes(altered.read_bytes() + b"!")
    done = drill.follow(" compare")
    assert done.returncode == 0, done.stderr
    said = Counter(line.partition(":")[0] for line in done.stdout.splitlines())
    assert said == {"same": 15 + len(ASIDES), "NOT THE SAME": 1}


def test_a_damaged_object_is_told_and_the_others_come_back(drill: Drill) -> None:
    """One flipped bit costs one original."""
    victim = max((drill.folder / "vault").rglob("*"), key=lambda path: path.stat().st_size if path.is_file() else 0)
    content = bytearray(victim.read_bytes())
    content[len(content) // 2] ^= 4
    victim.write_bytes(content)
    done = drill.follow(" recover")
    assert done.stderr.count("not recovered: ") == 1
    assert sum((drill.expected() - drill.digests()).values()) == 1


def test_a_key_that_was_destroyed_stays_lost(drill: Drill) -> None:
    """A participant who withdrew can't be recovered, by nobody, whatever the manifest says."""
    people = sorted((drill.folder / "keyring" / "participants").iterdir())
    people[0].unlink()
    done = drill.follow(" recover")
    missing = drill.expected() - drill.digests()
    assert sum(missing.values()) in {5 + 2, 10 + 2}
    assert done.stderr.count("not recovered: ") == sum(missing.values())
