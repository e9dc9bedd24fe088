"""Which messages are to leave, and who has claimed them?

A claim commits before the call to the gateway: its WHERE lets one claimer through, and its lease is on the
database's clock. What becomes of a claim is in store/outcomes.py. Callers: actors/, the operator's levers.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, String, and_, bindparam, cast, func, insert, or_, select, text, update

from rules.deliveries import LONGEST_RETRY_S, State, before
from store import installation
from store.lots import insert_lot, update_lot
from store.many import by_no_index, is_one_of, word
from store.schema import messages
from store.schema_service import attachments

HELD: Final = "held"  #: why all sending is held; empty: it is not


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
    attempt: str | None
    attempts: int
    try_at: datetime
    instead_of: int | None
    subject: str | None
    body: str | None
    html: str | None


COLUMNS: Final = tuple(messages.c[f.name] for f in fields(Message))


@dataclass(frozen=True, slots=True, kw_only=True)
class New:
    """A message to be put into the outbox; its words, where they are fixed already."""

    kind: str
    person: str
    channel: str
    at: datetime
    day: date
    instead_of: int | None = None
    subject: str | None = None
    body: str | None = None
    html: str | None = None


NAMES: Final = tuple(f.name for f in fields(New))


def put_all(connection: Connection, new: Sequence[New]) -> list[int]:
    """Put messages into the outbox, and return their ids in the same order."""
    reason = _held_for_now(connection)
    fixed = {"state": State.HELD.value if reason else State.DUE.value, "reason": reason, "attempts": 0}
    ids = _new_ids(connection, len(new))
    rows = [
        {"id": ident, "moved_at": one.at, "try_at": one.at} | {name: getattr(one, name) for name in NAMES} | fixed
        for ident, one in zip(ids, new, strict=True)
    ]
    insert_lot(connection, messages, rows)
    return ids


def _held_for_now(connection: Connection) -> str | None:
    """Return why new messages must wait for a release, or None if they need not.

    A release lets go what it finds. One that commits before us does not find ours, which would wait for ever: so it is
    waited for, or waits for us. A hold need not wait: while it lasts, nothing is claimed whatever its state.
    """
    return (installation.get_firm(connection, HELD) or None) if held_because(connection) else None


_LAST_ID: Final = select(func.coalesce(func.max(messages.c.id), 0))
_DRAWN_IDS: Final = text("SELECT nextval(pg_get_serial_sequence('messages', 'id')) FROM generate_series(1, :count)")


def _new_ids(connection: Connection, count: int) -> list[int]:
    """Return ids that nobody else gets."""
    if connection.dialect.name == "sqlite":  # whoever writes is alone
        last = connection.execute(_LAST_ID).scalar_one()
        return list(range(last + 1, last + 1 + count))
    return list(connection.execute(_DRAWN_IDS, {"count": count}).scalars())


def put(connection: Connection, new: New) -> int:
    """Put one message into the outbox, and return its id."""
    return put_all(connection, [new])[0]


_HAS_INSTEAD: Final = select(messages.c.id).where(messages.c.instead_of == bindparam("of"))


def put_instead(connection: Connection, new: New) -> bool:
    """Put a message into the outbox in another's stead; False if that one has one already."""
    if connection.execute(_HAS_INSTEAD, {"of": new.instead_of}).first() is not None:
        return False
    put(connection, new)
    return True


_ATTACH: Final = insert(attachments)


def attach(connection: Connection, message: int, files: Iterable[tuple[str, str, bytes]]) -> None:
    """Let files go with a message: name, content type, content."""
    rows = [{"message": message, "name": name, "content_type": kind, "content": data} for name, kind, data in files]
    if rows:
        connection.execute(_ATTACH, rows)


_ATTACHED: Final = (
    select(attachments.c.name, attachments.c.content_type, attachments.c.content)
    .where(attachments.c.message == bindparam("message"))
    .order_by(attachments.c.name)
)


def attached(connection: Connection, message: int) -> list[tuple[str, str, bytes]]:
    """Return the files that go with a message: name, content type, content."""
    rows = connection.execute(_ATTACHED, {"message": message})
    return [(row.name, row.content_type, row.content) for row in rows]


# Claiming ----------------------------------------------------------------------------------


_NOW: Final = {
    "sqlite": text("SELECT strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')"),
    "postgresql": text("SELECT clock_timestamp()"),
}
_IS_DUE: Final = and_(messages.c.state == word(State.DUE), messages.c.try_at <= bindparam("now"))
_WANTED: Final = (
    select(messages.c.id)
    .where(_IS_DUE, is_one_of(messages.c.channel, "channels"))
    .order_by(messages.c.try_at)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
    # A CTE, since PostgreSQL may run a plain subquery more than once, and lock more than `most`.
    .cte("wanted")
)
_CLAIM: Final = (
    update(messages)
    .where(messages.c.id.in_(select(_WANTED.c.id)), by_no_index(messages.c.state) == word(State.DUE))
    .values(
        state=State.SENDING.value,
        attempt=bindparam("lead", type_=String()) + cast(messages.c.id, String),
        attempts=messages.c.attempts + 1,
        claimed_until=bindparam("until"),
        moved_at=bindparam("now"),
    )
    .returning(*COLUMNS)
)


