"""The trail of a real journey in other languages: from a release back to its series, and one message for what left."""

import json
import re
from pathlib import Path

from tests.databases import HavenDatabase
from tests.engines.exporters.prov_json import faults, walked_back
from tests.journeys.havens import Haven
from tests.journeys.studies import Study


def test_a_release_leads_back_to_its_series_and_is_told_as_one_export(study: Study, tmp_path: Path) -> None:
    """Processed by one command and released by another; the scout that was left out is no part of it."""
    haven = Haven(folder=tmp_path, database=HavenDatabase(kind="sqlite", config={}, named="sqlite")).made()
    haven.taking(study)
    haven.done("process", "journey", "--workers", "1", "--quiet")
    haven.done("release", "journey", "--to", tmp_path / "out", "--workers", "1", "--quiet")
    haven.done("trail", "prov", "journey", "--out", tmp_path / "prov.json")
    body = json.loads((tmp_path / "prov.json").read_text())
    assert faults(body) == []
    kinds: dict[str, set[str]] = {}
    for name, told in body["entity"].items():
        kinds.setdefault(told["prov:type"].removeprefix("fs:"), set()).add(name)
    (release,) = kinds["release"]
    results = {one["prov:usedEntity"] for one in body["wasDerivedFrom"].values()} & kinds["deidentified-series"]
    assert results == kinds["deidentified-series"]
    found = walked_back(body, release)
    assert found < kinds["sealed-series"]  # the scout was taken in too
    assert len(found) == len(results) == 3
    agents = {one["prov:activity"] for one in body["wasAssociatedWith"].values()}
    assert agents == set(body["activity"])

    haven.done("trail", "messages", "--out", tmp_path / "messages")
    exports = [line for line in (tmp_path / "messages").read_text().splitlines() if 'csd-code="110106"' in line]
    assert len(exports) == 1
    assert exports[0].count('csd-code="110180"') == 3
    assert (tmp_path / "out").as_uri() in exports[0]
    every = (tmp_path / "messages").read_text()
    assert all(re.fullmatch(r"2\.25\.\d+", one) for one in re.findall(r'ObjectID="(\S+)"[^>]*Role="3"', every))
    assert "not told" not in every
