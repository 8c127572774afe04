"""What an output folder holds from earlier runs: whose it is, and what of it may stay.

Withdrawn means absent: whatever is there of a participant whose consent no longer holds goes before anything else is
done, whether or not the run then succeeds.  Nothing goes only because its scans were not seen today.
"""

import json
import shutil
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, Final

from fivesafes.core.errors import InvalidInput, UsageMistake
from fivesafes.core.ids import SubjectLabel
from fivesafes.flow.ports import Workplace
from fivesafes.flow.record import load_outcome
from fivesafes.flow.series import OUTCOME

OWNER: Final = "owner.json"


def claim(place: Workplace, *, project: str, key: str, record: str) -> None:
    """Make sure that this folder is of this project and key, and that a release in it is one of ours.

    ``key`` is a keyed fingerprint, ``record`` the relative path of a release's record.  Raises UsageMistake before
    anything is touched.
    """
    owner = place.private / OWNER
    ours = {"project": project, "key": key}
    held = _read(owner)
    if held is not None and held != ours:
        what = "another project's" if held.get("project") != project else "made with another key"
        message = f"this output folder is {what}"
        raise UsageMistake(message, fix="give another --out, or the project's own key: pseudonyms must not change")
    release = place.release
    if release.exists() and (_read(release / record) or {}).get("project") != project:
        message = "what stands at the place of the release is not a release of this project"
        raise UsageMistake(message, fix="move it away, or name a place that does not exist yet")
    if held is None:
        owner.write_text(json.dumps(ours), encoding="utf-8")


def _read(path: Path) -> dict[str, Any] | None:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def forget(place: Workplace, *, allowed: Collection[SubjectLabel], releases: Sequence[Path]) -> list[str]:
    """Remove what was made of participants who are not allowed (any more); tell what was removed, by pseudonym.

    Finished series go one by one; a release of ours (``releases``) that holds such a participant goes as a whole: it
    can be made again without them.  What was handed over to somebody is not ours to remove.
    """
    removed = []
    for folder in sorted(place.finished.iterdir()):
        try:
            subject: str | None = load_outcome(folder / OUTCOME).subject
        except InvalidInput:
            subject = None  # a series that can't be told to be anybody's is done again
        if subject is None or subject not in allowed:
            shutil.rmtree(folder, ignore_errors=True)
            removed.append(f"series {folder.name}")
    for release in (*releases, place.withheld, place.private / "candidate"):
        labels = {path.name.removeprefix("sub-") for path in release.glob("sub-*")}
        if labels - set(allowed):
            shutil.rmtree(release)
            removed.append(release.name)
    return removed
