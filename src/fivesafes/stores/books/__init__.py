"""The haven's books: its state in tables, changed only within deeds, each deed in one transaction with its events."""

from fivesafes.stores.books.originals import Originals
from fivesafes.stores.books.participants import Participants
from fivesafes.stores.books.projects import Projects
from fivesafes.stores.books.work import Work

__all__ = ["DjangoBooks"]


class DjangoBooks(Projects, Participants, Originals, Work):
    """Implements ``flow.haven.ports.Books`` on the open database (``stores.database.current_database``)."""
