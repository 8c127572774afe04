"""Which deed of a haven is which audit message of DICOM PS3.15 A.5.3, with the standard's codes."""

from enum import Enum
from typing import Final

from attrs import frozen

from fivesafes.core.event import Event


@frozen(kw_only=True)
class Code:
    """A coded value: its code, its system, its meaning."""

    value: str
    system: str
    meaning: str


def dcm(value: str, meaning: str) -> Code:
    """Give a code of DICOM's own (PS3.16 DCM)."""
    return Code(value=value, system="DCM", meaning=meaning)


APPLICATION: Final = dcm("110150", "Application")
DESTINATION: Final = dcm("110152", "Destination Role ID")
SOURCE: Final = dcm("110153", "Source Role ID")
MEDIA: Final = dcm("110154", "Destination Media")
URI_MEDIA: Final = dcm("110037", "URI")
START: Final = dcm("110120", "Application Start")
STOP: Final = dcm("110121", "Application Stop")
LOGIN: Final = dcm("110122", "Login")
LOGOUT: Final = dcm("110123", "Logout")
RESTRICTED: Final = dcm("110132", "Use of Restricted Function")
ROLES_CHANGED: Final = dcm("110136", "Security Roles Changed")
CONFIGURATION: Final = dcm("110129", "Security Configuration")
STUDY_UID: Final = dcm("110180", "Study Instance UID")
PATIENT_NUMBER: Final = Code(value="2", system="RFC-3881", meaning="Patient Number")
URI: Final = Code(value="12", system="RFC-3881", meaning="URI")


class Kind(Enum):
    """A kind of message: its EventID and its EventActionCode."""

    APPLICATION_ACTIVITY = (dcm("110100", "Application Activity"), "E")
    AUDIT_LOG_USED = (dcm("110101", "Audit Log Used"), "R")
    INSTANCES_ACCESSED = (dcm("110103", "DICOM Instances Accessed"), "R")
    INSTANCES_TRANSFERRED = (dcm("110104", "DICOM Instances Transferred"), "C")
    STUDY_DELETED = (dcm("110105", "DICOM Study Deleted"), "D")
    EXPORT = (dcm("110106", "Export"), "R")
    SECURITY_ALERT = (dcm("110113", "Security Alert"), "E")
    USER_AUTHENTICATION = (dcm("110114", "User Authentication"), "E")

    @property
    def event(self) -> Code:
        """Its EventID."""
        return self.value[0]

    @property
    def action(self) -> str:
        """Its EventActionCode."""
        return self.value[1]


# Verbs of the trail, by their first word.  What is not named here has no message of its own in PS3.15 and is told of as
# a count.  An opening of what is sealed is the use of a restricted function.
_KINDS: Final = {
    "alert": Kind.SECURITY_ALERT,
    "authenticate": Kind.USER_AUTHENTICATION,
    "custody": Kind.SECURITY_ALERT,
    "damage": Kind.SECURITY_ALERT,
    "dispose": Kind.STUDY_DELETED,
    "export": Kind.EXPORT,
    "heal": Kind.INSTANCES_TRANSFERRED,
    "ingest": Kind.INSTANCES_TRANSFERRED,
    "init": Kind.APPLICATION_ACTIVITY,
    "login": Kind.USER_AUTHENTICATION,
    "logout": Kind.USER_AUTHENTICATION,
    "process": Kind.INSTANCES_ACCESSED,
    "quarantine": Kind.SECURITY_ALERT,
    "reidentify": Kind.SECURITY_ALERT,
    "run": Kind.APPLICATION_ACTIVITY,
    "serve": Kind.APPLICATION_ACTIVITY,
    "start": Kind.APPLICATION_ACTIVITY,
    "stop": Kind.APPLICATION_ACTIVITY,
    "unseal": Kind.SECURITY_ALERT,
    "withdraw": Kind.STUDY_DELETED,
    "worker": Kind.APPLICATION_ACTIVITY,
}
_ENDS: Final = {"dispose": {"done"}, "export": {"out"}, "withdraw": {"done"}}
"""Verbs that tell of stages: only with these outcomes has anything left or gone."""

_REFUSED: Final = frozenset({"refuse", "refused", "quarantine", "quarantined", "denied", "reject", "rejected"})
_FAILED: Final = frozenset({"failed", "error", "broken"})
_MINOR: Final = frozenset({"held", "postponed", "needs-review", "partly", "review"})


def kind_of(event: Event) -> Kind | None:
    """Choose the message for a deed; whatever was refused is an alert.  None when PS3.15 has no message for it.

    What was only begun has not left and is not deleted; of a partial withdrawal nothing is.
    """
    outcome, verb = _first_word(event.outcome), _first_word(event.verb)
    if outcome in _REFUSED:
        return Kind.SECURITY_ALERT
    if event.verb.startswith("trail"):
        return Kind.AUDIT_LOG_USED
    if verb in _ENDS and (outcome not in _ENDS[verb] or event.facts.get("kind", "full") != "full"):
        return None
    return _KINDS.get(verb)


def outcome_indicator(outcome: str) -> str:
    """Say how it went: 0 success, 4 minor failure, 8 serious failure (PS3.15 A.5.2)."""
    word = outcome.split(" ", 1)[0].lower()
    if word in _REFUSED | _FAILED:
        return "8"
    return "4" if word in _MINOR else "0"


def _first_word(text: str) -> str:
    for mark in (" ", ".", "_", "-", ":"):
        text = text.split(mark, 1)[0]
    return text.lower()
