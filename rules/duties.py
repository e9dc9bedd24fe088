"""What does a seat owe in each period, and has the deputy been to the station and to the grid?

Policy: config/policy.toml [duty]. Rules: R3. Callers: replay/, actors/, intake's checks of acknowledgements.
"""

from bisect import bisect_left, insort
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Final, NamedTuple

from rules.derivations import Measure, Reckoning, due_date
from rules.dockets import Desk, Docket, Fact
from rules.facts import Leave, Seat, Visit, VisitKind, local_day
from rules.matters import Cause, Matter, MatterKind, Status
from rules.policy import Arrivals, Period, Place
from rules.workdays import ONE_DAY, add_months

MONTHS_A_YEAR: Final = 12


class Span(NamedTuple):
    """A half-year, quarter or month of the calendar year, both ends included (R3.2)."""

    first: date
    last: date
    months: int
    label: str  #: the period's name in matter ids

    @property
    def days(self) -> int:
        """The number of days."""
        return (self.last - self.first).days + 1

    @property
    def next(self) -> "Span":
        """The span that follows."""
        return span_of(self.last + ONE_DAY, self.months)

    @property
    def previous(self) -> "Span":
        """The span before."""
        return span_of(self.first - ONE_DAY, self.months)


# Hundreds of seats share the spans of a year.
@lru_cache(maxsize=16_384)
def span_of(day: date, months: int) -> Span:
    """Return the half-year, quarter or month in which `day` lies.

    >>> span_of(date(2026, 5, 2), 6).label, span_of(date(2026, 5, 2), 3).label, span_of(date(2026, 5, 2), 1).label
    ('2026-H1', '2026-Q2', '2026-05')
    """
    first = date(day.year, (day.month - 1) // months * months + 1, 1)
    return Span(first, add_months(first, months) - ONE_DAY, months, _label(first, months))


def _label(first: date, months: int) -> str:
    if months == 1:
        return f"{first:%Y-%m}"
    letter = "H" if months == MONTHS_A_YEAR // 2 else "Q"
    return f"{first.year}-{letter}{(first.month - 1) // months + 1}"


@dataclass(frozen=True, slots=True)
class Term:
    """A period as a seat has it whose term of office begins and ends on certain days."""

    span: Span
    opened: date
    horizon: date  #: last day on which a visit still closes it
    how: Reckoning


def _opening(span: Span, begins: date, ends: date | None) -> date | None:
    """Return the day on which a period opens for a seat, or None if its term ends before the period does."""
    return None if ends is not None and span.last > ends else max(span.first, begins)


def _term_of(span: Span, begins: date, ends: date | None) -> Term | None:
    """Return a period of a term of office, or None if too little of it belongs to the term (R3.4, R3.6)."""
    opened = _opening(span, begins, ends)
    if opened is None or 2 * ((span.last - opened).days + 1) < span.days:
        return None
    horizon = span.next.last if ends is None else min(span.next.last, ends)
    return Term(span, opened, horizon, Reckoning(Measure.PERIOD, span.last))


# Thousands of seats share a term of office, and a period of it is always the same.
@lru_cache(maxsize=16_384)
def _terms_of(spans: tuple[Span, ...], begins: date, ends: date | None) -> tuple[Term, ...]:
    return tuple(term for span in spans if (term := _term_of(span, begins, ends)) is not None)


@lru_cache(maxsize=16_384)
def _begun(span: Span, begins: date, ends: date | None, today: date) -> tuple[tuple[Span, ...], Span]:
    """Return the periods from `span` on that have begun by `today`, and the one that comes next."""
    begun = []
    while (day := _opening(span, begins, ends)) is not None and day <= today:
        begun.append(span)
        span = span.next
    return tuple(begun), span


class LeaveDays:
    """The days of a deputy's leaves, each counted once (R3.7)."""

    def __init__(self) -> None:
        """Start without leave."""
        self._spans: list[tuple[date, date]] = []

    def add(self, first: date, last: date) -> None:
        """Join one more leave to those known."""
        apart = [s for s in self._spans if s[1] + ONE_DAY < first or s[0] > last + ONE_DAY]
        joined = [s for s in self._spans if s not in apart]
        span = (min([first, *(s[0] for s in joined)]), max([last, *(s[1] for s in joined)]))
        self._spans = sorted([*apart, span])

    def count(self, first: date, last: date) -> int:
        """Return how many days from `first` to `last`, both included, are days of leave."""
        if not self._spans:
            return 0
        overlaps = ((min(b, last) - max(a, first)).days + 1 for a, b in self._spans)
        return sum(days for days in overlaps if days > 0)


def _made(firsts: Mapping[VisitKind, date], last: date | None) -> tuple[VisitKind, ...]:
    """Return the kinds of arrival made up to `last`, included, station first."""
    return tuple([kind for kind, day in firsts.items() if last is None or day <= last])


def owed_arrivals(stations: Collection[str], grid: str | None) -> tuple[VisitKind, ...]:
    """Return the arrivals that a period of a seat owes, station first (R3.4).

    A seat without a station of its own is served by its town's central one; without either it owes no
    station arrival, without a grid no grid arrival.
    """
    return ((VisitKind.STATION,) if stations else ()) + ((VisitKind.GRID,) if grid else ())


class SeatDocket(Docket):
    """A seat with its duty of each period; `period = "calendar"` or `"rolling"`."""

    def __init__(self, seat: Seat, desk: Desk) -> None:
        """Start with no visit and no leave known, and no period begun."""
        super().__init__(desk)
        self.seat = seat
        self._stations = desk.house.stations_for(seat.station, seat.town)
        self.owed = owed_arrivals(self._stations, seat.grid)
        self.leave = LeaveDays()
        self._days: dict[VisitKind, list[date]] = {kind: [] for kind in VisitKind}
        self._months = desk.policy.duty.of(seat.level).months

    def counts(self, visit: Visit) -> bool:
        """Say whether a visit is an arrival of this seat (R3.4, R3.5)."""
        if visit.day < self.seat.begins or (self.seat.ends is not None and visit.day > self.seat.ends):
            return False
        duty = self.desk.policy.duty
        if duty.place is Place.ANY:
            return visit.kind in self.owed or duty.arrivals is Arrivals.EITHER
        if visit.kind is VisitKind.STATION:
            return visit.place in self._stations
        return self.seat.grid is not None and self.desk.house.is_under(visit.place, self.seat.grid)

    def _note(self, fact: Fact) -> bool:
        """Add what a fact says about the seat; False if it says nothing."""
        if isinstance(fact, Leave):
            self.leave.add(fact.begins, fact.ends)
            return True
        if isinstance(fact, Visit) and self.counts(fact):
            insort(self._days[fact.kind], fact.day)
            return True
        return False

    def _first(self, kind: VisitKind, earliest: date) -> date | None:
        days = self._days[kind]
        i = bisect_left(days, earliest)
        return days[i] if i < len(days) else None

    def _firsts(self, earliest: date) -> dict[VisitKind, date]:
        """Return the first day from `earliest` on of each kind of arrival that was made, station first."""
        return {kind: day for kind in self._days if (day := self._first(kind, earliest)) is not None}

    def _completed(self, firsts: Mapping[VisitKind, date]) -> date | None:
        """Return the day of the last missing arrival among the first ones, if none is missing."""
        if self.desk.policy.duty.arrivals is Arrivals.EITHER:
            return min(firsts.values(), default=None)
        days = [firsts[kind] for kind in self.owed if kind in firsts]
        return max(days) if len(days) == len(self.owed) else None

    def _matter(  # noqa: PLR0913 - a matter has that many parts
        self,
        label: str,
        *,
        opened: date,
        how: Reckoning,
        closed: Status | None,
        settled: date | None,
        missed_from: date | None,
        arrivals: tuple[VisitKind, ...],
        began: date,
    ) -> Matter:
        """Return a matter; `began`: where it is new or has another due date, the day on which its ladder begins."""
        due = due_date(how, self.desk.calendar)
        ident = f"visit:{self.seat.id}:{label}"
        known = self.matters.get(ident)
        return Matter(
            id=ident,
            kind=MatterKind.VISIT,
            subject=self.seat.id,
            town=self.seat.town,
            responsible=f"deputy:{self.seat.deputy}",
            ladder=self.seat.level,
            cause=Cause.PERIOD,
            opened=opened,
            due=due,
            reckoned=how,
            began=known.began if known is not None and known.due == due else began,
            closed=closed,
            settled=settled,
            missed_from=missed_from,
            silent=due < self.desk.start_on,
            owed=self.owed,
            arrivals=arrivals,
            holds=known.holds if known is not None else (),
            label=label,
        )

    def _keep(self, matter: Matter) -> None:
        """Put a matter in place of what was known under its id; leave it alone if nothing changed."""
        if matter != self.matters.get(matter.id):
            self.matters[matter.id] = matter


class CalendarSeat(SeatDocket):
    """Half-years, quarters and months of the calendar year; due on the last day (R3.2, R3.6, R3.9)."""

    def __init__(self, seat: Seat, desk: Desk) -> None:
        """Start before the seat's first period."""
        super().__init__(seat, desk)
        self._next = span_of(seat.begins, self._months)

    def next_opening(self) -> date | None:
        """Return the first day of the next period that the seat will have."""
        seat = self.seat
        return _opening(self._next, seat.begins, seat.ends) if self.owed else None

    def take(self, at: datetime, facts: Sequence[Fact]) -> None:
        """Open the periods begun by then, and reckon anew those that a fact touches."""
        touched: set[Span] = set()
        for fact in facts:
            if self._note(fact):
                touched |= self._touched(fact)
        opened = dict.fromkeys(self._open(local_day(at)))
        opened |= dict.fromkeys(span for span in touched if span < self._next)
        self._reckon(tuple(opened))

    def learn_at_once(self, at: datetime, facts: Sequence[Fact]) -> None:
        """Be as if each fact had been learnt at its instant up to `at`; acknowledgements apart, which have an order.

        How a period stands follows from all that is known, and its ladder begins when it opens: what was thought of it
        meanwhile leaves no trace.
        """
        for fact in facts:
            self._note(fact)
        self._reckon(self._open(local_day(at)))

    def _open(self, today: date) -> tuple[Span, ...]:
        if not self.owed:
            return ()
        begun, self._next = _begun(self._next, self.seat.begins, self.seat.ends, today)
        return begun

    def _reckon(self, spans: tuple[Span, ...]) -> None:
        """Reckon those of some periods that owe anything (R3.4, R3.6)."""
        if self.owed:
            for term in _terms_of(spans, self.seat.begins, self.seat.ends):
                self._keep(self._of(term))

    def _touched(self, fact: Fact) -> set[Span]:
        """Return the periods that a fact may change: of the arrivals of one kind, only the first counts for any."""
        if isinstance(fact, Visit):
            own = span_of(fact.day, self._months)
            return {span for span in (own.previous, own) if self._first(fact.kind, self._opened(span)) == fact.day}
        assert isinstance(fact, Leave)  # noqa: S101 - _note admits visits and leaves only
        spans = set()
        span = span_of(max(fact.begins, self.seat.begins), self._months)
        while span.first <= fact.ends and span < self._next:
            spans.add(span)
            span = span.next
        return spans

    def _opened(self, span: Span) -> date:
        return max(span.first, self.seat.begins)

    def _of(self, term: Term) -> Matter:
        span, opened, horizon = term.span, term.opened, term.horizon
        firsts = self._firsts(opened)
        done = self._completed(firsts)
        until = horizon
        if done is not None and done <= span.last:
            closed, settled, until = Status.MET, done, span.last
        elif 2 * self.leave.count(span.first, span.last) >= span.days:
            closed, settled, until = Status.EXCUSED, None, span.last
        elif done is not None and done <= horizon:
            closed, settled, until = Status.LATE, done, done
        else:
            closed, settled = None, None
        return self._matter(
            span.label,
            opened=opened,
            how=term.how,
            closed=closed,
            settled=settled,
            missed_from=horizon + ONE_DAY,
            arrivals=_made(firsts, until),
            began=opened,
        )


class RollingSeat(SeatDocket):
    """Cycles that start when the one before was completed (R3.2, R3.7)."""

    def __init__(self, seat: Seat, desk: Desk) -> None:
        """Start before the seat's first cycle."""
        super().__init__(seat, desk)
        self._begun = False

    def next_opening(self) -> date | None:
        """Return the day of the first cycle; later ones are opened by visits."""
        return None if self._begun or not self.owed else self._start

    @property
    def _start(self) -> date:
        return max(self.seat.begins, self.desk.start_on)

    def take(self, at: datetime, facts: Sequence[Fact]) -> None:
        """Open the first cycle if its day has come; on any fact reckon all cycles anew."""
        today = local_day(at)
        if today < self._start or not self.owed:
            for fact in facts:
                self._note(fact)
            return
        if not self._begun:
            self._begun = True
            self._reckon(began=None)
        noted = [self._note(fact) for fact in facts]
        if any(noted):
            self._reckon(began=today)

    def _reckon(self, *, began: date | None) -> None:
        cycles = list(self._cycles(began))
        ids = {cycle.id for cycle in cycles}
        for gone in [i for i in self.matters if i not in ids]:
            del self.matters[gone]
        for cycle in cycles:
            self._keep(cycle)

    def _cycles(self, began: date | None) -> Iterator[Matter]:
        start: date | None = self._start
        while start is not None:
            firsts = self._firsts(start + ONE_DAY)
            done = self._completed(firsts)
            how = self._moved_by_leave(start, done)
            due = due_date(how, self.desk.calendar)
            if self.seat.ends is None or due <= self.seat.ends:
                yield self._cycle(start, how, due, firsts, done, began or start)
            start = done

    def _moved_by_leave(self, start: date, done: date | None) -> Reckoning:
        """Count the days of leave after `start`, up to the due date so moved and while the cycle runs."""
        plain = add_months(start, self._months)
        leave = -1
        counted = 0
        while counted != leave:
            leave = counted
            last = plain + timedelta(days=leave)
            counted = self.leave.count(start + ONE_DAY, min(last, done) if done else last)
        return Reckoning(Measure.CYCLE, start, self._months, leave)

    def _cycle(
        self,
        start: date,
        how: Reckoning,
        due: date,
        firsts: Mapping[VisitKind, date],
        done: date | None,
        began: date,
    ) -> Matter:
        closed = None if done is None else Status.MET if done <= due else Status.LATE
        return self._matter(
            start.isoformat(),
            opened=start,
            how=how,
            closed=closed,
            settled=done,
            missed_from=self.seat.ends + ONE_DAY if self.seat.ends else None,
            arrivals=_made(firsts, done),
            began=began,
        )


def seat_docket(seat: Seat, desk: Desk) -> SeatDocket:
    """Return the docket of a seat under the policy's `duty.period`."""
    rolling = desk.policy.duty.period is Period.ROLLING
    return RollingSeat(seat, desk) if rolling else CalendarSeat(seat, desk)
