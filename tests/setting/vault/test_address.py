"""Addresses are keyed, of one project alone, and what anybody with openssl can recompute."""

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fivesafes.core.errors import PolicyInvalid
from fivesafes.core.ids import Identifying
from fivesafes.setting.vault.address import Addresser, series_digest

KEY = bytes(range(32))


@given(content=st.binary(max_size=200))
def test_the_same_content_has_unrelated_addresses_in_two_projects_and_under_two_keys(content: bytes) -> None:
    """Two projects can't be joined by the names of what they hold."""
    addresses = {
        Addresser(KEY, "a").of(content),
        Addresser(KEY, "b").of(content),
        Addresser(bytes(32), "a").of(content),
        hashlib.sha256(content).digest(),
    }
    assert len(addresses) == 4
    assert Addresser(KEY, "a").of(content) in addresses


def test_an_address_is_the_hmac_that_the_recovery_page_computes() -> None:
    """The page derives the project's key with openssl; a change here would break what was printed."""
    own = hmac.digest(KEY, b"fivesafes address memory-2026", "sha256")
    assert Addresser(KEY, "memory-2026").of(b"scan") == hmac.digest(own, b"scan", "sha256")


def test_a_participant_has_one_id_per_project_whatever_spaces_surround_the_patient_id() -> None:
    """Scanners pad; and the id of a content can never be that of a person."""
    one = Addresser(KEY, "a")
    assert one.participant(Identifying("PAT-1 ")) == one.participant(Identifying("PAT-1"))
    assert one.participant(Identifying("PAT-1")) != Addresser(KEY, "b").participant(Identifying("PAT-1"))
    assert one.participant(Identifying("PAT-1")) != one.of(b"PAT-1").hex()
    assert len(one.participant(Identifying("PAT-1"))) == 64


def test_a_series_digest_tells_order_and_each_member() -> None:
    """Swapped, left out or added: another digest."""
    one, two = bytes(32), bytes([1]) * 32
    assert len({series_digest(given) for given in ([one, two], [two, one], [one], [one, two, one], [])}) == 5


@pytest.mark.parametrize("size", [0, 16, 31, 33])
def test_a_key_of_another_size_is_refused(size: int) -> None:
    """A cut key file must not make other names silently."""
    with pytest.raises(PolicyInvalid, match="address key"):
        Addresser(bytes(size), "a")


def test_the_key_is_not_shown() -> None:
    """Whatever prints an addresser prints the project only."""
    assert repr(Addresser(KEY, "a")) == "Addresser('a')"
    assert not hasattr(Addresser(KEY, "a"), "__dict__")
