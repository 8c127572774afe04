"""Takes people in: each gets an identity of their own, sealed to the custodians, and their name sealed to it."""

import json
from collections.abc import Callable, Sequence
from functools import partial

from attrs import frozen

from fivesafes.core.errors import InvalidInput
from fivesafes.core.ids import Identifying
from fivesafes.flow.haven.model import KeptParticipant
from fivesafes.setting.vault.address import Addresser
from fivesafes.setting.vault.keys import Openers, add_identity, participant_key
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
