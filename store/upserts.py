"""How is a row written that may be there already?

The same outcome on SQLite and PostgreSQL. Few rows go through SQLAlchemy; the record's many as plain tuples, past
all that it does for a single row. Callers: store/.
"""

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from enum import StrEnum
from functools import cache, lru_cache
from itertools import chain, islice
from operator import itemgetter
from typing import Any, Final

from sqlalchemy import Column, Connection, Date, DateTime, Dialect, Table
from sqlalchemy.dialects import postgresql, sqlite

from store.copied import as_lines, copy_in
from store.filling import filling, is_empty, is_kept_empty
from store.turns import frequent_turns
from store.types import WORDS

#: rows written at a time
LOT: Final = 5_000
ASKED: Final = 500  #: rows looked up in one statement, under SQLite's limit of parameters
CACHED: Final = 1 << 14
CACHE_KB: Final = 1 << 16  #: what SQLite may hold of its pages

Cells = tuple[Any, ...]
Prepare = Callable[[Sequence[Sequence[Any]]], Any]  #: a lot's values → what the driver takes: cells, or lines to copy
Write = Callable[[Any], tuple[int, int]]  #: a lot so prepared → how many of its rows were added and changed


# A statement is made once and kept: making it anew takes three times as long as the database needs for a row.


def _insert(dialect: str, table: Table) -> Any:
    make: Any = sqlite.insert if dialect == "sqlite" else postgresql.insert
    return make(table)


@cache
def _upsert(dialect: str, table: Table, names: tuple[str, ...]) -> Any:
    statement = _insert(dialect, table)
    keys = [column.name for column in table.primary_key]
    others = {name: statement.excluded[name] for name in names if name not in keys}
    return statement.on_conflict_do_update(index_elements=keys, set_=others)


@cache
def _insert_new(dialect: str, table: Table) -> Any:
    return _insert(dialect, table).on_conflict_do_nothing()


@cache
def _insert_one(dialect: str, table: Table) -> Any:
    return _insert_new(dialect, table).returning(*table.primary_key)