def database_now(connection: Connection) -> datetime:
    """Return the instant by the database's own clock, which all processes share."""
    instant: Any = connection.execute(_NOW[connection.dialect.name]).scalar_one()
    return datetime.fromisoformat(instant) if isinstance(instant, str) else instant


def claim(
    connection: Connection,
    *,
    channels: Sequence[str],
    now: datetime,
    attempt: str,
    until: datetime,
    limit: int,
) -> list[Message]:
    """Take some messages that are due on these channels, the oldest first, up to `until` by the database's clock.

    Nothing while sending is held. `attempt` names all of them: each gets it with its own id behind.
    """
    if held_because(connection):
        return []
    values = {"now": now, "channels": list(channels), "most": limit, "lead": f"{attempt}-", "until": until}
    found = [Message(*row) for row in connection.execute(_CLAIM, values)]
    return sorted(found, key=lambda message: (message.try_at, message.id))


def seal(connection: Connection, words: Sequence[dict[str, Any]]) -> None:
    """Keep the words of messages as they leave: id, subject, body, html, sealed (hash), day."""
    update_lot(connection, messages, "id", words)


_SOME_DUE: Final = select(messages.c.id).where(_IS_DUE).limit(bindparam("most"))
COUNT_DUE: Final = select(func.count()).select_from(_SOME_DUE.subquery())
_BUSY: Final = select(messages.c.id).where(or_(_IS_DUE, messages.c.state == word(State.SENDING))).limit(1)


def count_claimable(connection: Connection, now: datetime, limit: int) -> int:
    """Return how many messages are due and unclaimed, up to `limit`."""
    return connection.execute(COUNT_DUE, {"now": now, "most": limit}).scalar_one()


def is_busy(connection: Connection, now: datetime) -> bool:
    """Say whether a message is due or on its way, and sending is not held."""
    if held_because(connection):
        return False
    return connection.execute(_BUSY, {"now": now}).first() is not None


# Levers ------------------------------------------------------------------------------------


_AGAIN: Final = [state for state in before(State.DUE) if state not in (State.SENDING, State.HELD)]
_RETRY: Final = (
    update(messages)
    .where(messages.c.id == bindparam("of"), or_(*(messages.c.state == word(state) for state in _AGAIN)))
    .values(
        state=State.DUE.value,
        reason=None,
        moved_at=bindparam("now"),
        try_at=bindparam("now"),
        absent_at=None,
        followed_at=None,
    )
)


def retry(connection: Connection, message: int, now: datetime) -> bool:
    """Give a message that failed one more try; False if it is in no state for that."""
    return connection.execute(_RETRY, {"of": message, "now": now}).rowcount == 1


def hold(connection: Connection, reason: str, now: datetime, *, outranks: bool = False) -> bool:
    """Stop all sending; False if it was held already. The reason for that stays, unless ours `outranks` it."""
    installation.put_new(connection, HELD, "")
    installation.hold(connection, HELD)  # of two at once the second sees why the first has stopped it
    if held_because(connection):
        if outranks:
            installation.put(connection, HELD, reason)
        return False
    installation.put(connection, HELD, reason)
    connection.execute(
        update(messages)
        .where(messages.c.state == word(State.DUE))
        .values(state=State.HELD.value, reason=reason, moved_at=now)
    )
    return True


def release(connection: Connection, now: datetime) -> int:
    """Go on sending, and return how many SMS had been held.

    What was to wait for longer than a try is claimed now, and put off again if it has to be: the clock by which it was
    put off may have been wrong.
    """
    installation.put(connection, HELD, "")
    let_go = (
        update(messages)
        .where(messages.c.state == word(State.HELD))
        .values(state=State.DUE.value, reason=None, moved_at=now)
        .returning(messages.c.channel)
    )
    channels = list(connection.execute(let_go).scalars())
    far = now + timedelta(seconds=LONGEST_RETRY_S)
    connection.execute(
        update(messages).where(messages.c.state == word(State.DUE), messages.c.try_at > far).values(try_at=now)
    )
    return channels.count("sms")


def held_because(connection: Connection) -> str | None:
    """Return why all sending is held, or None if it is not."""
    return installation.get(connection, HELD) or None


# Looking -----------------------------------------------------------------------------------


_BY_STATE: Final = select(messages.c.state, func.count()).group_by(messages.c.state)
_BY_STATE_OF_DAY: Final = _BY_STATE.where(messages.c.day == bindparam("day"))
_OLDEST_DUE: Final = (
    select(messages.c.at).where(messages.c.state == word(State.DUE)).order_by(messages.c.try_at).limit(1)
)


def count_by_state(connection: Connection) -> dict[str, int]:
    """Return how many messages there are in each state."""
    return dict(connection.execute(_BY_STATE).all())


def oldest_due(connection: Connection) -> datetime | None:
    """Return since when the oldest message that is due has been waiting."""
    found: datetime | None = connection.execute(_OLDEST_DUE).scalar()
    return found


def count_of_day(connection: Connection, day: date) -> dict[str, int]:
    """Return how many messages of a day there are in each state."""
    return dict(connection.execute(_BY_STATE_OF_DAY, {"day": day}).all())
