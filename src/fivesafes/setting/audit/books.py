"""Takes from a haven's books what no look at the machine can tell."""

from collections.abc import Callable
from typing import Final

from fivesafes.setting.model import Fact, State
from fivesafes.setting.ports import HavenFacts

_HOW: Final = "the haven's books"

BOOKS: Final[dict[str, Callable[[HavenFacts], Fact]]] = {
    "institutional_identity": lambda haven: haven.institutional_identity(),
    "mfa_sessions": lambda haven: haven.mfa_sessions(),
    "memberships_current": lambda haven: haven.memberships_current(),
    "duties_apart": lambda haven: haven.duties_apart(),
    "training_agreements": lambda haven: haven.training_agreements(),
    "sealed_originals": lambda haven: haven.sealed_originals(),
    "shredded_withdrawals": lambda haven: haven.shredded_withdrawals(),
    "trail_whole": lambda haven: haven.trail_whole(),
    "restore_tested": lambda haven: haven.restore_tested(),
}


def from_books(control: str, haven: HavenFacts | None) -> Fact:
    """Ask the books about one control; a haven that answers about another one is not believed."""
    if haven is None:
        return Fact(control=control, state=State.UNKNOWN, how=_HOW, seen="no haven's books are at hand")
    fact = BOOKS[control](haven)
    if fact.control != control:
        return Fact(control=control, state=State.UNKNOWN, how=_HOW, seen="the answer was about something else")
    return fact
