"""What does a message say, if it is still right?

Digests and words to the operator are fixed when they are made; notices are put into words at the last moment, from
those that still hold. Rules: R5.7, R5.9. Callers: actors/claiming.py.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime

import structlog
from sqlalchemy import Connection

from actors.leaving import current_matters, superseded_reason
from channels.gateway import Attachment
from config.letterhead import wording_of
from config.services import Services
from rules.deliveries import State, has_expired
from rules.dockets import Desk
from rules.facts import Channel, local_day
from rules.matters import Matter
from rules.notices import Notice, Verdict, urgency
from rules.offices import Person
from store import notices, outbox, projection
from store.notices import NoticeRow
from store.outbox import Message
from templates.wording import Wording

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Letter:
    """A message in words."""

    subject: str | None
    text: str
    html: str | None
    attachments: tuple[Attachment, ...] = ()


@dataclass(slots=True)
class Letters:
    """What a last look at some messages gave."""

    written: dict[int, Letter] = field(default_factory=dict)
    dropped: list[tuple[Message, str, State]] = field(default_factory=list)  #: what they cannot say any more, or at all
    unsettled: list[Message] = field(default_factory=list)  #: a fact about them is known, and not yet reckoned


def letters_of(
    connection: Connection, services: Services, desk: Desk, messages: Sequence[Message], now: datetime
) -> Letters:
    """Put messages into words, all looked up together."""
    letters = Letters()
    fixed = [message for message in messages if message.kind != "notices"]
    for message in fixed:
        letters.written[message.id] = Letter(
            message.subject, message.body or "", message.html, _attachments(connection, message)
        )
    carrying = [message for message in messages if message.kind == "notices"]
    if not carrying:
        return letters
    rows = notices.in_messages(connection, {m.id: m.instead_of for m in carrying})
    every = [row for of_message in rows.values() for row in of_message]
    # In this order: a step that commits in between has taken its marks away, and left the matters as they are now.
    known_by = None if services.clock.is_drill else now
    moving = projection.stale_among(connection, {row.matter: row.responsible for row in every}, known_by)
    matters = current_matters(connection, (row.matter for row in every))
    wording = wording_of(desk, services.settings)
    for message in carrying:
        items = rows.get(message.id, [])
        if any(row.matter in moving for row in items):
            letters.unsettled.append(message)
        else:
            # In a fast drill time runs on while a message is on its way: what counts is when it was to leave.
            as_of = message.at if services.clock.is_drill else now
            _write(connection, letters, message, items, matters, desk, wording, as_of)
    return letters


def _attachments(connection: Connection, message: Message) -> tuple[Attachment, ...]:
    if message.channel != Channel.EMAIL:
        return ()
    return tuple(
        Attachment(name=name, content_type=kind, content=data)
        for name, kind, data in outbox.attached(connection, message.id)
    )


def _write(  # noqa: PLR0913, PLR0917 - what one message is written from
    connection: Connection,
    letters: Letters,
    message: Message,
    rows: Iterable[NoticeRow],
    matters: Mapping[str, Matter],
    desk: Desk,
    wording: Wording,
    now: datetime,
) -> None:
    person = desk.house.person(message.person)
    items, expired = _items(connection, message, rows, matters, person, now)
    if items and person is not None:
        try:
            letters.written[message.id] = written(items, local_day(now), wording)
        except Exception as err:  # one that has no words must not keep the others from leaving
            log.exception("no_words", message=message.id)
            letters.dropped.append((message, f"it cannot be put into words ({type(err).__name__})", State.FAILED))
    elif expired:
        letters.dropped.append((message, "the day that it reminds of has passed", State.EXPIRED))
    else:
        letters.dropped.append((message, "nothing in it still holds", State.SUPERSEDED))


def _items(
    connection: Connection,
    message: Message,
    rows: Iterable[NoticeRow],
    matters: Mapping[str, Matter],
    person: Person | None,
    now: datetime,
) -> tuple[list[Notice], bool]:
    """Return the notices that still hold, and whether one that does not is a reminder that came too late."""
    items: list[Notice] = []
    any_expired = False
    for row in rows:
        matter = matters.get(row.matter)
        reason = superseded_reason(row, matter, now)
        if reason is None and has_expired(row.rung, row.due, message.day, now):
            reason, any_expired = "its day has passed", True
        if reason is not None or matter is None:
            notices.supersede(connection, [(row.id, reason or "the matter was reckoned away")])
            continue
        items.append(
            Notice(
                matter=replace(matter, due=row.due),
                rung=row.rung,
                person=person,
                channel=Channel(message.channel),
                verdict=Verdict.SENT,
                rerouted=row.rerouted,
            )
        )
    return items, any_expired


def written(items: list[Notice], day: date, wording: Wording) -> Letter:
    """Return the words for the notices of one person on one channel that leave together (R5.9)."""
    items.sort(key=urgency)
    if items[0].channel is Channel.SMS:
        return Letter(None, wording.sms(items, day), None)
    email = wording.email(items, day)
    return Letter(email.subject, email.text, email.html)
