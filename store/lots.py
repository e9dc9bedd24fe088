"""How are very many rows written at once?

PostgreSQL takes a whole lot in one statement, as an array for each column; SQLite's driver takes plain tuples. Both go
past all that SQLAlchemy does for a single row. The rows of a lot have the same columns. Callers: store/.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from functools import cache, lru_cache
from typing import Any, Final, NamedTuple, Protocol

import orjson
from sqlalchemy import (
    JSON,
    Boolean,
    Connection,
    Date,
    DateTime,
    Dialect,
    Executable,
    Float,
    Integer,
    String,
    Table,
    bindparam,
    cast,
    column,
    func,
)
from sqlalchemy.types import TypeEngine

from store.copied import as_lines, copy_in, copy_new
from store.many import as_array
from store.types import UtcDateTime, Words

#: rows in one statement
LOT: Final = 5_000
#: so many rows are worth a COPY; in an update PostgreSQL is given a cell once that is the same in all of them
MANY: Final = 100
#: stands in a statement of PostgreSQL's where the rows of the lot come in
ROWS: Final = "{rows}"
Rows = Sequence[Mapping[str, Any]]
Columns = Mapping[str, Sequence[Any]]  #: cells by the names of their columns


class Writer(Protocol):
    """Whatever takes statements: a connection, or a list of what another process is to write."""

    @property
    def dialect(self) -> Dialect:
        """Of which database the statements are."""

    def exec_driver_sql(self, statement: str, parameters: Any, /) -> Any:
        """Run a statement, or keep it."""


class Copied(NamedTuple):
    """What goes into a table by COPY, in place of a statement's parameters."""

    names: Sequence[str]
    lines: str
    may_be_there: bool  #: whether some of the keys may be: those rows are left out


class Written:
    """What would be written, as it goes to the process that has the transaction."""

    def __init__(self, dialect: Dialect) -> None:
        """Begin with nothing."""
        self.dialect = dialect
        self.statements: list[tuple[str, Any]] = []

    def exec_driver_sql(self, statement: str, parameters: Any, /) -> None:
        """Keep a statement; for what is copied, the name of a table."""
        self.statements.append((statement, parameters))


def write_all(connection: Connection, statements: Iterable[tuple[str, Any]]) -> None:
    """Write what has been kept."""
    for statement, parameters in statements:
        if isinstance(parameters, Copied):
            put = copy_new if parameters.may_be_there else copy_in
            put(connection, statement, parameters.names, parameters.lines)
        else:
            connection.exec_driver_sql(statement, parameters)


TYPES: Final = (
    (Boolean, "boolean"),
    (Integer, "integer"),
    (Float, "float8"),
    (DateTime, "timestamptz"),
    (Date, "date"),
    (JSON, "json"),
)


def insert_lot(writer: Writer, table: Table, rows: Rows) -> None:
    """Insert the rows whose key is not there yet."""
    if len(rows) >= MANY and writer.dialect.name != "sqlite":
        _copy(writer, table, _by_column(rows), may_be_there=True)
    elif rows:
        statement = _inserting(table, tuple(rows[0]), writer.dialect.name)
        _run(writer, f"{statement} ON CONFLICT DO NOTHING", table, _by_column(rows))


def fill_lot(written: Written, table: Table, columns: Columns) -> None:
    """Insert rows into a table that was empty: no key is there yet, and none comes twice."""
    if not _count(columns):
        return
    if written.dialect.name == "sqlite":
        _run(written, _inserting(table, tuple(columns), "sqlite"), table, columns)
    else:
        _copy(written, table, columns, may_be_there=False)


def _copy(writer: Writer, table: Table, columns: Columns, *, may_be_there: bool) -> None:
    others, fixed = _parted(columns)
    cells = (_processed(table, name, columns[name], writer.dialect) for name in others)
    same = [_processed(table, name, columns[name][:1], writer.dialect)[0] for name in fixed]
    copied = Copied((*others, *fixed), as_lines(cells, same), may_be_there)
    if isinstance(writer, Connection):
        write_all(writer, [(table.name, copied)])
    else:
        writer.exec_driver_sql(table.name, copied)


def upsert_lot(writer: Writer, table: Table, columns: Columns) -> None:
    """Insert rows, or put them in place of those with the same primary key."""
    if _count(columns):
        keys = [column.name for column in table.primary_key]
        values = ", ".join(f"{name} = excluded.{name}" for name in columns if name not in keys)
        statement = _inserting(table, tuple(columns), writer.dialect.name)
        _run(writer, f"{statement} ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {values}", table, columns)


def update_lot(writer: Writer, table: Table, key: str, rows: Rows) -> None:
    """Set the other columns of the rows that have these keys."""
    if rows:
        _run(writer, _updating(table, key, tuple(rows[0]), writer.dialect.name), table, _by_column(rows))


def _by_column(rows: Rows) -> Columns:
    return {name: [row[name] for row in rows] for name in rows[0]}


def _count(columns: Columns) -> int:
    return len(next(iter(columns.values())))


