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
from fivesafes.core.verdict import Verdict
from fivesafes.data.header.elements import PIXEL_DATA, Element, Encoding
from fivesafes.data.header.judge import LOOKED_AT, Telling, judge_instance
from fivesafes.data.header.malformed import Malformed, no_identity
from fivesafes.data.header.outcome import Stand
from fivesafes.data.header.overlay_bits import OVERLAY_TAGS, can_be_parted, shares_bits
from fivesafes.data.header.part10 import DataSet, file_head, open_data_set
from fivesafes.data.header.pixel_policies import RegionRule
from fivesafes.data.header.pixel_step import AS_TOLD, Looked, PixelStep
from fivesafes.data.header.pixels import SAID_OF_PIXELS, Pixels, expected_length, pixel_pieces
from fivesafes.data.header.profile import Action, Profile
from fivesafes.data.header.pseudonyms import Pseudonyms
from fivesafes.data.header.scanner import Cleaner, Pattern, look
from fivesafes.data.header.tally import Tally
from fivesafes.data.header.texts import CHARACTER_SET, PATIENT_ID, STUDY, keywords_to_tags, patient_of, plain_text
from fivesafes.data.model import HeaderRecord

_TAGS: Final = keywords_to_tags(LOOKED_AT)
_SHARED: Final = _TAGS["SharedFunctionalGroupsSequence"]
_POSITION: Final = _TAGS["ImagePositionPatient"]
_PRESENCE: Final = frozenset({_SHARED, _POSITION})
"""Of these the judgement is told no more than whether they are there: they are long, or differ in each slice."""
_SAMPLES: Final = _TAGS["SamplesPerPixel"]
_INSTANCE: Final = 0x00080018
_WANTED: Final = OVERLAY_TAGS | {
    *(*_TAGS.values(), _INSTANCE, CHARACTER_SET, PATIENT_ID, STUDY, PIXEL_DATA),
    *SAID_OF_PIXELS,
}
"""What is looked at before a header is cleaned."""
_SAID_OF_PATIENT: Final = (PATIENT_ID, CHARACTER_SET, STUDY)
_JUDGED: Final = frozenset({*_TAGS.values(), *OVERLAY_TAGS, *SAID_OF_PIXELS}) - _PRESENCE
_MOST_JUDGED: Final = 64


@frozen(kw_only=True)
class Cleaned:
    """One object after its header was cleaned: the pieces of the new file, or none when the verdict is not to pass."""

    pieces: tuple[Pixels, ...] = field(repr=False)
    tally: Tally = field(repr=False, factory=Tally)
    verdict: Verdict
    looked: Looked | None = None

    @property
    def record(self) -> HeaderRecord:
        """What was done, by keyword."""
        return self.tally.record()


@frozen(kw_only=True)
class _Judged:
    """What the header says: whether the object may pass, which rule tells of its regions, where its overlays lie."""

    verdict: Verdict
    stops: bool
    rule: RegionRule | None
    overlay_apart: bool
    sop_class: str
    expected: int | None


