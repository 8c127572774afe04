"""What custodians do at a haven: change their circle, verify the vault, hand originals back, print the page."""

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from attrs import evolve, frozen

from fivesafes.core.errors import Refused, TryAgain, UsageMistake
from fivesafes.core.event import Event
from fivesafes.core.progress import Progress
from fivesafes.engines.keepers.holding import Holding
from fivesafes.flow.circle_told import Standing
from fivesafes.flow.custody import Custodian, Custody, carry_out, check_as_told, exchanging_worker
from fivesafes.flow.sealed import Kind, Sealed, sealed_in, sealed_series
from fivesafes.flow.verify_vault import Checked, Damaged, clean, verify_vault
from fivesafes.flow.verify_vault import move_damaged as move_aside_damaged
from fivesafes.setting.vault.keys import ADDRESS_KEY, open_identity
from fivesafes.setting.vault.recovery import NOT_AS_TOLD, Line, Subject, manifest_lines, page_of
from fivesafes.setting.vault.seal import Identity
from fivesafes.setting.vault.vault import Stats, object_name, stats
from fivesafes.stores.blobs import refused_by_disk
from fivesafes.stores.custody import DjangoCustody
from fivesafes.stores.identity_files import WORKER, next_worker, publish_worker, read_identity
from fivesafes.wiring.consent import carry_on
from fivesafes.wiring.haven import OpenHaven
from fivesafes.wiring.standing import check_access
from fivesafes.wiring.vault import holding_of, keeper_of

_NOTHING: Final = "-"


def custody_of(haven: OpenHaven, *, by: str, progress: Progress) -> Custody:
    """Give what a change of custodians works with; ``by`` says whose hand it is.

    Withdrawals under way go on first: a key that is half destroyed would open for nobody, and stop the change.
    """
    carry_on(haven)
    return Custody(books=DjangoCustody(), ring=haven.keyring, author=haven.author(by), progress=progress)


def custodians() -> tuple[Custodian, ...]:
    """Give everybody who can open what is sealed, or is joining or leaving, by the books that are open.

    Raises Refused when these say something else than the trail told.
    """
    return check_as_told(DjangoCustody())


def rotate_worker(haven: OpenHaven, custody: Custody, *, identity: Path | None) -> int:
    """Make the worker a new key, on this machine; jobs that are running stop at their next original.

    ``identity`` is a custodian's; without it the worker's present key opens.  Stopped anywhere and run again, it goes
    on with the same new key.
    """
    if identity is None and not (haven.keys / WORKER).exists():
        message = "this machine has no worker's key yet, so a custodian must let it in"
        raise UsageMistake(message, fix="give a custodian's: --identity FILE")
    present = read_identity(haven.keys / WORKER if identity is None else identity)
    new = next_worker(haven.keys)
    there = custody.books.custodians()
    keys = 0
    if not any(one.recipient == new.recipient and one.standing is Standing.WORKER for one in there):
        keys = carry_out(custody, exchanging_worker(custody.books, new.recipient), by=(present, new))
    publish_worker(haven.keys)
    return keys


def verify(haven: OpenHaven, *, identity: Path | None, sample: int | None, progress: Progress) -> Checked:
    """Verify the vault with a custodian's identity, or by the keeper of the worker's key."""
    with _opener(haven, identity) as damaged:
        seen = verify_vault(haven.books, haven.blobs, haven.keyring, damaged=damaged, sample=sample, progress=progress)
    try:
        custodians()
    except Refused as fault:
        return evolve(seen, circle=fault.what)
    return seen


def clean_vault(haven: OpenHaven, found: Checked) -> Checked:
    """Remove what no row names, and keys of who has withdrawn.  Raises TryAgain while scans are taken in."""
    if not clean(haven.books, haven.blobs, haven.keyring, found):
        message = "scans are being taken in, so what has no row yet may get one"
        raise TryAgain(message, fix="run it again when nobody ingests")
    kept = tuple(name for name in found.beside if name not in found.replaced)
    return evolve(found, cleaned=True, keys_left=0, beside=kept, replaced=())


def move_damaged(haven: OpenHaven, found: Checked, *, identity: Path | None) -> Checked:
    """Move damaged objects aside.  Raises TryAgain while scans are taken in, and as ``verify_vault.move_damaged``."""
    author = haven.author("fivesafes vault verify")
    with _opener(haven, identity) as damaged:
        moved = move_aside_damaged(haven.books, haven.blobs, haven.keyring, found, damaged=damaged, author=author)
    if moved is None:
        message = "scans are being taken in, and what looks damaged may just be sealed anew"
        raise TryAgain(message, fix="run it again when nobody ingests")
    return evolve(found, moved=moved)


def vault_stats(haven: OpenHaven) -> Stats:
    """Count what the vault holds."""
    return stats(haven.blobs)


@frozen(kw_only=True)
class Asked:
    """What a custodian asked for, once it is sure that it can be given: which originals, whose key, where to."""

    originals: Sealed
    holding: Holding
    target: Path


def to_hand_back(haven: OpenHaven, project: str, series: str, *, to: Path, identity: Path) -> Asked:
    """See whether a series' originals can be handed back, and write nothing.

    Raises UsageMistake for a folder inside the haven, for one that is there and for a series that is not, KeyGone after
    a withdrawal, SealBroken for an identity that does not open its key, Refused when the trail tells otherwise of it.
    """
    check_access(haven)
    target = checked_target(haven, to)
    holding = holding_of(haven.config, haven.keys, read_identity(identity))
    sealed = sealed_series(haven.books, project, series)
    if not sealed or not all(one.as_told for one in sealed):
        message = "the books and the trail say different things of this series: somebody changed or removed its rows"
        raise Refused(message, fix="restore the database from the backup of the data, and ask who could write to it")
    originals = next(one for one in sealed if one.kind is Kind.ORIGINAL)
    open_identity(haven.keyring, originals.key, holding.identity)
    return Asked(originals=originals, holding=holding, target=target)


