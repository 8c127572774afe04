"""``fivesafes trail`` on a real haven: a stranger verifies what was exported, and what was altered is told."""

import errno
import json
import re
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from click.testing import CliRunner, Result

from fivesafes.core.errors import InvalidInput, PolicyInvalid, Refused, TryAgain, UsageMistake
from fivesafes.core.event import Event
from fivesafes.engines.exporters.place import not_written
from fivesafes.interfaces.cli.status import command as status
from fivesafes.interfaces.cli.trail import command
from fivesafes.setting.trail.checkpoint import Checkpoint, signed
from fivesafes.setting.trail.entry import GENESIS, digest_of, event_of, line_of
from fivesafes.setting.trail.merkle import Frontier, leaf_hash
from fivesafes.setting.trail.note import NoteSigner
from fivesafes.stores.haven_file import FILE
from fivesafes.wiring.found import Founding, found_haven
from fivesafes.wiring.haven import OpenHaven, opened_haven
from fivesafes.wiring.trail import make_checkpoint, tend, witness_states

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def run(*words: str | Path, code: int = 0) -> Result:
    """Run one command and expect its exit code; a mistake of ours is raised."""
    result = CliRunner().invoke(command, [str(word) for word in words])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result


def answer(*words: str | Path, code: int = 0) -> dict[str, Any]:
    """Run one command with ``--json`` and read its object."""
    body: dict[str, Any] = json.loads(run(*words, "--json", code=code).stdout)
    assert body["schema"] == 1
    return body


@pytest.fixture
def haven(tmp_path: Path) -> Path:
    """Make a haven with a file and a git repository as witnesses, and some entries."""
    path = tmp_path / "haven"
    found_haven(Founding(path=path, custodians={}))
    with (path / FILE).open("a") as file:
        file.write(f'\n[[witness]]\nkind = "file"\npath = "{tmp_path}/share/notes.txt"\n')
    (tmp_path / "share").mkdir()
    with opened_haven(path) as place, place.books.deed():
        place.books.tell(*(event(n) for n in range(20)))
    return path


def event(n: int) -> Event:
    """Make one event."""
    when = NOON + timedelta(seconds=n)
    return Event(
        when=when,
        actor="w1",
        verb="ingest",
        object=f"s{n}",
        outcome="ok",
        policy_digest="d",
        facts={"digest": f"{n:064x}"},
    )


@pytest.fixture
def opened(haven: Path) -> Iterator[OpenHaven]:
    """Open it."""
    with opened_haven(haven) as place:
        yield place


@pytest.fixture
def exported(haven: Path, tmp_path: Path) -> Path:
    """Export its trail, after a checkpoint went to its witness."""
    run("checkpoint", "--haven", haven)
    run("export", tmp_path / "out", "--haven", haven)
    return tmp_path / "out"


@pytest.fixture
def kept(exported: Path, tmp_path: Path) -> Path:
    """Name the file of the witness, who got a checkpoint before the export."""
    assert exported.exists()
    return tmp_path / "share" / "notes.txt"


def test_a_haven_s_trail_verifies_and_is_as_long_as_what_was_told(haven: Path) -> None:
    """The first entry is of the haven's making."""
    body = answer("verify", "--haven", haven)
    assert (body["entries"], body["first_bad"], body["verdict"]["gravity"]) == (21, None, "note")
    assert "21 entries is whole" in run("verify", "--haven", haven).stdout


def test_a_stranger_verifies_with_three_files_and_no_haven(exported: Path, kept: Path) -> None:
    """The exported lines, the public key, and a checkpoint from the witness."""
    words = ("verify", exported / "trail.jsonl", "--key", exported / "trail.pub", "--checkpoint", kept)
    body = answer(*words)
    assert (body["entries"], body["checkpoints"], body["proven"]) == (22, 1, 21)
    key = exported.parent / "got-by-mail.pub"
    key.write_bytes((exported / "trail.pub").read_bytes())
    body = answer("verify", exported, "--key", key)
    assert (body["entries"], body["checkpoints"], body["proven"]) == (22, 2, 22)


