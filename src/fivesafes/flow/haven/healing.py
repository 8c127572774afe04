"""Before ingest says that a series is here already, it asks the vault; what the scans at hand can mend is sealed anew.

Nothing is opened: what is missing or cut shows by name and size, and that a file at hand is what lay there, by its
address.  A bit that flipped shows only to who opens: ``vault verify --move-damaged`` makes it a missing one.
"""

from collections.abc import Collection, Sequence

from attrs import frozen

from fivesafes.flow.haven.intake import Intake
from fivesafes.flow.haven.model import KeptInstance, KeptSeries, sheets_of


@frozen(kw_only=True)
class Lost:
    """What the vault lacks of a series that was sealed before, by address."""

    originals: frozenset[bytes] = frozenset()
    sheets: frozenset[bytes] = frozenset()


@frozen(kw_only=True)
class Mended:
    """A series' sheets as they will be, how many lost objects are sealed anew, and how many stay lost."""

    sheets: tuple[bytes, ...]
    healed: int
    left: int

    def said(self, why: str) -> str:
        """Say in words what was sealed anew and what is still missing, after what there is to say anyway."""
        parts = [why] if why else []
        if self.healed:
            parts.append("what the vault had lost of it was sealed anew")
        if self.left:
            parts.append("other objects of it are missing in the vault: give all files of the series")
        return "; ".join(parts)


def lost_of(row: KeptSeries | None, there: Sequence[KeptInstance], recipient: str, intake: Intake) -> Lost:
    """Ask the vault for every object of a series that the books have: one look at each name, however many bytes."""
    if row is None:
        return Lost()
    sheets = sheets_of(row)
    sizes = {**dict.fromkeys(sheets, 0), **{one.address: one.bytes for one in there}}
    lacking = intake.vault.lacking(sizes, recipient=recipient)
    return Lost(originals=frozenset(lacking.difference(sheets)), sheets=frozenset(lacking.intersection(sheets)))


def mended(
    row: KeptSeries | None, lost: Lost, *, given: Collection[bytes], whole: bool, fresh: bool, sheet: bytes
) -> Mended:
    """Say how a series stands once what was given of it is sealed.

    ``given``: addresses of what was sealed before and is at hand; ``whole``: that is all the series had; ``fresh``:
    there is more; ``sheet``: the address of the sheet that the files at hand make.  That one takes the place of lost
    ones when it is the same, or knows of every original.
    """
    sheets = sheets_of(row) if row is not None else ()
    gone = lost.sheets if whole else lost.sheets & {sheet}
    sheets = tuple(one for one in sheets if one not in gone or one == sheet)
    if (fresh or gone) and sheet not in sheets:
        sheets = (*sheets, sheet)
    healed = len(lost.originals.intersection(given)) + len(gone)
    return Mended(sheets=sheets, healed=healed, left=len(lost.originals) + len(lost.sheets) - healed)
