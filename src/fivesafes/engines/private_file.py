"""Reads a secret from a file that only its owner can read: secrets are neither in settings nor on a command line."""

import os
import stat
from pathlib import Path

from fivesafes.core.errors import PolicyInvalid


def private_text(path: Path, *, what: str) -> str:
    """Read the file's text without the white space around it; ``what`` names the secret in a message.

    Raises PolicyInvalid when it can't be read, is empty, or others than its owner may read it.
    """
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        message = f"the file with {what} can't be read"
        raise PolicyInvalid(message, fix="name a file that is yours, with the secret as its only text") from None
    if os.name == "posix" and stat.S_IMODE(mode) & 0o077:
        message = f"the file with {what} can be read by others"
        raise PolicyInvalid(message, fix="chmod 600 that file")
    if not text:
        message = f"the file with {what} is empty"
        raise PolicyInvalid(message, fix="write the secret into it")
    return text
