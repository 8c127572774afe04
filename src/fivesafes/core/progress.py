"""How long work tells that it goes on: stages with a known total, advanced as pieces finish."""

from typing import Protocol


class Progress(Protocol):
    """Shown on a terminal, written to a page, or nothing at all; work never depends on it."""

    def begin(self, stage: str, *, total: int, unit: str) -> None:
        """Open a stage of ``total`` units (``files``, ``series``, ``images``)."""

    def advance(self, stage: str, by: int = 1) -> None:
        """Count some units as done."""

    def end(self, stage: str) -> None:
        """Close the stage, whatever was reached."""


class Silent:
    """Shows nothing."""

    def begin(self, stage: str, *, total: int, unit: str) -> None:
        """Ignore it."""

    def advance(self, stage: str, by: int = 1) -> None:
        """Ignore it."""

    def end(self, stage: str) -> None:
        """Ignore it."""
