"""Takes people in: each gets an identity of their own, sealed to the custodians, and their name sealed to it."""

import json
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from attrs import frozen

from fivesafes.core.errors import InvalidInput, Refused
from fivesafes.core.ids import Identifying
from fivesafes.flow.haven.model import KeptParticipant, KeptProject, ParticipantState
from fivesafes.setting.vault.address import Addresser
from fivesafes.setting.vault.keys import PARTICIPANTS, PROJECTS, Openers, add_identity, participant_key, quarantine_key
from fivesafes.setting.vault.ports import KeyRing
from fivesafes.setting.vault.seal import seal


@frozen(kw_only=True)
class KeyringNewcomers:
    """Makes identities of one project's participants; none of them can be opened here."""

    ring: KeyRing
    openers: Callable[[], Openers]
    addresser: Addresser

    def admit(self, ids: Sequence[Identifying[str]]) -> Sequence[KeptParticipant]:
        """Make a key and a sealed name for each PatientID; durable when it returns."""
        return [self._admit(who) for who in ids]

    def check_keys(self, kept: KeptProject, people: Iterable[KeptParticipant]) -> None:
        """Raise Refused unless the ring has the keys of all to whom scans would be sealed: else nobody could open them.

        A key's name holds its recipient's digest, so that another recipient in the books is told here, without a key.
        """
        wanted = {participant_key(one.id, one.recipient) for one in people if one.state is ParticipantState.ACTIVE}
        wanted.add(quarantine_key(kept.id, kept.recipient))
        lacking = wanted - {*self.ring.names(PARTICIPANTS), *self.ring.names(PROJECTS)}
        if lacking:
            message = (
                f"{len(lacking)} keys to which scans would be sealed are not in the keyring, so that nobody could "
                f"open them: {min(lacking)}"
            )
            fix = (
                "restore the keyring from its backup; if nothing is missing there, somebody changed the database: "
                "restore it from the backup of the data, and ask who could write to it"
            )
            raise Refused(message, fix=fix)

    def _admit(self, who: Identifying[str]) -> KeptParticipant:
        keyed = self.addresser.participant(who)
        recipient = add_identity(self.ring, partial(participant_key, keyed), self.openers)
        return KeptParticipant(
            id=keyed,
            project=self.addresser.project,
            recipient=recipient,
            sealed_name=seal(_name_sheet(who), (recipient,)),
        )


def _name_sheet(who: Identifying[str]) -> bytes:
    return json.dumps({"schema": 1, "participant": who.reveal().strip()}, ensure_ascii=False).encode()


def read_name(content: bytes) -> Identifying[str]:
    """Read an opened name.  Raises InvalidInput when it is none."""
    try:
        return Identifying(str(json.loads(content)["participant"]))
    except (ValueError, KeyError, TypeError):
        message = "the sealed name of a participant can't be read"
        raise InvalidInput(
            message, fix="ask the custodian: the keyring and the books may be of different days"
        ) from None
