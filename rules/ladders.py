"""Which rungs does a matter have, and which of them are to be fired in this round?

Reminders run towards the due date, then comes the overdue rung, then the climb up the chain.
Policy: the ladders of config/policy.toml. Rules: R2.3, R3.8, R4.5, R4b.4, R5.1 to R5.4. Callers: replay/,
actors/, explain, the console.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from rules.facts import SHANGHAI, local_day
from rules.matters import Matter, MatterKind
from rules.policy import Ladder, Policy
from rules.workdays import ONE_DAY, Calendar


class RungKind(StrEnum):
    """What a rung does."""

    REMIND = "remind"
    OVERDUE = "overdue"
    CLIMB = "climb"


@dataclass(frozen=True, slots=True, eq=False)  # matters that share their dates share their rungs: each is itself
class Rung:
    """One step of a ladder.

    `day` is its own date; a hold may put it off to `fires_from` (R5.4).
    """

    name: str  #: as in notices: remind-7, overdue, climb-1
    kind: RungKind
    number: int  #: remind: days before the due date; climb: which office of the chain, from 1; overdue: 0
    day: date
    fires_from: date
    dropped: bool = False  #: a reminder dated on or before the day its matter opened (R5.1)


class Fired(NamedTuple):
    """A rung that has been dealt with, under the due date that it had then."""

    due: date
    rung: str


class Outcome(NamedTuple):
    """What a round does with one matter."""

    fire: tuple[Rung, ...]
    skip: tuple[Rung, ...]  #: reminders that gave way (R5.2)
    left: tuple[Rung, ...]  #: those that may still fire


def ladder(matter: Matter, chain: Collection[str], policy: Policy, calendar: Calendar) -> tuple[Rung, ...]:
    """Return the rungs of a matter under its present due date, in their order.

    Overdue and climb are reckoned from the due date, or from the day before the ladder began if that is
    later (R5.1). Climb rungs beyond the chain's end leave no trace (R2.3).
    """
    return _rungs(
        policy.ladder(matter.ladder),
        matter.kind is MatterKind.VISIT,
        matter.opened,
        matter.due,
        max(matter.due, matter.began - ONE_DAY),
        _held_until(matter) if matter.holds else date.min,
        len(chain),
        calendar,
    )


def _held_until(matter: Matter) -> date:
    return max((hold.until for hold in matter.holds if hold.due == matter.due), default=date.min)


# Most matters of a day share their dates: hundreds of seats have one ladder.
@lru_cache(maxsize=65_536)
def _rungs(  # noqa: PLR0913, PLR0917 - all that a ladder depends on
    terms: Ladder,
    by_calendar_days: bool,  # noqa: FBT001
    opened: date,
    due: date,
    base: date,
    held: date,
    offices: int,
    calendar: Calendar,
) -> tuple[Rung, ...]:
    rungs = []
    for days in terms.reminders:
        day = calendar.back(due - timedelta(days=days)) if by_calendar_days else calendar.workdays(due, -days)
        rungs.append(Rung(f"remind-{days}", RungKind.REMIND, days, day, day, dropped=day <= opened))
    overdue = calendar.workdays(base, 1)
    rungs.append(Rung("overdue", RungKind.OVERDUE, 0, overdue, overdue))
    for number, days in enumerate(terms.climb[:offices], 1):
        day = calendar.workdays(base, days)
        rungs.append(Rung(f"climb-{number}", RungKind.CLIMB, number, day, max(day, held)))
    return tuple(rungs)


# What follows from a ladder is the same for all matters that share it: a round asks it of very many.
@lru_cache(maxsize=16_384)
def outstanding(rungs: tuple[Rung, ...], due: date, fired: frozenset[Fired], start_on: date) -> tuple[Rung, ...]:
    """Return the rungs that may still fire (R5.1, R5.3)."""
    return tuple(r for r in rungs if not r.dropped and r.day >= start_on and (due, r.name) not in fired)


@lru_cache(maxsize=16_384)
def hold_round(left: tuple[Rung, ...], day: date) -> Outcome:
    """Say which of the rungs left are fired in the round of `day`, and which reminders give way (R5.1, R5.2)."""
    come = [rung for rung in left if rung.fires_from <= day]
    overdue = any(rung.kind is RungKind.OVERDUE for rung in come)
    nearest = min((r.number for r in come if r.kind is RungKind.REMIND), default=0)
    skip = [r for r in come if r.kind is RungKind.REMIND and (overdue or r.number > nearest)]
    fire = [r for r in come if r not in skip]
    return Outcome(tuple(fire), tuple(skip), tuple(r for r in left if r not in come))


@lru_cache(maxsize=16_384)
def next_day(left: tuple[Rung, ...], at: datetime, notify_at: time, calendar: Calendar) -> date:
    """Return the day of the first round at or after `at` in which one of the rungs left fires."""
    return round_day(at, notify_at, calendar, min(rung.fires_from for rung in left))


def round_at(day: date, policy: Policy) -> datetime:
    """Return the instant (UTC) of the round of a workday."""
    return _instant(day, policy.notify_at)


@lru_cache(maxsize=4096)
def _instant(day: date, at: time) -> datetime:
    return datetime.combine(day, at, SHANGHAI).astimezone(UTC)


def next_round(at: datetime, policy: Policy, calendar: Calendar) -> datetime:
    """Return the first round at or after `at`."""
    return _instant(round_day(at, policy.notify_at, calendar), policy.notify_at)


def round_day(at: datetime, notify_at: time, calendar: Calendar, earliest: date = date.min) -> date:
    """Return the day of the first round at or after `at` whose day is not before `earliest`."""
    day = max(local_day(at), earliest)
    if not calendar.is_workday(day) or _instant(day, notify_at) < at:
        return calendar.workdays(day, 1) if calendar.is_workday(day) else calendar.forward(day)
    return day
