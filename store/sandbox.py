"""What would have left the machine?

Callers: config/services.py (which keeps), the terminal view and the console (which show).
"""

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, bindparam, select

from store.schema import sandbox
from store.upserts import insert_new


@dataclass(frozen=True, slots=True)
class Kept:
    """A message as a phone or a mailbox would show it."""

    id: int
    at: datetime
    channel: str
    person: str
    address: str
    subject: str | None
    body: str
    html: str | None
    message: int
    attempt: str


COLUMNS: Final = tuple(sandbox.c[f.name] for f in fields(Kept))


def keep(connection: Connection, row: dict[str, Any]) -> None:
    """Keep a message; an attempt is kept once."""
    insert_new(connection, sandbox, [row])


_HAS_KEPT: Final = select(sandbox.c.id).where(sandbox.c.attempt == bindparam("attempt"))


def has_kept(connection: Connection, attempt: str) -> bool:
    """Say whether an attempt is among the messages kept."""
    return connection.execute(_HAS_KEPT, {"attempt": attempt}).first() is not None


def latest(connection: Connection, channel: str, limit: int) -> list[Kept]:
    """Return the last messages on a channel, the newest first."""
    query = select(*COLUMNS).where(sandbox.c.channel == channel).order_by(sandbox.c.id.desc()).limit(limit)
    return [Kept(*row) for row in connection.execute(query)]
