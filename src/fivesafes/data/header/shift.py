"""Move dates and times by one participant's offset, jointly, so that every interval stays exact (PS3.15 E.3.6).

Values are bytes as they lie in the file; fractions of a second are copied, as the offset is in whole seconds.  What
can't be moved exactly (a month without a day, text, a range) comes back empty.
"""

import re
from datetime import date, timedelta
from functools import lru_cache
from typing import Final

from pydicom.datadict import tag_for_keyword

_DATE: Final = re.compile(rb"(\d{4})[.\-]?(\d{2})[.\-]?(\d{2})")
_TIME: Final = re.compile(rb"(\d{2})(?::?(\d{2})(?::?(\d{2})(\.\d{1,6})?\d{0,3})?)?")
_DATETIME: Final = re.compile(rb"(\d{8})(\d{2}(?:\d{2}(?:\d{2}(?:\.\d{1,9})?)?)?)?(?:[+-]\d{4})?")
_ANY_DAY: Final = b"20000229"
_DAY: Final = 86400

_STEMS: Final = (
    "Study",
    "Series",
    "Acquisition",
    "Content",
    "InstanceCreation",
    "Overlay",
    "Curve",
    "Calibration",
    "ModifiedImage",
    "StudyVerified",
    "StudyRead",
    "ScheduledStudyStart",
    "ScheduledStudyStop",
    "StudyArrival",
    "StudyCompletion",
    "ScheduledAdmission",
    "ScheduledDischarge",
    "Admitting",
    "Discharge",
    "ScheduledProcedureStepStart",
    "ScheduledProcedureStepEnd",
    "PerformedProcedureStepStart",
    "PerformedProcedureStepEnd",
    "PresentationCreation",
    "Creation",
    "StructureSet",
    "TreatmentControlPoint",
    "SafePositionExit",
    "SafePositionReturn",
    "Treatment",
    "RTPlan",
    "SourceStrengthReference",
    "Review",
    "InterpretationRecorded",
    "InterpretationTranscription",
    "InterpretationApproval",
)
_PAIRS: Final = {
    **{f"{stem}Time": f"{stem}Date" for stem in _STEMS},
    "TimeOfSecondaryCapture": "DateOfSecondaryCapture",
    "TimeOfLastCalibration": "DateOfLastCalibration",
    "TimeOfLastDetectorCalibration": "DateOfLastDetectorCalibration",
    "IssueTimeOfImagingServiceRequest": "IssueDateOfImagingServiceRequest",
    "FindingsGroupRecordingTimeTrial": "FindingsGroupRecordingDateTrial",
    "ObservationTimeTrial": "ObservationDateTrial",
    "Time": "Date",
}
_ALONE: Final = (
    "InterventionDrugStopTime",
    "InterventionDrugStartTime",
    "ContrastBolusStartTime",
    "ContrastBolusStopTime",
    "RadiopharmaceuticalStartTime",
    "RadiopharmaceuticalStopTime",
    "TimeOfDocumentCreationOrVerbalTransactionTrial",
    "SelectorTMValue",
    "IntendedFractionStartTime",
)
_NO_DATE: Final = 0

DATE_OF: Final = {tag_for_keyword(time) or 0: tag_for_keyword(date) or 0 for time, date in _PAIRS.items()} | {
    tag_for_keyword(time) or 0: _NO_DATE for time in _ALONE
}
"""The tag of the date that belongs to a time: StudyTime to StudyDate, and so on; 0 for a time that has none."""
TIME_OF: Final = {date: time for time, date in DATE_OF.items() if date}


def shift_date_and_time(day: bytes, clock: bytes, by: timedelta) -> tuple[bytes, bytes]:
    """Move a DA and the TM that belongs to it; either may be empty.

    A date without a time moves by whole days; a time without a date moves round the clock.
    """
    day, clock = day.strip(b" \0"), clock.strip(b" \0")
    if not _DATE.fullmatch(day):
        return b"", _shift_clock(clock, by)
    if not _TIME.fullmatch(clock):
        return _shift_day(day, by), b""
    return _shift(day, clock, by)


def shift_datetime(value: bytes, by: timedelta) -> bytes:
    """Move a DT; its time zone goes (PS3.15 lists TimezoneOffsetFromUTC), as it tells where the scanner stands."""
    match = _DATETIME.fullmatch(value.strip(b" \0"))
    if match is None:
        return b""
    if match.group(2) is None:
        return _shift_day(match.group(1), by)
    return b"".join(_shift(match.group(1), match.group(2), by))


def _shift_day(day: bytes, by: timedelta) -> bytes:
    return _shift(day, b"000000", timedelta(days=round(by / timedelta(days=1))))[0]


def _shift_clock(clock: bytes, by: timedelta) -> bytes:
    return _shift(_ANY_DAY, clock, by)[1] if _TIME.fullmatch(clock) else b""


def _shift(day: bytes, clock: bytes, by: timedelta) -> tuple[bytes, bytes]:
    """Move a moment; both come back empty when there is no such day or hour."""
    time = _TIME.fullmatch(clock)
    if time is None:
        return b"", b""
    hour, minute, second, fraction = time.groups()
    hours, minutes, seconds = int(hour), int(minute or 0), int(second or 0)
    if hours > 23 or minutes > 59 or seconds > 60:  # noqa: PLR2004 - a clock's limits; 60 is a leap second
        return b"", b""
    days, left = divmod(hours * 3600 + minutes * 60 + seconds + by.seconds, _DAY)
    moved = _moved(day, days + by.days)
    if not moved:
        return b"", b""
    minutes, seconds = divmod(left, 60)
    return moved, b"%02d%02d%02d%b" % (*divmod(minutes, 60), seconds, fraction or b"")


@lru_cache(maxsize=1024)
def _moved(day: bytes, days: int) -> bytes:
    """Move a date by whole days; empty when there is no such date."""
    match = _DATE.fullmatch(day)
    if match is None:
        return b""
    try:
        moved = date.fromordinal(date(*map(int, match.groups())).toordinal() + days)
    except (ValueError, OverflowError):
        return b""
    return b"%04d%02d%02d" % (moved.year, moved.month, moved.day)
