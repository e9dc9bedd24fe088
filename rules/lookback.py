"""How did all matters stand when a month or a year ended, and how do they stand now?

A report on a time that is over needs both: what was overdue then, on the facts known then; and what has become of
the duties that fell due in it, on the facts known since. One docket a subject learns its facts once and is looked
at twice. Rules: R7.3. Callers: rules/reports.py, store/reports.py.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import chain
from typing import Final

from rules.dockets import Desk
from rules.dossiers import Dossier, petition_dossier, project_dossier, seat_dossier
from rules.facts import Leave, Record, Visit, local_day, midnight
from rules.matters import Matter
from rules.workdays import ONE_DAY, add_months

MONTHS_A_YEAR: Final = 12
YEAR: Final = re.compile(r"(?:19|20)[0-9]{2}")
MONTH: Final = re.compile(rf"{YEAR.pattern}-(?:0[1-9]|1[0-2])")


@dataclass(frozen=True, slots=True, order=True)
class ReportPeriod:
    """A month or a year that is reported on, both ends included."""

    first: date
    last: date

    @property
    def is_year(self) -> bool:
        """Whether it is a whole year."""
        return self.first.month != self.last.month

    @property
    def label(self) -> str:
        """Its name, as it is typed.

        >>> month_of("2026-03").label, year_of("2026").label
        ('2026-03', '2026')
        """
        return f"{self.first:%Y}" if self.is_year else f"{self.first:%Y-%m}"

    @property
    def months(self) -> "tuple[ReportPeriod, ...]":
        """The months of a year; of a month, itself."""
        if not self.is_year:
            return (self,)
        return tuple(_months_from(add_months(self.first, i), 1) for i in range(MONTHS_A_YEAR))

    def holds(self, day: date | None) -> bool:
        """Say whether a day lies in it."""
        return day is not None and self.first <= day <= self.last

    def closes(self, at: datetime) -> datetime:
        """Return its last instant, or `at` where that comes before: how things stood at its end."""
        return min(at, midnight(self.last + ONE_DAY) - timedelta(microseconds=1))


def _months_from(first: date, months: int) -> ReportPeriod:
    return ReportPeriod(first, add_months(first, months) - ONE_DAY)


def month_of(text: str) -> ReportPeriod:
    """Return the month that is typed so; ValueError if it is none.

    >>> month_of("2024-02").last
    datetime.date(2024, 2, 29)
    """
    if not MONTH.fullmatch(text):
        raise ValueError(f"{text!r} is not a month; want one such as 2026-03")
    return _months_from(date.fromisoformat(f"{text}-01"), 1)


def year_of(text: str) -> ReportPeriod:
    """Return the year that is typed so; ValueError if it is none."""
    if not YEAR.fullmatch(text):
        raise ValueError(f"{text!r} is not a year; want one such as 2026")
    return _months_from(date(int(text), 1, 1), MONTHS_A_YEAR)


@dataclass(frozen=True, slots=True)
class Standing:
    """All matters at two instants: `then`, when the period closed, and `now`, when the report is made."""

    at: datetime
    closed_at: datetime
    then: tuple[Matter, ...]
    now: tuple[Matter, ...]

    @property
    def today(self) -> date:
        """The day on which the report is made."""
        return local_day(self.at)

    @property
    def closing_day(self) -> date:
        """The last day of the period, or today while it runs."""
        return local_day(self.closed_at)


def look_back(record: Record, desk: Desk, period: ReportPeriod, at: datetime) -> Standing:
    """Return how all matters stood when the period closed, and how they stand at `at`.

    Acknowledgements only put off what is told: matters are the same without them.
    """
    closed_at = period.closes(at)
    then: list[Matter] = []
    now: list[Matter] = []
    for dossier in _dossiers(record, desk):
        earlier, later = _learn_twice(dossier, closed_at, at)
        then += earlier
        now += later
    return Standing(at, closed_at, tuple(then), tuple(now))


def _learn_twice(dossier: Dossier, first: datetime, second: datetime) -> tuple[list[Matter], list[Matter]]:
    docket = dossier.found()
    instants = list(dossier.instants().items())
    seen: list[list[Matter]] = []
    for end in (first, second):
        while instants and instants[0][0] <= end:
            instant, learnt = instants.pop(0)
            docket.learn(instant, *learnt)
        if dossier.known_at is None or dossier.known_at <= end:
            docket.learn(end)
        seen.append(list(docket.matters.values()))
    return seen[0], seen[1]


def _dossiers(record: Record, desk: Desk) -> Iterator[Dossier]:
    return chain(_seats(record, desk), _petitions(record, desk), _projects(record, desk))


def _seats(record: Record, desk: Desk) -> Iterator[Dossier]:
    known: dict[str, list[Visit | Leave]] = defaultdict(list)
    facts: Iterable[Visit | Leave] = chain(record.leaves, record.visits)
    for fact in facts:
        known[fact.deputy].append(fact)
    return (seat_dossier(seat, known[seat.deputy], (), desk) for seat in record.seats)


def _petitions(record: Record, desk: Desk) -> Iterator[Dossier]:
    events = defaultdict(list)
    for event in record.petition_events:
        events[event.petition].append(event)
    return (petition_dossier(petition, events[petition.id], (), desk) for petition in record.petitions)


def _projects(record: Record, desk: Desk) -> Iterator[Dossier]:
    plans, events = defaultdict(list), defaultdict(list)
    for milestone in record.milestones:
        plans[milestone.project].append(milestone)
    for event in record.project_events:
        events[event.project].append(event)
    return (project_dossier(p, plans[p.id], events[p.id], (), desk) for p in record.projects)
