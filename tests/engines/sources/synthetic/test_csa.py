"""CSA headers: written, read back, and what they leave in memory."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fivesafes.engines.sources.synthetic.csa import CsaField, read_csa, write_csa

WORDS = st.text(st.characters(min_codepoint=33, max_codepoint=255, exclude_characters="\x7f"), min_size=1, max_size=40)
FIELDS = st.builds(
    CsaField,
    st.text(st.characters(min_codepoint=65, max_codepoint=90), min_size=1, max_size=40),
    st.sampled_from(["IS", "DS", "FD", "LO", "UN", "UI"]),
    st.integers(0, 40),
    st.lists(WORDS, max_size=14).map(tuple),
)


@given(fields=st.lists(FIELDS, max_size=6), remnants=st.lists(WORDS, max_size=3))
def test_what_is_written_is_read_back(fields: list[CsaField], remnants: list[str]) -> None:
    """Whatever the fields and the rubbish behind their names."""
    assert read_csa(write_csa(fields, remnants=remnants)) == tuple(fields)


def test_memory_of_earlier_patients_stays_behind_the_names() -> None:
    """As real scanners leave it: in the bytes, but in no value."""
    blob = write_csa([CsaField("EchoTime", "DS", 1, ("2.98",))], remnants=["Somebody^Else"])
    assert b"EchoTime\x00Somebody^Else" in blob
    assert read_csa(blob)[0].values == ("2.98",)


@pytest.mark.parametrize("blob", [b"", b"SV10", b"something else", write_csa([CsaField("A", "IS", 1, ("1",))])[:-90]])
def test_other_bytes_are_no_csa_header(blob: bytes) -> None:
    """Cut short or of another kind: ValueError, nothing else."""
    with pytest.raises(ValueError, match="CSA header"):
        read_csa(blob)
