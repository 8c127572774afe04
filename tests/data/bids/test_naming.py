"""Runs among series, and names of the images of one series."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fivesafes.core.ids import SeriesId, SubjectLabel
from fivesafes.data.bids.names import bids_name, complaint
from fivesafes.data.bids.naming import STEM, Placed, assign, companions_for, image_names
from fivesafes.data.bids.rules import Held
from fivesafes.data.model import BidsName
from fivesafes.data.ports import Converted

X = SubjectLabel("x")
REST = bids_name("func", "bold", {"task": "rest"})
GRADIENTS = {".bval": Path("image.bval"), ".bvec": Path("image.bvec")}


def placed(number: int, name: BidsName, *, session: str | None = None, subject: str = "x") -> Placed:
    """Place a series in a session; its number is its order too."""
    return Placed(id=SeriesId(f"s{number}"), subject=SubjectLabel(subject), session=session, name=name, order=(number,))


def stems(series: list[Placed]) -> list[str]:
    """Give the file names' stems in the order of acquisition."""
    names = assign(series)
    return [names[one.id].stem(X, None) for one in sorted(series, key=lambda one: one.order)]


def image(ending: str = "", companions: Mapping[str, Path] | None = None, **sidecar: Any) -> Converted:  # noqa: ANN401
    """Make up one converted image."""
    return Converted(nifti=Path(f"{STEM}{ending}.nii"), sidecar=sidecar, companions=companions or {})


def named(name: BidsName, *images: Converted) -> list[str]:
    """Name images; a held one gives its reason in brackets."""
    answers = image_names(name, images)
    return [f"({one.why})" if isinstance(one, Held) else one.stem(X, None) for one in answers]


def test_a_series_alone_gets_no_run() -> None:
    """Other tasks, sessions and subjects do not count."""
    series = [
        placed(1, REST),
        placed(2, bids_name("func", "bold", {"task": "go"})),
        placed(3, REST, session="2"),
        placed(4, REST, subject="y"),
    ]
    assert all("run" not in name.entities for name in assign(series).values())


def test_series_of_one_name_are_numbered_in_the_order_of_acquisition() -> None:
    """However they are listed."""
    series = [placed(3, REST), placed(1, REST), placed(2, REST)]
    names = assign(series)
    assert [names[SeriesId(f"s{n}")].entities["run"] for n in (1, 2, 3)] == ["1", "2", "3"]


def test_a_run_that_a_name_says_stays_and_the_others_go_around_it() -> None:
    """The first that says it has it; a repetition of it gets the next free number, as wide."""
    second = bids_name("func", "bold", {"task": "rest", "run": "02"})
    assert stems([placed(1, REST), placed(2, second), placed(3, second), placed(4, REST)]) == [
        "sub-x_task-rest_run-01_bold",
        "sub-x_task-rest_run-02_bold",
        "sub-x_task-rest_run-03_bold",
        "sub-x_task-rest_run-04_bold",
    ]


def test_a_magnitude_beside_its_phase_says_so_and_both_share_their_run() -> None:
    """BIDS lets part-mag be left out only where there is no phase."""
    phase = bids_name("func", "bold", {"task": "rest", "part": "phase"})
    assert stems([placed(1, REST), placed(2, phase), placed(3, REST), placed(4, phase)]) == [
        "sub-x_task-rest_run-1_part-mag_bold",
        "sub-x_task-rest_run-1_part-phase_bold",
        "sub-x_task-rest_run-2_part-mag_bold",
        "sub-x_task-rest_run-2_part-phase_bold",
    ]


RUNS = st.sampled_from([None, "1", "01", "2", "9"])
LABELS = st.sampled_from([None, "a", "A", "b"])


@given(st.lists(st.tuples(RUNS, LABELS, st.sampled_from([None, "1", "2"])), max_size=12), st.randoms())
def test_no_two_series_of_a_session_ever_get_the_same_file_name(
    wishes: list[tuple[str | None, str | None, str | None]],
    random: Any,  # noqa: ANN401 - hypothesis' own random
) -> None:
    """Even on a disk where case does not count; and the order of listing changes nothing."""
    series = []
    for number, (run, acq, session) in enumerate(wishes):
        parts = {"task": "rest"} | ({"run": run} if run else {}) | ({"acq": acq} if acq else {})
        series.append(placed(number, bids_name("func", "bold", parts), session=session))
    names = assign(series)
    where = [(one.session, names[one.id].stem(X, one.session).casefold()) for one in series]
    assert len(set(where)) == len(series)
    shuffled = list(series)
    random.shuffle(shuffled)
    assert assign(shuffled) == names


