"""The command line's manners: quick help, exit codes, errors without values, forms that are never overwritten."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from fivesafes.core.errors import PartlyDone, Refused, TryAgain
from fivesafes.interfaces import cli
from fivesafes.interfaces.cli.answer import emit_json
from fivesafes.interfaces.forms.study import blank_form

HEAVY = {"pydicom", "numpy", "nibabel", "SimpleITK", "pydantic", "bidsschematools", "jinja2", "cryptography"}


def fivesafes(*words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command as a user does."""
    command = [sys.executable, "-m", "fivesafes", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd)


def test_help_loads_nothing_heavy() -> None:
    """Help stays quick because no verb's module is imported for it."""
    program = (
        "import sys; from fivesafes.interfaces.cli import fivesafes as f\n"
        "f(['--help'], standalone_mode=False)\n"
        f"print(sorted({HEAVY!r} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert all(verb in done.stdout for verb in cli.VERBS)


@pytest.mark.parametrize("verb", cli.VERBS)
def test_every_verb_has_its_module_and_its_help(verb: str) -> None:
    """A verb that is listed can be called."""
    done = fivesafes(verb, "--help")
    assert done.returncode == 0, done.stderr
    assert "Usage:" in done.stdout


def test_an_unknown_verb_or_option_is_a_usage_mistake() -> None:
    """Exit code 2, as every Unix program."""
    assert fivesafes("fly").returncode == 2
    assert fivesafes("plan").returncode == 2
    assert fivesafes("doctor", "--fly").returncode == 2


def fail_with(error: BaseException) -> Callable[..., None]:
    """Make a command that fails."""

    @click.command()
    def command() -> None:
        raise error

    return command


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (Refused("the gate is shut", fix="open it"), 3, "fix: open it"),
        (TryAgain("busy", fix="wait"), 75, "busy"),
        (OSError(28, "No space left on device", "/data/Smith_John/x.dcm"), 75, "No space left"),
        (KeyboardInterrupt(), 130, "run the same command again"),
        (ValueError("Smith^John 1980-01-02"), 70, "our bug (ValueError"),
    ],
)
def test_what_goes_wrong_has_its_code_and_shows_no_value(
    error: BaseException, code: int, says: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Refusals explain themselves; of bugs and system errors the values and paths are kept back."""
    monkeypatch.setattr(cli.LazyGroup, "get_command", lambda *_: fail_with(error))
    monkeypatch.setattr(sys, "argv", ["fivesafes", "plan"])
    with pytest.raises(SystemExit) as raised:
        cli.main()
    shown = capsys.readouterr().err
    assert raised.value.code == code
    assert says in shown
    assert "Smith" not in shown


def failing(error: BaseException) -> Callable[..., None]:
    """Fail as the command line does when it is called."""

    def main(**_: object) -> None:
        raise error

    return main


@pytest.mark.parametrize(
    ("error", "code", "what"),
    [
        (click.UsageError("got unexpected extra argument (Smith^John)"), 2, "the command's words are off"),
        (Refused("the gate is shut", fix="open it"), 3, "the gate is shut"),
        (OSError(30, "Read-only file system", "/data/Smith_John/x.dcm"), 75, "the system refused: Read-only"),
        (KeyboardInterrupt(), 130, "stopped"),
        (ValueError("Smith^John 1980-01-02"), 70, "this is our bug (ValueError"),
    ],
)
def test_with_json_whatever_goes_wrong_is_one_object(
    error: BaseException, code: int, what: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A program that asked for an object gets one, without any value."""
    monkeypatch.setattr(cli.fivesafes, "main", failing(error))
    monkeypatch.setattr(sys, "argv", ["fivesafes", "plan", "--json"])
    with pytest.raises(SystemExit) as raised:
        cli.main()
    told = json.loads(capsys.readouterr().out)
    assert raised.value.code == code
    assert told["schema"] == 1
    assert told["error"]["what"].startswith(what)
    assert told["error"]["fix"]
    assert "Smith" not in json.dumps(told)


def test_an_option_that_is_not_there_is_told_to_a_program_too() -> None:
    """Standard output holds one object, standard error the word."""
    done = fivesafes("status", "--no-such-option", "--json")
    assert done.returncode == 2
    assert json.loads(done.stdout)["error"]["what"] == "the command's words are off"
    assert "--no-such-option" in done.stderr


def test_an_answer_that_was_given_is_followed_by_no_second_object(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is partly done has an answer, and says by its exit code that it is not all."""

    def command(**_: object) -> int:
        emit_json({"done": False})
        message = "a place is away"
        raise PartlyDone(message, fix="plug it in")

    monkeypatch.setattr(cli.fivesafes, "main", command)
    monkeypatch.setattr(sys, "argv", ["fivesafes", "plan", "--json"])
    with pytest.raises(SystemExit) as raised:
        cli.main()
    assert raised.value.code == 5
    assert json.loads(capsys.readouterr().out) == {"schema": 1, "done": False}


def test_project_new_writes_a_form_and_never_overwrites(tmp_path: Path) -> None:
    """A second call is refused; the table of participants is for its owner's eyes."""
    first = fivesafes("project", "new", cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    assert (tmp_path / "STUDY.toml").read_text(encoding="utf-8") == blank_form()
    assert (tmp_path / "consent.csv").stat().st_mode & 0o777 == 0o600
    (tmp_path / "STUDY.toml").write_text("mine")
    second = fivesafes("project", "new", cwd=tmp_path)
    assert second.returncode == 2
    assert (tmp_path / "STUDY.toml").read_text() == "mine"


def test_plan_prints_the_contract_s_object(tmp_path: Path) -> None:
    """Tier, probability, impact, what raised it, and each step with its control; exit 3 when the place won't do."""
    text = blank_form()
    for blank in [part for part in text.split("«")[1:] if part]:
        text = text.replace("«" + blank.split("»")[0] + "»", "short-name", 1)
    (tmp_path / "STUDY.toml").write_text(text.replace("genetics = false", "genetics = true"), encoding="utf-8")
    (tmp_path / "consent.csv").write_text("participant,data_use,face,valid,withdrawn\n1,GRU,no,2026-01-01/..,\n")
    done = fivesafes("plan", "STUDY.toml", "--json", cwd=tmp_path)
    answer = json.loads(done.stdout)
    assert done.returncode == 3, done.stderr
    assert {"schema", "tier", "probability", "impact", "raised_by", "steps"} <= set(answer)
    assert (answer["tier"], answer["probability"], answer["impact"]) == ("T2", "P2", "I4")
    assert {"name", "because", "control"} == set(answer["steps"][0])
    shown = fivesafes("plan", "STUDY.toml", cwd=tmp_path)
    assert "tier T2" in shown.stdout
    assert "genetic" in shown.stdout


def test_doctor_says_that_everything_is_here() -> None:
    """Each engine of the journey answers with its version; of tools that a user installs it says what they need."""
    done = fivesafes("doctor", "--json")
    answer = json.loads(done.stdout)
    assert done.returncode == 0, done.stdout
    assert {engine["kind"] for engine in answer["engines"]} == {"converter", "defacer", "validator"}
    by_name = {engine["name"]: engine for engine in answer["engines"]}
    assert all(by_name[name]["version"] for name in ("dcm2niix", "embedded", "quickshear", "bids_validator"))
    assert all(engine["version"] or engine["missing"] for engine in answer["engines"])
