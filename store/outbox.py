"""Which messages are to leave, who has claimed one, and what became of it?

A claim commits before the call to the gateway: its WHERE lets one claimer through. Callers: actors/.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, func, insert, select, update

from store import installation
from store.schema import messages

#: state → the states that may follow it
NEXT: Final[Mapping[str, frozenset[str]]] = {
    "due": frozenset({"sending"}),
    "sending": frozenset({"accepted", "failed", "superseded", "undeliverable", "unknown"}),
    "failed": frozenset({"due"}),
    "unknown": frozenset({"due", "accepted", "failed"}),
    "accepted": frozenset(),
    "superseded": frozenset(),
    "undeliverable": frozenset({"due"}),
}
STRANDED: Final = "whoever was sending it stopped before the outcome was known"
HELD: Final = "held"  #: the operator has stopped all sending


@dataclass(frozen=True, slots=True)
class Message:
    """One message for one person on one channel."""

    id: int
    kind: str
    person: str
    channel: str
    at: datetime
    day: date
    state: str
    reason: str | None
    attempts: int
    subject: str | None
    body: str | None
    html: str | None


COLUMNS: Final = tuple(messages.c[f.name] for f in fields(Message))


def may_become(state: str, new: str) -> bool:
    """Say whether a message in `state` may go over to `new`.

    >>> may_become("due", "accepted"), may_become("sending", "accepted")
    (False, True)
    """
    return new in NEXT[state]


def put(
    connection: Connection, *, kind: str, person: str, channel: str, at: datetime, day: date, **words: str | None
) -> int:
    """Put a message into the outbox, and return its id. `words`: subject, body, html where they are fixed already."""
    values = {"kind": kind, "person": person, "channel": channel, "at": at, "day": day, "state": "due", **words}
    return int(connection.execute(insert(messages).values(values).returning(messages.c.id)).scalar_one())


def claim(connection: Connection, message: int, *, now: datetime, attempt: str, lease_s: float) -> Message | None:
    """Take a message that is due, for `lease_s` seconds; None if it is not, or sending is held."""
    if is_held(connection):
        return None
    statement = (
        update(messages)
        .where(messages.c.id == message, messages.c.state == "due", messages.c.at <= now)
        .values(
            state="sending",
            attempt=attempt,
            attempts=messages.c.attempts + 1,
            claimed_until=now + timedelta(seconds=lease_s),
        )
        .returning(*COLUMNS)
    )
    row = connection.execute(statement).first()
    return Message(*row) if row else None


def write(connection: Connection, message: int, *, subject: str | None, body: str, html: str | None) -> None:
    """Keep the words of a message."""
    connection.execute(update(messages).where(messages.c.id == message).values(subject=subject, body=body, html=html))


def settle(connection: Connection, message: int, attempt: str, state: str, **outcome: Any) -> bool:
    """Note the outcome of an attempt, be it late; False if the message is no longer that attempt's."""
    before = [known for known in ("sending", "unknown") if may_become(known, state)]
    statement = (
        update(messages)
        .where(messages.c.id == message, messages.c.attempt == attempt, messages.c.state.in_(before))
        .values({"state": state, "claimed_until": None, "reason": None, **outcome})
    )
    return connection.execute(statement).rowcount == 1


def claimable(connection: Connection, now: datetime, limit: int) -> Sequence[int]:
    """Return messages that are due and unclaimed, the oldest first."""
    query = select(messages.c.id).where(messages.c.state == "due", messages.c.at <= now).order_by(messages.c.at)
    return connection.execute(query.limit(limit)).scalars().all()


def is_busy(connection: Connection, now: datetime) -> bool:
    """Say whether a message is due or on its way, and sending is not held."""
    if is_held(connection):
        return False
    query = select(messages.c.id).where(messages.c.state.in_(["due", "sending"]), messages.c.at <= now).limit(1)
    return connection.execute(query).first() is not None


@dataclass(frozen=True, slots=True)
class Stranded:
    """A message whose sender died: the claim's time is over and no outcome is known."""

    id: int
    channel: str
    attempt: str


def strand(connection: Connection, now: datetime) -> list[Stranded]:
    """Mark as of unknown outcome what a dead process had claimed, and return it; it is not sent again blindly."""
    statement = (
        update(messages)
        .where(messages.c.state == "sending", messages.c.claimed_until < now)
        .values(state="unknown", claimed_until=None, reason=STRANDED)
        .returning(messages.c.id, messages.c.channel, messages.c.attempt)
    )
    return [Stranded(*row) for row in connection.execute(statement)]


def retry(connection: Connection, message: int) -> bool:
    """Give a message that failed one more try; False if it is in no state for that."""
    again = [state for state in NEXT if may_become(state, "due")]
    statement = (
        update(messages).where(messages.c.id == message, messages.c.state.in_(again)).values(state="due", reason=None)
    )
    return connection.execute(statement).rowcount == 1


def hold(connection: Connection) -> None:
    """Stop all sending."""
    installation.put(connection, HELD, "yes")


def release(connection: Connection) -> None:
    """Go on sending."""
    installation.put(connection, HELD, "no")


def is_held(connection: Connection) -> bool:
    """Say whether the operator has stopped all sending."""
    return installation.get(connection, HELD) == "yes"


def count_by_state(connection: Connection) -> dict[str, int]:
    """Return how many messages there are in each state."""
    query = select(messages.c.state, func.count()).group_by(messages.c.state)
    return dict(connection.execute(query).all())


def oldest_due(connection: Connection) -> datetime | None:
    """Return since when the oldest message that is due has been waiting."""
    found: datetime | None = connection.execute(
        select(func.min(messages.c.at)).where(messages.c.state == "due")
    ).scalar()
    return found
