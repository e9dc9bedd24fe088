"""How is a statement written so that its text and its plan stay the same whatever it asks about?

With a mark for each id the text changes with their number: SQLAlchemy writes it anew, and PostgreSQL plans it anew.
Here the ids are one value: an array on PostgreSQL, JSON on SQLite. A word that is always the same stands in the text:
where it is given as a value, SQLite plans the statement anew each time, since an index may hold rows of that word
alone. Where two indexes would do, SQLite takes the one that fits by the words alone, since it has no figures of its
tables: `by_no_index` keeps it from the wrong one. Callers: store/.
"""

import json
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from sqlalchemy import (
    ARRAY,
    Boolean,
    Column,
    ColumnElement,
    Dialect,
    Integer,
    String,
    TypeDecorator,
    bindparam,
    literal_column,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.operators import OperatorType
from sqlalchemy.types import TypeEngine


class Many(TypeDecorator[Sequence[Any]]):
    """Many texts, or many numbers."""

    impl = String
    cache_ok = True

    def __init__(self, *, are_numbers: bool) -> None:
        super().__init__()
        self.are_numbers = are_numbers

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return what holds them."""
        return String() if dialect.name == "sqlite" else ARRAY(Integer() if self.are_numbers else String())

    def bind_processor(self, dialect: Dialect) -> Callable[[Sequence[Any] | None], str]:
        """Return what gives them as the database reads them."""
        written = partial(json.dumps, ensure_ascii=False) if dialect.name == "sqlite" else as_array
        return lambda values: written(list(values or ()))


def as_array(values: Sequence[Any]) -> str:
    r"""Return values, texts or what prints as PostgreSQL reads it, as an array; None is NULL.

    psycopg looks at each text by itself, which takes ten times as long.

    >>> as_array(["a", 'say "b"', None, 3])
    '{"a","say \\"b\\"",NULL,"3"}'
    """
    words = ["NULL" if value is None else f'"{value}"' for value in values]
    written = ",".join(words)
    if "\\" in written or written.count('"') != 2 * (len(values) - values.count(None)):
        written = ",".join("NULL" if value is None else _quoted(str(value)) for value in values)
    return "{" + written + "}"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def word(of: str) -> ColumnElement[str]:
    """Return a word of ours as it stands in the text of a statement, never one from outside."""
    return literal_column(f"'{of}'", String())


class is_one_of(FunctionElement[bool]):  # noqa: N801 - reads as a function
    """Whether a column has one of the values that are given under a name when the statement is run."""

    type = Boolean()
    inherit_cache = True
    name = "is_one_of"

    def __init__(self, of: Column[Any], name: str) -> None:
        """`of`: a column of texts or numbers."""
        super().__init__(of, bindparam(name, type_=Many(are_numbers=isinstance(of.type, Integer))))

    def self_group(self, against: OperatorType | None = None) -> Any:
        """Stand as it is: SQLAlchemy would write `… = 1` on SQLite, for which no index is asked."""
        return self


class by_no_index(FunctionElement[Any]):  # noqa: N801 - reads as a function
    """A column's value, for which SQLite is to ask no index."""

    inherit_cache = True
    name = "by_no_index"

    def __init__(self, of: Column[Any]) -> None:
        super().__init__(of)
        self.type = of.type


@compiles(by_no_index)
def _as_it_is(element: Any, compiler: Any, **how: Any) -> str:
    (of,) = element.clauses
    return str(compiler.process(of, **how))


@compiles(by_no_index, "sqlite")
def _as_no_column(element: Any, compiler: Any, **how: Any) -> str:
    return f"+{_as_it_is(element, compiler, **how)}"


@compiles(is_one_of, "postgresql")
def _as_array(element: Any, compiler: Any, **how: Any) -> str:
    of, values = (compiler.process(clause, **how) for clause in element.clauses)
    return f"{of} = ANY ({values})"


@compiles(is_one_of, "sqlite")
def _as_json(element: Any, compiler: Any, **how: Any) -> str:
    of, values = (compiler.process(clause, **how) for clause in element.clauses)
    return f"{of} IN (SELECT value FROM json_each({values}))"  # noqa: S608 - marks and names only
