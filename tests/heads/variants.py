"""What scanners, converters and people make of one head: turned, cut, shaded, stored in odd ways; or no head at all.

Each variant is made by a seed, and says by what transform the head moved, so that a pose found in it can be judged.
"""

from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np
from attrs import frozen
from tests.heads.looks import (
    air_not_a_number,
    as_diffusion_series,
    as_epi_series,
    looking_like,
    noisy,
    salted,
    shaded,
    stored_as,
)
from tests.heads.made import Made, Maker, rotation, shift, unchanged
from tests.heads.others import already_defaced, one_slice, only_noise, phantom, skull_stripped, zeros
from tests.heads.places import along_axes, cut_off, grown, said_to_lie, sampled_in, turned, without_codes, wrapped
from tests.heads.truth import KnownHead

SEED: Final = 31


@frozen(kw_only=True)
class Variant:
    """A way to change a head; ``answers``: what a defacer may say of it."""

    name: str
    make: Maker
    answers: frozenset[str]

    def of(self, head: KnownHead) -> Made:
        """Make it: the same each time."""
        return self.make(head, np.random.default_rng([SEED, *self.name.encode()]))


def variants() -> Iterator[Variant]:
    """List all of them, each by a name."""
    head, none = frozenset({"defaced"}), frozenset({"refused"})
    cut = head | {"nothing-to-do"}
    gone = frozenset({"nothing-to-do"})
    given: list[tuple[str, Maker, frozenset[str]]] = [("as-it-is", unchanged, head)]
    given += [(f"turned-{name}", turned(*angles), head) for name, angles in TURNS.items()]
    given += [
        ("oblique-header", said_to_lie(rotation(20, -15, 25)), head),
        ("axes-mislabelled-x", said_to_lie(rotation(90, 0, 0)), head),
        ("axes-mislabelled-z", said_to_lie(rotation(0, 0, 90)), head),
        ("mirrored-header", said_to_lie(np.diag([-1.0, 1, 1, 1])), head),
        ("off-origin", said_to_lie(shift(200, -150, 180)), head),
        ("child", grown(0.8), head),
        ("large", grown(1.15), head),
        ("long-face", said_to_lie(np.diag([0.96, 0.97, 1.1, 1])), head),
    ]
    given += [(f"voxels-{name}", sampled_in(*steps), head) for name, steps in STEPS.items()]
    given += [(f"cut-{name}", cut_off(**at), cut) for name, at in CUTS.items()]
    given += [("nose-wrapped", wrapped, head | {"needs-review"})]
    given += [(f"like-{name}", looking_like(curve), head) for name, curve in CURVES.items()]
    given += [
        ("shaded", shaded(160), head),
        ("surface-coil", shaded(55), head),
        ("noise", noisy(0.05), head),
        ("much-noise", noisy(0.12), head),
        ("salt-in-air", salted, head | {"needs-review"}),
        ("air-1024-below", stored_as(offset=-1024.0, dtype="<i2"), head),
        ("air-nan", air_not_a_number, head),
        ("int16-with-slope", stored_as(dtype="<i2", slope=0.037, inter=-12.0), head),
        ("uint8", stored_as(dtype="u1", most=255), head),
        ("uint16", stored_as(dtype="<u2", most=60000), head),
        ("int32", stored_as(dtype="<i4", most=2_000_000), head),
        ("float64", stored_as(dtype="<f8"), head),
        ("big-endian", stored_as(dtype=">i2"), head),
        ("pair", stored_as(dtype="<i2", pair=True), head),
        ("nifti-2", stored_as(dtype="<i2", version=2), head),
        ("extension", stored_as(dtype="<i2", extension=b"made by a test"), head),
    ]
    given += [(f"axes-{codes}", along_axes(codes), head) for codes in ("RAS", "LPS", "PSR", "LIP", "AIL")]
    given += [
        ("no-codes", without_codes, head),
        ("series-epi", as_epi_series, head),
        ("series-dwi", as_diffusion_series, head | {"needs-review"}),
    ]
    given += [
        ("already-defaced", already_defaced, gone),
        ("skull-stripped", skull_stripped, gone),
        ("phantom", phantom, none),
        ("only-noise", only_noise, none),
        ("zeros", zeros, none),
        ("one-slice", one_slice, none),
    ]
    for name, make, answers in given:
        yield Variant(name=name, make=make, answers=answers)


TURNS: Final = {
    "nod-30": (30, 0, 0), "nod-back-30": (-30, 0, 0), "tilt-30": (0, 30, 0), "tilt-back-30": (0, -30, 0),
    "shake-30": (0, 0, 30), "shake-back-30": (0, 0, -30), "nod-45": (45, 0, 0), "tilt-45": (0, 45, 0),
    "shake-45": (0, 0, 45), "mixed-20": (20, -20, 20), "mixed-30": (-30, 25, 30),
}  # fmt: skip
"""Degrees about x, y and z."""

STEPS: Final = {
    "1x1x5": (1, 1, 5), "1x5x1": (1, 5, 1), "5x1x1": (5, 1, 1), "3": (3, 3, 3), "4": (4, 4, 4), "0.7": (0.7, 0.7, 0.7),
}  # fmt: skip

CUTS: Final[Mapping[str, Mapping[str, float]]] = {
    "under-nose": {"low_z": -66}, "at-brows": {"low_z": -5}, "vertex": {"high_z": 50}, "back": {"low_y": -70},
    "front": {"high_y": 92}, "side": {"low_x": -55}, "slab": {"low_z": -60, "high_z": 40},
}  # fmt: skip

CURVES: Final = {
    "t2": ((0, 0), (0.05, 0.05), (0.15, 1.0), (0.38, 0.6), (0.55, 0.4), (1.0, 0.75)),
    "flair": ((0, 0), (0.05, 0.05), (0.15, 0.1), (0.38, 0.65), (0.55, 0.5), (1.0, 0.9)),
    "pd": ((0, 0), (0.05, 0.1), (0.15, 0.8), (0.38, 0.75), (0.55, 0.65), (1.0, 0.85)),
    "fat-saturated": ((0, 0), (0.15, 0.15), (0.38, 0.5), (0.55, 0.8), (0.7, 0.25), (1.0, 0.12)),
    "inverted": ((0, 0), (0.05, 0.1), (0.15, 1.0), (0.38, 0.8), (0.55, 0.3), (1.0, 0.1)),
}
"""Brightness of T1w, 0 to 1 (1: fat), and what it becomes."""
