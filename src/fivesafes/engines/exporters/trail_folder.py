"""The trail in a folder for a stranger: lines, checkpoints, public key, and a page that says how to verify by hand."""

import os
import shutil
from collections.abc import Iterable, Sequence
from importlib.resources import files
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from fivesafes.core.errors import UsageMistake
from fivesafes.engines.exporters.place import not_written
from fivesafes.setting.trail.note import VerifierKey

TRAIL, CHECKPOINTS, KEY, PEM, PAGE = "trail.jsonl", "checkpoints.txt", "trail.pub", "trail.pem", "HOW-TO-VERIFY.md"


def write_trail(lines: Iterable[bytes], notes: Sequence[str], key: VerifierKey, *, into: Path) -> int:
    """Write the folder, all of it or nothing; give the number of entries.

    Raises UsageMistake when something is there already or nothing can be, TryAgain when the disk has no room for it.
    """
    if into.exists() and (not into.is_dir() or any(into.iterdir())):
        message = "the place for the trail is taken"
        raise UsageMistake(message, fix="name a folder that is not there yet, or is empty")
    aside = into.with_name(f".{into.name}.{os.getpid()}")
    try:
        aside.mkdir(parents=True)
        size = _write_lines(lines, aside / TRAIL)
        (aside / CHECKPOINTS).write_text("".join(notes), encoding="utf-8", newline="\n")
        (aside / KEY).write_text(f"{key}\n", encoding="utf-8")
        pem = Ed25519PublicKey.from_public_bytes(key.raw).public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        (aside / PEM).write_bytes(pem)
        page = files("fivesafes.engines.exporters").joinpath("how-to-verify.md").read_text(encoding="utf-8")
        (aside / PAGE).write_text(page.replace("ORIGIN", key.name).replace("SIZE", str(size)), encoding="utf-8")
        aside.replace(into)
    except OSError as fault:
        raise not_written(fault, what="the trail") from None
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return size


def _write_lines(lines: Iterable[bytes], path: Path) -> int:
    size = 0
    with path.open("wb") as file:
        for line in lines:
            file.write(line + b"\n")
            size += 1
        file.flush()
        os.fsync(file.fileno())
    return size
