"""What is to be done at one instant, and when is the next?

A step does all that is due at an instant in one transaction: facts are reckoned, digests made, the round held,
and what leaves is bundled into messages. The cursor moves with it, so that of several daemons one takes the step
and the others find it taken. Rules: R5.1, R5.8, R7. Callers: the actor `take_step`, the daemon's clock.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Final

import structlog
from sqlalchemy import Connection

from actors.calendar_watch import warn_of_missing_year
from actors.desks import Desks
from actors.digests import make_digests
from actors.leaving import Envelopes, let_go
from actors.reckoning import reckon_changes
from actors.rounds import hold_round
from config.services import Services
from rules.dockets import Desk
from rules.facts import SHANGHAI, local_day, midnight
from rules.ladders import round_at
from rules.notices import leaves_at
from store import installation, leases
from store.ahead import CURSOR, Ahead
from store.triggers import tell_step

#: by so much a clock may differ from the database's and be believed: one that is set by the network moves by less
TOLERATED: Final = timedelta(seconds=60)
ROUND: Final = "round"  #: job of the slots in which rounds are held
BEFORE_ALL: Final = datetime(1970, 1, 1, tzinfo=UTC)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Plan:
    """What a step does at `at`, beside reckoning and letting go."""

    at: datetime
    makes_digests: bool = False
    holds_round: bool = False


@dataclass(frozen=True, slots=True)
class Done:
    """What a step did."""

    reckoned: int
    digests: int
    notices: int
    messages: int


def is_called_for(desk: Desk, plan: Plan, now: datetime) -> bool:
    """Say whether a clock that is right by `now` could have planned this.

    Who can write to the broker can ring for what he likes: a step that lies ahead would fire what is not due, one with
    digests or a round at another hour would have them leave at night.
    """
    if plan.at > now + TOLERATED:
        return False
    if not (plan.makes_digests or plan.holds_round) or leaves_at(plan.at, desk) == plan.at:
        return True
    local = plan.at.astimezone(SHANGHAI)
    hours = (desk.policy.digest_at, desk.policy.notify_at)  # they may lie outside the window
    return desk.calendar.is_workday(local.date()) and local.time() in hours


def cursor(connection: Connection, desk: Desk) -> datetime:
    """Return the instant up to which all is done; on a new installation, just before its first day."""
    return _since(installation.get(connection, CURSOR), desk)


def _since(cursor: str | None, desk: Desk) -> datetime:
    return datetime.fromisoformat(cursor) if cursor else midnight(desk.start_on) - timedelta(microseconds=1)


def hold_cursor(connection: Connection) -> None:
    """Let no step be taken until the transaction ends: one that is under way is waited for."""
    installation.hold(connection, CURSOR)


def is_taken(connection: Connection, plan: Plan) -> bool:
    """Say whether all is done up to the instant of a plan."""
    done_to = installation.get(connection, CURSOR)
    return done_to is not None and datetime.fromisoformat(done_to) >= plan.at


def last_round(connection: Connection) -> datetime:
    """Return when the last round was held; before the first, some instant before all."""
    return leases.last_done(connection, ROUND) or BEFORE_ALL


def take_step(services: Services, desks: Desks, plan: Plan) -> Done | None:
    """Do what is due at `plan.at`, or return None if that is done already.

    Running twice, or in two processes at once, is harmless: only one moves the cursor. A failure undoes the
    whole step, and the next look plans it again.
    """
    with services.engine.begin() as connection:
        desk = desks.of(connection)
        since = cursor(connection, desk)
        if not _move_cursor(connection, since, plan.at):
            return None
        tell_step(connection, plan.at)
        desks.note_terms(connection, desk)
        noted = desk.policy
        reckoned, desk = reckon_changes(connection, desks, desk, plan.at, since)
        digests = make_digests(connection, desk, plan.at, services.settings) if plan.makes_digests else []
        if plan.makes_digests:
            warn_of_missing_year(connection, desk, plan.at)
        envelopes = Envelopes(connection, desk, plan.at)
        let_go(connection, desk, plan.at, envelopes, is_round=plan.holds_round)
        decided = _hold_round(connection, desk, plan, envelopes)
    desks.know_terms(noted)
    log.info("step", at=plan.at.isoformat(), reckoned=reckoned, digests=len(digests), notices=decided)
    return Done(reckoned, len(digests), decided, len(digests) + len(envelopes))


def _hold_round(connection: Connection, desk: Desk, plan: Plan, envelopes: Envelopes) -> int:
    if not plan.holds_round:
        return 0
    since = last_round(connection)
    if not leases.do_once(connection, ROUND, plan.at.isoformat(), plan.at):
        return 0
    return hold_round(connection, desk, since, plan.at, envelopes)


def _move_cursor(connection: Connection, before: datetime, at: datetime) -> bool:
    """Move the cursor from where this process saw it; False if another has moved it, or it would go back."""
    if at < before:
        return False
    now = at.isoformat()
    return installation.swap(connection, CURSOR, before.isoformat(), now) or installation.put_new(
        connection, CURSOR, now
    )


def plan_next(
    ahead: Ahead, desk: Desk, now: datetime, *, was_down: bool = False, lags_s: float | None = None
) -> Plan | None:
    """Return the next step that is due by `now`, or None if nothing is.

    Instants are taken one after the other, each as of its own time. After a pause (`was_down`) they are taken
    together as of now, and of the rounds and digests missed the last are caught up with, if now is inside the
    window; otherwise they wait for the next of their kind (R5.2, R7.2). A clock that lags behind (`lags_s`, None for
    a drill) takes what it has missed together too, up to the next digests or round.
    """
    since = _since(ahead.cursor, desk)
    digest, round_ = (_next_slot(desk, since, at) for at in (desk.policy.digest_at, desk.policy.notify_at))
    if was_down and now > since:
        in_window = leaves_at(now, desk) == now
        return Plan(now, in_window and digest <= now, in_window and _was_missed_today(desk, since, now))
    waiting = (ahead.reckon_at, ahead.leaves_at, digest, round_)
    at = max(min(instant for instant in waiting if instant), since)
    if lags_s is not None and now - at > timedelta(seconds=lags_s):
        at = min(now, digest, round_)
    if at <= now:
        return Plan(at, at == digest, at == round_)
    return Plan(max(now, since)) if ahead.is_stale else None


def next_instant(ahead: Ahead, desk: Desk) -> datetime:
    """Return when something is due next, as far as is known now."""
    since = _since(ahead.cursor, desk)
    slots = (_next_slot(desk, since, at) for at in (desk.policy.digest_at, desk.policy.notify_at))
    return min(instant for instant in (ahead.reckon_at, ahead.leaves_at, *slots) if instant)


def _next_slot(desk: Desk, since: datetime, at: time) -> datetime:
    """Return the first instant after `since` that is `at` on a workday."""
    day = desk.calendar.forward(local_day(since))
    slot = datetime.combine(day, at, SHANGHAI).astimezone(UTC)
    if slot > since:
        return slot
    return datetime.combine(desk.calendar.workdays(day, 1), at, SHANGHAI).astimezone(UTC)


def _was_missed_today(desk: Desk, since: datetime, now: datetime) -> bool:
    today = round_at(local_day(now), desk.policy)
    return since < today <= now
