"""What a byte search for residue looks for."""

from collections.abc import Callable

from pydicom.dataset import Dataset

from fivesafes.data.header.collect import TextCollector
from fivesafes.data.header.part10 import open_data_set
from fivesafes.data.header.profile import Profile


def collected(write: Callable[[Dataset], bytes], *images: Dataset, profile: Profile) -> frozenset[str]:
    """Collect the texts of some files."""
    collector = TextCollector(profile)
    for image in images:
        collector.add(open_data_set(write(image)))
    return collector.texts()


def test_texts_that_do_not_stay_are_collected_in_their_spellings(
    image: Dataset, profile: Profile, write: Callable[[Dataset], bytes]
) -> None:
    """Names in components, dates as people write them, identifiers, UIDs, whatever depth."""
    item = Dataset()
    item.RequestedProcedureID = "REQ-4711"
    image.RequestAttributesSequence = [item]
    image.PatientName = "Qvist^Lisbeth=クヴィスト"
    image.SpecificCharacterSet = "ISO_IR 192"
    block = image.private_block(0x0099, "SOMEBODY", create=True)
    block.add_new(1, "LO", "typed by hand")
    texts = collected(write, image, profile=profile)
    assert {"Qvist", "Lisbeth", "クヴィスト", "MRN-55512", "REQ-4711", "typed by hand"} <= texts
    assert {"19480305", "1948-03-05", "05.03.1948", "03/05/1948", "5 March 1948", "10:15:30"} <= texts
    assert "1.2.826.0.1.20260131.3" in texts


def test_texts_that_stay_are_left_out(image: Dataset, profile: Profile, write: Callable[[Dataset], bytes]) -> None:
    """What stands in the result identifies nobody, even where it stood elsewhere too."""
    image.StationName = "ORIGINAL"
    texts = collected(write, image, profile=profile)
    assert not texts & {"ORIGINAL", "PRIMARY", "MR", "F", "077Y", "1.2.840.10008.5.1.4.1.1.4"}


def test_an_object_that_may_not_pass_is_read_too(
    image: Dataset, profile: Profile, write: Callable[[Dataset], bytes]
) -> None:
    """A refused screen save still names its patient."""
    image.SOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    texts = collected(write, image, profile=profile)
    assert "Lisbeth" in texts
    assert "ORIGINAL" not in texts


def test_words_of_everyday_and_prefixes_of_names_are_not_looked_for(
    image: Dataset, profile: Profile, write: Callable[[Dataset], bytes]
) -> None:
    """Private texts of known words stand in any file, a title is nobody's own, and vendors' creators are known."""
    image.PatientName = "Qvist^Lisbeth^Maria Anna^Prof"
    block = image.private_block(0x0099, "SIEMENS CSA HEADER", create=True)
    block.add_new(1, "LO", "Interleaved")
    texts = collected(write, image, profile=profile)
    assert {"Qvist", "Maria Anna", "Anna"} <= texts
    assert not texts & {"Prof", "Interleaved", "SIEMENS CSA HEADER"}


def test_what_many_slices_say_is_collected_once_and_all_of_it(
    image: Dataset, profile: Profile, write: Callable[[Dataset], bytes]
) -> None:
    """A second slice adds its own texts."""
    first = collected(write, image, profile=profile)
    second = Dataset()
    second.update(image)
    second.SOPInstanceUID = "1.2.826.0.1.20260131.99"
    second.InstitutionName = "St Example Hospital"
    both = collected(write, image, second, profile=profile)
    assert both - first == {"1.2.826.0.1.20260131.99", "St Example Hospital"}
