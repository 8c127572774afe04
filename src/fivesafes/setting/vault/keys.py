"""Who can open what: participants' identities and projects' keys, sealed to at least two custodians.

A key in clear exists only in the memory of who made it, who serves the jobs, or a custodian.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Final

from attrs import field, frozen

from fivesafes.core.errors import InvalidInput, Refused, TryAgain
from fivesafes.core.progress import Progress, Silent
from fivesafes.setting.vault.ports import KeyRing
from fivesafes.setting.vault.seal import Identity, SealBroken, checked_recipient, seal, unseal
from fivesafes.setting.vault.vault import fingerprint

FEWEST_CUSTODIANS: Final = 2
ADDRESS_KEY: Final = "haven.address.age"
"""The haven's address key, for who recovers it on another machine."""
KEY_FROM_BACKUP: Final = "restore this one file of keyring/ from the backup of the keys, under the same name"
PARTICIPANTS: Final = "participants/"
PROJECTS: Final = "projects/"
_PROJECT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_PARTICIPANT: Final = re.compile(r"[0-9a-f]{32,64}")


class KeyGone(Refused):
    """The key that would open it was destroyed, or never lay here: what it sealed can't be read by anybody."""

    @classmethod
    def told(cls) -> "KeyGone":
        """Say so."""
        return cls(
            "the key that would open this is gone: its participant has withdrawn, or the keyring is not whole",
            fix="nothing, after a withdrawal; else restore the keyring from its own backup",
        )


def _checked_recipients(given: Iterable[str]) -> tuple[str, ...]:
    return tuple(map(checked_recipient, given))


@frozen(kw_only=True)
class Openers:
    """Who may open a sealed key: the custodians' recipients, and the worker's where jobs must read originals.

    Raises Refused for fewer than two custodians: with one, a lost key would lose every original.
    """

    custodians: tuple[str, ...] = field(converter=_checked_recipients)
    worker: tuple[str, ...] = field(default=(), converter=_checked_recipients)

    @custodians.validator
    def _enough(self, attribute: object, value: tuple[str, ...]) -> None:
        if len(set(value)) < FEWEST_CUSTODIANS:
            message = f"{len(set(value))} custodian's key would open the vault, and {FEWEST_CUSTODIANS} are the least"
            raise Refused(message, fix="add a custodian first: fivesafes vault add-custodian NAME RECIPIENT")

    @property
    def recipients(self) -> tuple[str, ...]:
        """Give all of them, each once."""
        return tuple(dict.fromkeys(self.custodians + self.worker))


def participant_key(participant: str, recipient: str) -> str:
    """Name a participant's key.  The recipient's digest keeps two that were made at once apart."""
    if not _PARTICIPANT.fullmatch(participant):
        message = "a participant's id is a keyed digest in hexadecimal"
        raise InvalidInput(message, fix="use Addresser.participant")
    return f"{PARTICIPANTS}{participant}.{fingerprint(recipient)}.age"


def pseudonym_key(project: str) -> str:
    """Name a project's pseudonym key."""
    return f"{PROJECTS}{_checked_project(project)}.pseudonyms.age"


def quarantine_key(project: str, recipient: str) -> str:
    """Name the key of what a project has set aside."""
    return f"{PROJECTS}{_checked_project(project)}.quarantine.{fingerprint(recipient)}.age"


def add_identity(ring: KeyRing, name_of: Callable[[str], str], openers: Callable[[], Openers]) -> str:
    """Make an identity, seal it to the openers, keep it under ``name_of(recipient)``; give its recipient.

    ``openers`` is asked while no custodian can be changed.  The identity itself is forgotten.
    """
    identity = Identity.made()
    with ring.adding():
        sealed = seal(f"{identity.reveal()}\n".encode(), openers().recipients)
        ring.add(name_of(identity.recipient), sealed)
    return identity.recipient


def add_secret(ring: KeyRing, name: str, secret: bytes, openers: Callable[[], Openers]) -> bool:
    """Seal a secret to the openers and keep it; False when there is one of that name, which stays."""
    with ring.adding():
        return ring.add(name, seal(secret, openers().recipients))


def open_secret(ring: KeyRing, name: str, identity: Identity) -> bytes:
    """Open a sealed secret.  Raises KeyGone, or SealBroken when it is damaged or not sealed to this identity."""
    try:
        return unseal(ring.get(name), identity)
    except SealBroken:
        message = "a key of the keyring does not open: it was altered, cut, or is not sealed to this identity"
        raise SealBroken(message, fix=f"give the identity of a custodian in force; else {KEY_FROM_BACKUP}") from None


def open_identity(ring: KeyRing, name: str, identity: Identity) -> Identity:
    """Open the identity that is kept under this name.  Raises as ``open_secret``, and for one of another recipient."""
    try:
        opened = Identity(open_secret(ring, name, identity).decode("ascii", errors="replace"))
    except SealBroken:
        raise
    except InvalidInput:
        opened = None
    if opened is None or f".{fingerprint(opened.recipient)}." not in name:
        message = "a key of the keyring opens, but it is not the one that its name says"
        raise SealBroken(message, fix=KEY_FROM_BACKUP)
    return opened


def not_opened_by(ring: KeyRing, by: Sequence[Identity]) -> tuple[str, ...]:
    """List the keys that none of these identities opens."""
    left = []
    for name in ring.names():
        try:
            _opened(ring.get(name), by)
        except SealBroken:
            left.append(name)
        except KeyGone:
            continue  # destroyed since it was listed
    return tuple(left)


def rewrap(ring: KeyRing, *, by: Sequence[Identity], openers: Openers, progress: Progress | None = None) -> int:
    """Seal every key anew to exactly these openers; give the number.  Originals are not touched.

    ``by``: identities of which one opens each key.  Done again after an interruption, it does no harm.  Raises Refused
    before anything is changed when a key does not open, TryAgain when one is missing.
    """
    progress = progress or Silent()
    ring.settled()
    if missing := ring.missing():
        message = f"{len(missing)} keys of the keyring are not there, and were not destroyed: {min(missing)}, ..."
        raise TryAgain(message, fix="put them back, or copy them out of a backup of the keys, before who opens changes")
    check_opened_by(ring, by)
    names = tuple(ring.names())
    progress.begin("rewrap", total=len(names), unit="keys")
    changed = 0
    for name in names:
        changed += ring.replace(name, lambda sealed: seal(_opened(sealed, by), openers.recipients))
        progress.advance("rewrap")
    progress.end("rewrap")
    return changed


def check_opened_by(ring: KeyRing, by: Sequence[Identity]) -> None:
    """Raise Refused when a key of the ring opens by none of these identities."""
    if locked := not_opened_by(ring, by):
        message = f"{len(locked)} of the haven's keys do not open by this identity"
        raise Refused(message, fix="give the identity of a custodian in force: fivesafes vault custodians")


def _opened(sealed: bytes, by: Sequence[Identity]) -> bytes:
    for identity in by[:-1]:
        with suppress(SealBroken):
            return unseal(sealed, identity)
    return unseal(sealed, by[-1])


def _checked_project(project: str) -> str:
    if not _PROJECT.fullmatch(project):
        message = "a project's name is up to 64 letters, digits, dots, dashes and underscores, such as memory-2026"
        raise InvalidInput(message, fix="choose such a name")
    return project
