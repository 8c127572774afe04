"""The manifest of a release: SHA-256 of each file, as ``sha256sum --check`` reads it."""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from fivesafes.core.verdict import Verdict, refuse

CHUNK: Final = 1 << 20


def digest_of(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal; read in pieces, so that size does not matter."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(CHUNK):
            digest.update(piece)
    return digest.hexdigest()


def files_below(folder: Path) -> list[str]:
    """List every file below the folder by its relative POSIX path, sorted."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def manifest_of(folder: Path, *, leaving_out: Iterable[str] = ()) -> str:
    """Write one line per file: digest, two spaces, relative path (the form of GNU coreutils)."""
    skipped = set(leaving_out)
    return "".join(f"{digest_of(folder / name)}  {name}\n" for name in files_below(folder) if name not in skipped)


def judge_manifest(folder: Path, manifest: str, *, leaving_out: Iterable[str] = ()) -> Verdict:
    """Compare a folder with its manifest: nothing missing, nothing altered, nothing more."""
    named = {line[66:]: line[:64] for line in manifest.splitlines()}
    there = set(files_below(folder)) - set(leaving_out)
    altered = {name for name in named.keys() & there if digest_of(folder / name) != named[name]}
    wrong = dict.fromkeys(named.keys() - there, "missing")
    wrong |= dict.fromkeys(there - named.keys(), "not listed") | dict.fromkeys(altered, "altered")
    return Verdict.all_of(
        refuse(
            "output.manifest.differs",
            why=f"a file of the release is {how}",
            fix="discard this copy and fetch the release again",
            source="FIPS 180-4",
            about=name,
        )
        for name, how in sorted(wrong.items())
    )
