"""Keep the known words of a text, and nothing else.

An inclusion vocabulary stands in place of every search for names: a word that is not listed goes, whatever it means.
Texts are bytes as they lie in the file: only ASCII can be listed, so other scripts go without being decoded.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Final

from attrs import field, frozen

_TOKEN: Final = re.compile(rb"[A-Za-z0-9\x80-\xff]+(?:\.[0-9][A-Za-z0-9\x80-\xff]*)*")
_NUMBER: Final = re.compile(r"\d+(?:\.\d+)*(?:(?<=\d)p\d+)?")
_PART: Final = re.compile(r"(?:[A-Z]+(?![a-z])|[A-Z]?[a-z]+)\d*|\d+[a-z]*")
_SHORT_NUMBER: Final = re.compile(rb"\d{1,3}(?:\.\d{1,2})?")
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0b\x0e-\x1f]")
_DATE: Final = re.compile(
    r"(?:0?[1-9]|[12]\d|3[01])\.(?:0?[1-9]|[12]\d|3[01])\.(?:[2-9]\d|\d{4})"
    r"|(?:19|20)\d\d\.(?:0?[1-9]|1[0-2])\.(?:0?[1-9]|[12]\d|3[01])"
)
_SEPARATORS: Final = b"-_/+,.:;=>*()[] "
_LONG_NUMBERS_AFTER: Final = "b"
"""The single letter that a number of four digits may always follow (b1000); after others it may be a code."""


@frozen
class Vocabulary:
    """Lower-case words in which ``#`` stands for a number.

    ``digits_after_letter`` is how many digits may follow a single letter: p12 accelerates, p1234 is a person.
    """

    words: frozenset[str] = field(repr=False)
    digits_after_letter: int = 2

    @classmethod
    def of(cls, entries: Iterable[str]) -> "Vocabulary":
        """Take words as a person lists them; capitals and digits do not matter."""
        return cls(frozenset(_shape(entry.lower()) for entry in entries))

    @classmethod
    def read(cls, path: Path) -> "Vocabulary":
        """Read a file with one or more words a line; lines that start with ``;`` are remarks."""
        lines = path.read_text(encoding="ascii").splitlines()
        return cls.of(word for line in lines if not line.startswith(";") for word in line.split())

    def for_devices(self) -> "Vocabulary":
        """Give the same words with room for the long numbers of versions (R002, V5000)."""
        return Vocabulary(self.words, 4)

    def __or__(self, other: "Vocabulary") -> "Vocabulary":
        """Join two vocabularies."""
        return Vocabulary(self.words | other.words, self.digits_after_letter)

    def knows(self, token: str) -> bool:
        """Tell whether a token is listed, as a whole or as parts set off by capitals (``SpinEchoFieldMap``)."""
        if not _numbers_are_small(token, self.digits_after_letter):
            return False
        if _shape(token.lower()) in self.words:
            return True
        parts = _PART.findall(token)
        return (
            len(parts) > 1
            and "".join(parts) == token
            and all(len(part) > 1 and _shape(part.lower()) in self.words for part in parts)
        )

    def keep_words(self, text: bytes) -> bytes:
        """Keep the listed words with the separators between them.

        A number that stands alone stays only next to a kept word and to no other number, so that neither dates nor
        telephone numbers remain.
        """
        if _CONTROL.search(text):
            return b""
        left = self._once(text)
        while left != text:  # what a lost word stood between has become neighbours
            text, left = left, self._once(left)
        return left

    def _once(self, text: bytes) -> bytes:
        found = list(_TOKEN.finditer(text))
        survives = [False] * (len(found) + 1)
        for index, match in enumerate(found):
            if not _is_lone_number(match.group()):
                survives[index] = self._knows(match.group())
        for index, match in enumerate(found):
            if _is_lone_number(match.group()):
                survives[index] = self._number_stays(found, survives, index)
        return _rejoin(text, [match for index, match in enumerate(found) if survives[index]], found)

    @staticmethod
    def _number_stays(found: list[re.Match[bytes]], survives: list[bool], index: int) -> bool:
        """Tell whether a lone number is short (1948 is a year), next to a kept word and to no other number."""
        if not _SHORT_NUMBER.fullmatch(found[index].group()):
            return False
        places = [place for place in (index - 1, index + 1) if 0 <= place < len(found)]
        if any(found[place].group()[:1].isdigit() and _is_lone_number(found[place].group()) for place in places):
            return False
        return any(survives[place] for place in places)

    def keep_code(self, text: bytes) -> bytes:
        """Keep the text if each of its words is listed, or lose it whole; short numbers and versions pass."""
        if _CONTROL.search(text) or any(byte not in _SEPARATORS for byte in _TOKEN.sub(b"", text)):
            return b""
        for token in _TOKEN.findall(text):
            plain = token.decode("latin-1")
            numeric = plain.replace(".", "").isdigit()
            if not (_is_short_number(plain) if numeric else self._knows(token)):
                return b""
        return text

    def _knows(self, token: bytes) -> bool:
        return token.isascii() and self.knows(token.decode("ascii"))


@lru_cache(maxsize=4096)
def _shape(token: str) -> str:
    return _NUMBER.sub("#", token)


def _numbers_are_small(token: str, after_letter: int) -> bool:
    """Tell whether no number in it is long enough to be a date, a telephone number or somebody's code."""
    for match in _NUMBER.finditer(token):
        whole = match.group().split(".")[0].split("p")[0]
        letters = token[: match.start()].lower()
        lone = len(letters) == 1 and letters != _LONG_NUMBERS_AFTER
        if len(whole) > (after_letter if lone else 4):
            return False
    return True


def _is_short_number(text: str) -> bool:
    """Tell whether it is a number of up to four digits or a version such as 5.7.1.2, and no date."""
    numbers = text.split(".")
    return all(0 < len(number) <= 4 for number in numbers) and not _DATE.fullmatch(text)  # noqa: PLR2004 - see above


def _is_lone_number(token: bytes) -> bool:
    return token.replace(b".", b"").isdigit()


def _rejoin(text: bytes, kept: list[re.Match[bytes]], found: list[re.Match[bytes]]) -> bytes:
    """Join kept words: neighbours with what stood between them, others with one separator."""
    if not kept:
        return b""
    place = {match.start(): index for index, match in enumerate(found)}
    pieces = [_separators(text[: kept[0].start()]) if place[kept[0].start()] == 0 else b""]
    for index, match in enumerate(kept):
        if index:
            before = kept[index - 1]
            between = text[before.end() : match.start()]
            neighbours = place[match.start()] == place[before.start()] + 1
            pieces.append(_separators(between if neighbours else between[-1:]) or b" ")
        pieces.append(match.group())
    if place[kept[-1].start()] == len(found) - 1:
        pieces.append(_separators(text[kept[-1].end() :]))
    return b"".join(pieces).strip()


def _separators(text: bytes) -> bytes:
    """Give the separators if they are few and plain, else none."""
    return text if len(text) <= 3 and all(byte in _SEPARATORS for byte in text) else b""  # noqa: PLR2004 - `) (` is 3
