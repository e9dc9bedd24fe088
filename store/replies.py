"""Which SMS came in, from whom, and what was answered?

By the gateway's id, so that one that is delivered twice acts once. Never a message's words. Callers:
intake/replies.py, /metrics.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, func, or_, select, update

from rules.facts import Channel
from store.schema import matters, messages, notices
from store.schema_service import replies
from store.upserts import insert_one

#: states of a message that the person may have read
HAS_LEFT: Final = ("accepted", "delivered", "unknown")


def take(connection: Connection, ident: str, at: datetime) -> bool:
    """Take a reply that nobody has taken before."""
    row = {"id": ident, "at": at, "kind": "taken", "outcome": "taken"}
    return insert_one(connection, replies, row)


def answer_to(connection: Connection, ident: str) -> str | None:
    """Return what was answered to a reply that was taken before."""
    found: str | None = connection.execute(select(replies.c.answer).where(replies.c.id == ident)).scalar()
    return found


def settle(
    connection: Connection, ident: str, *, person: str | None, kind: str, outcome: str, answer: str | None
) -> None:
    """Note what a reply wanted, what came of it, and what was answered."""
    statement = update(replies).where(replies.c.id == ident)
    connection.execute(statement.values(person=person, kind=kind, outcome=outcome, answer=answer))


def answers_since(connection: Connection, person: str, since: datetime, kind: str | None = None) -> int:
    """Return how many replies, of a kind or of any, a person has had an answer to."""
    query = select(func.count()).where(
        replies.c.person == person,
        replies.c.at >= since,
        replies.c.answer.is_not(None),
    )
    if kind is not None:
        query = query.where(replies.c.kind == kind)
    return int(connection.execute(query).scalar_one())


def count_by_kind(connection: Connection) -> dict[tuple[str, str], int]:
    """Return how many replies there were, by kind and outcome."""
    query = select(replies.c.kind, replies.c.outcome, func.count()).group_by(replies.c.kind, replies.c.outcome)
    return {(kind, outcome): count for kind, outcome, count in connection.execute(query)}


@dataclass(frozen=True, slots=True)
class Told:
    """An overdue matter of which somebody was told, and what notices call it."""

    matter: str
    label: str


def last_told_overdue(connection: Connection, person: str) -> list[Told]:
    """Return the overdue matters of which the last SMS about such told a person."""
    late = or_(notices.c.rung == "overdue", notices.c.rung.startswith("climb-"))
    mine = (notices.c.to_person == person, notices.c.channel == Channel.SMS, notices.c.state == "bundled", late)
    has_left = messages.c.state.in_(HAS_LEFT)
    last = select(func.max(notices.c.message)).join(messages, messages.c.id == notices.c.message).where(*mine, has_left)
    query = (
        select(notices.c.matter, matters.c.label)
        .join(matters, matters.c.id == notices.c.matter)
        .where(*mine, notices.c.message == last.scalar_subquery())
        .group_by(notices.c.matter, matters.c.label, matters.c.due)  # told by two rungs at once, it is still one
        .order_by(matters.c.due, notices.c.matter)
    )
    return [Told(row.matter, row.label or row.matter) for row in connection.execute(query)]
