"""The command: exit codes, one JSON object, facts that judge the same again, and a page that says no more."""

import json
import os
import resource
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.databases import HavenDatabase
from tests.journeys.havens import Haven

from fivesafes.core.event import utc_now
from fivesafes.interfaces.cli.setting import command
from fivesafes.setting.controls import load_setting_controls
from fivesafes.setting.facts import as_bytes
from fivesafes.setting.model import Fact, State

ROWS = load_setting_controls()


def run(*words: str | Path) -> Result:
    """Call ``fivesafes setting audit``."""
    return CliRunner().invoke(command, ["audit", *map(str, words)])


def saved(folder: Path, *, but: str = "", state: State = State.NO) -> Path:
    """Save facts of today that are all yes, but for one."""
    now = utc_now().replace(microsecond=0)
    facts = [
        Fact(control=row.name, state=state if row.name == but else State.YES, how="test", seen="seen <b>", at=now)
        for row in ROWS
    ]
    path = folder / "facts.json"
    path.write_bytes(as_bytes(facts))
    return path


@pytest.mark.parametrize(("state", "code"), [(State.YES, 0), (State.NO, 3), (State.UNKNOWN, 6)])
def test_the_exit_code_tells_the_worst(tmp_path: Path, state: State, code: int) -> None:
    """0 met, 3 a no, 6 an unknown."""
    facts = saved(tmp_path, but="clock_synchronised", state=state)
    assert run("--facts", facts).exit_code == code
    done = run("--facts", facts, "--json")
    answer = json.loads(done.stdout)
    assert (done.exit_code, answer["schema"], answer["state"], answer["tier"]) == (code, 1, state.value, "T2")
    assert run("--facts", facts, "--tier", "T0").exit_code == 0  # the clock is asked of T1 and above


def test_the_same_facts_are_the_same_report_byte_for_byte(tmp_path: Path) -> None:
    """JSON, page and facts, judged as often as anybody likes."""
    facts = saved(tmp_path, but="private_temp")
    made = []
    for name in ("one", "two"):
        done = run(
            "--facts", facts, "--json", "--page", tmp_path / f"{name}.html", "--save-facts", tmp_path / f"{name}.json"
        )
        made.append((done.stdout, (tmp_path / f"{name}.html").read_bytes(), (tmp_path / f"{name}.json").read_bytes()))
    assert made[0] == made[1]
    assert made[0][2] == facts.read_bytes()


def test_facts_grow_stale(tmp_path: Path) -> None:
    """Judged as of a later day the same facts are unknown; as of an earlier one they lie in the future."""
    facts = saved(tmp_path)
    assert run("--facts", facts).exit_code == 0
    for day in ("2100-01-01", "2020-01-01"):
        answer = json.loads(run("--facts", facts, "--on", day, "--json").stdout)
        assert answer["counts"] == {"yes": 0, "no": 0, "unknown": len([row for row in ROWS if "T2" in row.tiers])}


def test_an_attestation_fills_an_unknown_and_no_no(tmp_path: Path) -> None:
    """The named person is in the report."""
    words = tmp_path / "a.toml"
    today = utc_now().date()
    words.write_text(
        f'[[attestation]]\ncontrol = "encrypted_disk"\nby = "Ada Example"\non = {today}\n'
        f'valid_until = {today}\nevidence = "hypervisor ticket"\n'
    )
    facts = saved(tmp_path, but="encrypted_disk", state=State.UNKNOWN)
    assert run("--facts", facts).exit_code == 6
    done = run("--facts", facts, "--attest", words, "--json", "--page", tmp_path / "p.html")
    assert (done.exit_code, json.loads(done.stdout)["attested"]) == (0, 1)
    assert "Ada Example" in (tmp_path / "p.html").read_text()
    assert run("--facts", saved(tmp_path, but="encrypted_disk"), "--attest", words).exit_code == 3


