"""What a judgement says: three outcomes, never two, and each with its reason, its remedy and its source."""

from collections.abc import Iterable
from enum import IntEnum
from typing import Self

from attrs import evolve, frozen


class Gravity(IntEnum):
    """How much a finding weighs; the heaviest one decides a verdict."""

    NOTE = 0
    REVIEW = 1
    REFUSE = 2

    @property
    def word(self) -> str:
        """The lower-case word that reports and JSON use."""
        return self.name.lower()


@frozen(kw_only=True)
class Finding:
    """One thing a judgement found.  None of its texts ever holds an identifying value.

    ``code`` is stable and dotted, safe first (``project.consent.lapsed``); ``about`` names what it concerns by a
    pseudonym or a relative output path, and is empty when it concerns the whole project.
    """

    code: str
    gravity: Gravity
    why: str
    fix: str
    source: str
    about: str = ""

    def __str__(self) -> str:
        """Say it in one line, as a terminal shows it."""
        return f"[{self.gravity.word}] {self.code}: {self.why} (fix: {self.fix}; source: {self.source})"


@frozen
class Verdict:
    """The findings of one judgement; with none, there is nothing against it."""

    findings: tuple[Finding, ...] = ()

    @property
    def gravity(self) -> Gravity:
        """The heaviest finding's weight; ``NOTE`` when there is none."""
        return max((finding.gravity for finding in self.findings), default=Gravity.NOTE)

    @property
    def refuses(self) -> bool:
        """Whether the scan must stop here."""
        return self.gravity is Gravity.REFUSE

    def left_out(self) -> "Verdict":
        """Tell the same of what was left out: it stopped that, and weighs nothing against the rest."""
        return Verdict(
            tuple(
                finding
                if finding.gravity is Gravity.NOTE
                else evolve(finding, gravity=Gravity.NOTE, why=f"left out: {finding.why}")
                for finding in self.findings
            )
        )

    def __add__(self, other: Self) -> "Verdict":
        """Join two judgements; no finding is lost and none is repeated."""
        return Verdict(tuple(dict.fromkeys(self.findings + other.findings)))

    @classmethod
    def all_of(cls, verdicts: Iterable["Verdict"]) -> "Verdict":
        """Join many judgements into one."""
        joined = (finding for verdict in verdicts for finding in verdict.findings)
        return cls(tuple(dict.fromkeys(joined)))


def note(code: str, *, why: str, fix: str = "nothing to do", source: str, about: str = "") -> Verdict:
    """Record something that a reader should know and that stops nothing."""
    return Verdict((Finding(code=code, gravity=Gravity.NOTE, why=why, fix=fix, source=source, about=about),))


def review(code: str, *, why: str, fix: str, source: str, about: str = "") -> Verdict:
    """Hold it until a person has looked."""
    return Verdict((Finding(code=code, gravity=Gravity.REVIEW, why=why, fix=fix, source=source, about=about),))


def refuse(code: str, *, why: str, fix: str, source: str, about: str = "") -> Verdict:
    """Stop it, and say what would let it pass."""
    return Verdict((Finding(code=code, gravity=Gravity.REFUSE, why=why, fix=fix, source=source, about=about),))
