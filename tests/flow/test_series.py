"""One series through its steps: what a worker does whose run was killed."""

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fivesafes.core.errors import InvalidInput
from fivesafes.core.ids import SeriesId
from fivesafes.flow import series
from fivesafes.flow.steps import convert_scan, deface_scan, deidentify_scan

SERIES = SeriesId("0123456789abcdef")


def context(scratch: Path) -> Any:  # noqa: ANN401 - stands for a context of which nothing else is asked
    """Name a scratch, and one series."""
    return SimpleNamespace(scans={SERIES: None}, place=SimpleNamespace(scratch=scratch))


def test_a_cleared_scratch_is_not_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run was killed and its scratch cleared; the worker, which has not noticed yet, fails at its step."""
    scratch = tmp_path / "scratch-1"
    scratch.mkdir()

    def cleared(*_: object) -> None:
        shutil.rmtree(scratch)
        message = "a file is not there"
        raise InvalidInput(message, fix="none")

    monkeypatch.setattr(series, "_through_steps", cleared)
    with pytest.raises(FileNotFoundError):
        series.work_series(context(scratch), SERIES)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("step", [deidentify_scan, convert_scan, deface_scan])
def test_no_step_makes_the_scratch(step: Any, tmp_path: Path) -> None:  # noqa: ANN401 - steps take different things
    """A step makes its own folder, and none around it."""
    into = tmp_path / "cleared" / "step"
    all_given: dict[Any, dict[str, Any]] = {
        deidentify_scan: {"profile": None, "pseudonyms": None},
        convert_scan: {"converter": None, "sidecar": "safe"},
        deface_scan: {"defacer": None, "plan": None, "draw": None},
    }
    with pytest.raises(FileNotFoundError):
        step(None, into=into, **all_given[step])
    assert list(tmp_path.iterdir()) == []
