"""Does the vault hold what the books say, whole, and nothing else?  And the keyring?"""

import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from attrs import frozen

from fivesafes.core.errors import FiveSafesError
from fivesafes.core.progress import Progress
from fivesafes.core.verdict import Verdict, note, refuse, review
from fivesafes.flow.haven.ports import Books
from fivesafes.flow.sealed import Sealed, keys_expected, sealed_in
from fivesafes.setting.vault.keys import PARTICIPANTS, PROJECTS, pseudonym_key
from fivesafes.setting.vault.ports import Blobs, KeyRing
from fivesafes.setting.vault.seal import LEAST_OVERHEAD
from fivesafes.setting.vault.vault import object_name

Damaged = Callable[[str, str, Sequence[bytes]], Iterable[str]]
"""Reads objects of a project with a key of the ring; says of each what is wrong, or nothing."""

_SOURCE: Final = "NIST SP 800-53 SI-7"
_FROM_BACKUP: Final = "restore these objects from the backup of the vault, under the same names"


@frozen(kw_only=True)
class Damage:
    """One object that is not what was received."""

    project: str
    series: str
    kind: str
    number: int
    name: str
    why: str


@frozen(kw_only=True)
class Checked:
    """What a verification saw: objects the books name, how many were opened, and what is wrong."""

    objects: int
    opened: int
    damaged: tuple[Damage, ...]
    stray_objects: tuple[str, ...]
    stray_keys: tuple[str, ...]
    keys_missing: int
    keys_left: int
    cleaned: bool = False

    def verdict(self) -> Verdict:
        """Judge it; with nothing wrong, a note of how much was looked at."""
        return Verdict.all_of([*self._faults(), *self._strays(), self._seen()])

    def _faults(self) -> Iterator[Verdict]:
        if self.damaged:
            why = f"{len(self.damaged)} sealed objects are missing or not what was received"
            yield refuse("setting.vault.damaged", why=why, fix=_FROM_BACKUP, source=_SOURCE)
        if self.keys_missing:
            why = (
                f"{self.keys_missing} keys that the books name are not in the keyring: what they sealed can't be opened"
            )
            fix = "restore keyring/ from its own backup"
            yield refuse("setting.vault.key-missing", why=why, fix=fix, source=_SOURCE)
        if self.keys_left:
            why = f"{self.keys_left} keys of participants who have withdrawn are in the keyring"
            fix = "destroy them again: fivesafes vault verify --clean; find out which backup brought them back"
            yield refuse("setting.vault.key-left", why=why, fix=fix, source="GDPR Art. 17")

    def _strays(self) -> Iterator[Verdict]:
        if self.stray_objects or self.stray_keys:
            what = f"{len(self.stray_objects)} objects and {len(self.stray_keys)} keys that no row names"
            if self.cleaned:
                yield note("setting.vault.cleaned", why=f"removed {what}", source=_SOURCE)
            else:
                fix = "left by work that was killed: remove them with --clean, unless the books came from an old backup"
                yield review("setting.vault.stray", why=f"there are {what}", fix=fix, source=_SOURCE)

    def _seen(self) -> Verdict:
        why = f"the books name {self.objects} objects; {self.opened} of them were opened and compared"
        return note("setting.vault.seen", why=why, source=_SOURCE)


def verify_vault(
    books: Books, blobs: Blobs, ring: KeyRing, *, damaged: Damaged, sample: int | None, progress: Progress
) -> Checked:
    """Look whether every object is there with a size that can be, open ``sample`` of them (None: all), list strays.

    Opened objects are compared with the address that the books and the trail hold.
    """
    total, chosen = _chosen(books, sample)
    progress.begin("verify", total=total, unit="objects")
    lie = dict(blobs.walk())
    stray = set(lie)
    faults: list[Damage] = []
    opened = at = 0
    for one in sealed_in(books):
        names = _names(one)
        stray.difference_update(names)
        lie.update(blobs.sizes([name for name in names if name not in lie]))  # put there since they were listed
        looked = [place for place in range(len(names)) if chosen is None or at + place in chosen]
        told = _compare(one, lie, damaged, looked)
        faults += [_damage(one, place, why) for place, why in sorted(told.items())]
        opened += len(looked)
        at += len(names)
        progress.advance("verify", len(names))
    progress.end("verify")
    there, gone = keys_expected(books)
    keys = set(ring.names(PARTICIPANTS)) | {name for name in ring.names(PROJECTS) if ".quarantine." in name}
    keys |= _pseudonyms_of_nobody(books, ring)
    return Checked(
        objects=at,
        opened=opened,
        damaged=tuple(faults),
        stray_objects=tuple(sorted(stray)),
        stray_keys=tuple(sorted(keys - there - gone)),
        keys_missing=len(there - keys),
        keys_left=len(keys & gone),
    )


def clean(books: Books, blobs: Blobs, ring: KeyRing, found: Checked) -> bool:
    """Remove what no row names and the keys of who has withdrawn; False, and nothing done, while anybody works.

    Asks the books again once nobody works: what was stray then may have got its row since.
    """
    with ring.alone() as alone:
        if not alone:
            return False
        named = {name for one in sealed_in(books) for name in _names(one)}
        blobs.delete(name for name in found.stray_objects if name not in named)
        there, gone = keys_expected(books)
        there |= {pseudonym_key(kept.id) for kept in books.projects()}
        for name in {*found.stray_keys, *gone} - there:
            ring.destroy(name)
    return True


def _pseudonyms_of_nobody(books: Books, ring: KeyRing) -> set[str]:
    """Name the pseudonym keys of projects that are not in the books: their registration was interrupted."""
    known = {pseudonym_key(kept.id) for kept in books.projects()}
    return {name for name in ring.names(PROJECTS) if name.endswith(".pseudonyms.age")} - known


def _chosen(books: Books, sample: int | None) -> tuple[int, set[int] | None]:
    """Count the objects, and choose which to open by their place: each equally likely."""
    total = sum(len(one.addresses) for one in sealed_in(books))
    if sample is None or sample >= total:
        return total, None
    chosen: set[int] = set()
    while len(chosen) < sample:
        chosen.add(secrets.randbelow(total))
    return total, chosen


def _compare(one: Sealed, lie: dict[str, int], damaged: Damaged, looked: Sequence[int]) -> dict[int, str]:
    """Say by place what is wrong with objects of one series: by name and size first, then by opening."""
    wrong: dict[int, str] = {}
    for place, name in enumerate(_names(one)):
        if lie.get(name, 0) < LEAST_OVERHEAD:
            wrong[place] = "the object was cut" if name in lie else "the vault lacks the object"
    places = [place for place in looked if place not in wrong]
    try:
        said = list(damaged(one.project, one.key, [one.addresses[place] for place in places])) if places else []
    except FiveSafesError as fault:  # its key is gone or does not open: then none of them can be opened
        said = [fault.what] * len(places)
    wrong.update({place: why for place, why in zip(places, said, strict=True) if why})
    return wrong


def _names(one: Sealed) -> list[str]:
    return [object_name(address, one.recipient) for address in one.addresses]


def _damage(one: Sealed, place: int, why: str) -> Damage:
    return Damage(
        project=one.project,
        series=one.series,
        kind=one.kind.value,
        number=place + 1,
        name=object_name(one.addresses[place], one.recipient),
        why=why,
    )
