"""What a byte search for residue looks for."""

from pydicom.dataset import Dataset

from fivesafes.data.header.identifiers import identifying_texts
from fivesafes.data.header.profile import Profile


def test_texts_that_do_not_stay_are_collected_in_their_spellings(image: Dataset, profile: Profile) -> None:
    """Names in components, dates as people write them, identifiers, UIDs, whatever depth."""
    item = Dataset()
    item.RequestedProcedureID = "REQ-4711"
    image.RequestAttributesSequence = [item]
    image.PatientName = "Qvist^Lisbeth=クヴィスト"
    image.SpecificCharacterSet = "ISO_IR 192"
    block = image.private_block(0x0099, "SOMEBODY", create=True)
    block.add_new(1, "LO", "typed by hand")
    texts = identifying_texts(image, profile)
    assert {"Qvist", "Lisbeth", "クヴィスト", "MRN-55512", "REQ-4711", "typed by hand"} <= texts
    assert {"19480305", "1948-03-05", "05.03.1948", "03/05/1948", "5 March 1948", "10:15:30"} <= texts
    assert "1.2.826.0.1.20260131.3" in texts


def test_texts_that_stay_are_left_out(image: Dataset, profile: Profile) -> None:
    """What stands in the result identifies nobody, even where it stood elsewhere too."""
    image.StationName = "ORIGINAL"
    texts = identifying_texts(image, profile)
    assert not texts & {"ORIGINAL", "PRIMARY", "MR", "F", "077Y", "1.2.840.10008.5.1.4.1.1.4"}


def test_an_object_that_may_not_pass_is_read_too(image: Dataset, profile: Profile) -> None:
    """A refused screen save still names its patient."""
    image.SOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    texts = identifying_texts(image, profile)
    assert "Lisbeth" in texts
    assert "ORIGINAL" not in texts
