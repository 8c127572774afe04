"""Every private element that the profile keeps, with values as scanners write them: none is lost to its grammar."""

from collections import defaultdict
from io import BytesIO

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from tests.data.header.vendors.elements import Place, private_elements
from tests.data.header.vendors.scans import SCANS
from tests.data.header.vendors.telling import TELLING, Telling

from fivesafes.data.header.deidentify import Deidentifier
from fivesafes.data.header.part10 import open_data_set
from fivesafes.data.header.profile import BLOBS, Profile
from fivesafes.data.header.pseudonyms import Pseudonyms

NOT_VALUES = {*BLOBS, "items", "words"}
"""Written anew, or shortened to known words: these have tests of their own."""


def _grammars(profile: Profile) -> dict[Place, str]:
    return {
        (profile.creators[creator].decode(), rule.keyword.split(" ")[0]): rule.grammar
        for creator, rules in profile.private.items()
        for rule in rules.values()
    }


def _values(dataset: Dataset) -> dict[Place, list[str]]:
    found: dict[Place, list[str]] = defaultdict(list)
    for place, element in private_elements(dataset):
        found[place].append(str(element.value).strip())
    return found


def _written(dataset: Dataset, syntax: str) -> bytes:
    file = BytesIO()
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.UID(syntax)
    pydicom.dcmwrite(file, dataset, enforce_file_format=True)
    return file.getvalue()


def _before_and_after(
    content: bytes, profile: Profile, pseudonyms: Pseudonyms
) -> tuple[dict[Place, list[str]], dict[Place, list[str]]]:
    cleaned = Deidentifier(profile, pseudonyms).clean(open_data_set(content))
    before, after = (pydicom.dcmread(BytesIO(file)) for file in (content, b"".join(cleaned.pieces)))
    return _values(before), _values(after)


@pytest.mark.parametrize("name", SCANS)
def test_values_of_the_made_up_scans_stay_as_they_are(name: str, profile: Profile, pseudonyms: Pseudonyms) -> None:
    """At every depth; and nothing private is there that no row names."""
    grammars = _grammars(profile)
    for dataset in SCANS[name]().files:
        before, after = _before_and_after(_written(dataset, ExplicitVRLittleEndian), profile, pseudonyms)
        assert after.keys() <= grammars.keys()
        for place in before.keys() & {place for place, grammar in grammars.items() if grammar not in NOT_VALUES}:
            assert after.get(place) == before[place], place


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
@pytest.mark.parametrize("told", TELLING, ids=lambda told: f"{told[0]} {told[1]}")
def test_other_values_of_scanners_stay_as_they_are(
    image: Dataset, profile: Profile, pseudonyms: Pseudonyms, *, told: Telling, syntax: str
) -> None:
    """With and without a VR in the file."""
    creator, element, vr, values = told
    block = image.private_block(int(element[1:5], 16), creator, create=True)
    for value in values:
        if int(element[8:10], 16) in block:
            del block[int(element[8:10], 16)]
        block.add_new(int(element[8:10], 16), vr, value)
        before, after = _before_and_after(_written(image, syntax), profile, pseudonyms)
        assert len(before) == 1
        assert after == before


def test_every_row_has_its_value(profile: Profile) -> None:
    """A row that no made-up scan and no telling value exercises may lose what it is there to keep, unseen."""
    tried = {place for make in SCANS.values() for dataset in make().files for place, _ in private_elements(dataset)}
    tried |= {(creator, element) for creator, element, _, _ in TELLING}
    assert _grammars(profile).keys() - tried == set()
