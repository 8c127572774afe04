"""``fivesafes consent``: identifiers never on the command line, never in a message; answers for people and programs."""

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from attrs import evolve
from click.testing import CliRunner, Result

from fivesafes.core.errors import FiveSafesError, InvalidInput, PartlyDone, TryAgain, UsageMistake
from fivesafes.core.ids import Identifying
from fivesafes.flow.haven.model import KeptProject
from fivesafes.flow.haven.shredding import Sweep
from fivesafes.interfaces.cli.consent import KINDS, command
from fivesafes.interfaces.forms.consent import HEADER
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
from fivesafes.setting.vault.seal import Identity
from fivesafes.stores.workspaces import FolderWorkspaces
from fivesafes.wiring.consent import RingKeys
from fivesafes.wiring.found import Founding, found_haven
from fivesafes.wiring.haven import opened_haven

PROJECT = "memory-2026"
TABLE = "DOE^JANE,GRU NPUNCU,yes,2026-01-01/..,\nROE,NRES,no,2026-01-01/2999-12-31,\n"

Run = Callable[..., Result]


@pytest.fixture
def haven(tmp_path: Path) -> Path:
    """Make a haven with one project."""
    path = tmp_path / "haven"
    found_haven(Founding(path=path, custodians={name: Identity.made().recipient for name in ("one", "two")}))
    project = Project(
        id=PROJECT,
        title="Memory",
        investigator="Dr A. Person",
        institution="University",
        contact="data@university.example",
        approval=Approval(
            committee="HREC", number="2026/1", valid_from=date(2026, 1, 1), valid_until=date(2999, 12, 31)
        ),
        use=IntendedUse(purpose="Study memory.", permission=Permission(use=DataUse.HMB)),
        cohort=Cohort(participants=24, eligible=100_000, content=Content.STRUCTURAL),
        shared_with=Tier.T1,
    )
    with opened_haven(path) as opened, opened.books.deed():
        kept = KeptProject(project=project, recipient=Identity.made().recipient)
        opened.books.save_project(kept, at=opened.clock())
    return path


@pytest.fixture
def run(haven: Path) -> Run:
    """Give what runs the command in that haven; what was refused is raised."""

    def run_(*words: str | Path, stdin: str = "") -> Result:
        line = [*map(str, words), "--haven", str(haven)]
        result = CliRunner().invoke(command, line, input=stdin)
        if isinstance(result.exception, FiveSafesError):
            raise result.exception
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return run_


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Write a table of two."""
    path = tmp_path / "consent.csv"
    path.write_text(HEADER + TABLE)
    return path


@pytest.fixture
def imported(run: Run, table: Path, haven: Path) -> str:
    """Import the table and give the first participant the pseudonym that processing would."""
    run("import", PROJECT, table)
    with opened_haven(haven) as opened:
        id_ = opened.addresser(PROJECT).participant(Identifying("DOE^JANE"))
        with opened.books.deed():
            opened.books.set_subjects({id_: "aaaaaaaa"})
    return id_


def test_a_table_is_imported_once_and_shown_by_pseudonym(run: Run, table: Path, imported: str) -> None:
    """Again it is no change; what is shown names nobody."""
    assert "no change" in run("import", PROJECT, table).stdout
    told = run("show", PROJECT).stdout
    assert "sub-aaaaaaaa" in told
    assert "GRU NPUNCU  2026-01-01/.." in told
    assert "2 active" in told
    answer = json.loads(run("show", PROJECT, "--json").stdout)
    assert answer["schema"] == 1
    assert answer["counts"] == {"active": 2}
    assert {row["id"] for row in answer["participants"]} >= {imported}
    assert "DOE" not in json.dumps(answer)


def test_a_dry_run_counts_and_writes_nothing(run: Run, table: Path) -> None:
    """The same object as the real run's."""
    answer = json.loads(run("import", PROJECT, table, "--dry-run", "--json").stdout)
    assert (answer["dry_run"], answer["counts"]["new"]) == (True, 2)
    assert json.loads(run("show", PROJECT, "--json").stdout)["participants"] == []


def test_history_is_shown_for_one(run: Run, table: Path, imported: str) -> None:
    """By pseudonym or keyed id."""
    table.write_text(HEADER + TABLE.replace("yes", "no"))
    assert "changed consents" in run("import", PROJECT, table).stdout
    for who in ("sub-aaaaaaaa", imported, imported[:12]):
        rows = json.loads(run("show", PROJECT, who, "--json").stdout)["participants"]
        assert [row["face"] for row in rows] == [True, False]


