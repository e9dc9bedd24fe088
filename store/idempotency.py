"""Has this write been asked for before, and what was the answer?

The key is taken, the write done and the answer kept in one transaction: a second request with the key waits for
the first, and gets its answer. Callers: web/api, web/pages/register.py.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, delete, select, update

from store.schema_service import idempotency
from store.upserts import insert_one

#: how long an answer is kept
KEPT: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered to a write, and to which request (its hash)."""

    request: str
    status: int | None
    answer: Any


def take(connection: Connection, client: str, key: str, request: str, at: datetime) -> Answer | None:
    """Take a key for a request; return what is kept under it if it was taken before."""
    row = {"client": client, "key": key, "request": request, "at": at}
    if insert_one(connection, idempotency, row):
        return None
    query = select(idempotency.c.request, idempotency.c.status, idempotency.c.answer).where(
        idempotency.c.client == client, idempotency.c.key == key
    )
    return Answer(*connection.execute(query).one())


def keep(connection: Connection, client: str, key: str, status: int, answer: Any) -> None:
    """Keep the answer to the request that took the key."""
    statement = update(idempotency).where(idempotency.c.client == client, idempotency.c.key == key)
    connection.execute(statement.values(status=status, answer=answer))


def forget(connection: Connection, before: datetime) -> int:
    """Forget old answers; return how many."""
    return connection.execute(delete(idempotency).where(idempotency.c.at < before)).rowcount
