"""Draw what defacing leaves of all kinds of heads: docs/explanation/gallery-of-heads.md and its pictures.

Usage: python -m benchmarks.gallery --ds031 HEAD --colin CH2 [--only NAME …]

HEAD is ds000031's sub-01 T1w (OpenNeuro, public), CH2 is ch2.nii.gz of Debian's mricron-data (BSD): Colin27.  Of real
people nothing is drawn but what is left after defacing, and that only where the defacer calls it verified.  The mean
head, pydeface's (MIT) as our template holds it, is nobody: it is shown before too, and makes docs/pictures/faces.png.
--only draws these alone, and leaves the rest of the page as it is.
"""

import argparse
import io
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

import nibabel
import numpy as np
from attrs import asdict, frozen
from PIL import Image
from tests.heads.made import write
from tests.heads.truth import KnownHead, ds031
from tests.heads.variants import variants

from fivesafes.data.face.deface import deface_image
from fivesafes.data.face.pack import template
from fivesafes.data.face.render import VIEWS, before_after
from fivesafes.data.model import Defaced, FaceMode, FaceStatus, Picture

DOCS: Final = Path(__file__).resolve().parents[1] / "docs"
PICTURES: Final = DOCS / "pictures" / "gallery"
FACES: Final = DOCS / "pictures" / "faces.png"
PAGE: Final = DOCS / "explanation" / "gallery-of-heads.md"
KNOWN: Final = Path(__file__).parent / "heads"
CHIN: Final = 18  # slices of 2 mm that the mean head, cut off at the mouth, is made to go on
WIDTH, SHADES = 180, 48  # of a view, pixels; and of the greys in a picture
LARGEST: Final = 300_000  # bytes of a picture

Maker = Callable[[Path], Path]
"""Writes an image into a folder."""


@frozen(kw_only=True)
class Case:
    """One head.  ``shown``: which pictures may be shown: ``before`` only of what is nobody."""

    name: str
    title: str
    told: str
    make: Maker
    mode: FaceMode = FaceMode.REMOVE
    shown: tuple[str, ...] = ("after",)


VARIANTS: Final[Mapping[str, tuple[str, str]]] = {
    "as-it-is": ("A head with its whole face", "T1w, 0.9 mm, from the chin to the vertex."),
    "turned-mixed-30": ("Turned", "By 30 degrees about each axis, as a header may say that it lies."),
    "child": ("As small as a child's", "The zones grow and shrink with the head."),
    "like-t2": ("T2w look", "Brightness turned round: fluid bright, fat less so."),
    "series-epi": ("EPI look", "A series of 3 mm volumes, bent and dark at the front."),
    "voxels-1x1x5": ("Thick slices", "1 × 1 × 5 mm."),
    "cut-under-nose": (
        "Cut under the nose",
        "No mouth, no chin; a chin that it may have folded over to the top goes, too.",
    ),
    "nose-wrapped": ("A nose folded over", "The field of view was too short: the nose stands behind the head."),
    "surface-coil": ("Surface coil", "Bright on one side, nearly dark on the other."),
    "much-noise": ("Much noise", "12 % of the brightest tissue."),
    "phantom": ("A phantom: refused", "A cylinder with rods.  No head is found, so nothing is written."),
    "only-noise": ("Noise: refused", "Nothing is written."),
}
NOBODY: Final = ("phantom",)
UNSEEN: Final = ("only-noise",)

HEAD: Final = """\
# A gallery of heads after defacing

Written by `benchmarks/gallery.py`.  Each strip shows what is left, from five sides, drawn as the report draws it; the
figures are the defacer's own, measured on the file that it wrote.  The heads are ds000031's sub-01 (a participant who
made his data public under his name) with changes made of it by a seeded script (`tests/heads/variants.py`), Colin27,
and pydeface's mean head.  Of real people only what is left is shown.
"""


