"""Does the vault hold what the books say, whole, and nothing else?  And the keyring?"""

import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from attrs import define, field, frozen

from fivesafes.core.errors import FiveSafesError, Refused, TryAgain
from fivesafes.core.progress import Progress
from fivesafes.core.verdict import Verdict, note, refuse, review
from fivesafes.flow.haven.as_told import not_told_last
from fivesafes.flow.haven.author import Author
from fivesafes.flow.haven.consents_told import consents_not_as_told
from fivesafes.flow.haven.ports import Books
from fivesafes.flow.sealed import Sealed, keys_expected, sealed_in
from fivesafes.setting.vault.keys import PARTICIPANTS, PROJECTS, pseudonym_key
from fivesafes.setting.vault.ports import Blobs, KeyRing
from fivesafes.setting.vault.seal import LEAST_OVERHEAD
from fivesafes.setting.vault.vault import is_moved_aside, move_aside, moved_from, object_name

Damaged = Callable[[str, str, Sequence[bytes]], Iterable[str]]
"""Reads objects of a project with a key of the ring; says of each what is wrong, or nothing."""

_SOURCE: Final = "NIST SP 800-53 SI-7"
_MAKE_WHOLE: Final = (
    "restore these objects from the backup of the vault, under the same names; or ingest the same scans again, "
    "once damaged ones are moved aside: fivesafes vault verify --all --move-damaged"
)
_NAMED: Final = 5
_CIRCLE_AS_IT_WAS: Final = (
    "restore the database from the backup of the data, and ask who could write to it; keys that were sealed meanwhile "
    "may open by a stranger's: docs/how-to/change-custodians.md"
)
_ROWS_FROM_BACKUP: Final = (
    "use no --clean; restore the database from the backup of the data, and ask who could write to it"
)


@frozen(kw_only=True)
class Damage:
    """One object that is not what was received.  ``key`` opens what should lie there; empty where nothing lies."""

    project: str
    series: str
    kind: str
    number: int
    name: str
    why: str
    address: bytes
    key: str = ""


@frozen(kw_only=True)
class Locked:
    """A key of the keyring that is there and does not open, and how many objects therefore were not looked into."""

    name: str
    why: str
    objects: int


@frozen(kw_only=True)
class Untold:
    """A series of which the books say something else than the trail: rows were changed, exchanged or removed."""

    project: str
    series: str


@frozen(kw_only=True)
class Checked:
    """What a verification saw: objects the books name, how many were opened, and what is wrong.

    ``whole``: how many of the opened are what was received.  ``beside``: damaged objects that were moved aside;
    ``replaced``: those of them whose object was opened and is whole.  ``circle``: what the books say otherwise than the
    trail of who can open what is sealed, or nothing; ``consents_not_as_told``: keyed ids of whose consent they do so.
    """

    objects: int
    opened: int
    whole: int
    damaged: tuple[Damage, ...]
    stray_objects: tuple[str, ...]
    stray_keys: tuple[str, ...]
    keys_missing: int
    keys_left: int
    keys_damaged: tuple[Locked, ...] = ()
    not_as_told: tuple[Untold, ...] = ()
    beside: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()
    moved: int = 0
    cleaned: bool = False
    circle: str = ""
    consents_not_as_told: tuple[str, ...] = ()

    def verdict(self) -> Verdict:
        """Judge it; with nothing wrong, a note of how much was looked at."""
        return Verdict.all_of([*self._faults(), *self._key_faults(), *self._strays(), self._seen()])

    def _faults(self) -> Iterator[Verdict]:
        if self.circle:
            yield refuse("setting.vault.circle-not-as-told", why=self.circle, fix=_CIRCLE_AS_IT_WAS, source=_SOURCE)
        if self.consents_not_as_told:
            people = self.consents_not_as_told
            why = f"of {len(people)} participants the books say something else of their consent than the trail told: "
            why += ", ".join(people[:_NAMED]) + (", …" if len(people) > _NAMED else "")
            yield refuse("setting.vault.consent-not-as-told", why=why, fix=_ROWS_FROM_BACKUP, source=_SOURCE)
        if self.not_as_told:
            why = f"of {len(self.not_as_told)} series the books say something else than the trail told"
            yield refuse("setting.vault.not-as-told", why=why, fix=_ROWS_FROM_BACKUP, source=_SOURCE)
        if self.damaged:
            why = f"{len(self.damaged)} sealed objects are missing or not what was received"
            yield refuse("setting.vault.damaged", why=why, fix=_MAKE_WHOLE, source=_SOURCE)

    def _key_faults(self) -> Iterator[Verdict]:
        if self.keys_damaged:
            shut = sum(one.objects for one in self.keys_damaged)
            why = (
                f"{len(self.keys_damaged)} keys of the keyring do not open, so {shut} objects could not be looked "
                "into; nothing is known to be wrong with the objects"
            )
            fix = "restore these files of keyring/ from the backup of the keys, under the same names"
            yield refuse("setting.vault.key-damaged", why=why, fix=fix, source=_SOURCE)
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
        if self.beside:
            why = (
                f"{len(self.beside)} damaged objects lie moved aside; "
                f"in place of {len(self.replaced)} of them a whole one was opened now"
            )
            yield note("setting.vault.moved-aside", why=why, source=_SOURCE)

    def _seen(self) -> Verdict:
        why = f"the books name {self.objects} objects; {self.opened} of them were opened and compared"
        return note("setting.vault.seen", why=why, source=_SOURCE)


