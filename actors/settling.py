"""What becomes of messages whose outcome nobody knows, and of those that did not arrive?

Nothing is sent again blindly. A gateway that keeps a list is asked, twice and apart; one that recognises a copy by
its id is given it again; what stays unknown, and what failed for good, goes by e-mail instead and is a task for the
operator. Source: FINDINGS "Sending once". Callers: the actor `sweep`.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import Connection

from actors.claiming import address_of
from actors.desks import Desks
from channels.gateway import CANNOT_TELL, Absent, CannotTell, Gateway, Report, Sought, WhenUnknown
from config.services import Services
from rules.deliveries import State
from rules.dockets import Desk
from rules.facts import Channel
from rules.notices import leaves_at
from store import findings, notices, outbox, outcomes, unsettled
from store.engine import reading
from store.outbox import Message, New
from store.outcomes import Settled
from store.unsettled import Unknown, Waiting

LOOKED_INTO: Final = 50  #: unknown outcomes in one sweep
FOLLOWED: Final = 200
NAMED: Final = 5  #: notices of a message that a finding names
#: a gateway that tells nothing of a message for so long is asked
SILENT_FOR: Final = timedelta(hours=2)
#: a sweep asks gateways for so long, in real seconds
ASKS_S: Final = 10.0
#: after everything else was tried, a gateway is still asked once in a while
A_DAY: Final = timedelta(days=1)
RARELY: Final = timedelta(hours=6)

log = structlog.get_logger()


def settle_what_waits(services: Services, desks: Desks, most: int) -> int:
    """Do what there is to do for a sweep, and return how many messages are due, up to `most`."""
    waits = _look(services, most)
    if waits.unknown:
        settle_unknown(services, desks)
    if waits.unknown or waits.unfollowed:
        follow_up(services, desks)
    if waits.silent:
        ask_about_silent(services)
    return _look(services, most).due if waits.is_anything else waits.due


def _look(services: Services, most: int) -> Waiting:
    now = services.clock.now()
    silent_at = [g.name for g in services.gateways.values() if g.when_unknown is WhenUnknown.ASK_LATER]
    with reading(services.engine) as connection:
        lease_now = services.lease_now(connection)
        return unsettled.waiting(connection, now, lease_now, silent_at, now - SILENT_FOR, most)


def settle_unknown(services: Services, desks: Desks) -> None:
    """Mark what dead processes had claimed, and look into every unknown outcome whose time has come.

    Running twice only asks twice: each outcome is applied once.
    """
    now = services.clock.now()
    with services.engine.begin() as connection:
        lease_now = services.lease_now(connection)
        for channel, gateway in services.gateways.items():
            wait = services.patience.unknown_ask_s if gateway.when_unknown is WhenUnknown.ASK_LATER else 0.0
            unsettled.strand(connection, channel, lease_now, now, now + timedelta(seconds=wait))
        waiting = unsettled.unknown(connection, now, LOOKED_INTO)
    began = services.elapsed()
    for unknown in waiting:
        if services.elapsed() - began > ASKS_S:
            return
        _look_into(services, desks, unknown, now)


def _look_into(services: Services, desks: Desks, unknown: Unknown, now: datetime) -> None:
    """Ask the gateway outside of any transaction, then note what it said."""
    message = unknown.message
    gateway = services.gateways[Channel(message.channel)]
    was_called = unknown.claimed_at is not None
    repeats = gateway.when_unknown is WhenUnknown.REPEAT or not was_called
    found = None if repeats else _ask(services, desks, gateway, unknown)
    with services.engine.begin() as connection:
        if not unsettled.is_unknown(connection, message):
            # Another sweep has dealt with it while this one asked: what was found may be the copy that it had sent.
            return
        if isinstance(found, Report) and outcomes.is_anothers(
            connection, gateway.name, found.provider_id, message.attempt
        ):
            # Another sweep has found the same meanwhile, for an equal text to the same person: asked anew next time.
            unsettled.ask_later(connection, message, now)
        elif isinstance(found, Report):
            outcomes.apply_report(connection, found, now)
        elif found is None or (isinstance(found, Absent) and _is_gone(services, gateway, unknown, now)):
            _try_again(connection, services, unknown, now)
        else:
            _wait(connection, services, unknown, isinstance(found, Absent), now)
            if now - unknown.since >= timedelta(seconds=services.patience.unknown_give_up_s):
                _give_up(connection, desks.of(connection), message, now)


def _ask(services: Services, desks: Desks, gateway: Gateway, unknown: Unknown) -> Report | Absent | CannotTell:
    message = unknown.message
    with services.engine.begin() as connection:
        taken = outcomes.ids_at(connection, gateway.name, message.person)
        address = address_of(message, desks.of(connection), services.settings)
        # A drill's instants are its own; the gateway's list knows the real ones.
        since = services.lease_now(connection) - A_DAY if services.clock.is_drill else unknown.claimed_at
    if address is None:
        return CANNOT_TELL
    found = gateway.find(
        Sought(
            attempt=message.attempt or "",
            address=address,
            text=message.body or "",
            since=since or unknown.since,
            taken=taken,
        )
    )
    log.info("asked", gateway=gateway.name, message=message.id, found=type(found).__name__)
    return replace(found, attempt=message.attempt) if isinstance(found, Report) else found


def _is_gone(services: Services, gateway: Gateway, unknown: Unknown, now: datetime) -> bool:
    """Say whether a message that its gateway knows nothing of was not there some time ago either."""
    if gateway.when_unknown is WhenUnknown.ASK_NOW:
        return True
    apart = timedelta(seconds=services.patience.unknown_again_s)
    return unknown.absent_at is not None and now - unknown.absent_at >= apart


def _try_again(connection: Connection, services: Services, unknown: Unknown, now: datetime) -> None:
    """Have a message sent once more that never got through, unless it has been tried enough.

    Where a call-back told of an earlier attempt while the last one was under way, it has left.
    """
    message = unknown.message
    tried = outcomes.tried(connection, [message.id]).get(message.id, 0)
    # Once an e-mail has gone in its stead, an SMS hours later would tell the same again.
    is_enough = tried >= services.patience.tries or unsettled.is_followed(connection, message.id)
    settled = Settled(
        message=message.id,
        attempt=message.attempt or "",
        at=now,
        state=State.FAILED if is_enough else State.DUE,
        reason=f"tried {tried} times, and never known to have arrived" if is_enough else "it never got through",
        try_at=now,
        outcome="unknown" if unknown.claimed_at else None,
    )
    has_left = bool(outcomes.have_left(connection, [message.id]))
    outcomes.settle(connection, [replace(settled, state=State.ACCEPTED) if has_left else settled])


def _wait(connection: Connection, services: Services, unknown: Unknown, is_absent: bool, now: datetime) -> None:  # noqa: FBT001
    given_up = now - unknown.since >= timedelta(seconds=services.patience.unknown_give_up_s)
    pause = RARELY if given_up else timedelta(seconds=services.patience.unknown_again_s)
    if is_absent:
        unsettled.note_absent(connection, unknown.message, now, now + pause)
    else:
        unsettled.ask_later(connection, unknown.message, now + pause)


def _give_up(connection: Connection, desk: Desk, message: Message, now: datetime) -> None:
    """Send e-mail instead, and make it a task of the operator; the message stays unknown."""
    # Asked anew: while `_wait` waited for whoever had the message, a call-back may have told of it.
    if not unsettled.is_unknown(connection, message) or unsettled.is_followed(connection, message.id):
        return
    _instead(connection, desk, message, now)
    subject = findings.of_message(message.id, message.attempts)
    findings.note(connection, "unknown", subject, f"{_named(connection, message)}: {message.reason}", now)
    unsettled.follow(connection, message.id, now)


# What did not arrive -----------------------------------------------------------------------


def follow_up(services: Services, desks: Desks) -> None:
    """Draw the consequences of what did not arrive: e-mail instead of an SMS, and a finding.

    Running twice is harmless: a message is followed once, and has at most one in its stead.
    """
    now = services.clock.now()
    with services.engine.begin() as connection:
        for message in unsettled.to_follow(connection, FOLLOWED):
            instead = _instead(connection, desks.of(connection), message, now)
            text = f"{_named(connection, message)}: {message.reason}; {instead}"
            subject = findings.of_message(message.id, message.attempts)
            findings.note(connection, message.state, subject, text, now)
            unsettled.follow(connection, message.id, now)


def _instead(connection: Connection, desk: Desk, message: Message, now: datetime) -> str:
    """Put an e-mail into the outbox for what an SMS should have told; say what was done."""
    person = desk.house.person(message.person)
    if message.channel != Channel.SMS or message.kind != "notices":
        return "nothing goes in its stead"
    if person is None or person.email is None:
        return "there is no e-mail address to write to instead"
    if not notices.in_messages(connection, {message.id: message.id}).get(message.id):
        return "the same has gone by e-mail"
    fallback = New(
        kind=message.kind,
        person=message.person,
        channel=Channel.EMAIL,
        at=leaves_at(now, desk),
        day=message.day,
        instead_of=message.id,
    )
    return "an e-mail goes in its stead" if outbox.put_instead(connection, fallback) else "an e-mail has gone"


def _named(connection: Connection, message: Message) -> str:
    """Return a message as a finding names it, by the numbers that `duban retry` takes: its notices', and its own."""
    carried = [row.id for row in notices.in_messages(connection, {message.id: None}).get(message.id, ())]
    numbers = ", ".join(map(str, carried[:NAMED])) + (" and more" if len(carried) > NAMED else "")
    of_notices = f"notice{'' if len(carried) == 1 else 's'} {numbers}, " if carried else ""
    return f"{of_notices}message {message.id} to {message.person} by {message.channel}"


# What a gateway keeps silent about ---------------------------------------------------------


def ask_about_silent(services: Services) -> None:
    """Ask gateways about messages that they took long ago and told nothing of since: call-backs get lost."""
    now = services.clock.now()
    began = services.elapsed()
    for gateway in services.gateways.values():
        if gateway.when_unknown is not WhenUnknown.ASK_LATER:
            continue
        with services.engine.begin() as connection:
            silent = unsettled.silent(connection, gateway.name, now - SILENT_FOR, LOOKED_INTO)
        for provider_id in silent:
            if services.elapsed() - began > ASKS_S:
                return
            report = gateway.look_up(provider_id)
            with services.engine.begin() as connection:
                if report is not None:
                    outcomes.apply_report(connection, report, now)
                unsettled.note_asked(connection, gateway.name, provider_id, now)
