"""What must the operator look at?

Callers: actors/, intake/levers.py, `duban status`.
"""

from datetime import datetime
from typing import Final

from sqlalchemy import Connection, func, or_, select, update

from store.schema import findings
from store.upserts import insert_new


def note(connection: Connection, kind: str, subject: str, text: str, at: datetime) -> None:
    """Note a finding once."""
    insert_new(connection, findings, [{"kind": kind, "subject": subject, "text": text, "at": at}])


def latest(connection: Connection, limit: int) -> list[tuple[datetime, str, str, str]]:
    """Return the last findings that nobody has dealt with, the newest first: instant, kind, subject, text."""
    query = select(findings.c.at, findings.c.kind, findings.c.subject, findings.c.text)
    query = query.where(findings.c.closed_at.is_(None)).order_by(findings.c.id.desc())
    return [(row.at, row.kind, row.subject, row.text) for row in connection.execute(query.limit(limit))]


def of_message(message: int, attempts: int) -> str:
    """Return the subject of what is found about so many attempts at a message: another attempt is another finding."""
    return f"message:{message}:{attempts}"


def close_of_message(connection: Connection, message: int, by: str, at: datetime) -> None:
    """Note that somebody has dealt with all that was found about a message."""
    about = or_(findings.c.subject == f"message:{message}", findings.c.subject.like(f"message:{message}:%"))
    connection.execute(update(findings).where(about, findings.c.closed_at.is_(None)).values(closed_at=at, closed_by=by))


_OPEN: Final = select(func.count()).where(findings.c.closed_at.is_(None))


def count_open(connection: Connection) -> int:
    """Return how many findings nobody has dealt with."""
    return connection.execute(_OPEN).scalar_one()
