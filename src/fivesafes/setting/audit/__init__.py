"""Finds out about the place where data lie; without root, and unknown where it can't see.

``collect`` is the quick look of a run at its own folder; ``fivesafes.setting.audit.everything`` looks at all of it.
"""

from pathlib import Path
from typing import Final

from attrs import evolve

from fivesafes.setting.audit.disks import encrypted, local_disk
from fivesafes.setting.audit.look import Collector, Look, seen
from fivesafes.setting.audit.machine import Machine
from fivesafes.setting.audit.place import no_core_dumps, private_folder
from fivesafes.setting.model import Fact

CONTROLS: Final = ("private_folder", "encrypted_disk", "local_disk", "no_core_dumps", "iso27001")
"""Every control that a run can ask of its place; ``iso27001`` can only be attested.  The audit asks for more."""

_QUICK: Final[dict[str, Collector]] = {
    "private_folder": private_folder,
    "encrypted_disk": lambda look: encrypted(look, look.data[0]),
    "local_disk": local_disk,
    "no_core_dumps": no_core_dumps,
}


def collect(folder: Path, machine: Machine | None = None) -> tuple[Fact, ...]:
    """Look at the place of ``folder`` (which exists): modes, disk, core dumps; no program is run."""
    look = Look(machine=machine or Machine(), data=(folder,))
    now = look.machine.now().replace(microsecond=0)
    return tuple(evolve(seen(name, collector, look), at=now) for name, collector in _QUICK.items())
