"""Which digests are made now, and what do they tell?

Each office's contact gets one digest of a kind and period, for ever. Those missed while the daemon was down are
made late: of daily and weekly ones the last, since they would all tell the same; of monthly ones each.
Rules: R7.1, R7.2. Callers: actors/steps.py.
"""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Final

from sqlalchemy import Connection

from config.settings import Settings
from rules.coverage import Finding, coverage
from rules.digests import Counts, Digest, DigestKind, digests_on, is_made
from rules.dockets import Desk
from rules.facts import Channel, local_day
from rules.offices import Person
from rules.workdays import ONE_DAY
from store import digests, facts, installation, outbox, projection
from templates.digests import DigestView, Items, digest_email, digest_sms

MADE_TO: Final = "digests"  #: the last day whose digests are made
TOP: Final = 20  #: the longest overdue matters that a digest lists


def make_digests(connection: Connection, desk: Desk, at: datetime, settings: Settings) -> list[int]:
    """Make the digests due by `at`, and return the ids of the messages that carry them.

    Running twice is harmless: a digest's kind, period, office and person are unique.
    """
    day = local_day(at)
    limit = desk.calendar.workdays(day, desk.policy.soon_days)
    counts = projection.count_by_town(connection, day, limit)
    gaps = coverage(desk.house, facts.load(connection, "seats"), day)
    messages = []
    for digest in _due(connection, desk, day):
        tally = counts.get(digest.town, Counts())
        people = desk.house.staff(digest.office)
        if not people or not is_made(digest, tally):
            continue
        view = _view(connection, desk, digest, tally, gaps, day)
        for person in people:
            message = _make(connection, digest, tally, view, person, at, settings)
            if message is not None:
                messages.append(message)
    installation.put(connection, MADE_TO, day.isoformat())
    return messages