class Deidentifier:
    """De-identifies objects of one project; remembers what it has seen, as slices of a series are much alike."""

    def __init__(self, profile: Profile, pseudonyms: Pseudonyms, pixels: PixelStep = AS_TOLD) -> None:
        """Take the rules, the project's pseudonyms, and what is done about text in pixels."""
        self._profile = profile
        self._pixels = pixels
        self._pseudonyms = pseudonyms
        self._cleaners: dict[object, Cleaner] = {}
        self._patterns: dict[Encoding, Pattern] = {}
        self._judgements: dict[object, _Judged] = {}

    def clean(self, data_set: DataSet) -> Cleaned:
        """Judge and clean one object.  Raises Malformed when its encoding is broken."""
        cursor = data_set.cursor()
        pattern = self._patterns.setdefault(data_set.encoding, Pattern())
        found, said = look(cursor, _WANTED, _JUDGED, pattern)
        judged = self._judged(data_set, found, said)
        if judged.stops:
            return Cleaned(pieces=(), verdict=judged.verdict)
        instance = plain_text(data_set, found.get(_INSTANCE))
        if not instance:
            raise no_identity()
        tally = Tally()
        done = self._pixels.treat(data_set, found, tally, judged.rule, overlaid=judged.overlay_apart)
        verdict = judged.verdict
        if done.verdict.findings:
            verdict += done.verdict
            if verdict.gravity:
                return Cleaned(pieces=(), verdict=verdict, looked=done.looked)
        pixels: tuple[Pixels, ...] = ()
        if PIXEL_DATA in found:
            pixels = pixel_pieces(data_set, found, tally, judged.expected, done.change.content)
            cursor.limit = found[PIXEL_DATA].head  # nothing is read behind the pixels
        data = self._cleaner(data_set, found).data_set(cursor, tally, done.change)
        head = file_head(judged.sop_class, self._instance(instance), done.change.syntax or data_set.syntax)
        return Cleaned(pieces=(head, data, *pixels), tally=tally, verdict=verdict, looked=done.looked)

    def _instance(self, uid: str) -> str:
        """Give the UID that the object has in the result; file meta information repeats it (PS3.10 7.1)."""
        rule = self._profile.rules.get(_INSTANCE)
        retained = rule is not None and rule.action is Action.K
        return uid if retained else self._pseudonyms.uid(uid)

    def _judged(self, data_set: DataSet, found: Mapping[int, Element], said: bytes) -> _Judged:
        """Judge it, or remember what was judged of the same bytes: slices of a series say the same of themselves."""
        key = (
            said,
            data_set.encoding,
            data_set.syntax,
            PIXEL_DATA in found and found[PIXEL_DATA].undefined,
            _SHARED in found,
            _is_there(data_set, found.get(_POSITION)),
        )
        judged = self._judgements.get(key)
        if judged is None:
            judged = self._judge(data_set, found)
            if len(self._judgements) >= _MOST_JUDGED:
                self._judgements.clear()
            self._judgements[key] = judged
        return judged

    def _judge(self, data_set: DataSet, found: Mapping[int, Element]) -> _Judged:
        """Judge it from what is ``_JUDGED``, and whether there is what is told of by its presence alone."""
        telling = _telling(data_set, found)
        rule = self._pixels.rule_for(telling.texts, data_set, found, self._profile)
        verdict = judge_instance(evolve(telling, listed=rule is not None), self._profile)
        return _Judged(
            verdict=verdict,
            stops=bool(verdict.gravity),
            rule=rule,
            overlay_apart=telling.overlay_apart,
            sop_class=telling.texts.get("SOPClassUID", ""),
            expected=expected_length(data_set, found),
        )

    def _cleaner(self, data_set: DataSet, found: Mapping[int, Element]) -> Cleaner:
        """Give the cleaner for a participant and an encoding; a new one forgets nobody else's values into it."""
        said = tuple(_value(data_set, found[tag]) if tag in found else None for tag in _SAID_OF_PATIENT)
        key = (data_set.encoding, *said)
        if key not in self._cleaners:
            if len(self._cleaners) >= 8:  # noqa: PLR2004 - a series has one participant and one encoding
                self._cleaners.clear()
            patient = patient_of(data_set, found)
            label, shift = self._pseudonyms.subject(patient), self._pseudonyms.shift(patient)
            stand = Stand(
                profile=self._profile,
                pseudonyms=self._pseudonyms,
                label=label,
                shift=shift,
            )
            self._cleaners[key] = Cleaner(stand, data_set.encoding)
        return self._cleaners[key]


def deidentifier_of_process(profile: Profile, pseudonyms: Pseudonyms, pixels: PixelStep = AS_TOLD) -> Deidentifier:
    """Give the one that this process has for these rules and pseudonyms: series of a participant are much alike."""
    if not (_LAST and _LAST[0][0] is profile and _LAST[0][1:3] == (pseudonyms, pixels)):
        _LAST[:] = [(profile, pseudonyms, pixels, Deidentifier(profile, pseudonyms, pixels))]
    return _LAST[0][3]


_LAST: Final[list[tuple[Profile, Pseudonyms, PixelStep, Deidentifier]]] = []
"""At most one entry: what it remembers is bounded, and another project's is forgotten."""


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
        keyword: _is_there(data_set, found[tag]) if tag in _PRESENCE else plain_text(data_set, found[tag])
        for keyword, tag in _TAGS.items()
        if tag in found
    }
    samples = found.get(_SAMPLES)
    if samples is not None:
        order: Final = "little" if data_set.encoding.little else "big"
        texts["SamplesPerPixel"] = str(int.from_bytes(_value(data_set, samples)[:8], order))
    overlaid = shares_bits(data_set, found)
    apart = overlaid and can_be_parted(data_set, found)
    return Telling(texts=texts, overlay_in_pixels=overlaid and not apart, overlay_apart=apart)


def _is_there(data_set: DataSet, element: Element | None) -> str:
    """Say "present" of an element that has a value, or holds items."""
    if element is None or not (element.tag == _SHARED or plain_text(data_set, element)):
        return ""
    return "present"


def _value(data_set: DataSet, element: Element) -> bytes:
    return data_set.buffer[element.start : element.end]