def test_one_plain_image_has_its_series_name() -> None:
    """A trigger time or an echo in the converter's file name changes nothing."""
    assert named(REST, image("_e2_t178", EchoTime=0.03)) == ["sub-x_task-rest_bold"]


def test_several_echoes_are_ranked_by_their_echo_times() -> None:
    """Whatever order they come in."""
    images = [image("_e3", EchoTime=0.05), image("_e1", EchoTime=0.01), image("_e2", EchoTime=0.03)]
    assert named(REST, *images) == [f"sub-x_task-rest_echo-{n}_bold" for n in (3, 1, 2)]


def test_a_suffix_that_needs_an_echo_gets_one_even_for_a_single_image() -> None:
    """BIDS requires it for MEGRE."""
    assert named(bids_name("anat", "MEGRE", {}), image(EchoTime=0.01)) == ["sub-x_echo-1_MEGRE"]


def test_several_echoes_are_held_where_bids_has_no_place_for_them() -> None:
    """A map has no echo, and a series that says which echo it is has one."""
    images = [image("_e1", EchoTime=0.01), image("_e2", EchoTime=0.02)]
    assert all("echo" in one for one in named(bids_name("anat", "T2map", {}), *images))
    told = bids_name("func", "bold", {"task": "rest", "echo": "1"})
    assert all(one.startswith("(") for one in named(told, *images))


@pytest.mark.parametrize(
    ("ending", "image_type", "part"),
    [
        ("_ph", ["ORIGINAL", "PRIMARY", "P"], "phase"),
        ("", ["ORIGINAL", "PRIMARY", "OTHER", "PHASE"], "phase"),
        ("_real", ["ORIGINAL", "PRIMARY"], "real"),
        ("_imaginary", ["ORIGINAL", "PRIMARY"], "imag"),
    ],
)
def test_components_of_the_complex_signal_become_parts(ending: str, image_type: list[str], part: str) -> None:
    """The magnitude beside them says that it is one."""
    both = named(REST, image(ImageType=["ORIGINAL", "PRIMARY", "M"]), image(ending, ImageType=image_type))
    assert both == ["sub-x_task-rest_part-mag_bold", f"sub-x_task-rest_part-{part}_bold"]


def test_an_image_that_is_not_the_part_that_its_name_says_is_held() -> None:
    """A rule may be wrong."""
    name = bids_name("func", "bold", {"task": "rest", "part": "mag"})
    assert "part-phase" in named(name, image(ImageType=["ORIGINAL", "PRIMARY", "P"]))[0]


def test_a_part_that_bids_has_no_word_for_is_held() -> None:
    """A T1 map has no phase."""
    assert "no name" in named(bids_name("anat", "T1map", {}), image("_ph"))[0]


def test_a_field_maps_images_get_their_suffixes() -> None:
    """Two magnitudes and a phase difference in one series, as GE and Philips store them."""
    images = [
        image("_e1", EchoTime=0.004, ImageType=["ORIGINAL", "PRIMARY", "M"]),
        image("_e2", EchoTime=0.007, ImageType=["ORIGINAL", "PRIMARY", "M"]),
        image("_e2_ph", EchoTime=0.007, ImageType=["ORIGINAL", "PRIMARY", "P"]),
    ]
    assert named(bids_name("fmap", "phasediff", {}), *images) == [
        "sub-x_magnitude1",
        "sub-x_magnitude2",
        "sub-x_phasediff",
    ]


def test_two_phases_of_a_field_map_are_phase1_and_phase2() -> None:
    """BIDS' second case."""
    images = [
        image(f"_e{n}{kind}", EchoTime=n / 100, ImageType=["ORIGINAL", "PRIMARY", letter])
        for kind, letter in (("", "M"), ("_ph", "P"))
        for n in (1, 2)
    ]
    assert named(bids_name("fmap", "magnitude1", {}), *images) == [
        "sub-x_magnitude1",
        "sub-x_magnitude2",
        "sub-x_phase1",
        "sub-x_phase2",
    ]


def test_a_third_magnitude_or_a_real_image_of_a_field_map_is_held() -> None:
    """BIDS has no names for them."""
    images = [image(f"_e{n}", EchoTime=n / 100, ImageType=["O", "P", "M"]) for n in (1, 2, 3)]
    held = named(bids_name("fmap", "magnitude1", {}), *images, image("_real", EchoTime=0.01))
    assert [one.startswith("(") for one in held] == [False, False, True, True]


