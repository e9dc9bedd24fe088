"""Which digests are made now, and what do they tell?

Each contact of an office gets one digest of a kind and period, for ever. Those missed while the daemon was down
are made late: of daily and weekly ones the last, since all would tell the same; of monthly ones each.
Rules: R7.1, R7.2. Callers: actors/steps.py.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any, Final

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from config.letterhead import wording_of
from config.settings import Settings
from rules.coverage import coverage
from rules.digests import Counts, Digest, DigestKind, digests_on, is_made
from rules.dockets import Desk
from rules.facts import Channel, local_day
from rules.lookback import month_of
from rules.matters import Matter, Status
from rules.offices import Person
from rules.workdays import ONE_DAY, add_months
from store import digests, facts, findings, installation, notices, outbox, projection
from store.outbox import New
from store.reports import report_on
from store.scoping import Scope, seen_by_municipality, shut_to
from templates.digest_sheets import digest_workbook
from templates.gaps import gap_in_words
from templates.reports import view_of
from templates.terms import KINDS
from templates.wording import DigestView

log = structlog.get_logger()

MADE_TO: Final = "digests"  #: the last day whose digests are made
MOST_LINES: Final = 2000  #: overdue matters in a workbook
WEEK: Final = timedelta(days=7)
XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
File = tuple[str, str, bytes]  #: name, content type, content


def make_digests(connection: Connection, desk: Desk, at: datetime, settings: Settings) -> list[int]:
    """Make the digests due by `at`, and return the ids of the messages that carry them.

    Running twice is harmless: a digest's kind, period, office and person are unique. One that cannot be put into words
    keeps nothing else waiting: the operator is told, and it is tried again with those of the next day (R7.2).
    """
    press = _Press(connection, desk, at, settings)
    messages: list[int] = []
    is_whole = True
    for digest in _due(connection, desk, press.day):
        try:
            paper = press.write(digest)
        except SQLAlchemyError:
            raise
        except Exception as err:
            called = f"{digest.kind}:{digest.period}:{digest.office}"
            log.exception("no_words", digest=called)
            text = f"the digest {called} cannot be put into words ({type(err).__name__}); see the log"
            findings.note(connection, "digest", called, text, at)
            is_whole = False
        else:
            messages += press.put(digest, paper) if paper else []
    if is_whole:
        installation.put(connection, MADE_TO, press.day.isoformat())
    return messages


def _due(connection: Connection, desk: Desk, today: date) -> Iterator[Digest]:
    """Yield the digests of the days since the last ones were made."""
    made_to = installation.get(connection, MADE_TO)
    day = date.fromisoformat(made_to) + ONE_DAY if made_to else desk.start_on
    last: dict[tuple[DigestKind, str], Digest] = {}
    while day <= today:
        for digest in digests_on(day, desk):
            if digest.kind is DigestKind.MONTHLY and day != today:
                yield digest
            else:
                last[digest.kind, digest.office] = digest
        day += ONE_DAY
    yield from last.values()


@dataclass(frozen=True, slots=True)
class _Paper:
    """A digest in words."""

    to: dict[Person, Channel]  #: the contacts who have not had it, and the channel of each
    counts: Counts
    words: dict[Channel, dict[str, Any]]  #: the same to all of an office
    files: list[File]


class _Press:
    """Makes the digests of one instant: what all of them tell is looked up once."""

    def __init__(self, connection: Connection, desk: Desk, at: datetime, settings: Settings) -> None:
        self.connection = connection
        self.desk = desk
        self.at = at
        self.day = local_day(at)
        self._settings = settings
        self._soon = desk.calendar.workdays(self.day, desk.policy.soon_days)
        self._counts = projection.count_by_town(connection, self.day, self._soon)
        self._gaps = coverage(desk.house, facts.load(connection, "seats"), self.day)
        self._wording = wording_of(desk, settings)
        self._reports: dict[str, bytes] = {}

    def write(self, digest: Digest) -> _Paper | None:
        """Put a digest into words for each contact who has not had it; None if there is nobody, or nothing to tell."""
        staff = self.desk.house.staff(digest.office)
        people = [person for person in staff if not digests.is_made(self.connection, digest, person.id)]
        counts = self._counts.get(digest.town, Counts())
        if not people or not is_made(digest, counts):
            return None
        overdue = self._overdue(digest)
        named = self._named(digest, overdue)
        view = self._view(digest, overdue, named)
        to = {person: person.used([Channel.EMAIL])[0] for person in people}
        words = {channel: self._words(view, channel) for channel in dict.fromkeys(to.values())}
        return _Paper(to, counts, words, self._files(digest, view, named))

    def _overdue(self, digest: Digest) -> list[Matter]:
        listed = projection.list_matters(self.connection, self.day, statuses=[Status.OVERDUE], town=digest.town)
        return [one.matter for one in listed if not one.matter.silent]

    def _named(self, digest: Digest, overdue: list[Matter]) -> list[Matter]:
        """Return what stands there singly: to the municipality what has climbed, as on its pages, the rest as counts.

        A deputy's town is to have its days before the offices above it read his name. A confidential opinion that was
        raised past its town is none of the town's to read any more (R5.10).
        """
        if digest.town is not None:
            shut = shut_to(self.connection, Scope(towns=frozenset({digest.town})))
            return [matter for matter in overdue if matter.id not in shut]
        return [matter for matter in overdue if matter.id in self._risen]

    @cached_property
    def _risen(self) -> set[str]:
        return seen_by_municipality(self.connection)

    def _view(self, digest: Digest, overdue: list[Matter], named: list[Matter]) -> DigestView:
        house = self.desk.house
        mine = [gap for gap in self._gaps if digest.town is None or gap.town == digest.town]
        towns = self._counts.items() if digest.town is None else ()
        return DigestView(
            kind=digest.kind,
            period=digest.period,
            office=house.offices[digest.office].name,
            day=self.day,
            counts=self._counts.get(digest.town, Counts()),
            kinds=self._by_kind(digest),
            rungs=_by_rung(self.connection, [matter.id for matter in overdue]),
            towns=tuple((house.offices[town].name, c) for town, c in towns if town is not None),
            worst=self._wording.lines(named, self.day),
            findings=tuple(gap_in_words(gap, house) for gap in mine),
        )

    def _by_kind(self, digest: Digest) -> tuple[tuple[str, Counts, int], ...]:
        """Return the counts of each kind of matter, and how many were opened since the last digest of its kind."""
        since = {
            DigestKind.DAILY: self.desk.calendar.workdays(self.day, -1),
            DigestKind.WEEKLY: self.day - WEEK,
            DigestKind.MONTHLY: add_months(self.day.replace(day=1), -1),
        }[digest.kind]
        found = projection.count_by_kind(self.connection, self.day, self._soon, town=digest.town, since=since)
        return tuple((name, *found[kind]) for kind, name in KINDS.items() if kind in found)

    def _files(self, digest: Digest, view: DigestView, named: list[Matter]) -> list[File]:
        """Return what goes with a digest: its figures, and with a monthly one the report of its month (R7.3)."""
        lines = self._wording.lines(named, self.day, MOST_LINES)
        sheets = digest_workbook(view, lines, self._settings.office_name)
        files = [(f"duban-{digest.kind}-{digest.period}.xlsx", XLSX, sheets)]
        if digest.kind is DigestKind.MONTHLY:
            files.append((f"duban-report-{digest.period}.xlsx", XLSX, self._report(digest.period)))
        return files

    def _report(self, month: str) -> bytes:
        if month not in self._reports:
            from templates.report_xlsx import as_xlsx  # noqa: PLC0415 - XlsxWriter, likewise in digest_sheets.py

            report = report_on(self.connection, self.desk, month_of(month), self.at)
            self._reports[month] = as_xlsx(view_of(report, self.desk.house, self._settings.office_name))
        return self._reports[month]

    def _words(self, view: DigestView, channel: Channel) -> dict[str, Any]:
        """Return what a digest says on a channel."""
        if channel is not Channel.EMAIL:
            return {"body": self._wording.digest_sms(view)}
        email = self._wording.digest_email(view)
        return {"subject": email.subject, "body": email.text, "html": email.html}

    def put(self, digest: Digest, paper: _Paper) -> list[int]:
        """Put a digest into the outbox for each of its contacts."""
        return [self._put(digest, paper, person, channel) for person, channel in paper.to.items()]

    def _put(self, digest: Digest, paper: _Paper, person: Person, channel: Channel) -> int:
        words = paper.words[channel]
        new = New(kind="digest", person=person.id, channel=channel, at=self.at, day=self.day, **words)
        message = outbox.put(self.connection, new)
        if channel is Channel.EMAIL:
            outbox.attach(self.connection, message, paper.files)
        digests.record(self.connection, digest, person.id, paper.counts, self.at, message)
        return message


def _by_rung(connection: Connection, matters: list[str]) -> tuple[tuple[str, int], ...]:
    """Return how many overdue matters have come to each rung, the highest rung fired of each."""
    fired = notices.fired(connection, matters)
    tally: dict[str, int] = {}
    for matter in matters:
        highest = max((f.rung for f in fired.get(matter, ()) if f.rung.startswith("climb")), default="overdue")
        tally[highest] = tally.get(highest, 0) + 1
    return tuple(sorted(tally.items(), reverse=True))
