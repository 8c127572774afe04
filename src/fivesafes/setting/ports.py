"""What the setting needs from outside: programs that the user has, and what a haven's books say."""

from collections.abc import Sequence
from typing import Protocol

from attrs import field, frozen

from fivesafes.setting.model import Fact


@frozen(kw_only=True)
class Ran:
    """How a program ended: its exit code (None when its time was up), and what it printed."""

    code: int | None
    printed: str = field(default="", repr=False)


class Programs(Protocol):
    """Runs the outside programs that the user has, each with a time limit; they are asked, never told."""

    def has(self, name: str) -> bool:
        """Whether a program of that name is on PATH and safe to run (nobody else may change it)."""

    def run(self, command: Sequence[str], *, seconds: float) -> Ran:
        """Run ``command[0]`` from PATH with no input; what it prints on standard error is thrown away."""


class NoPrograms:
    """A machine without a single outside program."""

    def has(self, name: str) -> bool:
        """Say no."""
        return False

    def run(self, command: Sequence[str], *, seconds: float) -> Ran:
        """Answer as if it never ended."""
        return Ran(code=None)


class HavenFacts(Protocol):
    """What only a haven's books can tell.  Each method is named like its control in ``setting.csv`` and looks now.

    A fact's ``at`` is when it was true: now for a query, the day of the test for the last restore test.  What can't
    be told is ``State.UNKNOWN`` with the reason in ``seen``; ``how`` names the query, never a path of a person.
    """

    def institutional_identity(self) -> Fact:
        """Whether everybody comes by a listed institution's log-in (at least one listed, no local accounts)."""

    def mfa_sessions(self) -> Fact:
        """Whether every live session came with an accepted second factor."""

    def memberships_current(self) -> Fact:
        """Whether no membership is past its expiry or recertification."""

    def duties_apart(self) -> Fact:
        """Whether nobody is custodian, checker and operator at once."""

    def training_agreements(self) -> Fact:
        """Whether every member has valid evidence of training and agreement."""

    def sealed_originals(self) -> Fact:
        """Whether a sample of vault objects is age-encrypted and opens to its digest."""

    def shredded_withdrawals(self) -> Fact:
        """Whether every withdrawal has its shred receipt, with no key and no plaintext left."""

    def trail_whole(self) -> Fact:
        """Whether chain, tree and the outside checkpoints verify."""

    def restore_tested(self) -> Fact:
        """When a backup was last restored as a test with equal digests (``at`` is that day)."""
