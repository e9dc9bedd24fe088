"""How is the service doing, in numbers that are cheap to ask for?

Each statement reads an index of what is open, or of today: a scrape costs the same after years. No residents'
data. Callers: web/health.py, web/metrics.py.
"""

import os
import shutil
from datetime import date, datetime
from typing import Final

from sqlalchemy import Connection, func, select, text

from rules.deliveries import State
from store.engine import FILE, file_at
from store.schema import findings, matters, messages, notices
from store.views.matters import standing

ROOM: Final = 8 * 1024 * 1024  #: bytes on the disk: with less the write-ahead log cannot grow
#: states in which a message still asks for something
ASKING: Final = (State.DUE, State.SENDING, State.HELD, State.UNKNOWN, State.FAILED, State.UNDELIVERABLE)


def open_messages(connection: Connection) -> dict[tuple[str, str], int]:
    """Return how many messages are not through, by state and channel."""
    query = select(messages.c.state, messages.c.channel, func.count()).where(messages.c.state.in_(ASKING))
    found = connection.execute(query.group_by(messages.c.state, messages.c.channel))
    return {(state, channel): count for state, channel, count in found}


def no_writes_because(connection: Connection) -> str | None:
    """Return why the database takes no writes though it answers every question; None if it takes them."""
    if connection.dialect.name == "postgresql":
        return None if connection.execute(_TAKES_WRITES).scalar() else "it is a standby, or set to read only"
    path, opened = connection.info[FILE]
    if not path:  # in memory
        return None
    if file_at(path) != opened:
        # What is written goes into a file that nobody will find again.
        return "its file was moved, deleted or replaced while it was open"
    if not os.access(path, os.W_OK):
        return "its file may not be written to"
    return "its disk is full" if shutil.disk_usage(path).free < ROOM else None


_TAKES_WRITES: Final = text(
    "SELECT NOT pg_is_in_recovery() AND NOT current_setting('default_transaction_read_only')::bool"
)


def messages_of_day(connection: Connection, day: date) -> dict[tuple[str, str], int]:
    """Return how many messages a day has, by state and channel."""
    query = select(messages.c.state, messages.c.channel, func.count()).where(messages.c.day == day)
    found = connection.execute(query.group_by(messages.c.state, messages.c.channel))
    return {(state, channel): count for state, channel, count in found}


def oldest_due(connection: Connection, now: datetime) -> datetime | None:
    """Return since when the oldest message that may leave now has been waiting."""
    query = select(func.min(messages.c.try_at)).where(messages.c.state == State.DUE, messages.c.try_at <= now)
    found: datetime | None = connection.execute(query).scalar()
    return found


def waiting_notices(connection: Connection) -> int:
    """Return how many notices wait for their time."""
    return int(connection.execute(select(func.count()).where(notices.c.state == "waiting")).scalar_one())


def live_matters(connection: Connection, day: date) -> dict[tuple[str, str, str], int]:
    """Return how many matters are open or overdue, by town, kind and status."""
    found: dict[tuple[str, str, str], int] = {}
    for status in ("open", "overdue"):
        query = select(matters.c.town, matters.c.kind, func.count()).where(standing(status, day))
        for town, kind, count in connection.execute(query.group_by(matters.c.town, matters.c.kind)):
            found[town, kind, status] = count
    return found


def open_findings(connection: Connection) -> dict[str, int]:
    """Return how many findings nobody has dealt with, by kind."""
    query = select(findings.c.kind, func.count()).where(findings.c.closed_at.is_(None)).group_by(findings.c.kind)
    return dict(connection.execute(query).all())
