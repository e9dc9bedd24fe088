"""What is left to look into: unknown outcomes, gateways that keep silent, failures that nobody has followed up?

Caller: actors/settling.py, which asks the gateways; what they tell goes to store/outcomes.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, and_, bindparam, exists, func, or_, select, union_all, update

from rules.deliveries import State
from store.many import is_one_of, word
from store.outbox import COLUMNS, COUNT_DUE, Message
from store.schema import NOT_FOLLOWED, messages
from store.schema_service import attempts
from store.types import UtcDateTime

#: a text that was sent on to the carrier, and of which nothing more is told, is asked about for so long
SENT_ON: Final = timedelta(days=2)
STRANDED: Final = "whoever was sending it stopped before the outcome was known"


_STRAND: Final = (
    update(messages)
    .where(
        messages.c.state == word(State.SENDING),
        messages.c.channel == bindparam("of"),
        messages.c.claimed_until < bindparam("lease_now"),
    )
    .values(
        state=State.UNKNOWN.value,
        claimed_until=None,
        reason=STRANDED,
        moved_at=bindparam("now"),
        try_at=bindparam("ask_at"),
        absent_at=None,
    )
)


def strand(connection: Connection, channel: str, lease_now: datetime, now: datetime, ask_at: datetime) -> int:
    """Mark as of unknown outcome what a dead process had claimed; it is not sent again blindly.

    `lease_now`: by the database's clock; `ask_at`: when its gateway is asked.
    """
    values = {"of": channel, "lease_now": lease_now, "now": now, "ask_at": ask_at}
    return connection.execute(_STRAND, values).rowcount


@dataclass(frozen=True, slots=True)
class Unknown:
    """A message of unknown outcome that is to be looked into."""

    message: Message
    since: datetime  #: when it became unknown
    absent_at: datetime | None  #: when its gateway first knew nothing of it
    claimed_at: datetime | None  #: when its last attempt began; None: no call was prepared


_UNKNOWN: Final = (
    select(*COLUMNS, messages.c.moved_at, messages.c.absent_at, attempts.c.at.label("claimed_at"))
    .outerjoin(attempts, attempts.c.id == messages.c.attempt)
    .where(messages.c.state == word(State.UNKNOWN), messages.c.try_at <= bindparam("now"))
    .order_by(messages.c.try_at)
    .limit(bindparam("most"))
)


def unknown(connection: Connection, now: datetime, limit: int) -> list[Unknown]:
    """Return messages of unknown outcome whose time to be looked into has come."""
    rows = connection.execute(_UNKNOWN, {"now": now, "most": limit})
    return [Unknown(Message(*row[:-3]), *row[-3:]) for row in rows]


_IS_STILL_UNKNOWN: Final = and_(
    messages.c.id == bindparam("of"), messages.c.attempt == bindparam("by"), messages.c.state == word(State.UNKNOWN)
)
_STILL_UNKNOWN: Final = select(messages.c.id).where(_IS_STILL_UNKNOWN)
_NOTE_ABSENT: Final = (
    update(messages)
    .where(_IS_STILL_UNKNOWN)
    .values(
        absent_at=func.coalesce(messages.c.absent_at, bindparam("now", type_=UtcDateTime())), try_at=bindparam("ask_at")
    )
)
_ASK_LATER: Final = update(messages).where(_IS_STILL_UNKNOWN).values(try_at=bindparam("ask_at"))


def _same(message: Message) -> dict[str, Any]:
    return {"of": message.id, "by": message.attempt}


def is_unknown(connection: Connection, message: Message) -> bool:
    """Say whether the outcome of a message is still unknown, that of the same attempt."""
    return connection.execute(_STILL_UNKNOWN, _same(message)).first() is not None


def note_absent(connection: Connection, message: Message, now: datetime, ask_at: datetime) -> None:
    """Note that the gateway knows nothing of an attempt, and when it is asked again."""
    connection.execute(_NOTE_ABSENT, _same(message) | {"now": now, "ask_at": ask_at})


def ask_later(connection: Connection, message: Message, ask_at: datetime) -> None:
    """Ask again at `ask_at` what became of a message."""
    connection.execute(_ASK_LATER, _same(message) | {"ask_at": ask_at})


@dataclass(frozen=True, slots=True)
class Waiting:
    """What there is to do for a sweep."""

    unknown: bool  #: an outcome that nobody knows is to be looked into, a dead process's claim among them
    unfollowed: bool  #: a message did not arrive, and nobody has drawn the consequences
    silent: bool  #: a gateway is to be asked what became of a message
    due: int  #: messages that are due and unclaimed

    @property
    def is_anything(self) -> bool:
        """Whether anything but messages waits."""
        return self.unknown or self.unfollowed or self.silent


_ARE_SILENT: Final = select(attempts.c.provider_id, attempts.c.ended_at).where(
    attempts.c.ended_at < bindparam("since"), attempts.c.provider_id.is_not(None)
)
# Two questions, since each has its own index: many carriers never tell that a text has arrived, and those stay.
_ARE_TAKEN: Final = _ARE_SILENT.where(attempts.c.status == word("accepted"))
_ARE_SENT: Final = _ARE_SILENT.where(attempts.c.status == word("sent"), attempts.c.at > bindparam("lately"))
_SILENT: Final = (
    union_all(*(ask.where(attempts.c.gateway == bindparam("gateway")) for ask in (_ARE_TAKEN, _ARE_SENT)))
    .order_by("ended_at")
    .limit(bindparam("most"))
)


_IS_STRANDED: Final = and_(messages.c.state == word(State.SENDING), messages.c.claimed_until < bindparam("lease_now"))
_IS_TO_ASK: Final = and_(messages.c.state == word(State.UNKNOWN), messages.c.try_at <= bindparam("now"))
_WAITING: Final = select(
    or_(exists(select(messages.c.id).where(_IS_STRANDED)), exists(select(messages.c.id).where(_IS_TO_ASK))),
    exists(select(messages.c.id).where(NOT_FOLLOWED)),
    or_(*(exists(ask.where(is_one_of(attempts.c.gateway, "gateways"))) for ask in (_ARE_TAKEN, _ARE_SENT))),
    COUNT_DUE.scalar_subquery(),
)


def waiting(
    connection: Connection, now: datetime, lease_now: datetime, gateways: Sequence[str], since: datetime, most: int
) -> Waiting:
    """Return what there is to do for a sweep, in one look at indexes.

    `lease_now`: by the database's clock. `gateways`: those that are asked about messages of which they have told
    nothing since `since`. `most`: so many messages due are counted.
    """
    values = {"now": now, "lease_now": lease_now, "gateways": list(gateways), "most": most} | _silence(since)
    return Waiting(*connection.execute(_WAITING, values).one())


def _silence(since: datetime) -> dict[str, datetime]:
    return {"since": since, "lately": since - SENT_ON}


def silent(connection: Connection, gateway: str, since: datetime, limit: int) -> list[str]:
    """Return a gateway's ids of messages of which it has told nothing since, the oldest first.

    Of those that it has sent on, too, for two days: it may have lost the word that they failed.
    """
    values = {"gateway": gateway, "most": limit} | _silence(since)
    return list(connection.execute(_SILENT, values).scalars())


def note_asked(connection: Connection, gateway: str, provider_id: str, now: datetime) -> None:
    """Note that a gateway was asked about a message, so that the others get their turn."""
    own = (attempts.c.gateway == gateway, attempts.c.provider_id == provider_id)
    connection.execute(update(attempts).where(*own).values(ended_at=now))


# What follows ------------------------------------------------------------------------------


_TO_FOLLOW: Final = (
    select(*COLUMNS)
    .where(NOT_FOLLOWED)
    .order_by(messages.c.id)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)


def to_follow(connection: Connection, limit: int) -> list[Message]:
    """Return messages that did not arrive, and of which nobody has drawn the consequences yet."""
    return [Message(*row) for row in connection.execute(_TO_FOLLOW, {"most": limit})]


_FOLLOW: Final = update(messages).where(messages.c.id == bindparam("of")).values(followed_at=bindparam("now"))
_FOLLOWED_AT: Final = select(messages.c.followed_at).where(messages.c.id == bindparam("of"))


def follow(connection: Connection, message: int, now: datetime) -> None:
    """Note that the consequences of a message have been drawn."""
    connection.execute(_FOLLOW, {"of": message, "now": now})


def is_followed(connection: Connection, message: int) -> bool:
    """Say whether the consequences of a message have been drawn."""
    return connection.execute(_FOLLOWED_AT, {"of": message}).scalar() is not None