@define
class _Looked:
    """What was seen so far."""

    objects: int = 0
    opened: int = 0
    whole: int = 0
    faults: list[Damage] = field(factory=list)
    untold: set[Untold] = field(factory=set)
    again: set[str] = field(factory=set)
    """Objects that are whole and beside which a damaged one lies that was moved aside."""


@frozen(kw_only=True)
class _Keys:
    """Which keys open, asked once of each; ``shut`` counts the objects behind those that do not."""

    damaged: Damaged
    wrong: dict[str, str] = field(factory=dict)
    shut: Counter[str] = field(factory=Counter)

    def opens(self, key: str, project: str) -> bool:
        """Tell whether a key is there and opens.  Raises TryAgain when nobody can say."""
        if key not in self.wrong:
            try:
                list(self.damaged(project, key, []))
                self.wrong[key] = ""
            except TryAgain:
                raise
            except FiveSafesError as fault:
                self.wrong[key] = fault.what
        return not self.wrong[key]

    def locked(self, there: Iterable[str]) -> Iterator[Locked]:
        """Name those of these keys that do not open; of one that no series needs it is asked now."""
        for key in sorted(there):
            if not self.opens(key, ""):
                yield Locked(name=key, why=self.wrong[key], objects=self.shut[key])


def verify_vault(
    books: Books, blobs: Blobs, ring: KeyRing, *, damaged: Damaged, sample: int | None, progress: Progress
) -> Checked:
    """Look whether every object is there with a size that can be, open ``sample`` of them (None: all), list strays.

    Opened objects are compared with the address that the books hold, and the books with the trail.  Each key is opened,
    whatever the sample: behind one that does not open nothing is called damaged.
    """
    total, chosen = _chosen(books, sample)
    progress.begin("verify", total=total, unit="objects")
    lie = dict(blobs.walk())
    beside = {name: moved_from(name) for name in lie if is_moved_aside(name)}
    stray = set(lie)
    seen, keys = _Looked(), _Keys(damaged=damaged)
    for one in sealed_in(books):
        names = _names(one)
        stray.difference_update(names)
        lie.update(blobs.sizes([name for name in names if name not in lie]))  # put there since they were listed
        _look_at(one, lie, keys, chosen, seen, bases=set(beside.values()))
        progress.advance("verify", len(names))
    progress.end("verify")
    seen.untold.update(Untold(project=project, series=series) for project, series in not_told_last(books))
    stray.difference_update(name for name, base in beside.items() if base not in stray)
    there, gone = keys_expected(books)
    kept = set(ring.names(PARTICIPANTS)) | {name for name in ring.names(PROJECTS) if ".quarantine." in name}
    kept |= _pseudonyms_of_nobody(books, ring)
    missing = (there - kept) | (ring.missing() - gone)
    return Checked(
        objects=seen.objects,
        opened=seen.opened,
        whole=seen.whole,
        damaged=tuple(seen.faults),
        stray_objects=tuple(sorted(stray)),
        stray_keys=tuple(sorted(kept - there - gone)),
        keys_missing=len(missing),
        keys_left=len(kept & gone),
        keys_damaged=(*keys.locked(there & kept), *_altered(ring, beside=there & kept)),
        not_as_told=tuple(sorted(seen.untold, key=lambda one: (one.project, one.series))),
        beside=tuple(sorted(beside)),
        replaced=tuple(sorted(name for name, base in beside.items() if base in seen.again)),
        consents_not_as_told=tuple(
            sorted(one for kept in books.projects() for one in consents_not_as_told(books, kept.id))
        ),
    )


