"""Identities: the values that could find a person, kept from spilling, and the labels that may be shown."""

from typing import Final, Generic, NewType, NoReturn, TypeVar

T = TypeVar("T")

SubjectLabel = NewType("SubjectLabel", str)
"""A keyed pseudonym without the ``sub-``: lower-case letters and digits."""

SeriesId = NewType("SeriesId", str)
"""A keyed digest of one series; safe in file names, logs and job payloads."""

_SHOWN: Final = "Identifying(…)"


class Identifying(Generic[T]):
    """A value that could find a person.  It prints, formats and logs as ``Identifying(…)``; ``reveal`` opens it.

    Equal and hashable by what it holds, so that it can be a key; it can't be ordered, joined into a string or written
    as JSON by accident.  It does cross to this machine's own worker processes (a pipe, never a file).
    """

    __slots__ = ("_value",)

    def __init__(self, value: T) -> None:
        """Take the value in."""
        self._value = value

    def reveal(self) -> T:
        """Hand out the value; each call is a place to look at when reading for leaks."""
        return self._value

    def __repr__(self) -> str:
        """Show nothing."""
        return _SHOWN

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        """Show nothing, however it is asked."""
        return _SHOWN

    def __eq__(self, other: object) -> bool:
        """Compare what is held."""
        return isinstance(other, Identifying) and bool(self._value == other._value)

    def __hash__(self) -> int:
        """Hash what is held."""
        return hash(("Identifying", self._value))

    def __iter__(self) -> NoReturn:
        """Refuse to be taken apart by accident (``list``, ``join``, unpacking)."""
        message = "an Identifying value is not iterable: call reveal() where that is meant"
        raise TypeError(message)
