"""Engines are found by entry point, ours by the same door as a stranger's: ``fivesafes.<kind>s``."""

from importlib.metadata import entry_points
from typing import Any

from fivesafes.core.errors import EngineMissing


def group(kind: str) -> str:
    """Name the entry point group of a kind: ``fivesafes.defacers``, ``fivesafes.witnesses``."""
    return f"fivesafes.{kind}es" if kind.endswith("s") else f"fivesafes.{kind}s"


def names(kind: str) -> list[str]:
    """List the engines of a kind (``defacer``, ``converter`` …) that installed packages offer, in order."""
    return sorted({entry.name for entry in entry_points(group=group(kind))})


def load(kind: str, name: str) -> Any:  # noqa: ANN401 - each kind's port says what it is; the caller annotates
    """Load the class registered under that kind and name.  Raises EngineMissing when no package offers it."""
    for entry in entry_points(group=group(kind)):
        if entry.name == name:
            return entry.load()
    raise EngineMissing.named(kind=kind, name=name, have=names(kind))
