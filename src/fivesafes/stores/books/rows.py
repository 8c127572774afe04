"""What the books' parts share about rows: groups of ids for one statement, and many changes at once."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final, TypeVar

from django.db import connection

T = TypeVar("T")
_GROUP: Final = 500
"""Ids in one statement: below every database's limit of parameters."""


def groups(values: Iterable[T]) -> Iterator[list[T]]:
    """Split values into lists that fit into one statement."""
    rest = iter(values)
    while group := list(islice(rest, _GROUP)):
        yield group


def execute_many(sql: str, rows: Sequence[Sequence[Any]]) -> int:
    """Execute one statement for each row of values; give how many rows it met.  A third of the ORM's time."""
    if not rows:
        return 0
    with connection.cursor() as cursor:
        cursor.executemany(sql, rows)
        return int(cursor.rowcount)
