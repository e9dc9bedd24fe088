"""What must the operator look at?

Callers: actors/, `duban status`.
"""

from datetime import datetime
from typing import Final

from sqlalchemy import Connection, func, select

from store.schema import findings
from store.upserts import insert_new


def note(connection: Connection, kind: str, subject: str, text: str, at: datetime) -> None:
    """Note a finding once."""
    insert_new(connection, findings, [{"kind": kind, "subject": subject, "text": text, "at": at}])


def latest(connection: Connection, limit: int) -> list[tuple[datetime, str, str, str]]:
    """Return the last findings, the newest first: instant, kind, subject, text."""
    query = select(findings.c.at, findings.c.kind, findings.c.subject, findings.c.text).order_by(findings.c.id.desc())
    return [(row.at, row.kind, row.subject, row.text) for row in connection.execute(query.limit(limit))]


_OPEN: Final = select(func.count()).where(findings.c.closed_at.is_(None))


def count_open(connection: Connection) -> int:
    """Return how many findings nobody has dealt with."""
    return connection.execute(_OPEN).scalar_one()