@pytest.mark.usefixtures("imported")
@pytest.mark.parametrize("words", [["DOE^JANE"], ["Doe", "Jane"]])
@pytest.mark.parametrize("verb", [["withdraw", "--kind", "full", "--by", "me", "--yes"], ["show"], ["receipt"]])
def test_an_identifier_on_the_command_line_is_refused_and_not_repeated(
    run: Run, words: list[str], verb: list[str]
) -> None:
    """Even one that is right: process lists and histories are read by others."""
    with pytest.raises(UsageMistake, match="no participant of this project") as raised:
        run(verb[0], PROJECT, *words, *verb[1:])
    assert "--participant-file" in raised.value.fix
    assert "DOE" not in str(raised.value).upper().replace("DOES", "")


@pytest.mark.usefixtures("imported")
def test_a_participant_is_withdrawn_from_standard_input(run: Run, haven: Path) -> None:
    """The answer holds the receipt; the receipt can be printed again, for one or for all."""
    line = ("withdraw", PROJECT, "--kind", "full", "--by", "A. Manager", "--yes", "--json")
    answer = json.loads(run(*line, stdin="DOE^JANE\n").stdout)
    assert (answer["done"], answer["subject"], answer["kind"]) == (True, "sub-aaaaaaaa", "full")
    assert answer["receipt"]["done_by"] == "A. Manager"
    assert "RECEIPT OF A WITHDRAWAL" in run("receipt", PROJECT, "sub-aaaaaaaa").stdout
    assert len(json.loads(run("receipt", PROJECT, "--all", "--json").stdout)["receipts"]) == 1
    with pytest.raises(InvalidInput, match="there is no receipt"):
        run("receipt", PROJECT, stdin="ROE")
    assert json.loads(run("show", PROJECT, "--json").stdout)["counts"] == {"active": 1, "withdrawn": 1}
    held = [path.name for path in haven.rglob("*") if path.is_file() and b"DOE^JANE" in path.read_bytes()]
    assert held == []


@pytest.mark.usefixtures("imported")
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_can_be_asked_for_by_pseudonym(run: Run, kind: str) -> None:
    """And each prints its receipt."""
    assert (
        f"Kind:         {kind}"
        in run("withdraw", PROJECT, "sub-aaaaaaaa", "--kind", kind, "--by", "me", "--yes").stdout
    )


@pytest.mark.usefixtures("imported")
def test_a_file_with_the_identifier_is_read(run: Run, tmp_path: Path) -> None:
    """One line, and exactly one."""
    file = tmp_path / "who.txt"
    line = ("withdraw", PROJECT, "--kind", "no-face", "--by", "me", "--yes", "--participant-file", file)
    file.write_text("\ufeffDOE^JANE\n\n")
    assert "sub-aaaaaaaa" in run(*line).stdout
    file.write_text("DOE^JANE\nROE\n")
    with pytest.raises(InvalidInput, match="2 lines"):
        run(*line)
    with pytest.raises(UsageMistake, match="given twice"):
        run(*line, "sub-aaaaaaaa")
    file.unlink()
    with pytest.raises(InvalidInput, match="can't be read"):
        run(*line)


@pytest.mark.usefixtures("imported")
def test_who_is_not_there_is_not_withdrawn(run: Run) -> None:
    """A typing mistake is told, without the mistake."""
    with pytest.raises(InvalidInput, match="nothing is held") as raised:
        run("withdraw", PROJECT, "--kind", "full", "--by", "me", "--yes", stdin="DOE^JANNE")
    assert "JANNE" not in str(raised.value)
    with pytest.raises(UsageMistake, match="no project"):
        run("withdraw", "other", "--kind", "full", "--by", "me", "--yes", stdin="DOE^JANE")


@pytest.mark.usefixtures("imported")
def test_without_yes_somebody_must_answer(run: Run) -> None:
    """By pseudonym the question is asked; no leaves everything as it was."""
    asked = run("withdraw", PROJECT, "sub-aaaaaaaa", "--kind", "full", "--by", "me", stdin="n\n")
    assert asked.exit_code != 0
    assert "Nobody can bring them back" in asked.stderr
    with pytest.raises(UsageMistake, match="no terminal"):
        run("withdraw", PROJECT, "--kind", "full", "--by", "me", stdin="DOE^JANE")
    assert json.loads(run("show", PROJECT, "--json").stdout)["counts"] == {"active": 2}


