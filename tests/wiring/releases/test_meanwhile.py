"""Somebody withdraws beside a running release: nothing leaves, and it is told as that, not as a fault of the disk."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.wiring.conftest import Place
from tests.wiring.releases.releasing import PROJECT, WAY, release, released_rows, with_head, withdrawn

from fivesafes.core.errors import TryAgain
from fivesafes.core.progress import Silent
from fivesafes.flow.haven.model import ReleaseState
from fivesafes.wiring.haven import OpenHaven
from fivesafes.wiring.process import process_project

HAPPENS_BEFORE = {
    "the candidate is built": "fivesafes.flow.release.build",
    "the report is written": "fivesafes.engines.reporters.html.HtmlReporter.write",
    "it is copied": "fivesafes.engines.destinations.delivery.durable",
    "the trail's last line": "fivesafes.flow.release._tell_end",
}


def when(patch: pytest.MonkeyPatch, name: str, happens: Callable[[], object]) -> None:
    """Let something happen just before a function is called for the first time."""
    module, _, attribute = name.rpartition(".")
    owner = _owner(module)
    real = getattr(owner, attribute)
    happened: list[object] = []

    def called(*args: object, **kwargs: object) -> object:
        if not happened:
            happened.append(True)
            happens()
        return real(*args, **kwargs)

    patch.setattr(owner, attribute, called)


def _owner(name: str) -> Any:  # noqa: ANN401 - a module or a class
    from importlib import import_module  # noqa: PLC0415 - only here

    try:
        return import_module(name)
    except ModuleNotFoundError:
        module, _, attribute = name.rpartition(".")
        return getattr(import_module(module), attribute)


def told_of(haven: OpenHaven, subject: str) -> list[str]:
    """Name the files of the project's private part that tell of a participant."""
    private = haven.workspaces.private(PROJECT)
    return [
        str(one.relative_to(private))
        for one in private.rglob("*")
        if one.is_file() and (subject in one.name or subject.encode() in one.read_bytes())
    ]


@pytest.mark.parametrize("name", HAPPENS_BEFORE.values(), ids=HAPPENS_BEFORE)
def test_a_withdrawal_beside_a_release_is_told_and_nothing_leaves(
    ready: Place, to: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Whatever it takes from under the release's hands; the next run releases the others."""
    with ready.open() as haven:
        subject = with_head(haven).subject
        assert subject is not None
        with monkeypatch.context() as patch:
            when(patch, name, lambda: withdrawn(haven))
            if name.endswith("_tell_end"):  # it stands by then: the withdrawal recalls it
                assert release(haven, to).release == to.name
            else:
                with pytest.raises(TryAgain, match="withdrew") as told:
                    release(haven, to)
                assert told.value.exit_code == 75
                assert "run the same command again" in told.value.fix
                assert not to.parent.exists() or list(to.parent.iterdir()) == []
                assert released_rows(haven) == []
        again = to.with_name("again")
        assert release(haven, again).release == again.name
        assert not (again / f"sub-{subject}").exists()
        assert told_of(haven, subject) == []
        states = {one.destination: one.state for one in released_rows(haven)}
        assert states.get(str(to), ReleaseState.RECALLED) is ReleaseState.RECALLED


def test_a_withdrawal_beside_a_processing_leaves_no_report_that_tells_of_the_person(
    ready: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It looked for the report before that was written: who wrote it takes it back."""
    with ready.open() as haven:
        subject = with_head(haven).subject
        assert subject is not None
        with monkeypatch.context() as patch:
            when(patch, "fivesafes.flow.release._record", lambda: withdrawn(haven))
            with pytest.raises(TryAgain, match="withdrew"):
                process_project(haven, PROJECT, WAY, to=None, progress=Silent())
        assert told_of(haven, subject) == []


def test_a_fault_of_the_disk_stays_one(ready: Place, to: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody withdrew: it is not told as if somebody had."""

    def broken(*_args: object, **_kwargs: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("fivesafes.engines.reporters.html.HtmlReporter.write", broken)
    with ready.open() as haven, pytest.raises(OSError, match="Input/output"):
        release(haven, to)
