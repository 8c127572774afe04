"""What commands share on the way out: the JSON object, and progress on standard error."""

from collections.abc import Iterator
from contextlib import contextmanager

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bars

from fivesafes.core.progress import Progress, Silent
from fivesafes.interfaces.cli.answer import emit_json

__all__ = ["emit_json", "shown_progress"]


class _BarProgress:
    """Draws one bar per stage, with what is done, the time taken and the time left."""

    def __init__(self, bars: Bars) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}

    def begin(self, stage: str, *, total: int, unit: str) -> None:
        self._tasks[stage] = self._bars.add_task(stage, total=total, unit=unit)

    def advance(self, stage: str, by: int = 1) -> None:
        self._bars.advance(self._tasks[stage], by)

    def end(self, stage: str) -> None:
        self._bars.stop_task(self._tasks[stage])


class _LineProgress:
    """Writes a line when a stage begins and ends: for logs and pipes."""

    def __init__(self) -> None:
        self._done: dict[str, list[int]] = {}

    def begin(self, stage: str, *, total: int, unit: str) -> None:
        self._done[stage] = [0, total]
        click.echo(f"{stage}: {total} {unit}", err=True)

    def advance(self, stage: str, by: int = 1) -> None:
        self._done[stage][0] += by

    def end(self, stage: str) -> None:
        done, total = self._done[stage]
        click.echo(f"{stage}: {done} of {total} done", err=True)


@contextmanager
def shown_progress(*, quiet: bool) -> Iterator[Progress]:
    """Give a progress display that fits where standard error goes: bars, lines, or nothing."""
    console = Console(stderr=True)
    if quiet:
        yield Silent()
    elif not console.is_terminal:
        yield _LineProgress()
    else:
        columns = (
            TextColumn("{task.description:<14}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[unit]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        with Bars(*columns, console=console) as bars:
            yield _BarProgress(bars)
