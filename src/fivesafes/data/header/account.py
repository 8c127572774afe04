"""An account of what was done to the headers of a series, for a person to audit: no value, and no input's name.

For each file: each attribute, how often it was kept, replaced, blanked or removed, the action, and the row that
decided.  Files that fared alike, as the slices of a series do, stand together.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Final

from fivesafes.data.header.outcome import Outcome
from fivesafes.data.header.profile import Profile, Rule
from fivesafes.data.model import HeaderRecord

SCHEMA: Final = 2
_UNNAMED: Final = "no row names it"


def account_of(records: Mapping[str, HeaderRecord], profile: Profile) -> str:
    """Write the account of files by output name; docs/reference/json.md tells of each key."""
    rules = {rule.keyword: rule for rule in profile.rules.values()}
    rules |= {rule.keyword: rule for named in profile.private.values() for rule in named.values()}
    alike: dict[str, list[str]] = {}
    for name, record in records.items():
        alike.setdefault(_attributes(record, rules), []).append(name)
    headers = ",\n".join(
        f'{{"files": {json.dumps(names)},\n "attributes": [\n{attributes}]}}' for attributes, names in alike.items()
    )
    head = json.dumps({"schema": SCHEMA, "profile": profile.name, "policy_digest": profile.digest})
    return f'{head[:-1]}, "headers": [\n{headers}]}}\n'


def _attributes(record: HeaderRecord, rules: Mapping[str, Rule]) -> str:
    return ",\n".join(f"  {json.dumps(line)}" for line in _lines(record, rules))


def _lines(record: HeaderRecord, rules: Mapping[str, Rule]) -> Iterator[dict[str, object]]:
    """Say of each attribute what was done, in the order of tags; those that no row names come last."""
    counts: dict[str, dict[str, int]] = {}
    for outcome in Outcome:
        for keyword, times in getattr(record, outcome.value).items():
            counts.setdefault(keyword, {})[outcome.value] = times
    for keyword in sorted(counts, key=lambda keyword: (keyword not in rules, _tag(keyword, rules), keyword)):
        rule = rules.get(keyword)
        yield {
            "attribute": keyword,
            "action": rule.action.value if rule else "X",
            **counts[keyword],
            "row": rule.place if rule else None,
            "why": rule.why if rule else _UNNAMED,
        }


def _tag(keyword: str, rules: Mapping[str, Rule]) -> int:
    return rules[keyword].tag if keyword in rules else 0
