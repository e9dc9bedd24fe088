"""When does a deputy set out for the station or the grid, and when not?

Most go in good time, some after a reminder, some late, some not at all; the number of visits in all is
given. One that is late makes up for two periods. Rules: R3.2, R3.6 to R3.9. Caller: visits.py.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, NamedTuple

from intake.demo.chances import chance, draw
from intake.demo.diary import Diary
from rules.duties import LeaveDays, Span, span_of
from rules.facts import Leave, Seat, VisitKind
from rules.policy import Arrivals, Duty
from rules.workdays import ONE_DAY

DUTY: Final = Duty()


class Trip(NamedTuple):
    """One arrival to come: who, for which seat, when, and where to."""

    day: date
    seat: Seat
    kind: VisitKind


class Manner(NamedTuple):
    """How a deputy takes the duty: the chances of missing a period, of being late, of going when."""

    missed: float
    late: float
    prompt: float
    reminded: float
    last_call: float
    once: float  #: makes one arrival of two


STEADY: Final = Manner(0.014, 0.04, 0.62, 0.27, 0.11, 0.004)
SLACK: Final = Manner(0.11, 0.26, 0.34, 0.36, 0.3, 0.05)
IDLE: Final = Manner(0.55, 0.2, 0.2, 0.4, 0.4, 0.1)
MANNERS: Final = {STEADY: 79.0, SLACK: 17.0, IDLE: 4.0}
#: the two arrivals fall on one day, or up to so many days apart
SAME_DAY: Final = 0.45
DAYS_APART: Final = 6
#: a late one mostly comes soon after the overdue notice, else within so many days by length of period
SOON: Final = 0.62
SOON_DAYS: Final = 6
LATE_DAYS: Final = {1: 17, 3: 25, 6: 40}
#: late, and then not again in the period that follows
SERVES_TWICE: Final = 0.8


class Window(NamedTuple):
    """Days from which that of a visit is drawn, both included."""

    low: date
    high: date


@dataclass(frozen=True, slots=True)
class Household:
    """A deputy with the seat whose periods are shortest: another seat is served by the same visits."""

    seat: Seat
    manner: Manner
    leave: LeaveDays


def households(diary: Diary, seats: Sequence[Seat], leaves: Sequence[Leave]) -> list[Household]:
    """Return each deputy with the manner that is theirs for the year."""
    known: dict[str, LeaveDays] = {}
    for leave in leaves:
        known.setdefault(leave.deputy, LeaveDays()).add(leave.begins, leave.ends)
    first: dict[str, Seat] = {}
    for seat in seats:
        kept = first.setdefault(seat.deputy, seat)
        if DUTY.of(seat.level).months < DUTY.of(kept.level).months:
            first[seat.deputy] = seat
    return [Household(seat, draw(diary.rng, MANNERS), known.get(seat.deputy, LeaveDays())) for seat in first.values()]


def plan_trips(diary: Diary, homes: Sequence[Household], arrivals: Arrivals, total: int) -> list[Trip]:
    """Return exactly `total` trips of the year, by day."""
    rng = diary.rng
    trips = [trip for home in homes for trip in _trips_of(diary, home, arrivals)]
    if len(trips) > total:
        trips = rng.sample(trips, total)
    willing = [home for home in homes if home.manner is STEADY]
    while len(trips) < total:
        if (extra := _extra(diary, rng.choice(willing))) is not None:
            trips.append(extra)
    return sorted(trips, key=lambda trip: (trip.day, trip.seat.id, trip.kind))


def _extra(diary: Diary, home: Household) -> Trip | None:
    """Return one more visit than is owed, or None if that day is one of leave or outside the term."""
    day = diary.some_day(diary.first, diary.last)
    if home.leave.count(day, day) or not _sits(home.seat, day):
        return None
    return Trip(day, home.seat, diary.rng.choice(_kinds(home.seat)))


def _sits(seat: Seat, day: date) -> bool:
    return seat.begins <= day and (seat.ends is None or day <= seat.ends)


def _kinds(seat: Seat) -> tuple[VisitKind, ...]:
    return (VisitKind.STATION, VisitKind.GRID) if seat.grid else (VisitKind.STATION,)


# One deputy's year --------------------------------------------------------------------------------


def _trips_of(diary: Diary, home: Household, arrivals: Arrivals) -> Iterator[Trip]:
    served = False
    for span in owed_spans(diary, home):
        if served:
            served = False
            continue
        window, is_late = _window(diary, home, span)
        served = is_late and chance(diary.rng, SERVES_TWICE)
        if window is not None:
            yield from _arrivals(diary, home, arrivals, window)


def owed_spans(diary: Diary, home: Household) -> Iterator[Span]:
    """Yield the periods of the year that the seat owes and no leave excuses."""
    seat = home.seat
    span = span_of(max(diary.first, seat.begins), DUTY.of(seat.level).months)
    last = min(diary.last, seat.ends or diary.last)
    while span.first <= last:
        had = (span.last - max(span.first, seat.begins)).days + 1
        cut_short = seat.ends is not None and seat.ends < span.last
        if not cut_short and 2 * had >= span.days and 2 * home.leave.count(span.first, span.last) < span.days:
            yield span
        span = span.next


def _window(diary: Diary, home: Household, span: Span) -> tuple[Window | None, bool]:
    """Return the days in which the arrivals of a period fall (None: never), and whether they are late."""
    manner = home.manner
    fate = diary.rng.random()
    if fate < manner.missed:
        return None, False
    if fate < manner.missed + manner.late:
        days = SOON_DAYS if chance(diary.rng, SOON) else LATE_DAYS[span.months]
        return Window(span.last + ONE_DAY, span.last + timedelta(days=days)), True
    first, second = (timedelta(days=days) for days in DUTY.of(home.seat.level).reminders)
    begins = max(span.first, home.seat.begins, diary.first)
    windows: Mapping[Window, float] = {
        Window(begins, span.last - first - ONE_DAY): manner.prompt,
        Window(max(begins, span.last - first), span.last - second - ONE_DAY): manner.reminded,
        Window(max(begins, span.last - second), span.last): manner.last_call,
    }
    possible = {window: weight for window, weight in windows.items() if window.low <= window.high}
    return draw(diary.rng, possible), False


def _arrivals(diary: Diary, home: Household, arrivals: Arrivals, window: Window) -> Iterator[Trip]:
    rng, seat = diary.rng, home.seat
    day = diary.some_day(window.low, window.high)
    kinds = list(_kinds(seat))
    rng.shuffle(kinds)
    if arrivals is Arrivals.EITHER or chance(rng, home.manner.once):
        kinds = kinds[:1]
    for kind in kinds:
        if diary.first <= day <= diary.last and _sits(seat, day) and not home.leave.count(day, day):
            yield Trip(day, seat, kind)
        if not chance(rng, SAME_DAY):
            day = diary.some_day(day, min(window.high, day + timedelta(days=DAYS_APART)))


# Who was not seen at all --------------------------------------------------------------------------


def unseen(diary: Diary, homes: Sequence[Household], trips: Sequence[Trip]) -> list[tuple[Seat, Span]]:
    """Return the seats and periods in which the deputy was nowhere, neither then nor in the next period."""
    seen: Counter[tuple[str, date]] = Counter()
    for trip in trips:
        months = DUTY.of(trip.seat.level).months
        seen[trip.seat.deputy, span_of(trip.day, months).first] += 1
    return [
        (home.seat, span)
        for home in homes
        for span in owed_spans(diary, home)
        if not seen[home.seat.deputy, span.first] and not seen[home.seat.deputy, span.next.first]
    ]
