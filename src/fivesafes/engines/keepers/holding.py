"""What somebody can do who holds a key that opens the keyring: the worker's, or a custodian's."""

from collections.abc import Iterator, Sequence

from attrs import field, frozen

from fivesafes.core.errors import TryAgain
from fivesafes.setting.vault.address import Addresser
from fivesafes.setting.vault.keys import open_identity, open_secret, pseudonym_key
from fivesafes.setting.vault.ports import Blobs, KeyRing
from fivesafes.setting.vault.seal import Identity, SealBroken, unseal
from fivesafes.setting.vault.vault import ObjectMissing, Vault


@frozen(kw_only=True)
class Holding:
    """Opens what is sealed.  Identities are unwrapped for one call and not kept: a destroyed key stops the next one.

    Every method raises KeyGone when the key is not in the ring, SealBroken when it does not open by this identity.
    """

    blobs: Blobs
    ring: KeyRing
    identity: Identity
    address_key: bytes = field(repr=False)

    def contents(self, project: str, key: str, addresses: Sequence[bytes]) -> Iterator[bytes]:
        """Give contents one after another, each verified against its address.  Raises ObjectMissing too."""
        yield from self._vault(project).read_all(addresses, identity=open_identity(self.ring, key, self.identity))

    def damaged(self, project: str, key: str, addresses: Sequence[bytes]) -> Iterator[str]:
        """Read each object and compare it with its address; say of each what is wrong, or nothing.

        Of no addresses it sees whether the key opens.  An object that a disk can't give is told like a damaged one.
        """
        vault, identity = self._vault(project), open_identity(self.ring, key, self.identity)
        for address in addresses:
            try:
                vault.read(address, identity=identity)
            except (SealBroken, ObjectMissing, TryAgain) as fault:
                yield fault.what
            else:
                yield ""

    def opened(self, key: str, sealed: bytes) -> bytes:
        """Open a small thing that is sealed to the identity kept under that name, such as a participant's name."""
        return unseal(sealed, open_identity(self.ring, key, self.identity))

    def project_key(self, project: str) -> bytes:
        """Give a project's pseudonym key."""
        return open_secret(self.ring, pseudonym_key(project), self.identity)

    def _vault(self, project: str) -> Vault:
        return Vault(self.blobs, Addresser(self.address_key, project))
