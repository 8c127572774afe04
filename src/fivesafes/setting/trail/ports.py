"""What the trail needs from outside: somebody who keeps its checkpoints where nobody here can reach them."""

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

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


@frozen(kw_only=True)
class WitnessSettings:
    """One configured witness: a name that is its own, the kind of engine, and that engine's options (no secret)."""

    name: str
    kind: str
    options: Mapping[str, Any] = field(factory=dict)
