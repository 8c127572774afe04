"""Records are signed by a key that follows from the project's, and every change shows."""

from hypothesis import given
from hypothesis import strategies as st

from fivesafes.engines.signers.ed25519 import Ed25519Signer, verifies

SIGNER = Ed25519Signer(bytes(32))


@given(message=st.binary(max_size=200), place=st.integers(0, 10_000))
def test_a_signature_holds_for_its_message_and_no_other(message: bytes, place: int) -> None:
    """One bit more, and it is another message."""
    signature = SIGNER.sign(message)
    assert verifies(message, signature=signature, public_key=SIGNER.public_key())
    other = bytearray(message or b"\x00")
    other[place % len(other)] ^= 1
    assert not verifies(bytes(other), signature=signature, public_key=SIGNER.public_key())


def test_another_project_has_another_key_and_nonsense_is_no_signature() -> None:
    """Keys follow from keys; what is not base64 verifies nothing."""
    other = Ed25519Signer(bytes([1]) * 32)
    assert other.public_key() != SIGNER.public_key()
    assert not verifies(b"m", signature=other.sign(b"m"), public_key=SIGNER.public_key())
    assert not verifies(b"m", signature="?", public_key=SIGNER.public_key())
    assert Ed25519Signer(bytes(32)).public_key() == SIGNER.public_key()
