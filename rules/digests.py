"""Which digest goes to which office today, and what does it count?

Rules: R7.1, R7.2. Callers: replay/ and actors/digests.py.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum

from rules.dockets import Desk
from rules.facts import SHANGHAI, OfficeKind
from rules.matters import Matter
from rules.workdays import ONE_DAY, Calendar


class DigestKind(StrEnum):
    """How often a digest comes."""

    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


@dataclass(frozen=True, slots=True)
class Digest:
    """One digest for one office; each reachable contact gets it once for ever (R7.2)."""

    kind: DigestKind
    period: str  #: 2026-03-31, 2026-W14 or 2026-03 (the month before)
    office: str
    town: str | None  #: whose matters it counts; None: the whole municipality's


@dataclass(frozen=True, slots=True)
class Counts:
    """How many live matters are due soon, and how many overdue."""

    due_soon: int = 0
    overdue: int = 0


def digest_at(day: date, desk: Desk) -> datetime:
    """Return the instant (UTC) at which the digests of a workday are made."""
    return datetime.combine(day, desk.policy.digest_at, SHANGHAI).astimezone(UTC)


def kinds_on(day: date, calendar: Calendar) -> list[tuple[DigestKind, str]]:
    """Return the kinds of digest that a day brings, with their period (R7.1).

    >>> [kind.value for kind, _ in kinds_on(date(2030, 4, 1), Calendar())]
    ['daily', 'weekly', 'monthly']
    """
    if not calendar.is_workday(day):
        return []
    found = [(DigestKind.DAILY, day.isoformat())]
    if calendar.first_workday_of_week(day) == day:
        year, week, _ = day.isocalendar()
        found.append((DigestKind.WEEKLY, f"{year}-W{week:02d}"))
    first = day.replace(day=1)
    if calendar.forward(first) == day:
        found.append((DigestKind.MONTHLY, f"{first - ONE_DAY:%Y-%m}"))
    return found


def digests_on(day: date, desk: Desk) -> Iterator[Digest]:
    """Return the digests that a day may bring; a daily one is only made if its town has something to tell."""
    house = desk.house
    for kind, period in kinds_on(day, desk.calendar):
        match kind:
            case DigestKind.DAILY:
                towns = (o.id for o in house.offices.values() if o.kind is OfficeKind.TOWN)
                yield from (Digest(kind, period, town, town) for town in towns)
            case DigestKind.WEEKLY:
                yield Digest(kind, period, house.municipal, None)
            case DigestKind.MONTHLY:
                yield Digest(kind, period, house.municipal, None)
                yield Digest(kind, period, house.directors, None)


def is_made(digest: Digest, counts: Counts) -> bool:
    """Say whether a digest goes out: a daily one not without anything due soon or overdue (R7.1)."""
    return digest.kind is not DigestKind.DAILY or counts.due_soon + counts.overdue > 0


def count_by_town(matters: Iterable[Matter], day: date, desk: Desk) -> dict[str | None, Counts]:
    """Return the counts of each town that has any, and under None those of the whole municipality (R7.1, R5.3)."""
    limit = desk.calendar.workdays(day, desk.policy.soon_days)
    soon: dict[str, int] = {}
    late: dict[str, int] = {}
    for matter in matters:
        if matter.due <= limit and not matter.silent and matter.is_live(day):
            tally = late if matter.due < day else soon
            tally[matter.town] = tally.get(matter.town, 0) + 1
    counts: dict[str | None, Counts] = {
        town: Counts(soon.get(town, 0), late.get(town, 0)) for town in soon.keys() | late.keys()
    }
    return {None: Counts(sum(soon.values()), sum(late.values())), **counts}
