"""Which digests are made now, and what do they tell?

Each contact of an office gets one digest of a kind and period, for ever. Those missed while the daemon was down
are made late: of daily and weekly ones the last, since all would tell the same; of monthly ones each.
Rules: R7.1, R7.2. Callers: actors/steps.py.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from typing import Final

from sqlalchemy import Connection

from config.letterhead import wording_of
from config.settings import Settings
from rules.coverage import Finding, coverage
from rules.digests import Counts, Digest, DigestKind, digests_on, is_made
from rules.dockets import Desk
from rules.facts import Channel, local_day
from rules.matters import Status
from rules.offices import Person
from rules.workdays import ONE_DAY
from store import digests, facts, installation, notices, outbox, projection
from store.outbox import New
from templates.gaps import gap_in_words
from templates.wording import DigestView, Wording

MADE_TO: Final = "digests"  #: the last day whose digests are made


def make_digests(connection: Connection, desk: Desk, at: datetime, settings: Settings) -> list[int]:
    """Make the digests due by `at`, and return the ids of the messages that carry them.

    Running twice is harmless: a digest's kind, period, office and person are unique.
    """
    day = local_day(at)
    counts = projection.count_by_town(connection, day, desk.calendar.workdays(day, desk.policy.soon_days))
    gaps = coverage(desk.house, facts.load(connection, "seats"), day)
    wording = wording_of(desk, settings)
    messages = []
    for digest in _due(connection, desk, day):
        tally = counts.get(digest.town, Counts())
        people = [p for p in desk.house.staff(digest.office) if not digests.is_made(connection, digest, p.id)]
        if people and is_made(digest, tally):
            view = _view(connection, desk, digest, counts, gaps, wording, day)
            messages += [_make(connection, digest, view, wording, person, at) for person in people]
    installation.put(connection, MADE_TO, day.isoformat())
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


def _view(
    connection: Connection,
    desk: Desk,
    digest: Digest,
    counts: dict[str | None, Counts],
    gaps: list[Finding],
    wording: Wording,
    day: date,
) -> DigestView:
    overdue = projection.list_matters(connection, day, statuses=[Status.OVERDUE], town=digest.town)
    matters = [listed.matter for listed in overdue if not listed.matter.silent]
    house = desk.house
    mine = [gap for gap in gaps if digest.town is None or gap.town == digest.town]
    towns = counts.items() if digest.town is None else ()
    return DigestView(
        kind=digest.kind,
        period=digest.period,
        office=house.offices[digest.office].name,
        day=day,
        counts=counts.get(digest.town, Counts()),
        rungs=_by_rung(connection, [matter.id for matter in matters]),
        towns=tuple((house.offices[town].name, c) for town, c in towns if town is not None),
        worst=wording.lines(matters, day),
        findings=tuple(gap_in_words(gap, house) for gap in mine),
    )


def _by_rung(connection: Connection, matters: list[str]) -> tuple[tuple[str, int], ...]:
    """Return how many overdue matters have come to each rung, the highest rung fired of each."""
    fired = notices.fired(connection, matters)
    tally: dict[str, int] = {}
    for matter in matters:
        highest = max((f.rung for f in fired.get(matter, ()) if f.rung.startswith("climb")), default="overdue")
        tally[highest] = tally.get(highest, 0) + 1
    return tuple(sorted(tally.items(), reverse=True))


def _make(
    connection: Connection, digest: Digest, view: DigestView, wording: Wording, person: Person, at: datetime
) -> int:
    channel = person.used([Channel.EMAIL])[0]
    new = New(kind="digest", person=person.id, channel=channel, at=at, day=view.day)
    if channel is Channel.EMAIL:
        email = wording.digest_email(view)
        new = replace(new, subject=email.subject, body=email.text, html=email.html)
    else:
        new = replace(new, body=wording.digest_sms(view))
    message = outbox.put(connection, new)
    digests.record(connection, digest, person.id, view.counts, at, message)
    return message
