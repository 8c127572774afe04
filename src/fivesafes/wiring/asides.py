"""What was set aside: listed, handed to a custodian who looks, and removed when its reason is gone."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from attrs import frozen

from fivesafes.core.errors import TryAgain, UsageMistake
from fivesafes.core.event import Event
from fivesafes.engines.keepers.holding import Holding
from fivesafes.flow.haven.model import KeptAside
from fivesafes.flow.sealed import Sealed, sealed_aside, sealed_in
from fivesafes.setting.vault.keys import open_identity
from fivesafes.setting.vault.vault import object_name
from fivesafes.stores.identity_files import read_identity
from fivesafes.wiring.custodians import checked_target, handing_back, whose_key, write_out
from fivesafes.wiring.haven import OpenHaven
from fivesafes.wiring.standing import check_access
from fivesafes.wiring.vault import holding_of

ID_DIGITS = 12
"""Hexadecimal digits of an address by which a file set aside is called."""


@frozen(kw_only=True)
class Chosen:
    """Files that were set aside and the custodian whose key opens each of them."""

    files: tuple[KeptAside, ...]
    sealed: tuple[Sealed, ...]
    holding: Holding


def id_of(file: KeptAside) -> str:
    """Call a file that was set aside: the first digits of its address."""
    return file.address.hex()[:ID_DIGITS]


def asides_of(haven: OpenHaven, project: str) -> Sequence[KeptAside]:
    """Give what was set aside in a project, oldest first.  Raises UsageMistake for an unknown project."""
    return haven.books.asides(haven.project(project).id)


def choose(haven: OpenHaven, project: str, ids: Sequence[str], *, identity: Path) -> Chosen:
    """Find files by their ids, and see that the custodian's key opens each.

    Raises UsageMistake for an id that fits no file or several, KeyGone after a withdrawal, SealBroken for an identity
    that does not open.
    """
    check_access(haven)
    there = asides_of(haven, project)
    files = tuple(dict.fromkeys(_one_of(there, id_) for id_ in ids))
    holding = holding_of(haven.config, haven.keys, read_identity(identity))
    sealed = tuple(_sealed(haven, project, file) for file in files)
    for key in {one.key for one in sealed}:
        open_identity(haven.keyring, key, holding.identity)
    return Chosen(files=files, sealed=sealed, holding=holding)


def hand_out(haven: OpenHaven, chosen: Chosen, *, to: Path, reason: str, by: str) -> None:
    """Write the files into a new folder, once the trail says whose key opens them and why; then that they are.

    They are called by their ids: the names they came with were never kept.
    """
    target = checked_target(haven, to)
    with handing_back(haven, lambda outcome: _events(haven, chosen, "unseal", outcome, reason=reason, by=by)):
        write_out(target, _opened(chosen))


def remove(haven: OpenHaven, chosen: Chosen, *, reason: str, by: str) -> None:
    """Remove the files for good; killed between the deed and the objects, ``vault verify --clean`` finds those.

    An object stays when the same file was taken in since: the original and what was set aside are one object.  Raises
    TryAgain while scans are being taken in: their rows are not written yet.
    """
    with haven.keyring.alone() as alone:
        if not alone:
            message = "scans are being taken in, and one of them may be the very file that is to be removed"
            raise TryAgain(message, fix="run it again when nobody ingests")
        with haven.books.deed():
            addresses = [one.address for one in chosen.files]
            haven.books.discard_asides(chosen.sealed[0].project, addresses, at=haven.clock())
            haven.books.tell(*_events(haven, chosen, "shred", "removed", reason=reason, by=by))
        haven.blobs.delete(_unnamed(haven, chosen))


def _unnamed(haven: OpenHaven, chosen: Chosen) -> set[str]:
    """Name the objects that no row names any more."""
    objects = {object_name(one.addresses[0], one.recipient): one.addresses[0] for one in chosen.sealed}
    if not set(objects.values()).isdisjoint(haven.books.addresses(chosen.sealed[0].project)):
        for one in sealed_in(haven.books):
            for address in one.addresses:
                objects.pop(object_name(address, one.recipient), None)
    return set(objects)


def _one_of(there: Sequence[KeptAside], id_: str) -> KeptAside:
    found = [one for one in there if id_ and one.address.hex().startswith(id_.lower())]
    if len(found) != 1:
        message = f"{len(found)} files set aside in this project have an id that begins so"
        raise UsageMistake(message, fix="fivesafes vault asides list PROJECT shows the ids")
    return found[0]


def _sealed(haven: OpenHaven, project: str, file: KeptAside) -> Sealed:
    person = None if file.participant is None else haven.books.participant(file.participant)
    return sealed_aside(haven.project(project), person, [file])


def _opened(chosen: Chosen) -> Iterator[tuple[str, bytes]]:
    for file, one in zip(chosen.files, chosen.sealed, strict=True):
        for content in chosen.holding.contents(one.project, one.key, one.addresses):
            yield id_of(file), content


def _events(haven: OpenHaven, chosen: Chosen, verb: str, outcome: str, *, reason: str, by: str) -> list[Event]:
    author, proved = haven.author(by), whose_key(chosen.holding)
    return [
        author.event(verb, f"file {one.address.hex()}", outcome, project=one.project, purpose=reason, proved=proved)
        for one in chosen.files
    ]
