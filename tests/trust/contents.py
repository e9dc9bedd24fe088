"""What fills every table and every column of a database, whatever the table is?

Each table gets a row with all cells given and one with as few as it admits; texts hold what breaks careless code.
"""

from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import JSON, Boolean, Column, Connection, Date, Float, Integer, LargeBinary, Table, insert, select

from store import audit
from store.schema import FACTS, metadata, stale
from store.types import UtcDateTime, Words
from tests.store.rows import FULL, TEXT
from tests.store.saving import save

NOW: Final = datetime(2026, 3, 31, 1, 0, 0, 123456, tzinfo=UTC)
#: cells that a check or a reference ties down, in the full row and in the sparse one
TIED: Final[dict[str, tuple[dict[str, Any], dict[str, Any]]]] = {
    "messages": (
        {"id": 7, "kind": "notices", "state": "sending", "instead_of": 3, "reason": None},
        {"id": 3, "kind": "digest", "state": "due"},
    ),
    "notices": ({"state": "superseded", "message": 7}, {"state": "waiting"}),
    "digests": ({"message": 7}, {"message": 3}),
    "attachments": ({"message": 7}, {"message": 3}),
    "attempts": ({"message": 7, "outcome": "unknown"}, {"message": 7}),
    "matters": ({"next_rung_at": None}, {"closed": None}),
    "accounts": ({"role": "town", "office": "T1", "deputy": None}, {"role": "operator"}),
    "sessions": ({"account": "accounts 1"}, {"account": "accounts 1"}),
    "tokens": ({"scope": "write", "town": "T1"}, {"scope": "read"}),
}


def fill(connection: Connection) -> None:
    """Fill an empty database."""
    save(connection, FULL)
    for table in metadata.sorted_tables:
        if table.name not in {*FACTS, "audit", "stale"}:
            rows = sorted(_rows(table), key=lambda row: str(row.get("id", "")))
            for row in rows:
                connection.execute(insert(table).values(row))
    connection.execute(stale.delete().where(stale.c.kind != "seat"))
    done = [
        (audit.ACCOUNT_ADDED, "account:accounts 1"),
        (audit.ACCOUNT_ADDED, "account:accounts 2"),
        ("retry", "notice:1"),
    ]
    for action, subject in done:
        audit.append(connection, at=NOW, actor="operator:root", action=action, subject=subject, why=TEXT)


def _rows(table: Table) -> list[dict[str, Any]]:
    full, sparse = TIED.get(table.name, ({}, {}))
    needed = [column for column in table.columns if not column.nullable]
    return [
        {column.name: _cell(column, 1) for column in table.columns} | full,
        {column.name: _cell(column, 2) for column in needed} | sparse,
    ]


def _cell(column: Column[Any], number: int) -> Any:
    if column.name in {"id", "key"} and not isinstance(column.type, Integer):
        return f"{column.table.name} {number}"
    cells: dict[type, Any] = {
        Integer: number,
        Float: 0.1 + number,
        Boolean: number == 1,
        Date: date(2026, 3, number),
        UtcDateTime: NOW + timedelta(days=number),
        JSON: {"a": [1, 0.1, None, {"b": TEXT}], "键": number},
        Words: ("sms", "email"),
        LargeBinary: bytes(range(256)),
    }
    return cells.get(type(column.type), f"{TEXT} {number}")


def contents(connection: Connection) -> dict[str, list[tuple[Any, ...]]]:
    """Return all rows of all tables."""
    return {
        table.name: [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key))]
        for table in metadata.sorted_tables
    }
