"""Made-up people: names in several scripts, birth dates, addresses, and what their visit leaves in a scanner.

Telephone numbers are from the ranges that the Australian regulator keeps for fiction, mail addresses under
example.org, places and institutions invented.
"""

import csv
import zlib
from datetime import date, datetime, time, timedelta
from functools import cache
from importlib.resources import files

import numpy as np
from attrs import frozen

Generator = np.random.Generator

_STREETS = ("Quolltail Lane", "Bandicoot Rise", "Lillypilly Crescent", "Corroboree Frog Way", "Spinifex Terrace")
_TOWNS = ("Wattlebrook", "Upper Mungalla", "Yarrowindi", "Billabong Heights", "Port Pademelon")
_DOCTORS = ("Featherstonehaugh", "Lindqvistson", "Marchbankes", "Okonjoweala", "Tremblayne", "Vandersloot")
_STAFF = ("Abernethyson", "Castlereagh", "Drummondale", "Holsteinberg", "Mountjoyce", "Pemberthwy")
_MIDDLE = ("Ottoline", "Quenby", "Peregrine", "Rosamunde", "Thaddeus", "Wilhelmina", "Zebedee", "Ignatius")
_INSTITUTES = ("Wattlebrook Imaging Institute", "Pademelon Royal Infirmary", "Yarrowindi Brain Centre")
_FIRST_BIRTH = date(1928, 1, 1)
_FIRST_VISIT = date(2016, 2, 1)


@frozen(kw_only=True)
class Person:
    """Somebody who does not exist.  ``name`` fits Latin-1; ``full_name`` adds the native script after ``=``."""

    name: str
    full_name: str
    sex: str
    born: date
    born_at: time
    patient_id: str
    other_id: str
    insurance: str
    birth_name: str
    mother: str
    address: str
    phone: str
    email: str
    size_m: float
    weight_kg: float


@frozen(kw_only=True)
class Visit:
    """One day at the scanner: when, where, who was there, and what they typed."""

    number: int
    starts: datetime
    institution: str
    department: str
    institution_address: str
    station: str
    serial: str
    referrer: str
    requester: str
    performer: str
    operator: str
    accession: str
    study_id: str
    note: str
    note_phone: str
    companion: str


def draws(seed: int, *purpose: object) -> Generator:
    """Give the random numbers of one purpose, the same for the same seed whatever else was drawn before."""
    words = zlib.crc32(" ".join(map(str, purpose)).encode())
    return np.random.default_rng([abs(seed), int(seed < 0), words])


def made_up_person(seed: int) -> Person:
    """Make up the person of that seed; neighbouring seeds have different names."""
    rng = draws(seed, "person")
    row = _names()[seed % len(_names())]
    middle = _pick(rng, _MIDDLE)
    name = f"{row['family']}^{row['given']}^{middle}"
    native = f"{row['family_native']}^{row['given_native']}"
    mail = f"{middle}.{_digits(rng, 4)}@example.org".lower()
    return Person(
        name=name,
        full_name=name if native == "^" else f"{name}={native}",
        sex=row["sex"],
        born=_FIRST_BIRTH + timedelta(days=int(rng.integers(0, 69 * 365))),
        born_at=time(
            int(rng.integers(24)), int(rng.integers(60)), int(rng.integers(60)), int(rng.integers(1, 999_999))
        ),
        patient_id=f"H{_digits(rng, 8)}",
        other_id=f"PAY-{_digits(rng, 7)}",
        insurance=f"{_digits(rng, 4)} {_digits(rng, 5)} {_digits(rng, 1)}",
        birth_name=f"{_pick(rng, _TOWNS).replace(' ', '')}sen^{row['given']}",
        mother=f"{_pick(rng, _STREETS).split()[0]}wood^Philomena",
        address=f"{rng.integers(2, 190)} {_pick(rng, _STREETS)}, {_pick(rng, _TOWNS)} 2{_digits(rng, 3)}",
        phone=f"(03) 7010 {_digits(rng, 4)}",
        email=mail,
        size_m=round(float(rng.normal(1.72, 0.09)), 2),
        weight_kg=round(float(rng.normal(74.0, 11.0)), 1),
    )


def made_up_visit(seed: int, number: int) -> Visit:
    """Make up the visit: the first some years after the first magnet, each later one about half a year on."""
    rng = draws(seed, "visit", number)
    day = _FIRST_VISIT + timedelta(days=int(draws(seed, "first day").integers(0, 3200)) + 184 * (number - 1))
    starts = datetime.combine(day, datetime.min.time()) + timedelta(
        seconds=int(rng.integers(8 * 3600, 17 * 3600)), microseconds=int(rng.integers(1000, 999_999))
    )
    town = _pick(rng, _TOWNS)
    serial = f"{rng.integers(40_000, 69_999)}"
    phone = f"(02) 5550 {_digits(rng, 4)}"
    companion = f"{_pick(rng, _TOWNS).split()[-1]}smith"
    operator, performer = _two(rng, _STAFF)
    referrer, requester = _two(rng, _DOCTORS)
    return Visit(
        number=number,
        starts=starts,
        institution=_pick(rng, _INSTITUTES),
        department=f"Magnet Hall {_digits(rng, 3)}",
        institution_address=f"{rng.integers(2, 90)} {_pick(rng, _STREETS)}, {town}, NSW 2{_digits(rng, 3)}",
        station=f"AWP{serial}",
        serial=serial,
        referrer=f"{referrer}^Ada^^Dr",
        requester=f"{requester}^Ines^^Prof",
        performer=f"{performer}^Tomasina",
        operator=f"{operator}^Rex",
        accession=f"A{_digits(rng, 9)}",
        study_id=f"ST{_digits(rng, 6)}",
        note=f"claustrophobic, came with {companion}, call back {phone}",
        note_phone=phone,
        companion=companion,
    )


def age_on(day: date, *, born: date) -> int:
    """Count whole years."""
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


@cache
def _names() -> tuple[dict[str, str], ...]:
    text = files(__package__).joinpath("names.csv").read_text(encoding="utf-8")
    return tuple(csv.DictReader(text.splitlines()))


def _pick(rng: Generator, among: tuple[str, ...]) -> str:
    return among[int(rng.integers(len(among)))]


def _two(rng: Generator, among: tuple[str, ...]) -> tuple[str, str]:
    first, second = rng.choice(len(among), size=2, replace=False)
    return among[int(first)], among[int(second)]


def _digits(rng: Generator, count: int) -> str:
    return "".join(map(str, rng.integers(0, 10, size=count)))