def test_key_and_checkpoints_that_came_with_a_trail_prove_nothing(exported: Path) -> None:
    """Whoever forges a folder makes its key too, under the same name: a person must look, and is told at what."""
    lines, previous = [], GENESIS
    for n, line in enumerate((exported / "trail.jsonl").read_bytes().splitlines()):
        told = event_of(line)
        lines.append(line_of(evolve(told, outcome="never") if n == 7 else told, n=n, previous=previous))
        previous = digest_of(lines[-1])
    name = (exported / "trail.pub").read_text().split("+")[0]
    forger, tree = NoteSigner(bytes(32), name), Frontier()
    tree.grow([leaf_hash(line) for line in lines])
    note = signed(Checkpoint(origin=name, size=tree.size, root=tree.root()), forger).note
    real = exported.parent / "real.pub"
    real.write_bytes((exported / "trail.pub").read_bytes())
    (exported / "trail.jsonl").write_bytes(b"".join(line + b"\n" for line in lines))
    (exported / "trail.pub").write_text(f"{forger.key}\n")
    (exported / "checkpoints.txt").write_text(note)
    beside = ("--key", exported / "trail.pub", "--checkpoint", exported / "checkpoints.txt")
    for words in ((exported,), (exported, *beside), (exported / "trail.jsonl", *beside)):
        body = answer("verify", *words, code=6)
        assert (body["verdict"]["gravity"], body["proven"]) == ("review", 0)
        said = run("verify", *words, code=6).stdout
        assert "prove the first" not in said
        assert "--key FILE" in said
    assert "not signed by the key" in run("verify", exported, "--key", real, code=3).stdout


def test_a_damaged_note_in_a_witness_s_file_is_told_and_the_trail_is_not_whole(
    haven: Path, exported: Path, kept: Path
) -> None:
    """The newest note's dash altered, and the trail cut to what the older one tells of."""
    run("checkpoint", "--haven", haven)
    assert kept.read_text().count("—") == 2
    first, _, second = kept.read_text().rpartition("—")
    kept.write_text(first + "–" + second)
    lines = (exported / "trail.jsonl").read_bytes().splitlines(keepends=True)
    (exported / "trail.jsonl").write_bytes(b"".join(lines[:21]))
    words = ("verify", exported / "trail.jsonl", "--key", exported / "trail.pub", "--checkpoint", kept)
    assert "after the checkpoint over 21 entries" in run(*words, code=3).stdout


def test_an_edit_is_told_by_exit_code_and_number(exported: Path) -> None:
    """One letter of entry 7."""
    path = exported / "trail.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"object":"s6"', b'"object":"s9"'))
    body = answer("verify", path, code=3)
    assert body["first_bad"] == 7
    assert "refuse: entry 7" in run("verify", path, code=3).stdout


def test_a_trail_made_anew_passes_alone_and_fails_before_the_witness_s_checkpoint(exported: Path, kept: Path) -> None:
    """Re-chained from the altered entry on."""
    path, previous, forged = exported / "trail.jsonl", GENESIS, []
    for n, line in enumerate(path.read_bytes().splitlines()):
        told = event_of(line)
        forged.append(line_of(evolve(told, outcome="never") if n == 7 else told, n=n, previous=previous))
        previous = digest_of(forged[-1])
    path.write_bytes(b"".join(line + b"\n" for line in forged))
    assert answer("verify", path)["verdict"]["gravity"] == "note"
    body = answer("verify", path, "--key", exported / "trail.pub", "--checkpoint", kept, code=3)
    assert {finding["code"] for finding in body["verdict"]["findings"]} == {"setting.trail.rewritten"}


