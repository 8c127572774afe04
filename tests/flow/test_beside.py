"""From which series of a session a head is carried."""

from hypothesis import given
from hypothesis import strategies as st

from fivesafes.core.ids import SeriesId, SubjectLabel
from fivesafes.data.face.policy import load_face_rules
from fivesafes.data.model import BidsName, Scan
from fivesafes.flow.beside import SHOW_A_HEAD, besides

RULES = load_face_rules()


def scan(number: int, suffix: str, *, subject: str = "a", session: str | None = None, size: int = 1) -> Scan:
    """Make a series of that kind."""
    datatype = {"bold": "func", "dwi": "dwi", "magnitude1": "fmap"}.get(suffix, "anat")
    return Scan(
        id=SeriesId(f"{number:016x}"),
        subject=SubjectLabel(subject),
        session=session,
        name=BidsName(datatype=datatype, suffix=suffix),
        originals=(),
        bytes=size,
    )


def test_the_largest_t1w_serves_the_session() -> None:
    """Other contrasts and a smaller T1w take the head from it; what is not defaced takes nothing."""
    small, large = scan(1, "T1w", size=5), scan(2, "T1w", size=9)
    others = [scan(3, "T2w", size=99), scan(4, "UNIT1"), scan(5, "magnitude1"), scan(6, "bold"), scan(7, "dwi")]
    named = besides([small, large, *others], RULES)
    assert named == dict.fromkeys((small.id, *(other.id for other in others[:3])), large.id)


def test_a_session_without_an_image_that_shows_a_head_names_none() -> None:
    """Nothing is carried from a map or a field map."""
    assert besides([scan(1, "UNIT1"), scan(2, "magnitude1"), scan(3, "T1map")], RULES) == {}


@given(
    kinds=st.lists(
        st.tuples(
            st.sampled_from([*SHOW_A_HEAD, "UNIT1", "magnitude1", "bold"]),
            st.sampled_from("ab"),
            st.sampled_from([None, "1", "2"]),
            st.integers(1, 3),
        ),
        max_size=12,
    )
)
def test_nothing_is_carried_between_people_or_sessions(kinds: list[tuple[str, str, str | None, int]]) -> None:
    """A head comes from the same person's same session, never from itself, and never from one that takes it itself."""
    scans = [
        scan(number, suffix, subject=subject, session=session, size=size)
        for number, (suffix, subject, session, size) in enumerate(kinds)
    ]
    by_id = {one.id: one for one in scans}
    named = besides(scans, RULES)
    for one, best in named.items():
        assert one != best
        assert (by_id[one].subject, by_id[one].session) == (by_id[best].subject, by_id[best].session)
        assert best not in named
