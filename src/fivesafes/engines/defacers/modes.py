"""Which modes a defacer can do, asked before anything is run or told."""

from fivesafes.core.errors import UsageMistake
from fivesafes.data.model import FaceMode
from fivesafes.data.ports import Defacer


def check_mode(defacer: Defacer, mode: FaceMode) -> None:
    """Raise UsageMistake for a mode that the defacer says it can't do; a stranger's that says nothing is let try."""
    modes: tuple[FaceMode, ...] = getattr(defacer, "modes", tuple(FaceMode))
    if mode not in modes:
        what = f"{defacer.name} can't do the mode {mode.value}"
        raise UsageMistake(what, fix=f"it can do: {', '.join(modes)}; the embedded engine does each of them")