def move_damaged(
    books: Books, blobs: Blobs, ring: KeyRing, found: Checked, *, damaged: Damaged, author: Author
) -> int | None:
    """Move each damaged object aside, so that ingesting the same scans seals it anew; None while anybody works.

    Each is read and compared once more, and the trail told of whose they are; nothing is removed, and what turns out
    whole stays.  Raises Refused when nothing that was opened is what was received: then the address key is another, not
    the objects.
    """
    if found.opened > 1 and not found.whole:
        message = "nothing that was opened is what was received: rather the address key is another than every object"
        raise Refused(message, fix="restore address.key; where the whole vault is lost, restore it from its backup")
    with ring.alone() as alone:
        if not alone:
            return None
        there = [one for one in found.damaged if one.key and any(damaged(one.project, one.key, [one.address]))]
        if not there:
            return 0
        whose = sorted(
            {(one.project, f"series {one.series}" if one.series else f"files of {one.project}") for one in there}
        )
        with books.deed():
            books.tell(*(author.event("damage", what, "moved aside", project=project) for project, what in whose))
        return sum(move_aside(blobs, one.name) for one in there)


def clean(books: Books, blobs: Blobs, ring: KeyRing, found: Checked) -> bool:
    """Remove what no row names and the keys of who has withdrawn; False, and nothing done, while anybody works.

    Asks the books again once nobody works: what was stray then may have got its row since.  Raises Refused while the
    books and the trail say different things: what no row names may be somebody's original.
    """
    if found.not_as_told:
        message = "rows were changed or removed, so what no row names may be an original: nothing was removed"
        raise Refused(message, fix=_ROWS_FROM_BACKUP)
    with ring.alone() as alone:
        if not alone:
            return False
        named = {name for one in sealed_in(books) for name in _names(one)}
        blobs.delete(name for name in found.stray_objects if name not in named)
        blobs.delete(found.replaced)
        there, gone = keys_expected(books)
        there |= {pseudonym_key(kept.id) for kept in books.projects()}
        for name in {*found.stray_keys, *gone} - there:
            ring.destroy(name)
    return True


def _altered(ring: KeyRing, *, beside: frozenset[str]) -> Iterator[Locked]:
    """Name the keys that are not what was written and that no object needs: pseudonyms, addresses, the trail's."""
    for name in sorted(ring.altered() - beside):
        yield Locked(name=name, why="its bytes are not those that were written", objects=0)


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


def _look_at(
    one: Sealed, lie: dict[str, int], keys: _Keys, chosen: set[int] | None, seen: _Looked, *, bases: set[str]
) -> None:
    """Look at the objects of one series, and open those that were chosen."""
    names = _names(one)
    if not one.as_told:
        seen.untold.add(Untold(project=one.project, series=one.series))
    wrong = _wrong_sizes(one, names, lie)
    places = [at for at in range(len(names)) if at not in wrong and (chosen is None or seen.objects + at in chosen)]
    seen.objects += len(names)
    opens = keys.opens(one.key, one.project)
    faults = {place: _damage(one, place, why, movable=opens and names[place] in lie) for place, why in wrong.items()}
    if not opens:
        keys.shut[one.key] += len(names) - len(wrong)
        places = []
    said = keys.damaged(one.project, one.key, [one.addresses[place] for place in places]) if places else ()
    for place, why in zip(places, said, strict=True):
        if why:
            faults[place] = _damage(one, place, why, movable=True)
            continue
        seen.whole += 1
        if names[place] in bases:
            seen.again.add(names[place])
    seen.opened += len(places)
    seen.faults += [faults[place] for place in sorted(faults)]


def _wrong_sizes(one: Sealed, names: Sequence[str], lie: dict[str, int]) -> dict[int, str]:
    """Say by place which objects are not there, or too small to be whole."""
    wrong = {}
    for place, (name, size) in enumerate(zip(names, one.sizes, strict=True)):
        if lie.get(name, 0) < size + LEAST_OVERHEAD:
            wrong[place] = "the object was cut" if name in lie else "the vault lacks the object"
    return wrong


def _names(one: Sealed) -> list[str]:
    return [object_name(address, one.recipient) for address in one.addresses]


def _damage(one: Sealed, place: int, why: str, *, movable: bool) -> Damage:
    return Damage(
        project=one.project,
        series=one.series,
        kind=one.kind.value,
        number=one.first + place,
        name=object_name(one.addresses[place], one.recipient),
        why=why,
        address=one.addresses[place],
        key=one.key if movable else "",
    )
