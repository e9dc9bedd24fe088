"""Is next year's holiday notice here yet, and do calendar and policy stand as they did?

From 1 November on the operator is warned each workday while it is missing. Where the calendar or the policy has
changed since the matters were reckoned, all are reckoned anew. Rules: R1.8. Callers: actors/steps.py, `duban doctor`.
"""

import hashlib
from datetime import date, datetime
from typing import Final

from sqlalchemy import Connection

from rules.dockets import Desk
from rules.facts import local_day
from rules.policy import Policy
from rules.workdays import Calendar
from store import findings, installation, projection

FROM_MONTH: Final = 11
TERMS: Final = "terms"


def missing_year(calendar: Calendar, day: date) -> int | None:
    """Return the year whose notice should be here on `day` and is not, or None.

    >>> missing_year(Calendar(), date(2026, 10, 31)), missing_year(Calendar(), date(2026, 11, 1))
    (2026, 2026)
    """
    if calendar.is_provisional(day):
        return day.year
    coming = day.year + 1
    return coming if day.month >= FROM_MONTH and coming not in calendar.noticed_years else None


def warn_of_missing_year(connection: Connection, desk: Desk, at: datetime) -> None:
    """Note a finding for the operator on each workday on which a notice is missing."""
    day = local_day(at)
    year = missing_year(desk.calendar, day)
    if year is not None:
        text = f"the holiday notice of {year} is missing; dates in {year} are provisional until its table is here"
        findings.note(connection, "calendar", f"{year}:{day.isoformat()}", text, at)


def notice_change(connection: Connection, calendar: Calendar, policy: Policy) -> None:
    """Mark everything stale if calendar and policy are not those that matters were reckoned with (R1.8)."""
    terms = repr(calendar.fingerprint()) + policy.model_dump_json()
    now = hashlib.sha256(terms.encode()).hexdigest()
    known = installation.get(connection, TERMS)
    if known != now:
        installation.put(connection, TERMS, now)
        projection.mark_all_stale(connection)
