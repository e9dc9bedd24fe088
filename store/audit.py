"""Who changed what, and when?

Rows are added and never changed: triggers refuse it. Callers: intake/commands.py, the operator's levers.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select

from store.schema import audit


def append(connection: Connection, *, at: datetime, actor: str, action: str, subject: str, **detail: Any) -> None:
    """Add one entry. `detail` holds no residents' data."""
    connection.execute(insert(audit).values(at=at, actor=actor, action=action, subject=subject, detail=detail))


def latest(connection: Connection, limit: int) -> list[dict[str, Any]]:
    """Return the last entries, the newest first."""
    query = select(audit).order_by(audit.c.seq.desc()).limit(limit)
    return [dict(row) for row in connection.execute(query).mappings()]
