"""Which digests have been made?

One for each office, contact and period, for ever (R7.2). Callers: actors/digests.py.
"""

from datetime import datetime
from typing import Final

from sqlalchemy import Connection, bindparam, select

from rules.digests import Counts, Digest
from store.schema import digests
from store.upserts import insert_new

_KEY: Final = ("kind", "period", "office", "person")
_IS_MADE: Final = select(digests.c.at).where(*(digests.c[name] == bindparam(name) for name in _KEY))


def is_made(connection: Connection, digest: Digest, person: str) -> bool:
    """Say whether a person has had a digest."""
    key = dict(zip(_KEY, (digest.kind, digest.period, digest.office, person), strict=True))
    return connection.execute(_IS_MADE, key).first() is not None


def record(connection: Connection, digest: Digest, person: str, counts: Counts, at: datetime, message: int) -> None:
    """Note that a digest was made, and which message carries it."""
    row = {
        "kind": digest.kind,
        "period": digest.period,
        "office": digest.office,
        "person": person,
        "at": at,
        "due_soon": counts.due_soon,
        "overdue": counts.overdue,
        "message": message,
    }
    insert_new(connection, digests, [row])
