"""How does one message leave?

Claimed, checked for the last time, put into words, handed to the gateway once, recorded. The claim is committed
before the call: whoever dies in between leaves a message of unknown outcome, never a second one.
Rules: R5.7, R5.9. Callers: the actor `send`.
"""

from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final

import structlog
from sqlalchemy import Connection

from actors.desks import Desks
from actors.leaving import current_matters, superseded_reason
from channels.gateway import Accepted, Outgoing
from config.letterhead import wording_of
from config.services import Services
from rules.facts import Channel
from rules.notices import Notice, Verdict, urgency
from rules.offices import Person
from store import findings, notices, outbox
from store.outbox import Message
from templates.wording import Wording

LEASE_S: Final = 10.0  #: how long a claim lasts without a word from the claimer, in real seconds

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Letter:
    """A message in words."""

    subject: str | None
    text: str
    html: str | None


def send(services: Services, desks: Desks, message_id: int) -> None:
    """Send one message of the outbox if it is due and nobody else has it.

    Running twice is harmless: the second finds nothing to claim. If the process dies after the claim, the
    message is settled by `recover`, not sent again blindly.
    """
    attempt = services.new_attempt()
    with services.engine.begin() as connection:
        outgoing = _claim(connection, services, desks, message_id, attempt)
    if outgoing is None:
        return
    gateway = services.gateways[Channel(outgoing.channel)]
    outcome = gateway.send(outgoing)
    with services.engine.begin() as connection:
        if isinstance(outcome, Accepted):
            outbox.settle(
                connection,
                message_id,
                attempt,
                "accepted",
                sent_at=outgoing.at,
                provider=gateway.name,
                provider_id=outcome.provider_id,
            )
        else:
            outbox.settle(connection, message_id, attempt, "failed", reason=outcome.reason)
    log.info("sent", message=message_id, channel=outgoing.channel, gateway=gateway.name)


def recover(services: Services, now: datetime) -> None:
    """Settle what a process that died had claimed: as sent, or to be sent, where the gateway can tell.

    Where it cannot, the outcome stays unknown and is a finding: nothing is sent again blindly.
    """
    with services.engine.begin() as connection:
        stranded = outbox.strand(connection, now)
    for message in stranded:
        gateway = services.gateways[Channel(message.channel)]
        has_left = gateway.has_taken(message.attempt)
        with services.engine.begin() as connection:
            if has_left is None:
                findings.note(connection, "unknown", f"message:{message.id}", outbox.STRANDED, now)
            elif has_left:
                outbox.settle(connection, message.id, message.attempt, "accepted", sent_at=now, provider=gateway.name)
            else:
                outbox.retry(connection, message.id)


def _claim(connection: Connection, services: Services, desks: Desks, message_id: int, attempt: str) -> Outgoing | None:
    now = services.clock.now()
    lease_s = LEASE_S * max(services.clock.speed, 1.0)
    message = outbox.claim(connection, message_id, now=now, attempt=attempt, lease_s=lease_s)
    if message is None:
        return None
    desk = desks.of(connection)
    person = desk.house.person(message.person)
    address = _address(person, message.channel)
    if person is None or address is None:
        outbox.settle(connection, message_id, attempt, "undeliverable", reason=f"{message.person} has no address now")
        return None
    letter = _letter(connection, message, person, wording_of(desk, services.settings), now)
    if letter is None:
        outbox.settle(connection, message_id, attempt, "superseded", reason="nothing in it still holds")
        return None
    outbox.write(connection, message_id, subject=letter.subject, body=letter.text, html=letter.html)
    return Outgoing(
        message=message_id,
        attempt=attempt,
        # A fast drill runs on while a message is on its way: what counts is when it was to leave.
        at=message.at if services.clock.is_drill else now,
        channel=message.channel,
        person=message.person,
        address=address,
        subject=letter.subject,
        text=letter.text,
        html=letter.html,
    )


def _address(person: Person | None, channel: str) -> str | None:
    if person is None:
        return None
    return person.mobile if channel == Channel.SMS else person.email


def _letter(connection: Connection, message: Message, person: Person, wording: Wording, now: datetime) -> Letter | None:
    """Put the notices that still hold into words; None if none does. A digest has its words already."""
    if message.body is not None:
        return Letter(message.subject, message.body, message.html)
    items = _items(connection, message, person, now)
    if not items:
        return None
    return written(items, message.day, wording)


def written(items: list[Notice], day: date, wording: Wording) -> Letter:
    """Return the words for the notices of one person on one channel that leave together (R5.9)."""
    items.sort(key=urgency)
    if items[0].channel is Channel.SMS:
        return Letter(None, wording.sms(items, day), None)
    email = wording.email(items, day)
    return Letter(email.subject, email.text, email.html)


def _items(connection: Connection, message: Message, person: Person, now: datetime) -> list[Notice]:
    rows = notices.in_message(connection, message.id)
    matters = current_matters(connection, (row.matter for row in rows))
    items = []
    for row in rows:
        matter = matters.get(row.matter)
        reason = superseded_reason(row, matter, now)
        if reason is not None or matter is None:
            notices.supersede(connection, [row.id], reason or "the matter was reckoned away")
            continue
        items.append(
            Notice(
                matter=replace(matter, due=row.due),
                rung=row.rung,
                person=person,
                channel=Channel(row.channel),
                verdict=Verdict.SENT,
                rerouted=row.rerouted,
            )
        )
    return items
