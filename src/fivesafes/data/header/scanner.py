"""Choose between the walk over elements as it stands and its compiled twin: the same source, the same results.

A twin is taken only if it was made from the sources that lie here now, so that an edit is never run in its old form.
``FIVESAFES_SCANNER=plain`` in the environment takes the modules as they stand.
"""

import hashlib
import os
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Final, TypeVar

from fivesafes.data.header import cleaner, cursor, ranges, runs, scan, shift, values

_PARTS: Final = (cleaner, cursor, ranges, runs, scan, shift, values)
"""In the order of their names, as hatch_build.py takes them: each module with a .pxd beside it."""
T = TypeVar("T")


def digest_of_sources() -> str:
    """Give the SHA-256 of what twins are compiled from, as hatch_build.py writes it into them; empty when not there."""
    names = [str(Path(part.__file__ or "").with_suffix(suffix)) for part in _PARTS for suffix in (".py", ".pxd")]
    try:
        return hashlib.sha256(b"\0".join(Path(name).read_bytes() for name in names)).hexdigest()
    except OSError:
        return ""


def _twins() -> dict[str, ModuleType]:
    """Give the compiled twins by the name of the module that they stand for; none unless all are made from it."""
    if os.environ.get("FIVESAFES_SCANNER") == "plain":
        return {}
    try:
        twins = {module.__name__: import_module(_twin_of(module)) for module in _PARTS}
    except ImportError:
        return {}
    digest = digest_of_sources()
    return twins if all(getattr(twin, "DIGEST", None) == digest for twin in twins.values()) else {}


def _twin_of(module: ModuleType) -> str:
    package, _, name = module.__name__.rpartition(".")
    return f"{package}._{name}"


_TWINS: Final = _twins()
MODE: Final = "compiled" if _TWINS else "plain"


def _chosen(plain: T) -> T:
    """Give what stands for a function or class of the plain modules."""
    module, name = plain.__module__, getattr(plain, "__name__", "")
    chosen: T = getattr(_TWINS[module], name) if module in _TWINS else plain
    return chosen


if TYPE_CHECKING:
    from fivesafes.data.header.cleaner import Cleaner
    from fivesafes.data.header.cursor import Cursor
    from fivesafes.data.header.runs import Pattern
else:
    Cleaner = _chosen(cleaner.Cleaner)
    Cursor = _chosen(cursor.Cursor)
    Pattern = _chosen(runs.Pattern)
look = _chosen(runs.look)
read_elements = _chosen(cursor.read_elements)
read_items = _chosen(cursor.read_items)
readable_elements = _chosen(cursor.readable_elements)

__all__ = [
    "MODE",
    "Cleaner",
    "Cursor",
    "Pattern",
    "digest_of_sources",
    "look",
    "read_elements",
    "read_items",
    "readable_elements",
]
