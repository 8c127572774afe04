"""Synthetic values: each plant has its own, so that one that is left names its place.  Same seed, same values."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Final

import numpy as np
from tests.planted.encodings import SCRIPTS

_CONSONANTS: Final = "bdfgjklmnpqrvxz"
_VOWELS: Final = "aeiou"
_FIRST_DAY: Final = date(1931, 1, 10)
_DAYS: Final = 28_000


class Values:
    """Makes words, names, dates, numbers and UIDs, none of them twice."""

    def __init__(self, seed: int) -> None:
        """Start from a seed."""
        self._random = np.random.default_rng(seed)
        self._given: set[str] = set()

    def word(self, syllables: int = 4) -> str:
        """Give a word of consonants and vowels in turn, which no language has: Zoravixe."""
        return self._fresh(lambda: "".join(self._pick(_CONSONANTS) + self._pick(_VOWELS) for _ in range(syllables)))

    def rare(self) -> str:
        """Give four letters that no word has in a row."""
        return self._fresh(lambda: "".join(self._pick("jqvxz") for _ in range(4)))

    def name(self) -> str:
        """Give a person's name as DICOM writes it."""
        return f"{self.word().title()}^{self.word(3).title()}"

    def day(self) -> date:
        """Give a day of the last century or this one, with two digits for day and month."""
        while True:
            day = _FIRST_DAY + timedelta(days=int(self._random.integers(_DAYS)))
            if day.day > 9 and day.isoformat() not in self._given:
                self._given.add(day.isoformat())
                return day

    def digits(self, count: int = 8) -> str:
        """Give a number that does not begin with nought."""
        return self._fresh(lambda: self._pick("3456789") + "".join(self._pick("0123456789") for _ in range(count - 1)))

    def telephone(self) -> str:
        """Give a telephone number with blanks."""
        digits = self.digits(9)
        return f"0{digits[:3]} {digits[3:6]} {digits[6:]}"

    def uid(self) -> str:
        """Give a UID with a date of birth and a number of a patient in it."""
        return f"1.2.826.0.1.{self.day():%Y%m%d}.{self.digits()}"

    def written_in(self, charset: str, letters: int) -> str:
        """Give letters of a character set's own script."""
        script = SCRIPTS[charset]
        return self._fresh(lambda: "".join(self._pick(script) for _ in range(letters)))

    def sample(self, count: int, of: int) -> list[int]:
        """Choose some numbers below ``of``, in order."""
        return sorted(int(one) for one in self._random.choice(of, size=min(count, of), replace=False))

    def _pick(self, letters: str) -> str:
        return letters[int(self._random.integers(len(letters)))]

    def _fresh(self, make: Callable[[], str]) -> str:
        while True:
            made = make()
            if made not in self._given:
                self._given.add(made)
                return made
