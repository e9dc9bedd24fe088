"""How does an empty table take very many rows in?

On SQLite without its further indexes and its triggers of INSERT: an index made once costs a fifth of one kept row by
row, and marks set once as good as nothing. Afterwards all are there again, word for word, and the marks are those that
the triggers would have set. Nor does SQLite look whether a word is one of those that its column admits, which takes it
a third of the time for a row: the caller has. PostgreSQL's triggers mark once a statement: it needs none of this, but
takes rows by COPY where nobody else can add one of the same key.
Callers: upserts.py, facts.py and projection.py (is a table empty).
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from sqlalchemy import Connection, Table, select
from sqlalchemy.exc import DBAPIError

from store.triggers import INSERTING, mark_rows_of

_PARTS: Final = (
    "SELECT type, name, sql FROM sqlite_master WHERE tbl_name = ? AND sql IS NOT NULL AND type IN ('index', 'trigger')"
)


def is_empty(connection: Connection, table: Table) -> bool:
    """Say whether a table has no row."""
    return connection.execute(select(1).select_from(table).limit(1)).first() is None


def is_kept_empty(connection: Connection, table: Table) -> bool:
    """Say whether a table of PostgreSQL's has no row, and keep it so for others until this transaction ends.

    Others go on reading; who writes to the table waits, as whoever writes of a deputy marked here does anyhow. Where
    somebody is writing already, or this role may not lock the table, it is not kept.
    """
    if not is_empty(connection, table):
        return False
    with suppress(DBAPIError), connection.begin_nested() as savepoint:
        connection.exec_driver_sql(f"LOCK TABLE {table.name} IN SHARE ROW EXCLUSIVE MODE NOWAIT")
        if is_empty(connection, table):
            return True
        savepoint.rollback()
    return False


@contextmanager
def filling(connection: Connection, table: Table) -> Iterator[None]:
    """Do without what must be kept up row by row, while rows come into a table that is empty.

    All happens within the caller's transaction: no other connection sees the table without, and a failure leaves
    it as it was. Triggers of UPDATE stay: a key that comes twice is an update the second time.
    """
    inserting = {name.format(table=table.name) for name in INSERTING}
    with connection.begin_nested():
        known = connection.exec_driver_sql(_PARTS, (table.name,)).all()
        parts = [part for part in known if part.type == "index" or part.name in inserting]
        for kind, name, _ in parts:
            connection.exec_driver_sql(f"DROP {kind} {name}")
        connection.exec_driver_sql("PRAGMA ignore_check_constraints = ON")
        try:
            yield
        finally:
            connection.exec_driver_sql("PRAGMA ignore_check_constraints = OFF")
        for _, _, sql in parts:
            connection.exec_driver_sql(sql)
        if any(kind == "trigger" for kind, _, _ in parts):
            connection.exec_driver_sql(mark_rows_of(table.name))
