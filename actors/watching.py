"""Has everything fired that should have?

Once a workday, some time after the round, what should have happened is reckoned from the matters themselves and
compared with what is on record. The operator gets the outcome by mail; where all is quiet, the address that waits
for a sign of life is called. Caller: the actor `watch`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import Connection

from actors.desks import Desks
from actors.steps import ROUND
from config.services import Services
from rules.dockets import Desk
from rules.facts import SHANGHAI, Channel, local_day, midnight
from rules.ladders import round_at
from rules.notices import rungs_left
from store import audit, findings, leases, notices, outbox, projection
from store.engine import reading
from store.outbox import New
from templates.quiet import Quiet, quiet_mail

WATCH: Final = "watch"  #: job of the slots in which it was watched
AFTER: Final = timedelta(minutes=15)  #: so long after the round
LATE: Final = timedelta(minutes=10)
BATCH: Final = 2000
PING_TIMEOUT_S: Final = 10.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Amiss:
    """Something that should not be: what kind, and in words."""

    kind: str
    text: str


def is_time_to_watch(connection: Connection, desk: Desk, now: datetime) -> bool:
    """Say whether the watch of today is to be held."""
    day = local_day(now)
    if not desk.calendar.is_workday(day) or now < round_at(day, desk.policy) + AFTER:
        return False
    return not leases.is_done(connection, WATCH, day.isoformat())


def watch(services: Services, desks: Desks) -> bool | None:
    """Hold the watch of today, and tell the operator; return whether all is quiet, or None if it was held already.

    Running twice is harmless: a day is watched once. The sign of life goes out only after all is on record.
    """
    now = services.clock.now()
    day = local_day(now)
    with reading(services.engine) as connection:
        desk = desks.of(connection)
        if not is_time_to_watch(connection, desk, now):
            return None
        amiss = list(look_for_amiss(connection, desk, now))
    with services.engine.begin() as connection:
        if not leases.do_once(connection, WATCH, day.isoformat(), now):
            return None
        for one in amiss:
            findings.note(connection, one.kind, f"{day.isoformat()}:{one.text}", one.text, now)
        _tell_operators(connection, services.settings.operator_addresses(), amiss, now)
    log.info("watched", amiss=len(amiss))
    if not amiss and services.settings.ping_url:
        services.ping(services.settings.ping_url, PING_TIMEOUT_S)
    return not amiss


def look_for_amiss(connection: Connection, desk: Desk, now: datetime) -> Iterator[Amiss]:
    """Yield what should not be."""
    yield from _rounds(connection, desk, now)
    yield from _rungs(connection, desk, now)
    yield from _messages(connection, now)


def _rounds(connection: Connection, desk: Desk, now: datetime) -> Iterator[Amiss]:
    expected = round_at(local_day(now), desk.policy)
    last = leases.last_done(connection, ROUND)
    if expected >= midnight(desk.start_on) and (last is None or last < expected):
        yield Amiss("round", f"the round of {local_day(now)} was not held")


def _rungs(connection: Connection, desk: Desk, now: datetime) -> Iterator[Amiss]:
    """Compare the ladder of every live matter, reckoned anew, with the rungs that have fired."""
    day, missing = local_day(now), 0
    first = ""
    for batch in projection.live_matters(connection, BATCH):
        fired = notices.fired(connection, [matter.id for matter in batch])
        for matter in batch:
            left = rungs_left(matter, fired.get(matter.id, ()), desk)
            # What became known after the round waits for the next one.
            late = [rung for rung in left if rung.fires_from <= day and matter.began < day]
            if late and matter.is_live(day) and not projection.stale_among(connection, {matter.id: matter.responsible}):
                missing += 1
                first = first or f"{late[0].name} of {matter.id}"
    if missing:
        yield Amiss("rung", f"{missing} matters have rungs that should have fired and have not, such as {first}")


def _messages(connection: Connection, now: datetime) -> Iterator[Amiss]:
    held = outbox.held_because(connection)
    if held:
        yield Amiss("held", f"sending is held: {held}")
    oldest = outbox.oldest_due(connection)
    if oldest is not None and now - oldest > LATE and not held:
        yield Amiss("late", f"a message has been waiting since {oldest.astimezone(SHANGHAI):%Y-%m-%d %H:%M}")
    counts = outbox.count_by_state(connection)
    for state in ("unknown", "held"):
        if counts.get(state):
            yield Amiss(state, f"{counts[state]} messages are {state}")


def _tell_operators(connection: Connection, addresses: list[str], amiss: list[Amiss], now: datetime) -> None:
    day = local_day(now)
    checkpoint = audit.last_checkpoint(connection)
    mail = quiet_mail(
        Quiet(
            day=day,
            amiss=tuple(one.text for one in amiss),
            messages=outbox.count_of_day(connection, day),
            open_findings=findings.count_open(connection),
            checkpoint=str(checkpoint) if checkpoint else None,
        )
    )
    new = [
        New(
            kind="operator",
            person=to,
            channel=Channel.EMAIL,
            at=now,
            day=day,
            subject=mail.subject,
            body=mail.text,
            html=mail.html,
        )
        for to in addresses
    ]
    outbox.put_all(connection, new)