def test_the_page_tells_how_to_verify_by_hand_and_it_works(exported: Path) -> None:
    """Each shell block of the page, run as it stands there with the usual tools, says yes; on an altered trail, no."""
    page = (exported / "HOW-TO-VERIFY.md").read_text()
    blocks = re.findall(r"```bash\n(.*?)```", page, flags=re.DOTALL)
    assert len(blocks) == 3
    said = [by_hand(block, exported) for block in blocks]
    assert [code for code, _ in said] == [0, 0, 0]
    assert "22 entries are one chain" in said[0][1]
    assert "Verified Successfully" in said[1][1]
    assert "the root is right" in said[2][1]
    trail = exported / "trail.jsonl"
    trail.write_bytes(trail.read_bytes().replace(b'"object":"s6"', b'"object":"s9"'))
    text = exported / "checkpoints.txt"
    text.write_text(re.sub(r"^22$", "23", text.read_text(), flags=re.MULTILINE))
    altered = [by_hand(block, exported) for block in blocks]
    assert altered[0][0] != 0
    assert altered[1][0] != 0
    assert "WRONG" in altered[2][1]


def by_hand(block: str, folder: Path) -> tuple[int, str]:
    """Run one block with bash."""
    done = subprocess.run(["bash", "-c", block], cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_an_entry_and_growth_are_proven_to_somebody_with_the_key(
    haven: Path, exported: Path, kept: Path, tmp_path: Path
) -> None:
    """Inclusion with the key alone; growth with the checkpoint that the witness kept."""
    key = exported / "trail.pub"
    proof = tmp_path / "proof.json"
    proof.write_text(run("prove", "5", "--haven", haven).stdout)
    assert answer("verify-proof", proof, "--key", key)["verdict"]["gravity"] == "note"
    proof.write_text(proof.read_text().replace("s4", "s5"))
    assert "refuse" in run("verify-proof", proof, "--key", key, code=3).stdout
    proof.write_text(run("prove", "--since", "21", "--haven", haven).stdout)
    assert "begins with the 21" in run("verify-proof", proof, "--key", key, "--checkpoint", kept).stdout
    with pytest.raises(InvalidInput):
        run("verify-proof", proof, "--key", key)
    with pytest.raises(InvalidInput):
        run("prove", "99", "--haven", haven)


def test_a_witness_that_is_away_is_told_and_gets_the_newest_later(
    haven: Path, opened: OpenHaven, tmp_path: Path
) -> None:
    """Exit code 75 while it is away; a deed is never held up; then one call hands it over, once."""
    (tmp_path / "share").rmdir()
    body = answer("checkpoint", "--haven", haven, code=75)
    assert body["witnesses"][0]["waits"]
    (tmp_path / "share").mkdir()
    body = answer("checkpoint", "--haven", haven)
    assert body["witnesses"] == [
        {"name": "file", "kind": "file", "size": 21, "at": body["witnesses"][0]["at"], "waits": False, "why": ""}
    ]
    assert (tmp_path / "share" / "notes.txt").read_text() == body["note"]
    assert opened.books.projects() == []


def test_tending_makes_a_checkpoint_each_thousand_entries(haven: Path, tmp_path: Path) -> None:
    """Between deeds, without anybody asking, the first at once; and a status tells who lacks the newest."""
    from fivesafes.interfaces.forms.witnesses import read_witnesses  # noqa: PLC0415 - read with a haven's file

    with opened_haven(haven) as place:
        witnesses = read_witnesses(place.config.witnesses)
        assert [one.size for one in tend(place, witnesses)] == [21]
        with place.books.deed():
            place.books.tell(*(event(n) for n in range(1000)))
        assert [one.size for one in tend(place, witnesses)] == [1021]
        assert not any(one.waits for one in witness_states(witnesses))
        (tmp_path / "share" / "notes.txt").unlink()
        assert [one.size for one in tend(place, witnesses)] == [1021]  # it was handed over once, and nobody asked


def test_a_witness_that_lost_its_checkpoint_gets_it_again(haven: Path, tmp_path: Path) -> None:
    """Its file deleted; `trail checkpoint` looks, and does not believe what was once written down."""
    notes = tmp_path / "share" / "notes.txt"
    note = answer("checkpoint", "--haven", haven)["note"]
    notes.unlink()
    body = answer("checkpoint", "--haven", haven)
    assert not body["witnesses"][0]["waits"]
    assert notes.read_text() == note
    notes.unlink()
    (tmp_path / "share").rmdir()
    body = answer("checkpoint", "--haven", haven, code=75)
    assert body["witnesses"][0]["waits"]


def test_a_witness_with_a_new_path_is_a_new_witness_under_the_old_name(haven: Path, tmp_path: Path) -> None:
    """What the old place has says nothing of the new one."""
    note = answer("checkpoint", "--haven", haven)["note"]
    text = (haven / FILE).read_text()
    (haven / FILE).write_text(text.replace("share/notes.txt", "share/others.txt"))
    states = json.loads(CliRunner().invoke(status, ["--haven", str(haven), "--json"]).stdout)["witnesses"]
    assert [(one["name"], one["size"], one["waits"]) for one in states] == [("file", None, True)]
    run("checkpoint", "--haven", haven)
    assert (tmp_path / "share" / "others.txt").read_text() == note


def test_the_status_says_which_checkpoint_each_witness_was_given_and_when(haven: Path) -> None:
    """None yet, the newest, an older one; a witness that is written wrongly does not keep the status from its work."""

    def told(*words: str) -> str:
        done = CliRunner().invoke(status, [*words, "--haven", str(haven)])
        assert done.exit_code == 0
        return done.stdout

    assert "witness file (file): was given no checkpoint yet" in told()
    at = answer("checkpoint", "--haven", haven)["witnesses"][0]["at"]
    assert f"witness file (file): was given the checkpoint over 21 entries at {at}\n" in told()
    with opened_haven(haven) as place:
        with place.books.deed():
            place.books.tell(event(21))
        make_checkpoint(place)
    assert json.loads(told("--json"))["witnesses"] == [
        {
            "name": "file",
            "kind": "file",
            "size": 21,
            "at": at,
            "waits": True,
            "why": "it has not the newest checkpoint",
        }
    ]
    assert "and not the newest" in told()
    (haven / FILE).write_text((haven / FILE).read_text().replace('kind = "file"', 'kind = "flie"'))
    assert json.loads(told("--json"))["witnesses"] == []


def test_audit_messages_and_provenance_come_out_and_the_reading_is_told(haven: Path, tmp_path: Path) -> None:
    """One XML message per line; the export itself is the trail's next entry, an Audit Log Used."""
    with opened_haven(haven) as place, place.books.deed():
        taken = evolve(event(21), object="series 0123456789abcdef", facts={"participant": "ab12"})
        place.books.tell(taken, evolve(taken, verb="gate", outcome="ignored"))
    body = answer("messages", "--out", tmp_path / "messages.xml", "--haven", haven)
    lines = (tmp_path / "messages.xml").read_bytes().splitlines()
    # The haven's making and the series; of what is no series of anybody, and of the gate's word, there is no message.
    assert (body["entries"], body["messages"], body["without_message"], len(lines)) == (23, 2, 21, 2)
    assert body["next"] == 23
    assert all(line.startswith(b"<?xml") and line.endswith(b"</AuditMessage>") for line in lines)
    body = answer("messages", "--since", "23", "--out", tmp_path / "more.xml", "--haven", haven)
    assert body["messages"] == 1
    assert b"Audit Log Used" in (tmp_path / "more.xml").read_bytes()


@pytest.mark.parametrize(
    "words",
    [
        ["verify", "x", "--haven", "y"],
        ["verify", "x", "--checkpoint", "NOTE"],
        ["prove"],
        ["prove", "1", "--since", "1"],
        ["messages"],
        ["messages", "--syslog", ":x"],
    ],
)
def test_words_that_make_no_sense_are_a_mistake_of_usage(haven: Path, exported: Path, words: list[str]) -> None:
    """Exit code 2, with a sentence."""
    named = [str(exported / "checkpoints.txt") if word == "NOTE" else word for word in words]
    more = [] if words[0] == "verify" else ["--haven", str(haven)]
    result = CliRunner().invoke(command, [*named, *more])
    assert result.exit_code == 2
    assert "Error" in result.output


def test_files_that_are_none_are_told(exported: Path, tmp_path: Path) -> None:
    """A trail, a key, a checkpoint, a proof that is not there or is something else."""
    (tmp_path / "junk").write_text("junk")
    key = exported / "trail.pub"
    mistakes: list[list[str | Path]] = [
        ["verify", tmp_path / "none"],
        ["verify", exported / "trail.jsonl", "--key", tmp_path / "junk"],
        ["verify", exported / "trail.jsonl", "--key", key, "--checkpoint", tmp_path / "junk"],
        ["verify-proof", tmp_path / "junk", "--key", key],
        ["verify-proof", tmp_path / "none", "--key", key],
    ]
    for words in mistakes:
        with pytest.raises(InvalidInput):
            run(*words)


def test_a_place_that_can_t_be_is_a_mistake_of_usage_and_a_full_disk_is_not(haven: Path, tmp_path: Path) -> None:
    """A folder that is not there, a file where a folder should be, a place of the system's: exit code 2."""
    (tmp_path / "file").write_text("x")
    for words in (
        ["messages", "--out", tmp_path / "none" / "x"],
        ["messages", "--out", tmp_path / "file" / "x"],
        ["export", "/proc/x"],
        ["export", tmp_path / "file" / "x"],
    ):
        with pytest.raises(UsageMistake) as told:
            run(*words, "--haven", haven)
        assert str(tmp_path) not in str(told.value)
    assert isinstance(not_written(OSError(errno.ENOSPC, "No space left"), what="the file"), TryAgain)


def test_a_machine_without_the_signing_key_says_so(haven: Path, opened: OpenHaven) -> None:
    """Reading is one thing, signing another."""
    (opened.keys / "trail.key").unlink()
    with pytest.raises(PolicyInvalid, match="not on this machine"):
        run("checkpoint", "--haven", haven)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM haven_trailentry WHERE n >= 5",
        "DELETE FROM haven_trailentry WHERE n = 5",
        "UPDATE haven_trailentry SET line = REPLACE(line, 's4', 's5') WHERE n = 5",
    ],
)
def test_of_a_trail_that_was_cut_or_altered_nothing_is_proven_or_handed_out(
    haven: Path, exported: Path, statement: str
) -> None:
    """Head and checkpoints are still there: each command says no, and which one tells more."""
    with closing(sqlite3.connect(haven / "state.sqlite3", isolation_level=None)) as state:
        for (name,) in state.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            state.execute(f"DROP TRIGGER {name}")
        state.execute(statement)
    wish: list[list[str | Path]] = [["prove", "7"], ["prove", "3"], ["prove", "--since", "4"]]
    wish += [["export", exported.parent / "again"]]
    wish += [["checkpoint"]] if "DELETE" in statement else []  # signs what the head says, which is what was told
    for words in wish:
        with pytest.raises(Refused) as told:
            run(*words, "--haven", haven)
        assert "trail verify" in told.value.fix
    assert not (exported.parent / "again").exists()
    run("verify", "--haven", haven, code=3)


def test_an_export_takes_no_place_that_is_taken(haven: Path, exported: Path) -> None:
    """Nothing is overwritten."""
    before = sorted(exported.iterdir())
    result = CliRunner().invoke(command, ["export", str(exported), "--haven", str(haven)])
    assert "taken" in str(result.exception)
    assert sorted(exported.iterdir()) == before