def test_the_page_shows_every_control_and_runs_nothing(tmp_path: Path) -> None:
    """What was seen is text, not markup; the page is its owner's alone."""
    run("--facts", saved(tmp_path), "--page", tmp_path / "p.html")
    page = (tmp_path / "p.html").read_text()
    assert all(row.name in page for row in ROWS)
    assert "seen &lt;b&gt;" in page
    assert "seen <b>" not in page
    assert "<script" not in page
    assert "http" not in page.replace("http-equiv", "")
    assert stat.S_IMODE((tmp_path / "p.html").stat().st_mode) == 0o600


def test_mistakes_are_answered(tmp_path: Path) -> None:
    """Options that would go unheard, files that can't be read or written, a haven that is not there."""
    facts = saved(tmp_path)
    assert run("--facts", facts, "--haven", tmp_path).exit_code == 2
    assert run("--tier", "T9").exit_code == 2
    for words in (("--facts", tmp_path / "none"), ("--facts", facts, "--page", tmp_path / "no" / "p.html")):
        assert type(run(*words).exception).exit_code == 4  # type: ignore[union-attr]
    assert type(run("--haven", tmp_path / "none").exception).exit_code == 2  # type: ignore[union-attr]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["facts.json"]


def audited(folder: Path, *, habits: str = "", **environment: str) -> tuple[dict[str, str], float]:
    """Audit this machine in a process of its own; give the states and the seconds."""
    program = f"import os, resource; {habits}\nfrom fivesafes.interfaces.cli.setting import command; command()"
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", program, "audit", "--haven", str(folder), "--tier", "T3", "--json"],
        env={**os.environ, **environment},
        capture_output=True,
        check=False,
    )
    seconds = time.perf_counter() - start
    assert done.returncode in {0, 3, 6}, done.stderr
    return {one["control"]: one["state"] for one in json.loads(done.stdout)["controls"]}, seconds


def test_this_machine_is_looked_at_without_any_program(tmp_path: Path) -> None:
    """With an empty PATH what only programs see is unknown, what is seen without them stays, and it is quick."""
    tmp_path.chmod(0o700)
    states, seconds = audited(tmp_path, PATH=str(tmp_path / "empty"))
    assert states["private_folder"] == "yes"
    needs_a_program = (
        "firewall_default_drop",
        "remote_admin",
        "patches_applied",
        "tunnel_fails_shut",
        "scanner_tunnel",
    )
    assert {states[name] for name in needs_a_program} == {"unknown"}
    needs_books = ("mfa_sessions", "trail_whole", "sealed_originals", "restore_tested")
    assert {states[name] for name in needs_books} == {"unknown"}
    assert {states[row.name] for row in ROWS if row.seen_by == "attested"} == {"unknown"}
    assert seconds < 5  # about 1 s on an idle machine; tests share theirs


def test_this_machine_is_looked_at_with_its_programs(tmp_path: Path) -> None:
    """Whatever is installed here, the whole ends in time, and each control has an answer."""
    tmp_path.chmod(0o755)
    states, seconds = audited(tmp_path)
    assert set(states) == {row.name for row in ROWS}
    assert states["private_folder"] == "no"
    assert seconds < 15


def test_habits_are_those_before_a_haven_was_opened(tmp_path: Path) -> None:
    """Opening one sets a umask and a limit for this process alone: what else the account makes is as it was."""
    made = Haven(folder=tmp_path, database=HavenDatabase(kind="sqlite", config={}, named="sqlite")).made()
    keys = {"FIVESAFES_KEYS": str(made.keys)}
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    if hard != 0:
        loose = "os.umask(0o022); resource.setrlimit(resource.RLIMIT_CORE, (4096, -1))".replace("-1", str(hard))
        states, _ = audited(made.path, habits=loose, **keys)
        assert (states["umask_private"], states["no_core_dumps"]) == ("no", "no")
    states, _ = audited(made.path, habits="os.umask(0o022)", **keys)
    assert states["umask_private"] == "no"
    states, _ = audited(made.path, habits="os.umask(0o077)", **keys)
    assert states["umask_private"] == "yes"
