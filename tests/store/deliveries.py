"""Which messages and attempts do the tests of the outbox begin with, and what has been made of them?"""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, insert, select

from rules.deliveries import Report, State, Status
from store import outbox, outcomes
from store.outbox import Message, New
from store.outcomes import Settled
from store.schema import EXPLAINED, digests, messages
from store.schema_service import attempts

NOW = datetime(2026, 3, 31, 1, tzinfo=UTC)
DAY = date(2026, 3, 31)
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
LATER = NOW + HOUR
#: what a call-back can lead to
TOLD = {Status.ACCEPTED: "accepted", Status.SENT: "accepted", Status.FAILED: "failed", Status.DELIVERED: "delivered"}


def put(connection: Connection, state: str = "due", **cells: Any) -> int:
    """Put a message into a state, as it is when it has come there: with an attempt unless it never left."""
    ident = outbox.put(connection, New(kind="notices", person="deputy:DA", channel="sms", at=NOW, day=DAY))
    values = {
        "state": state,
        "attempt": None if state in (State.DUE, State.HELD) else f"attempt-{ident}",
        "reason": "because" if state in EXPLAINED else None,
        "claimed_until": NOW - SECOND if state == State.SENDING else None,
    }
    connection.execute(messages.update().where(messages.c.id == ident).values(values | cells))
    if (attempt := row_of(connection, ident).attempt) is not None:
        connection.execute(insert(attempts).values(id=attempt, message=ident, at=NOW, gateway="g"))
    return ident


def row_of(connection: Connection, ident: int) -> Any:
    """Return a message with all its columns."""
    return connection.execute(select(messages).where(messages.c.id == ident)).one()


def state_of(connection: Connection, ident: int) -> str:
    return str(row_of(connection, ident).state)


def attempt_row(connection: Connection, attempt: str) -> Any:
    """Return an attempt with all its columns."""
    return connection.execute(select(attempts).where(attempts.c.id == attempt)).one()


def made_digests(connection: Connection) -> list[Any]:
    """Return all digests, in the order in which they were made."""
    order = (digests.c.at, digests.c.kind, digests.c.office, digests.c.person)
    return list(connection.execute(select(digests).order_by(*order)).mappings())


def claim(
    connection: Connection,
    *,
    now: datetime = NOW,
    attempt: str = "first",
    limit: int = 99,
    until: datetime = NOW + 15 * SECOND,
    channels: tuple[str, ...] = ("sms", "email"),
) -> list[Message]:
    return outbox.claim(connection, channels=channels, now=now, attempt=attempt, until=until, limit=limit)


def settled(message: int, state: str, attempt: str | None = None, **cells: Any) -> Settled:
    """An outcome of a message's attempt, an hour later."""
    given = {"state": State(state), "at": LATER, "reason": "because" if state in EXPLAINED else None}
    return Settled(message=message, attempt=attempt or f"attempt-{message}", **given | cells)


def report(status: str, attempt: str | None = None, provider_id: str = "p1", **cells: Any) -> Report:
    """What a gateway tells of an attempt."""
    return Report(provider_id=provider_id, status=Status(status), attempt=attempt, **cells)


def claimed(connection: Connection, attempt: str = "first") -> tuple[int, str]:
    """A message that has been claimed, its call about to be made, and its attempt."""
    ident = put(connection)
    outcomes.begin(connection, [(message, "g") for message in claim(connection, attempt=attempt)], NOW)
    return ident, f"{attempt}-{ident}"