def main() -> None:
    """Draw all, and write the page."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("ds031", "colin"):
        words.add_argument(f"--{name}", type=Path, required=True)
    words.add_argument("--only", nargs="*", default=())
    given = words.parse_args()
    PICTURES.mkdir(exist_ok=True)
    page = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    sections = {part.partition("\n")[0]: f"## {part.rstrip()}\n" for part in page.split("\n## ")[1:]}
    every = list(cases(given.ds031, colin=given.colin))
    for case in every:
        if not given.only or case.name in given.only:
            with tempfile.TemporaryDirectory() as folder:
                sections[case.title] = _section(case, Path(folder))
            told = [sections[one.title] for one in every if one.title in sections]
            PAGE.write_text("\n".join([HEAD, *told]), encoding="utf-8")


def cases(head: Path, *, colin: Path) -> Iterator[Case]:
    """List what is shown."""
    told = "Nobody's face: the mean of many heads (pydeface's, MIT), its neck drawn out."
    yield Case(name="mean", title="The mean head", told=told, make=_mean_head, shown=("before", "after"))
    made = {variant.name: variant for variant in variants()}

    def maker(name: str) -> Maker:
        return lambda folder: write(made[name].of(_known(head)), folder, f"{name}_T1w")

    least = "The mode that leaves least: the brain, and 2 mm around it."
    stripped = Case(
        name="skull-strip", title="Skull-strip", told=least, make=maker("as-it-is"), mode=FaceMode.SKULL_STRIP
    )
    for name, (title, words) in VARIANTS.items():
        shown = ("before",) if name in NOBODY else () if name in UNSEEN else ("after",)
        yield Case(name=name, title=title, told=words, make=maker(name), shown=shown)
        if name == "as-it-is":
            yield stripped
    told = "Its field of view ends at the middle of the nose; what it may have folded over goes, too."
    yield Case(name="colin", title="Colin27", told=told, make=lambda _: colin)


@cache
def _known(head: Path) -> KnownHead:
    return ds031(head, KNOWN / "ds031_brain.nii.gz")


def _mean_head(folder: Path) -> Path:
    """Write the template's head, with its lowest slice drawn out, and some noise in its air."""
    pack, path = template(), folder / "mean_T1w.nii.gz"
    head = np.pad(pack.head.data, ((0, 0), (0, 0), (CHIN, 0)))
    lowest = int(np.argmax(head.any(axis=(0, 1)))) + 2
    for step in range(1, CHIN):
        keep = slice(0, head.shape[1] - step // 3)
        head[:, keep, lowest - step] = head[:, keep, lowest]
    affine = np.array(pack.affine, dtype=np.float64)
    affine[2, 3] -= 2.0 * CHIN
    noise = np.random.default_rng(20).normal(0, 3, (2, *head.shape))
    kind: Any = nibabel.Nifti1Image
    nibabel.save(kind(np.hypot(head + noise[0], noise[1]).astype(np.float32), affine), path)
    return path


def _section(case: Case, folder: Path) -> str:
    """Deface one head, draw what may be shown, and write its part of the page."""
    image = case.make(folder)
    defaced = deface_image(image, into=folder / "out", mode=case.mode)
    print(case.name, defaced.status.value, defaced.why, defaced.evidence)
    pictures = before_after(image, defaced.image, defaced.mask)
    if "before" not in case.shown and defaced.status is not FaceStatus.DEFACED:
        pictures = ()
    strips = [_strip(pictures, when) for when in case.shown if any(one.name.startswith(when) for one in pictures)]
    text = f"## {case.title}\n\n{case.told}\n"
    if strips:
        _save(_stacked(strips), PICTURES / f"{case.name}.png")
        alt = f"{case.title}: {' and '.join(case.shown)} defacing, from five sides"
        text += f"\n![{alt}](../pictures/gallery/{case.name}.png)\n"
    if case.name == "mean":
        slices = [_open(one) for one in pictures if one.name.endswith("slices")]
        _save(_stacked([*strips, _beside(slices, strips[0].width)]), FACES)
    return f"{text}\n{_figures(defaced)}\n"


def _figures(defaced: Defaced) -> str:
    """Write what was measured in a line."""
    evidence = defaced.evidence
    told = [f"*{defaced.status.value}*" + (f" ({defaced.why})" if defaced.why else "")]
    if evidence.residual is not None:
        shares = {part: share for part, share in asdict(evidence.residual).items() if share is not None}
        told.append("skin left: " + ", ".join(f"{part} {share:.1%}" for part, share in shares.items()))
    if defaced.image is not None:
        told.append(f"brain voxels altered: {evidence.brain_voxels_altered}")
    if evidence.mutual_information is not None:
        told.append(f"fit {evidence.mutual_information:.2f} nats")
    return " · ".join(told)


def _strip(pictures: Sequence[Picture], when: str) -> Image.Image:
    """Lay the views side by side; where there is no surface, the slices."""
    named = {one.name: one for one in pictures}
    views = [_open(named[f"{when}-{view}"]) for view in VIEWS if f"{when}-{view}" in named]
    return _beside(views or [_open(named[f"{when}-slices"])], WIDTH * len(VIEWS))


def _open(picture: Picture) -> Image.Image:
    return Image.open(io.BytesIO(picture.png)).convert("RGB")


def _beside(pictures: Sequence[Image.Image], width: int) -> Image.Image:
    """Lay pictures of one size side by side on so many pixels."""
    each = width // len(pictures)
    height = round(pictures[0].height * each / pictures[0].width)
    whole = Image.new("RGB", (each * len(pictures), height))
    for number, picture in enumerate(pictures):
        whole.paste(picture.resize((each, height), Image.Resampling.LANCZOS), (each * number, 0))
    return whole


def _stacked(pictures: Sequence[Image.Image]) -> Image.Image:
    """Lay pictures below one another."""
    whole = Image.new("RGB", (max(one.width for one in pictures), sum(one.height for one in pictures)))
    top = 0
    for picture in pictures:
        whole.paste(picture, (0, top))
        top += picture.height
    return whole


def _save(picture: Image.Image, path: Path) -> None:
    """Save a small file that holds nothing but pixels."""
    colours = np.asarray(picture).astype(int)
    grey = np.abs(colours - colours.mean(axis=2, keepdims=True)).max() < 1
    small = picture.quantize(SHADES if grey else 128, dither=Image.Dither.NONE)
    small.save(path, "PNG", optimize=True)
    size = path.stat().st_size
    print(path.name, picture.size, size)
    if size > LARGEST:
        sys.exit(f"{path.name} is too large")


if __name__ == "__main__":
    main()