def test_a_direct_field_map_keeps_its_suffix_beside_its_magnitude() -> None:
    """BIDS' third case."""
    images = [image("_fieldmaphz"), image(ImageType=["ORIGINAL", "PRIMARY", "M"])]
    assert named(bids_name("fmap", "fieldmap", {}), *images) == ["sub-x_fieldmap", "sub-x_magnitude"]


def test_a_single_image_of_a_field_map_must_be_what_its_name_says() -> None:
    """A magnitude can't be a phase difference."""
    magnitude = image(ImageType=["ORIGINAL", "PRIMARY", "M"])
    assert named(bids_name("fmap", "magnitude1", {}), magnitude) == ["sub-x_magnitude1"]
    assert "phasediff" in named(bids_name("fmap", "phasediff", {}), magnitude)[0]


def test_inversions_are_ranked_by_their_times() -> None:
    """MP2RAGE stores two of them."""
    images = [image("a", InversionTime=2.5), image(InversionTime=0.7)]
    assert named(bids_name("anat", "MP2RAGE", {}), image(InversionTime=2.5), image("_t7", InversionTime=0.7)) == [
        "sub-x_inv-2_MP2RAGE",
        "sub-x_inv-1_MP2RAGE",
    ]
    assert named(bids_name("anat", "MP2RAGE", {}), *images)[0].startswith("(")


def test_what_bids_needs_and_no_image_tells_is_held() -> None:
    """An inversion without its time has no number."""
    assert "inv" in named(bids_name("anat", "MP2RAGE", {}), image())[0]


@pytest.mark.parametrize("ending", ["a", "_ROI1", "_ADC", "_Tilt_1", "_i00001", "_cH1", "_Crop_1", "_e2a", "_what"])
def test_extra_images_of_the_converter_are_held(ending: str) -> None:
    """The image itself is released, what was made beside it waits."""
    plain, extra = named(REST, image(), image(ending))
    assert plain == "sub-x_task-rest_bold"
    assert extra.startswith("(")


def test_a_series_with_missing_slices_is_held_as_a_whole() -> None:
    """The evenly spaced copy says that the image's own geometry is wrong."""
    assert all("missing" in one for one in named(bids_name("anat", "T1w", {}), image(), image("_Eq_1")))


def test_diffusion_images_need_their_gradients() -> None:
    """Without b-values an image is no diffusion image."""
    dwi = bids_name("dwi", "dwi", {})
    assert named(dwi, image(companions=GRADIENTS)) == ["sub-x_dwi"]
    assert "b-values" in named(dwi, image())[0]
    adc = image(companions=GRADIENTS, ImageType=["DERIVED", "PRIMARY", "DIFFUSION", "ADC"])
    assert "map" in named(dwi, adc)[0]


def test_companions_go_only_where_bids_has_them() -> None:
    """A structural image with stray b-values loses them."""
    converted = image(companions=GRADIENTS)
    assert companions_for(bids_name("dwi", "dwi", {}), converted) == GRADIENTS
    assert companions_for(bids_name("anat", "T1w", {}), converted) == {}


NAMES = st.sampled_from(
    [
        REST,
        bids_name("anat", "T1w", {}),
        bids_name("anat", "MP2RAGE", {}),
        bids_name("dwi", "dwi", {}),
        bids_name("fmap", "phasediff", {}),
        bids_name("fmap", "fieldmap", {}),
        bids_name("fmap", "epi", {"dir": "AP"}),
    ]
)
IMAGES = st.builds(
    lambda ending, time, letter, inversion: image(
        ending, GRADIENTS, EchoTime=time, ImageType=["ORIGINAL", "PRIMARY", letter], InversionTime=inversion
    ),
    st.sampled_from(["", "_e1", "_e2", "_ph", "_real", "_imaginary", "_fieldmaphz", "_t9", "a", "_Eq_1"]),
    st.sampled_from([None, 0.01, 0.02, 0.03, "late"]),
    st.sampled_from(["M", "P", "R", "I", "X", "ADC"]),
    st.sampled_from([None, 0.7, 2.5]),
)


@given(NAMES, st.lists(IMAGES, max_size=6))
def test_whatever_a_converter_makes_every_name_is_one_of_bids_and_unique(
    name: BidsName, images: list[Converted]
) -> None:
    """An image is held rather than misnamed."""
    answers = image_names(name, images)
    assert len(answers) == len(images)
    good = [one for one in answers if isinstance(one, BidsName)]
    assert all(complaint(one.datatype, one.suffix, one.entities) is None for one in good)
    assert len({one.stem(X, None) for one in good}) == len(good)
