"""How is everything in the database written down, and read back into an empty one?

One line of JSON for each row, the same whatever the database: what PostgreSQL wrote, SQLite reads. Rows come back
as they were, with their ids. Caller: daemon/backups.py.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime
from itertools import islice
from typing import Any, Final

from sqlalchemy import (
    JSON,
    Column,
    Connection,
    Date,
    Integer,
    LargeBinary,
    Table,
    bindparam,
    delete,
    func,
    insert,
    select,
    text,
    update,
)

from rules.deliveries import State
from store.schema import installation, messages, metadata, stale
from store.schema_service import leases, sessions, signins
from store.types import UtcDateTime, Words

BATCH: Final = 1000
#: what belongs to running processes and open browsers: nothing that a restored database should take over
PASSING: Final = (leases, sessions, signins)
#: what `duban init` leaves in a new database; a restore puts the backup's in its place
OWN: Final = (installation, stale)

Codec = tuple[Callable[[Any], Any], Callable[[Any], Any]]
#: type of a column → how a value goes into JSON, and comes out of it
CODECS: Final[dict[type, Codec]] = {
    UtcDateTime: (datetime.isoformat, datetime.fromisoformat),
    Date: (date.isoformat, date.fromisoformat),
    Words: (list, tuple),
    LargeBinary: (lambda value: b64encode(value).decode(), b64decode),
}


def carried() -> list[Table]:
    """Return the tables of a copy, parents before children; marks of stale subjects come last.

    Writing facts sets such marks by trigger: those of the copy must go over them.
    """
    tables = [table for table in metadata.sorted_tables if table not in (*PASSING, stale)]
    return [*tables, stale]


def dump(connection: Connection, table: Table) -> Iterator[bytes]:
    """Yield each row of a table as a line."""
    writers = [(at, _codec(column)[0]) for at, column in enumerate(table.columns) if _codec(column)]
    query = select(table).order_by(*table.primary_key)
    for row in connection.execute(query, execution_options={"yield_per": BATCH}):
        values = list(row)
        for at, write in writers:
            if values[at] is not None:
                values[at] = write(values[at])
        yield json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def load(connection: Connection, table: Table, columns: Sequence[str], lines: Iterable[bytes]) -> int:
    """Insert the rows that stand in `lines`, and return how many; what `duban init` left there gives way."""
    if table in OWN:
        connection.execute(delete(table))
    # None in a column of JSON would become the JSON null, which no query takes for an empty cell.
    values = {name: bindparam(name, type_=_plain_null(table.c[name])) for name in columns}
    statement = insert(table).values(values)
    count = 0
    remaining = _rows(table, columns, lines)
    while batch := list(islice(remaining, BATCH)):
        connection.execute(statement, batch)
        count += len(batch)
    return count


def _rows(table: Table, columns: Sequence[str], lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    readers = [(name, _codec(table.c[name])[1]) for name in columns if _codec(table.c[name])]
    for line in lines:
        row = dict(zip(columns, json.loads(line), strict=True))
        for name, read in readers:
            if row[name] is not None:
                row[name] = read(row[name])
        yield row


def _codec(column: Column[Any]) -> Any:
    return CODECS.get(type(column.type), ())


def _plain_null(column: Column[Any]) -> Any:
    return JSON(none_as_null=True) if isinstance(column.type, JSON) else column.type


def filled(connection: Connection) -> str | None:
    """Return a table that holds more than a new database does, or None."""
    for table in metadata.sorted_tables:
        if table not in OWN and connection.execute(select(*table.primary_key).limit(1)).first():
            return table.name
    return None


def move_numbers_on(connection: Connection) -> None:
    """Have PostgreSQL number new rows after those that were loaded; SQLite does so by itself."""
    if connection.dialect.name != "postgresql":
        return
    for table in metadata.sorted_tables:
        for column in table.primary_key:
            if isinstance(column.type, Integer):
                _move_on(connection, table, column)


def _move_on(connection: Connection, table: Table, column: Column[Any]) -> None:
    names = {"table": table.name, "column": column.name}
    sequence = connection.execute(text("SELECT pg_get_serial_sequence(:table, :column)"), names).scalar()
    if sequence:
        last = connection.execute(select(func.max(column))).scalar() or 0
        moved = text("SELECT setval(CAST(:sequence AS regclass), :after, false)")
        connection.execute(moved, {"sequence": sequence, "after": last + 1})


def leave_open(connection: Connection, reason: str, now: datetime) -> None:
    """Mark as of unknown outcome what was on its way when the copy was made: it is not sent again blindly."""
    connection.execute(
        update(messages)
        .where(messages.c.state == State.SENDING)
        .values(state=State.UNKNOWN.value, reason=reason, claimed_until=None, moved_at=now, try_at=now, absent_at=None)
    )
