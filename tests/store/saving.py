"""How does a whole record get into a database, and a row without the help of store/facts.py?"""

from typing import Any

from sqlalchemy import Connection, insert

from rules.facts import Record, Row
from store import facts
from store.schema import FACTS, KEYS, NO_SEQ


def save(connection: Connection, record: Record) -> None:
    """Write all tables, parents before children."""
    for table in Record.TABLES:
        facts.upsert(connection, table, getattr(record, table))


def cells(table: str, row: Row) -> dict[str, Any]:
    """Return a row's columns as they stand in the table."""
    numbers = {"occurrence": 0, "target": getattr(row, "seq", None) or NO_SEQ}
    return {name: getattr(row, name, numbers.get(name)) for name in FACTS[table].columns.keys()}  # noqa: SIM118


def insert_row(connection: Connection, table: str, row: Row) -> None:
    """Insert one row as another program would: one plain statement."""
    connection.execute(insert(FACTS[table]).values(cells(table, row)))


def key_of(table: str, row: Row) -> Any:
    """Return the condition that finds a row by its key."""
    values = cells(table, row)
    return [FACTS[table].c[name] == values[name] for name in KEYS[table]]
