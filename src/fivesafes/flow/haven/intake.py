"""What ingest works with, and what it says of each series."""

from enum import StrEnum

from attrs import field, frozen

from fivesafes.core.progress import Progress
from fivesafes.data.header.inspect import SetAside
from fivesafes.flow.haven.author import Author
from fivesafes.flow.haven.ports import Books, Newcomers
from fivesafes.setting.vault.address import Addresser
from fivesafes.setting.vault.vault import Vault


class Fate(StrEnum):
    """What ingest did with a series."""

    SEALED = "sealed"
    HERE_ALREADY = "here-already"
    HEALED = "healed"  # it was here, and what the vault had lost of it was sealed anew
    QUARANTINED = "quarantined"
    REFUSED = "refused"


@frozen(kw_only=True)
class Ingested:
    """What became of one series; ``new_files`` of its files were not in the vault before.

    ``healed``: objects of it (files, or what was noted of it) that the vault had lost and has again; ``missing``: those
    that it still lacks.
    """

    id: str
    fate: Fate
    files: int
    bytes: int
    new_files: int = 0
    healed: int = 0
    missing: int = 0
    why: str = ""


@frozen(kw_only=True)
class IngestReport:
    """What became of every file: the series, and the files set aside, of which ``asides_healed`` were sealed anew."""

    series: tuple[Ingested, ...]
    set_aside: tuple[SetAside, ...] = field(repr=False)
    newcomers: int = 0
    asides_healed: int = 0


@frozen(kw_only=True)
class Intake:
    """What ingest works with: the books, the vault (sealing side), the keyed names, and who takes newcomers in."""

    books: Books
    vault: Vault
    addresser: Addresser
    newcomers: Newcomers
    author: Author
    progress: Progress
