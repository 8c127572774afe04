"""De-identify one object: build a new data set from the elements that rules name, and from nothing else.

The work is done on bytes as they lie in the file.  What no rule names is never copied, so it can't survive: at any
depth, in private groups, in file meta information, in the preamble or behind the pixels.  What is kept is kept byte for
byte once it fits its grammar.  Source: PS3.15 Annex E.
"""

import warnings
from collections.abc import Mapping
from io import BytesIO
from typing import Final

import pydicom
from attrs import evolve, field, frozen

from fivesafes.core.errors import InvalidInput
from fivesafes.core.ids import Identifying
from fivesafes.core.verdict import Verdict
from fivesafes.data.header.cleaner import Cleaner, Tally
from fivesafes.data.header.elements import Element
from fivesafes.data.header.judge import LOOKED_AT, Telling, judge_instance
from fivesafes.data.header.malformed import Malformed, no_identity
from fivesafes.data.header.overlay_bits import can_be_parted, shares_bits
from fivesafes.data.header.part10 import DataSet, file_head, open_data_set
from fivesafes.data.header.pixel_step import AS_TOLD, Looked, PixelStep
from fivesafes.data.header.profile import Profile
from fivesafes.data.header.pseudonyms import Pseudonyms
from fivesafes.data.header.texts import keywords_to_tags, patient_of, plain_text
from fivesafes.data.header.values import Stand
from fivesafes.data.model import HeaderRecord

_TAGS: Final = keywords_to_tags(LOOKED_AT)
_LONG_ONES: Final = frozenset({_TAGS["SharedFunctionalGroupsSequence"]})
_SAMPLES: Final = _TAGS["SamplesPerPixel"]
_INSTANCE: Final = 0x00080018


@frozen(kw_only=True)
class Cleaned:
    """One object after its header was cleaned: the pieces of the new file, or none when the verdict is not to pass."""

    pieces: tuple[bytes | bytearray | memoryview, ...] = field(repr=False)
    tally: Tally = field(repr=False, factory=Tally)
    verdict: Verdict
    looked: Looked | None = None

    @property
    def record(self) -> HeaderRecord:
        """What was done, by keyword."""
        return self.tally.record()


class Deidentifier:
    """De-identifies objects of one project; remembers what it has seen, as slices of a series are much alike."""

    def __init__(self, profile: Profile, pseudonyms: Pseudonyms, pixels: PixelStep = AS_TOLD) -> None:
        """Take the rules, the project's pseudonyms, and what is done about text in pixels."""
        self._profile = profile
        self._pixels = pixels
        self._pseudonyms = pseudonyms
        self._cleaners: dict[object, Cleaner] = {}

    def clean(self, data_set: DataSet) -> Cleaned:
        """Judge and clean one object.  Raises Malformed when its encoding is broken."""
        elements = data_set.elements()
        found = {element.tag: element for element in elements}
        telling = _telling(data_set, found)
        rule = self._pixels.rule_for(telling.texts, data_set, found, self._profile)
        verdict = judge_instance(evolve(telling, listed=rule is not None), self._profile)
        if verdict.gravity:
            return Cleaned(pieces=(), verdict=verdict)
        instance = plain_text(data_set, found.get(_INSTANCE))
        if not instance:
            raise no_identity()
        tally = Tally()
        done = self._pixels.treat(data_set, found, tally, rule, overlaid=telling.overlay_apart)
        verdict += done.verdict
        if verdict.gravity:
            return Cleaned(pieces=(), verdict=verdict, looked=done.looked)
        cleaner = self._cleaner(data_set, patient_of(data_set, found))
        data, pixels = cleaner.data_set(data_set, elements, found, tally, done.change)
        sop_class = plain_text(data_set, found[_TAGS["SOPClassUID"]])
        head = file_head(sop_class, self._pseudonyms.uid(instance), done.change.syntax or data_set.syntax)
        return Cleaned(pieces=(head, data, *pixels), tally=tally, verdict=verdict, looked=done.looked)

    def _cleaner(self, data_set: DataSet, patient: Identifying[str]) -> Cleaner:
        """Give the cleaner for a participant and an encoding; a new one forgets nobody else's values into it."""
        key = (patient, data_set.encoding)
        if key not in self._cleaners:
            if len(self._cleaners) >= 8:  # noqa: PLR2004 - a series has one participant and one encoding
                self._cleaners.clear()
            label, shift = self._pseudonyms.subject(patient), self._pseudonyms.shift(patient)
            stand = Stand(profile=self._profile, pseudonyms=self._pseudonyms, label=label, shift=shift)
            self._cleaners[key] = Cleaner(stand, data_set.encoding)
        return self._cleaners[key]


def deidentify(
    dataset: pydicom.Dataset, profile: Profile, pseudonyms: Pseudonyms
) -> tuple[pydicom.Dataset, HeaderRecord, Verdict]:
    """De-identify a pydicom data set: a new one, what was done, and whether it may pass.

    The new data set is empty unless the verdict lets it pass.  Raises InvalidInput when the given one can't be written
    as DICOM (its message holds no value).
    """
    try:
        cleaned = Deidentifier(profile, pseudonyms).clean(open_data_set(_written(dataset)))
    except Malformed as malformed:
        raise InvalidInput(malformed.why, fix="check where this data set comes from") from None
    if not cleaned.pieces:
        return pydicom.Dataset(), HeaderRecord(), cleaned.verdict
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's warnings quote values
        made = pydicom.dcmread(BytesIO(b"".join(cleaned.pieces)))
    return made, cleaned.record, cleaned.verdict


def _written(dataset: pydicom.Dataset) -> bytes:
    """Write a pydicom data set as a file, in its own transfer syntax or else explicit little endian."""
    file = BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's warnings quote values
        try:
            meta = getattr(dataset, "file_meta", None)
            if meta is not None and "TransferSyntaxUID" in meta:
                pydicom.dcmwrite(file, dataset, enforce_file_format=False)
            else:
                pydicom.dcmwrite(file, dataset, implicit_vr=False, little_endian=True, enforce_file_format=False)
        except (AttributeError, KeyError, TypeError, ValueError, NotImplementedError, OSError, RecursionError):
            what = "the data set can't be written as DICOM"
            raise InvalidInput(what, fix="check the types of its values and its transfer syntax") from None
    return file.getvalue()


def _telling(data_set: DataSet, found: Mapping[int, Element]) -> Telling:
    """Collect what the judgement looks at."""
    texts = {
        keyword: "present" if tag in _LONG_ONES else plain_text(data_set, found[tag])
        for keyword, tag in _TAGS.items()
        if tag in found
    }
    samples = found.get(_SAMPLES)
    if samples is not None:
        order: Final = "little" if data_set.encoding.little else "big"
        texts["SamplesPerPixel"] = str(int.from_bytes(_value(data_set, samples), order))
    overlaid = shares_bits(data_set, found)
    apart = overlaid and can_be_parted(data_set, found)
    return Telling(texts=texts, overlay_in_pixels=overlaid and not apart, overlay_apart=apart)


def _value(data_set: DataSet, element: Element) -> bytes:
    return data_set.buffer[element.start : element.end]