class EachOf:
    """A statement that is run for each row of a lot; on PostgreSQL once for all of them."""

    def __init__(self, types: Mapping[str, TypeEngine[Any]], make: Callable[[Mapping[str, Any]], Executable]) -> None:
        """`types`: of the values in a row, by name; `make`: the statement, from what stands for these values."""
        text: Any = bindparam("lot", type_=String())
        lot = func.json_to_recordset(cast(text, JSON)).table_valued(
            *(column(name, kind) for name, kind in types.items()), name="lot"
        )
        self._for_all = make(dict(lot.render_derived(with_types=True).c.items()))
        self._for_one = make({name: bindparam(name, type_=kind) for name, kind in types.items()})

    def run(self, connection: Connection, rows: Rows) -> None:
        """Run the statement for these rows, if there are any."""
        if not rows:
            return
        if connection.dialect.name == "sqlite":
            connection.execute(self._for_one, rows)
        else:
            connection.execute(self._for_all, {"lot": _as_json(rows)})


# Names in these statements are those of our own schema.


@lru_cache(256)
def _inserting(table: Table, names: tuple[str, ...], dialect: str) -> str:
    listed = ", ".join(names)
    marks = f"VALUES ({', '.join('?' * len(names))})"
    source = marks if dialect == "sqlite" else f"SELECT {listed} FROM {ROWS}"  # noqa: S608
    return f"INSERT INTO {table.name} ({listed}) {source}"


@lru_cache(256)
def _updating(table: Table, key: str, names: tuple[str, ...], dialect: str) -> str:
    others = [name for name in names if name != key]
    if dialect == "sqlite":
        marks = {name: f"?{number}" for number, name in enumerate(names, 1)}
        values = ", ".join(f"{name} = {marks[name]}" for name in others)
        return f"UPDATE {table.name} SET {values} WHERE {key} = {marks[key]}"  # noqa: S608
    values = ", ".join(f"{name} = lot.{name}" for name in others)
    return f"UPDATE {table.name} SET {values} FROM {ROWS} WHERE {table.name}.{key} = lot.{key}"  # noqa: S608


@lru_cache(256)
def _lot(table: Table, names: tuple[str, ...], fixed: tuple[str, ...]) -> str:
    """Return the rows of a lot as PostgreSQL reads them: an array for each column, and what is fixed once."""
    types = {name: _type(table.c[name].type) for name in (*fixed, *names)}
    cells = "".join(f", CAST(%s AS {types[name]}) AS {name}" for name in fixed)
    arrays = ", ".join(f"CAST(%s AS {types[name]}[])" for name in names)
    return f"(SELECT each.*{cells} FROM unnest({arrays}) AS each ({', '.join(names)})) AS lot"  # noqa: S608


def _type(kind: TypeEngine[Any]) -> str:
    plain = getattr(kind, "impl", kind)
    return next((name for known, name in TYPES if isinstance(plain, known)), "text")


def _run(writer: Writer, statement: str, table: Table, columns: Columns) -> None:
    for start in range(0, _count(columns), LOT):
        lot = {
            name: _processed(table, name, column[start : start + LOT], writer.dialect)
            for name, column in columns.items()
        }
        if writer.dialect.name == "sqlite":
            writer.exec_driver_sql(statement, list(zip(*lot.values(), strict=True)))
        else:
            writer.exec_driver_sql(*_of_arrays(statement, table, lot))


def _of_arrays(statement: str, table: Table, columns: Columns) -> tuple[str, tuple[str | None, ...]]:
    """Return a statement for these columns, and its parameters."""
    names, fixed = _parted(columns)
    once = (None if columns[name][0] is None else str(columns[name][0]) for name in fixed)
    return statement.replace(ROWS, _lot(table, names, fixed)), (*once, *(as_array(columns[name]) for name in names))


def _parted(columns: Columns) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names of the columns whose cells differ, one at least, and of those whose cells are all the same."""
    _, *others = columns
    fixed = tuple(name for name in others if _is_fixed(columns[name]))
    return tuple(name for name in columns if name not in fixed), fixed


def _is_fixed(cells: Sequence[Any]) -> bool:
    return len(cells) >= MANY and cells.count(cells[0]) == len(cells)


@lru_cache(1 << 14)
def _printed(day: date | None) -> str | None:
    """Return a day or an instant as it prints: to print it takes longer than all else, and in a lot few differ."""
    return None if day is None else str(day)


def _as_json(value: Any) -> str:
    return orjson.dumps(value).decode()


def _processed(table: Table, name: str, cells: Sequence[Any], dialect: Dialect) -> Sequence[Any]:
    """Return the cells of a column as SQLAlchemy would hand them to the driver."""
    process = _processor(table, name, dialect)
    return cells if process is None else list(map(process, cells))


@cache
def _processor(table: Table, name: str, dialect: Dialect) -> Callable[[Any], Any] | None:
    kind = table.c[name].type
    if dialect.name != "sqlite" and isinstance(kind, UtcDateTime | Date):
        return _printed  # an instant prints with its offset
    if dialect.name != "sqlite" and isinstance(kind, JSON):
        return _as_json  # what SQLAlchemy would hand over is a cell by itself, for psycopg
    found: Callable[[Any], Any] | None = kind.dialect_impl(dialect).bind_processor(dialect)
    # Few lists of words are there, and SQLAlchemy takes long for each.
    return lru_cache(1 << 10)(found) if found is not None and isinstance(kind, Words) else found