@pytest.mark.usefixtures("imported")
def test_a_table_withdraws_only_when_it_is_asked_to(run: Run, table: Path) -> None:
    """Then the key is gone, and the same table again is no change."""
    table.write_text(HEADER + TABLE.replace("2026-01-01/..,\n", "2026-01-01/..,2026-05-01\n"))
    with pytest.raises(InvalidInput, match="line 2"):
        run("import", PROJECT, table)
    assert "1 withdrawn by this table" in run("import", PROJECT, table, "--withdraw").stdout
    assert "no change" in run("import", PROJECT, table).stdout


def test_a_withdrawal_of_nobody_known_is_told_by_its_line(run: Run, table: Path) -> None:
    """It may be a mistyped identifier: a person must look; told again by the same table, which is no change."""
    table.write_text(HEADER + TABLE + "ZZZ999,GRU,no,2026-01-01/..,2026-05-01\n")
    foretold = run("import", PROJECT, table, "--dry-run")
    assert (foretold.exit_code, "line 4" in foretold.stdout) == (6, True)
    done = run("import", PROJECT, table)
    assert done.exit_code == 6
    assert "1 withdrew before anything of theirs was received, or are mistyped" in done.stdout
    assert "line 4" in done.stdout
    assert "is each identifier what stands in PatientID?" in done.stderr
    assert "ZZZ999" not in done.output
    again = run("import", PROJECT, table, "--json")
    assert again.exit_code == 0
    answer = json.loads(again.stdout)
    assert (answer["unseen_lines"], answer["counts"]["withdrawn_unseen"]) == ([4], 1)
    table.write_text(HEADER + TABLE + "ZZZ999,GRU,no,2026-01-01/..,\n")
    with pytest.raises(InvalidInput, match="line 4: the participant withdrew before anything was received"):
        run("import", PROJECT, table)


