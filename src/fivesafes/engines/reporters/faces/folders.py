"""Where the pages lie: one folder with the faces, that only its owner may open, and one without, that may travel.

Each image's page stands whole before the next image is begun, and each folder keeps what its index tells of an image
beside the page.  So an index can be written anew at any time, also after a call that was interrupted.
"""

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from fivesafes.data.face.decisions import Decision, place_of, standing
from fivesafes.data.face.stored import write_aside
from fivesafes.engines.reporters.faces.pages import image_page, index_page
from fivesafes.engines.reporters.faces.rows import Faces, Row, Told, file_name, leaving, passes, row_of

IDENTIFYING: Final = "deface-report-IDENTIFYING"
LEAVING: Final = "deface-report"
INDEX: Final = "index.html"
PAGES, ROWS, READY = "images", "rows", "not-passed"
"""Folders of pages and of rows; in the identifying one also of pages that may leave once their image is passed."""

MORE: Final = 1.2
"""An index is written anew when there are so many times as many images as in the last: 1,000 images, 35 times."""


class FacesReport:
    """Writes the pages of a folder of defaced images."""

    def __init__(self, out: Path, *, decisions: Sequence[Decision] = ()) -> None:
        """Report on the images in a folder; ``decisions``: those on record there."""
        self._secret, self._open = out / IDENTIFYING, out / LEAVING
        self._decisions = decisions
        self._added, self._next = 0, 1.0

    def __reduce__(self) -> tuple[Callable[..., "FacesReport"], tuple[Path, Sequence[Decision]]]:
        """In another process it writes pages; the index is written where the whole is known."""
        return _without_index, (self._secret.parent, self._decisions)

    def add(self, told: Told) -> None:
        """Write one image's page, and a copy that may leave; that one waits until the image is passed."""
        self._folders()
        row = row_of(told)
        name = str(row["file"])
        stands = self._standing(row)
        if told.pictures:
            page = image_page(row, told.pictures, stands=stands, faces=Faces.SHOWN)
            _write(page, self._secret / PAGES / f"{name}.html")
        _write_row(row, self._secret / ROWS / f"{name}.json")
        passed, outside = passes(row, stands), leaving(row, passed=True)
        (self._open / PAGES / f"{name}.html").unlink(missing_ok=True)  # an earlier call may have judged otherwise
        if outside["page"]:
            page = image_page(outside, told.pictures, stands=stands, faces=Faces.LEFT_OUT)
            _write(page, self._secret / READY / f"{name}.html")
            _write_row(outside, self._secret / READY / f"{name}.json")
        _write_row(leaving(row, passed=False), self._open / ROWS / f"{name}.json")
        self._move(name, passed=passed)
        self._added += 1
        if self._added >= self._next:
            self.index()
            self._next = math.ceil(self._added * MORE)

    def kept(self, name: str) -> Row | None:
        """Give what was told of an image before, as it was told; None when there is nothing that can be read."""
        try:
            row: Row = json.loads((self._secret / ROWS / f"{file_name(name)}.json").read_bytes())
        except (OSError, ValueError):
            return None
        return row if row.get("name") == name else None

    def index(self) -> None:
        """Write both pages that lead to the others, of all images that were ever reported on in the folder."""
        for folder, faces in ((self._secret, Faces.SHOWN), (self._open, Faces.LEFT_OUT)):
            if (folder / ROWS).is_dir():
                rows = [json.loads(file.read_bytes()) for file in sorted((folder / ROWS).glob("*.json"))]
                _write(index_page(rows, self._standing, faces=faces), folder / INDEX)

    def decided(self, decisions: Sequence[Decision]) -> None:
        """Show decisions: what was passed by them may leave from now on, and what was rejected may not."""
        self._decisions = decisions
        for file in sorted((self._open / ROWS).glob("*.json")):
            row = json.loads(file.read_bytes())
            if row["sha256"] is not None:
                self._move(row["file"], passed=passes(row, self._standing(row)))
        self.index()

    def _standing(self, row: Row) -> Decision | None:
        if row["output"] is None or row["sha256"] is None:
            return None
        return standing(self._decisions, image=place_of(row["output"]), sha256=str(row["sha256"]))

    def _move(self, name: str, *, passed: bool) -> None:
        """Lay the page that may leave where it belongs; withdrawn, it is kept only where faces may be seen."""
        here, there = self._secret / READY, self._open
        if passed and (here / f"{name}.html").exists():
            (here / f"{name}.html").replace(there / PAGES / f"{name}.html")
            (here / f"{name}.json").replace(there / ROWS / f"{name}.json")
        elif not passed and (there / PAGES / f"{name}.html").exists():
            row = json.loads((there / ROWS / f"{name}.json").read_bytes())
            if here.is_dir():
                _write_row(row, here / f"{name}.json")
                (there / PAGES / f"{name}.html").replace(here / f"{name}.html")
            (there / PAGES / f"{name}.html").unlink(missing_ok=True)
            _write_row(leaving(row, passed=False), there / ROWS / f"{name}.json")

    def _folders(self) -> None:
        """Make the folders; the one with faces is its owner's alone, and git passes it by."""
        self._secret.mkdir(mode=0o700, exist_ok=True)
        self._secret.chmod(0o700)
        _write("*\n", self._secret / ".gitignore")
        for folder in (self._secret / PAGES, self._secret / ROWS, self._secret / READY):
            folder.mkdir(mode=0o700, exist_ok=True)
        for folder in (self._open, self._open / PAGES, self._open / ROWS):
            folder.mkdir(exist_ok=True)


def _without_index(out: Path, decisions: Sequence[Decision]) -> FacesReport:
    report = FacesReport(out, decisions=decisions)
    report._next = math.inf  # noqa: SLF001 - ours
    return report


def _write_row(row: Any, path: Path) -> None:  # noqa: ANN401 - a JSON object
    _write(json.dumps(row, ensure_ascii=False), path)


def _write(text: str, path: Path) -> None:
    """Write the file, whole or not at all."""
    write_aside(text.encode("utf-8"), path)
