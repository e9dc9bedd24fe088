"""How is a long list read a page at a time?

A page asks for one row more than it shows: whether there is a next one costs no count of all rows. Callers:
store/views/.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from sqlalchemy import Connection, Select

T = TypeVar("T")

SIZE: Final = 50
#: far pages cost as much as all before them: whoever looks for something there wants a filter
LAST: Final = 200


@dataclass(frozen=True, slots=True)
class Slice:
    """Which part of a list is wanted: a page, or for an export the first `size` rows."""

    number: int = 1
    size: int = SIZE


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """The rows of one page."""

    rows: Sequence[T]
    number: int
    has_next: bool

    @property
    def previous(self) -> int | None:
        """The number of the page before, if there is one."""
        return self.number - 1 if self.number > 1 else None

    @property
    def next(self) -> int | None:
        """The number of the page after, if there is one that can be asked for."""
        return self.number + 1 if self.has_next and self.number < LAST else None


def read_page(connection: Connection, query: Select[Any], part: Slice, make: Callable[[Any], T]) -> Page[T]:
    """Return a part of the query's rows."""
    number = min(max(part.number, 1), LAST)
    rows = connection.execute(query.limit(part.size + 1).offset((number - 1) * part.size)).all()
    return Page([make(row) for row in rows[: part.size]], number, len(rows) > part.size)


def like(text: str) -> str:
    r"""Return a pattern that finds `text` anywhere; what a pattern takes for more than a letter is escaped.

    >>> like("50%") == r"%50\%%"
    True
    """
    for special in ("\\", "%", "_"):
        text = text.replace(special, f"\\{special}")
    return f"%{text}%"
