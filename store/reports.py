"""What does a report need from the database?

The record is read whole and reckoned anew, so that a month that is over is reported right however far the matters
have moved on. Rules: R7.3. Callers: daemon/reporting.py, digests, the console.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, select

from rules.dockets import Desk
from rules.facts import Record
from rules.ladders import Fired
from rules.lookback import ReportPeriod, look_back
from rules.matters import Status
from rules.reports import Report, report
from store import facts
from store.schema import rungs

BATCH: Final = 1000
#: the organisation is the desk's; acknowledgements change no matter
TABLES: Final = (
    "seats", "leaves", "visits", "petitions", "petition_events", "projects", "milestones", "project_events",
)  # fmt: skip


def report_on(connection: Connection, desk: Desk, period: ReportPeriod, at: datetime) -> Report:
    """Return the report on a period as it is known at `at`."""
    record = Record(**{table: list(facts.load(connection, table)) for table in TABLES})
    standing = look_back(record, desk, period, at)
    overdue = [m.id for m in standing.then if m.status_on(standing.closing_day) is Status.OVERDUE]
    return report(period, record, standing, fired_by(connection, overdue, standing.closed_at), desk)


def fired_by(connection: Connection, of: Sequence[str], at: datetime) -> dict[str, set[Fired]]:
    """Return the rungs of some matters that had been dealt with by `at`."""
    found: dict[str, set[Fired]] = defaultdict(set)
    for start in range(0, len(of), BATCH):
        some = of[start : start + BATCH]
        query = select(rungs.c.matter, rungs.c.due, rungs.c.rung).where(
            rungs.c.matter.in_(some), rungs.c.fired_at <= at
        )
        for matter, due, rung in connection.execute(query):
            found[matter].add(Fired(due, rung))
    return found
