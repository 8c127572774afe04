"""Which image of a session shows the head best: from it the head is carried to the others.  Pure."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Final

from fivesafes.core.ids import SeriesId
from fivesafes.data.face.policy import DEFACE, FaceRule, rule_for
from fivesafes.data.model import Scan

SHOW_A_HEAD: Final = ("T1w", "T2w", "FLAIR", "PDw")
"""BIDS suffixes, those that show a head best first."""


def besides(scans: Iterable[Scan], rules: tuple[FaceRule, ...]) -> dict[SeriesId, SeriesId]:
    """Name for each series that is to be defaced the one of its session from which the head is carried.

    The one that shows it best, and a series in a session that has none, are not named.  Among equals the largest is
    taken: it has the finest voxels.
    """
    sessions: dict[tuple[str, str | None], list[Scan]] = defaultdict(list)
    for scan in scans:
        if rule_for(scan.name, rules).action == DEFACE:
            sessions[scan.subject, scan.session].append(scan)
    named: dict[SeriesId, SeriesId] = {}
    for together in sessions.values():
        shown = [scan for scan in together if scan.name.datatype == "anat" and scan.name.suffix in SHOW_A_HEAD]
        if not shown:
            continue
        best = min(shown, key=lambda one: (SHOW_A_HEAD.index(one.name.suffix), -one.bytes, one.id))
        named.update({scan.id: best.id for scan in together if scan is not best})
    return named