def hand_back(haven: OpenHaven, asked: Asked, *, reason: str, by: str) -> None:
    """Write the originals into the new folder, once the trail says whose key opens them and why; then that they are.

    Raises SealBroken or ObjectMissing for an original that is not what was received; the folder then is not there.
    """
    one, author, proved = asked.originals, haven.author(by), whose_key(asked.holding)

    def said(outcome: str) -> Sequence[Event]:
        about = f"series {one.series}"
        return [author.event("unseal", about, outcome, project=one.project, purpose=reason, proved=proved)]

    with handing_back(haven, said):
        contents = asked.holding.contents(one.project, one.key, one.addresses)
        named = ((f"{number:05}.dcm", content) for number, content in enumerate(contents, start=one.first))
        write_out(asked.target, named)


@contextmanager
def handing_back(haven: OpenHaven, said: Callable[[str], Sequence[Event]]) -> Iterator[None]:
    """Tell before anything is opened, and again how it ended; of who was killed between, the trail says "begun"."""

    def tell(outcome: str) -> None:
        with haven.books.deed():
            haven.books.tell(*said(outcome))

    tell("begun")
    try:
        yield
    except BaseException:
        tell("failed")
        raise
    tell("handed back")


def whose_key(holding: Holding) -> str:
    """Name the custodian whose identity is held; empty when it is nobody's in force."""
    return holder_of(holding.identity)


def holder_of(identity: Identity) -> str:
    """Name the custodian (or the worker) whose identity this is; empty when it is nobody's in force."""
    return next((who.name for who in custodians() if who.recipient == identity.recipient), "")


def write_out(target: Path, contents: Iterable[tuple[str, bytes]]) -> None:
    """Write opened files into a new folder, which appears when all of them are there.  Raises TryAgain."""
    aside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        aside.mkdir(mode=0o700)
        for name, content in contents:
            handle = os.open(aside / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(content)
        aside.rename(target)
    except OSError as error:
        raise refused_by_disk(error, "the originals can't be written there") from None
    finally:
        shutil.rmtree(aside, ignore_errors=True)


@frozen(kw_only=True)
class Recovery:
    """The printed page, and the manifest that goes beside it."""

    page: str
    manifest: str
    lines: tuple[Line, ...]
    not_as_told: int

    @property
    def objects(self) -> int:
        """Count what the manifest names."""
        return len(self.lines)


def recovery_of(haven: OpenHaven, page: Path) -> Recovery:
    """Make the page and its manifest; nothing is written yet."""
    manifest = page.with_suffix(".tsv").name
    if manifest == page.name:
        message = "the page's name ends like its manifest's"
        raise UsageMistake(message, fix="give the page another ending, such as recovery.md")
    lines = tuple(_lines(haven))
    subject = Subject(
        haven=haven.id,
        on=f"{haven.clock():%Y-%m-%d}",
        custodians=[one.name for one in custodians() if one.standing in {Standing.CUSTODIAN, Standing.JOINING}],
        manifest=manifest,
        objects=len(lines),
        store=haven.config.store,
        with_address_key=ADDRESS_KEY in set(haven.keyring.names()),
    )
    told_otherwise = len({one.series for one in lines if one.series.endswith(NOT_AS_TOLD)})
    return Recovery(page=page_of(subject), manifest=manifest, lines=lines, not_as_told=told_otherwise)


def write_recovery(made: Recovery, page: Path) -> None:
    """Write the manifest, and then the page that speaks of it."""
    _write(page.with_name(made.manifest), "".join(manifest_lines(made.lines)))
    _write(page, made.page)


def _lines(haven: OpenHaven) -> Iterator[Line]:
    for one in sealed_in(haven.books):
        series = one.series if one.as_told else f"{one.series}{NOT_AS_TOLD}"
        for number, address in enumerate(one.addresses, start=one.first):
            yield Line(
                project=one.project,
                series=series or _NOTHING,
                kind=one.kind.value,
                number=number,
                object=object_name(address, one.recipient),
                key=one.key,
                address=address.hex(),
            )


def _write(path: Path, text: str) -> None:
    """Write a file whole, for its owner alone."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        aside.replace(path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise refused_by_disk(error, "the page can't be written there") from None


def checked_target(haven: OpenHaven, to: Path) -> Path:
    """Give the folder to write into.  Raises UsageMistake when it is there, or lies inside the haven."""
    target = to.resolve()
    if target.is_relative_to(haven.path.resolve()):
        message = "that folder lies in the haven, where no original rests in clear"
        raise UsageMistake(message, fix="name a new folder on an encrypted disk, outside the haven")
    if target.exists() or not target.parent.is_dir():
        message = "the folder must not be there yet, and the one around it must"
        raise UsageMistake(message, fix="name a new folder")
    return target


@contextmanager
def _opener(haven: OpenHaven, identity: Path | None) -> Iterator[Damaged]:
    if identity is not None:
        holding = holding_of(haven.config, haven.keys, read_identity(identity))
        there = DjangoCustody().custodians()  # told by the trail or not: verifying says which
        if not any(one.recipient == holding.identity.recipient for one in there):
            message = "this identity is nobody's here, so whatever is sealed would look damaged"
            raise Refused(message, fix="give the identity of a custodian in force: fivesafes vault custodians")
        yield holding.damaged
        return
    if not (haven.keys / WORKER).exists():
        message = "this machine holds no key that opens what is sealed"
        raise UsageMistake(message, fix="give a custodian's identity file: --identity FILE")
    with keeper_of(haven.config, haven.keys) as keeper:
        yield keeper.damaged
