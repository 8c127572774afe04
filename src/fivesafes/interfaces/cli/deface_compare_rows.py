"""What ``fivesafes deface --compare`` says of one engine on one image, as JSON and as a line of a table."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from attrs import asdict, field, frozen

from fivesafes.data.model import FaceMode, Picture

FOLDER: Final = "compare"
PARTS: Final = ("eyes", "nose", "mouth", "chin", "ears")


@frozen(kw_only=True)
class Cost:
    """What a run cost, with all that it started: seconds by the clock and of the processor; the largest process, MB."""

    seconds: float
    cpu_seconds: float | None = None
    peak_mb: float | None = None


@frozen(kw_only=True)
class Row:
    """One engine, in one mode, on one image.  ``output`` and ``mask`` are relative to the output folder."""

    path: Path
    engine: str
    mode: FaceMode
    status: str = ""
    engine_version: str = ""
    output: str | None = None
    mask: str | None = None
    residual: dict[str, float | None] | None = None
    brain_voxels_altered: int | None = None
    mask_ml: float | None = None
    cost: Cost | None = None
    why: str = ""
    run: dict[str, Any] | None = None
    pictures: tuple[Picture, ...] = field(default=(), repr=False)

    @property
    def folder(self) -> str:
        """Name where its engine writes."""
        return f"{FOLDER}/{self.engine}-{self.mode.value}"

    def as_answer(self) -> dict[str, Any]:
        """Write it as an object of the JSON answer."""
        told = asdict(self, filter=lambda attribute, _: attribute.name not in {"pictures", "cost"})
        cost = {"seconds": None, "cpu_seconds": None, "peak_mb": None} if self.cost is None else asdict(self.cost)
        return {**told, "path": str(self.path), "mode": self.mode.value, **cost}


def table(rows: Sequence[Row]) -> Iterator[str]:
    """Lay the rows of one image out in columns: skin left, brain voxels altered, ml removed, cost, and why."""
    parts = " ".join(f"{part:>5}" for part in PARTS)
    yield f"{'engine':<13} {'mode':<12} {'status':<14} {parts} {'brain':>7} {'mask ml':>8} {'CPU s':>6} {'MB':>5}"
    for row in rows:
        shares = " ".join(f"{_share((row.residual or {}).get(part)):>5}" for part in PARTS)
        brain, ml = _number(row.brain_voxels_altered), _number(row.mask_ml)
        cost = row.cost or Cost(seconds=0.0)
        used = f"{_number(cost.cpu_seconds, 1):>6} {_number(cost.peak_mb):>5}"
        yield f"{row.engine:<13} {row.mode.value:<12} {row.status:<14} {shares} {brain:>7} {ml:>8} {used}"
        if row.why:
            yield f"{'':<13} {row.why}"


def _share(share: float | None) -> str:
    return "–" if share is None else f"{share:.0%}"


def _number(value: float | None, digits: int = 0) -> str:
    return "–" if value is None else f"{value:.{digits}f}"
