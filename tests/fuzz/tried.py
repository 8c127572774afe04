"""Try one file as foreign files are tried: looked at, collected and cleaned.  Only Malformed may be raised."""

from functools import lru_cache
from pathlib import Path
from typing import Final

from fivesafes.data.header.collect import TextCollector, nobodys
from fivesafes.data.header.deidentify import Deidentifier
from fivesafes.data.header.inspect import Instance, SetAside, examine
from fivesafes.data.header.malformed import Malformed
from fivesafes.data.header.part10 import open_data_set
from fivesafes.data.header.profile import Profile, load_profile
from fivesafes.data.header.pseudonyms import Pseudonyms

_KEY: Final = bytes(range(32))


@lru_cache(maxsize=1)
def profile() -> Profile:
    """Give the profile that ships."""
    return load_profile()


def deidentifier() -> Deidentifier:
    """Make one that remembers nothing yet."""
    return Deidentifier(profile(), Pseudonyms(_KEY, "fuzz"))


def cleaned(content: bytes, by: Deidentifier) -> tuple[str, bytes, bytes]:
    """Clean a file: (why it is set aside or refused, the header that comes out, the pixels)."""
    try:
        done = by.clean(open_data_set(content))
    except Malformed as malformed:
        return malformed.code, b"", b""
    pieces = done.pieces
    return "refused" if done.verdict.gravity else "", b"".join(pieces[:2]), b"".join(pieces[2:])


def looked_at(content: bytes, path: Path) -> str:
    """Look at a file as the first pass does, and collect its texts: why it is set aside."""
    path.write_bytes(content)
    answer, data_set = examine(path)
    if isinstance(answer, SetAside):
        return answer.code
    assert isinstance(answer, Instance)
    assert data_set is not None
    try:
        collector = TextCollector(profile(), nobodys(profile()))
        collector.add(data_set)
        collector.texts()
    except Malformed as malformed:
        return malformed.code
    return ""
