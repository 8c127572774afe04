"""What is shown of one file: every attribute, what decided, and no value that does not leave as it is."""

import re
import string

from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from fivesafes.data.header.deidentify import Deidentifier
from fivesafes.data.header.explain import Line, explain
from fivesafes.data.header.masks import masked, shown
from fivesafes.data.header.part10 import open_data_set
from fivesafes.data.header.profile import POLICIES, load_profile
from fivesafes.data.header.pseudonyms import Pseudonyms

from .conftest import KEY, small_image, written

PSEUDONYMS = Pseudonyms(KEY, "test")
NAMES = st.text(string.ascii_letters, min_size=5, max_size=9).map(lambda name: f"Qvist{name}")


def _explained(image: Dataset, profile: str = "mri-research") -> list[Line]:
    data_set, rules = open_data_set(written(image)), load_profile(profile)
    cleaned = Deidentifier(rules, PSEUDONYMS).clean(data_set)
    return explain(data_set, b"".join(cleaned.pieces), rules)


def _nested() -> Dataset:
    """Make an image with nested items, private elements known and unknown, and a name in many places."""
    image = small_image()
    frame = Dataset()
    frame.EchoTime, frame.PatientComments, frame.FrameComments = "3.5", "Qvist came late", "Qvist"
    frame.add_new(0x00190010, "LO", "SIEMENS MR HEADER")
    frame.add_new(0x0019100A, "US", 36)
    frame.add_new(0x00191009, "LO", "Qvist")
    image.SharedFunctionalGroupsSequence = [frame, frame]
    image.ContentSequence = [frame]
    image.add_new(0x00110010, "LO", "QVIST PRIVATE")
    image.add_new(0x00111001, "LO", "Qvist")
    return image


@given(name=NAMES)
def test_a_planted_name_is_shown_nowhere(name: str) -> None:
    """Neither before nor after, nor in a reason: only what leaves unchanged is shown."""
    image = _nested()
    image.PatientName = image.PatientComments = image.StudyDescription = image.SequenceName = name
    image.SharedFunctionalGroupsSequence[0].FrameComments = name
    for profile in ("basic", "mri-research"):
        lines = _explained(image, profile)
        assert lines
        assert not [line for line in lines if name.lower() in str([line, line.before, line.after]).lower()]
        assert not [line for line in lines if "qvist" in (line.before + line.after + line.name).lower()]


def test_each_attribute_is_told_at_its_depth_with_what_became_of_it() -> None:
    """Nested ones and private ones by creator; an unknown creator is not named."""
    lines = _explained(_nested())
    told = {(line.depth, line.item, line.name): line for line in lines}
    assert told[0, 0, "PatientName"].outcome == "replaced"
    assert told[0, 0, "PatientBirthDate"].outcome == "blanked"
    assert told[0, 0, "EchoTime"].after == told[0, 0, "EchoTime"].before == "2.98"
    assert told[1, 2, "EchoTime"].outcome == "kept"
    assert told[1, 1, "PatientComments"].outcome == "removed"
    assert told[1, 1, '(0019,xx0A) "SIEMENS MR HEADER"'].row.startswith("private.csv:")
    assert told[1, 1, '(0019,xx09) "SIEMENS MR HEADER"'].outcome == "removed"
    assert told[0, 0, "(0011,xx01) unknown creator"].before == masked(b"Qvist", "LO")
    assert told[0, 0, "PatientIdentityRemoved"].outcome == "added"
    assert told[0, 0, "ContentSequence"].outcome == "replaced"


def test_a_value_that_does_not_fit_is_told_as_such() -> None:
    """A steward sees why an attribute that the profile keeps came out empty."""
    image = small_image()
    image.BodyPartExamined = "QVISTSHEAD"
    line = next(line for line in _explained(image) if line.name == "BodyPartExamined")
    assert line.outcome == "blanked"
    assert line.why.endswith("does not fit the row's grammar")


def test_the_row_that_decided_is_where_it_is_said_to_be() -> None:
    """File and line lead to the row of that very attribute."""
    for profile in ("basic+113105+113107", "mri-research"):
        for line in _explained(_nested(), profile):
            if line.row:
                file, number = line.row.split(":")
                row = (POLICIES / "allow" / file).read_text(encoding="utf-8").splitlines()[int(number) - 1]
                assert line.name.split(" ")[0] in row


@given(value=st.binary(max_size=80), vr=st.sampled_from(["LO", "PN", "DA", "UI", "US", "FD", "OB", "SH", "IS", "UN"]))
def test_a_masked_value_tells_kind_and_length_alone_and_a_shown_one_is_printable(value: bytes, vr: str) -> None:
    """Whatever the bytes are: no control character reaches a terminal."""
    assert re.fullmatch(r"\u2039(empty|[A-Za-z ]+|\d+ [a-z]+)\u203a", masked(value, vr))
    assert shown(value, vr, "<").isprintable()
    assert len(shown(value, vr, "<")) < 160
