"""What the trail needs from outside: somebody who keeps its checkpoints where nobody here can reach them."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, ClassVar, Protocol, runtime_checkable

from attrs import field, frozen

from fivesafes.setting.trail.checkpoint import SignedCheckpoint


class Witness(Protocol):
    """Keeps checkpoints on another machine.  Sending one twice does no harm."""

    kind: ClassVar[str]

    def missing(self) -> str | None:
        """Say what must be installed or given first, or None when ready."""

    def send(self, checkpoint: SignedCheckpoint) -> None:
        """Hand a checkpoint over; when it returns, the witness has it.

        Raises TryAgain when the witness can't be reached now, PolicyInvalid when its settings can't work.
        """


@runtime_checkable
class ReadableWitness(Protocol):
    """A witness that can also be asked what it keeps: a file, a repository, a store; mail and syslog can't be."""

    def read_back(self) -> str:
        """Give what it keeps, read now from where it keeps it: a text with notes in it, of other trails too.

        Empty when the place can be reached and holds nothing.  Raises TryAgain when it can't be reached now,
        PolicyInvalid when its settings can't work.
        """


@frozen(kw_only=True)
class WitnessSettings:
    """One configured witness: a name that is its own, the kind of engine, and that engine's options (no secret)."""

    name: str
    kind: str
    options: Mapping[str, Any] = field(factory=dict)

    @property
    def place(self) -> str:
        """Say which witness this is, whatever it is called: its kind, and a digest of its settings."""
        settings = json.dumps(dict(self.options), sort_keys=True, default=str)
        return f"{self.kind} {hashlib.sha256(settings.encode()).hexdigest()[:16]}"