def upsert(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows, or put them in place of those with the same primary key."""
    if rows:
        connection.execute(_upsert(connection.dialect.name, table, tuple(rows[0])), rows)


def insert_new(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert the rows whose key is not there yet."""
    if rows:
        connection.execute(_insert_new(connection.dialect.name, table), rows)


def insert_one(connection: Connection, table: Table, row: dict[str, Any]) -> bool:
    """Insert a row, and say whether its key was not there yet."""
    return connection.execute(_insert_one(connection.dialect.name, table), row).first() is not None


# Many rows ---------------------------------------------------------------------------------


@dataclass(slots=True)
class Tally:
    """How many rows were added, changed, and the same as before."""

    added: int = 0
    changed: int = 0
    same: int = 0


def put_rows(connection: Connection, table: Table, rows: Iterable[Sequence[Any]]) -> Tally:
    """Add new rows, update changed ones, leave the same alone; the cells stand in the order of the columns.

    No key comes twice.
    """
    remaining = iter(rows)
    prepare = _as_the_driver_wants(connection, table)
    lots = ((len(lot), prepare(lot)) for lot in iter(lambda: list(islice(remaining, LOT)), []))
    first = next(lots, None)
    if first is None:
        return Tally()
    is_last = first[0] < LOT
    if connection.dialect.name != "sqlite":
        is_filled = not is_last and is_kept_empty(connection, table)
        write = (_copied_into if is_filled else _into_postgresql)(connection, table)
        return _tally([(first[0], *write(first[1]))] if is_last else _write_beside(write, chain([first], lots)))
    is_filled = not is_last and is_empty(connection, table)
    with filling(connection, table) if is_filled else nullcontext():
        write = _into_sqlite(connection, table, looks_first=not is_filled)
        return _tally((count, *write(lot)) for count, lot in chain([first], lots))


def _tally(written: Iterable[tuple[int, int, int]]) -> Tally:
    """Sum up lots: how many rows each has, and how many of them were added and changed."""
    tally = Tally()
    for count, added, changed in written:
        tally.added += added
        tally.changed += changed
        tally.same += count - added - changed
    return tally


def _write_beside(write: Write, lots: Iterable[tuple[int, Any]]) -> Iterator[tuple[int, int, int]]:
    """Write each lot while the next is read: who reads need not wait for the server, nor the server for who reads.

    Whatever yields the rows must not ask the same connection meanwhile.
    """
    waiting: deque[tuple[int, Future[tuple[int, int]]]] = deque()
    with ThreadPoolExecutor(1) as writer, frequent_turns():
        for size, lot in lots:
            waiting.append((size, writer.submit(write, lot)))
            if len(waiting) > 1:
                count, written = waiting.popleft()
                yield count, *written.result()
        for count, written in waiting:
            yield count, *written.result()


def _into_sqlite(connection: Connection, table: Table, *, looks_first: bool) -> Write:
    # With its own 2 MB the indexes of a large table are read and written over and over.
    connection.exec_driver_sql(f"PRAGMA cache_size = -{CACHE_KB}")
    names, keys, others = _names(connection, table)
    marks = {name: f"?{number}" for number, name in enumerate(names, 1)}
    same_key = " AND ".join(f"{name} = {marks[name]}" for name in keys)
    differs = " OR ".join(f"{name} IS NOT {marks[name]}" for name in others)
    # The names are those of our own schema.
    insert = (
        f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({', '.join(marks.values())}) ON CONFLICT DO NOTHING"  # noqa: S608
    )
    assignments = ", ".join(f"{name} = {marks[name]}" for name in others)
    update = f"UPDATE {table.name} SET {assignments} WHERE {same_key} AND ({differs})"  # noqa: S608

    def write(lot: list[Cells]) -> tuple[int, int]:
        added = connection.exec_driver_sql(insert, lot).rowcount
        return added, 0 if added == len(lot) else connection.exec_driver_sql(update, lot).rowcount

    if not looks_first:
        return write
    same_among = _same_rows(connection, table)

    def write_others(lot: list[Cells]) -> tuple[int, int]:
        same = same_among(lot)
        others = [cells for cells in lot if cells not in same]
        return write(others) if others else (0, 0)

    return write_others


def _same_rows(connection: Connection, table: Table) -> Callable[[list[Cells]], set[Cells]]:
    """Return what finds those rows of a lot that SQLite has already just so: a quarter of the time of writing them."""
    names, keys, _ = _names(connection, table)
    key = itemgetter(*(names.index(name) for name in keys))
    mark = f"({', '.join('?' * len(keys))})"
    listed, key_listed = ", ".join(names), ", ".join(keys)

    def look_up(some: list[Cells]) -> Iterator[Cells]:
        values = list(map(key, some))
        marks = ", ".join([mark] * len(values))
        query = f"SELECT {listed} FROM {table.name} WHERE ({key_listed}) IN (VALUES {marks})"  # noqa: S608 - our own names
        found = connection.exec_driver_sql(query, tuple(values if len(keys) == 1 else chain.from_iterable(values)))
        return map(tuple, found)

    def same_among(lot: list[Cells]) -> set[Cells]:
        found = {cells for start in range(0, len(lot), ASKED) for cells in look_up(lot[start : start + ASKED])}
        # Of two rows with one key the later counts, even if the earlier is on record.
        return found if not found or len(set(map(key, lot))) == len(lot) else set()

    return same_among


def _into_postgresql(connection: Connection, table: Table) -> Write:
    names, keys, others = _names(connection, table)
    listed, incoming = ", ".join(names), f"incoming_{table.name}"
    ours, theirs = (", ".join(f"{of}.{name}" for name in others) for of in (table.name, "excluded"))
    assignments = ", ".join(f"{name} = excluded.{name}" for name in others)
    # The names are those of our own schema. A row that was inserted has no xmax, one that was updated has.
    put = (
        f"WITH written AS (INSERT INTO {table.name} ({listed}) SELECT {listed} FROM {incoming} "  # noqa: S608
        f"ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {assignments} "
        f"WHERE ({ours}) IS DISTINCT FROM ({theirs}) RETURNING {table.name}.xmax = 0 AS is_new) "
        "SELECT count(*) FILTER (WHERE is_new), count(*) FILTER (WHERE NOT is_new) FROM written"
    )
    # With defaults: a newer schema may have a column that must not be empty and of which this duban does not know.
    like = f"LIKE {table.name} INCLUDING DEFAULTS"
    connection.exec_driver_sql(f"CREATE TEMP TABLE IF NOT EXISTS {incoming} ({like}) ON COMMIT DROP")

    def write(lines: str) -> tuple[int, int]:
        copy_in(connection, incoming, names, lines)
        added, changed = connection.exec_driver_sql(put).one()
        connection.exec_driver_sql(f"TRUNCATE {incoming}")
        return added, changed

    return write


def _copied_into(connection: Connection, table: Table) -> Write:
    """Return what adds rows where none was and nobody else can add any: without a look at what is there already."""
    names, _, _ = _names(connection, table)
    return lambda lines: (copy_in(connection, table.name, names, lines), 0)


def _names(connection: Connection, table: Table) -> tuple[list[str], list[str], list[str]]:
    """Return the names of all columns, of those of the key, and of the others."""
    quote = connection.dialect.identifier_preparer.quote
    keys = [quote(column.name) for column in table.primary_key]
    names = [quote(column.name) for column in table.columns]
    return names, keys, [name for name in names if name not in keys]


def _as_the_driver_wants(connection: Connection, table: Table) -> Prepare:
    """Return what turns the rows of a lot into those that the driver takes, as SQLAlchemy would."""
    processors = [_processor(connection.dialect, column) for column in table.columns]
    is_sqlite = connection.dialect.name == "sqlite"

    def prepare(lot: Sequence[Sequence[Any]]) -> Any:
        columns = zip(processors, zip(*lot, strict=True), strict=True)
        taken = [tuple(map(process, cells)) if process else cells for process, cells in columns]
        return list(zip(*taken, strict=True)) if is_sqlite else as_lines(taken)

    return prepare


def _processor(dialect: Dialect, column: Column[Any]) -> Callable[[Any], Any] | None:
    words = column.info.get(WORDS)
    process = _one_of(words) if words else column.type.dialect_impl(dialect).bind_processor(dialect)
    if process is None:
        return _day_as_text if dialect.name != "sqlite" and isinstance(column.type, Date) else None
    if isinstance(getattr(column.type, "impl", None), DateTime):
        return _instants(process, "" if dialect.name == "sqlite" else "+00:00")
    return lru_cache(CACHED)(process)


@lru_cache(CACHED)
def _day_as_text(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


@lru_cache(1 << 16)
def _time_as_text(clock: time) -> str:
    return clock.isoformat("microseconds")


def _instants(process: Callable[[Any], Any], offset: str) -> Callable[[Any], Any]:
    """Return a way to write instants in UTC as text, in a third of the time that SQLAlchemy or a driver takes.

    In a million rows hardly an instant comes twice, but its day and its time of day do.
    """

    def written(instant: datetime | None) -> Any:
        if instant is None or instant.tzinfo is not UTC:
            return process(instant)
        return f"{_day_as_text(instant.date())} {_time_as_text(instant.time())}{offset}"

    return written


def _one_of(words: Collection[str]) -> Callable[[StrEnum | None], str | None]:
    """Return what makes plain text of a member of an enumeration, which a driver takes in half the time.

    It refuses any other word itself: where SQLite fills an empty table, it is not asked to (filling.py).
    """

    def plain(word: StrEnum | None) -> str | None:
        if word is not None and word not in words:
            raise ValueError(f"{word!r} is none of {', '.join(sorted(words))}")
        return None if word is None else str(word)

    return plain
