"""How commands tell of days to come on which the haven destroys something by itself, and how to take them back."""

from collections.abc import Mapping
from typing import Any


def ahead_words(project: str, ahead: Mapping[str, Any]) -> str:
    """Say of how many, the nearest day, and how to take it back; empty where no day is named."""
    if not ahead["withdrawals_ahead"]:
        return ""
    return (
        f"{ahead['withdrawals_ahead']} participants withdraw on a day to come, the nearest on "
        f"{ahead['next_withdrawal']}: on it the haven destroys what it holds of them, by itself. "
        f"Who they are: fivesafes consent show {project}; to take a day back before: fivesafes consent import "
        f"{project} TABLE with --renew (a newer consent) or --renew-of WHO (a mistake)"
    )