def test_a_withdrawal_that_waits_for_a_worker_says_so(run: Run, imported: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is away, so no backup is to be forgotten."""

    def held(*_: object, **__: object) -> int:
        message = "a worker has a series of this participant in hand"
        raise TryAgain(message, fix="again")

    assert imported
    monkeypatch.setattr(FolderWorkspaces, "forget", held)
    with pytest.raises(PartlyDone, match="a worker has a series") as raised:
        run("withdraw", PROJECT, "sub-aaaaaaaa", "--kind", "full", "--by", "A. Manager", "--yes")
    assert "a worker lets go by itself" in raised.value.fix
    assert "backup forget" not in raised.value.fix


def test_renewals_are_told_one_by_one(run: Run, table: Path, imported: str) -> None:
    """The option is for a whole table; whose withdrawal it lifts is said by pseudonym."""
    assert imported
    run("withdraw", PROJECT, "sub-aaaaaaaa", "--kind", "no-face", "--by", "A. Manager", "--yes")
    table.write_text(HEADER + TABLE.replace("2026-01-01/..", "2998-01-01/.."))
    assert json.loads(run("import", PROJECT, table, "--renew", "--json").stdout)["renewed"] == ["sub-aaaaaaaa"]


def test_a_no_in_redcap_ends_a_recorded_yes_and_says_so(run: Run, tmp_path: Path) -> None:
    """Not "no consent yet", and not "not in the table any more"."""
    (tmp_path / "redcap.toml").write_text(
        '[redcap]\nparticipant = "mri_id"\n[consent]\ngiven = "agreed"\ndate = "day"\n[use]\nalways = "GRU"\n'
    )
    export = tmp_path / "export.csv"
    export.write_text("record_id,mri_id,agreed,day\n1,DOE,1,2026-02-03\n2,ROE,,\n")
    run("import", PROJECT, export, "--redcap", tmp_path / "redcap.toml")
    export.write_text("record_id,mri_id,agreed,day\n1,DOE,0,2026-02-03\n2,ROE,,\n")
    told = run("import", PROJECT, export, "--redcap", tmp_path / "redcap.toml").stdout
    assert "1 say no now: their consent has ended, and nothing was destroyed" in told
    assert "1 records hold no consent yet" in told
    assert "not in the table" not in told
    assert "no consent" in run("show", PROJECT).stdout


@pytest.mark.usefixtures("imported")
def test_what_waits_for_a_backup_is_told_by_exit_code_and_goes_on_later(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every command tries again first."""
    real = RingKeys.destroy

    def away(self: RingKeys, people: object) -> Sweep:
        return evolve(real(self, people), unreachable=("a backup",))  # type: ignore[arg-type]

    monkeypatch.setattr(RingKeys, "destroy", away)
    with pytest.raises(PartlyDone, match="a backup can't be reached"):
        run("withdraw", PROJECT, "sub-aaaaaaaa", "--kind", "full", "--by", "me", "--yes")
    monkeypatch.undo()
    shown = run("show", PROJECT, "--json")
    assert "is done now" in shown.stderr
    assert json.loads(shown.stdout)["counts"]["withdrawn"] == 1


def test_a_redcap_export_is_imported_by_its_mapping(run: Run, tmp_path: Path) -> None:
    """Records without consent are counted."""
    mapping, export = tmp_path / "mapping.toml", tmp_path / "export.csv"
    mapping.write_text('[redcap]\nparticipant = "mri_id"\n[consent]\ndate = "day"\n[use]\nalways = "HMB"\n')
    export.write_text("record_id,mri_id,day\n1,PAT-1,2026-02-03\n2,PAT-2,\n")
    answer = json.loads(run("import", PROJECT, export, "--redcap", mapping, "--json").stdout)
    assert (answer["counts"]["new"], answer["counts"]["without_consent"]) == (1, 1)
    with pytest.raises(UsageMistake, match="no folder"):
        run("import", PROJECT, export, "--redcap", mapping, "--evidence", export)


def test_help_loads_nothing_heavy() -> None:
    """It answers in the time of a key stroke."""
    code = (
        "import sys, fivesafes.interfaces.cli.consent; "
        "sys.exit(any(name in sys.modules for name in ('django', 'pydicom', 'numpy', 'pyrage')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


AHEAD = TABLE.replace("2026-01-01/..,\n", "2026-01-01/..,2998-12-24\n")


@pytest.mark.usefixtures("imported")
def test_an_older_table_takes_no_later_day_back_and_a_mistake_is_named(run: Run, table: Path) -> None:
    """The exit code and the message say so; --renew-of takes a pseudonym, and never an identifier."""
    table.write_text(HEADER + AHEAD)
    run("import", PROJECT, table)
    table.write_text(HEADER + TABLE)
    for more in ([], ["--renew"], ["--dry-run"]):
        with pytest.raises(InvalidInput, match=r"line 2: .* on 2998-12-24: .* of sub-aaaaaaaa") as raised:
            run("import", PROJECT, table, *more)
        assert "--renew-of" in raised.value.fix
    with pytest.raises(UsageMistake, match="no participant of this project"):
        run("import", PROJECT, table, "--renew-of", "DOE^JANE")
    answer = json.loads(run("import", PROJECT, table, "--renew-of", "sub-aaaaaaaa", "--json").stdout)
    assert (answer["renewed"], answer["counts"]["renewed"]) == (["sub-aaaaaaaa"], 1)


def test_a_day_to_come_is_told_in_its_line_in_the_history_and_below(run: Run, table: Path, imported: str) -> None:
    """Who mistypes the month sees it while it can still be mended, and how."""
    assert "destroys" not in run("show", PROJECT).stdout
    answer = json.loads(run("show", PROJECT, "--json").stdout)
    assert (answer["withdrawals_ahead"], answer["next_withdrawal"]) == (0, None)
    table.write_text(HEADER + AHEAD)
    run("import", PROJECT, table)
    lines = run("show", PROJECT).stdout.splitlines()
    (line,) = [one for one in lines if one.startswith("sub-aaaaaaaa")]
    assert line.endswith("; on 2998-12-24 the haven destroys what it holds")
    assert sum("destroys" in one for one in lines) == 2
    assert lines[-1].startswith("1 participants withdraw on a day to come, the nearest on 2998-12-24: on it the haven")
    assert "--renew-of WHO" in lines[-1]
    answer = json.loads(run("show", PROJECT, "--json").stdout)
    assert (answer["withdrawals_ahead"], answer["next_withdrawal"]) == (1, "2998-12-24")
    table.write_text(HEADER + AHEAD.replace("12-24", "11-24"))
    run("import", PROJECT, table)
    history = run("show", PROJECT, imported).stdout.splitlines()
    assert [one.partition("; ")[2] for one in history[:3]] == [
        "",
        "withdrawn from 2998-12-24",
        "on 2998-11-24 the haven destroys what it holds",
    ]
    assert all(one.startswith("20") for one in history[:3])


@pytest.mark.parametrize("by", ["", "  "])
def test_who_withdraws_somebody_has_a_name(run: Run, by: str) -> None:
    """It stands in the receipt; nothing is begun without."""
    with pytest.raises(UsageMistake, match="nobody"):
        run("withdraw", PROJECT, "sub-aaaaaaaa", "--kind", "full", "--by", by, "--yes")
