"""How does a command bring a record into the database, and tell what came of it?

Caller: daemon/commands (import).
"""

from collections.abc import Iterator
from pathlib import Path

from actors.desks import start_on
from config.collecting import seldom_collecting
from config.services import Services
from daemon.records import progress_bar, where_they_are
from intake.importing import ImportReport, import_record
from store.engine import reading


def import_with_progress(services: Services, path: Path, skip_bad: Path | None) -> ImportReport:
    """Import the record at `path`; rolling cycles are judged from the day on which duban was taken into use."""
    with reading(services.engine) as connection:
        policy = services.policy.model_copy(update={"start_on": start_on(connection, services)})
    with seldom_collecting(), progress_bar() as report:
        return import_record(
            path,
            services.engine,
            calendar=services.calendar,
            policy=policy,
            skip_bad=skip_bad,
            progress=report,
        )


def import_lines(report: ImportReport, skip_bad: Path | None) -> Iterator[str]:
    """Tell people what an import did."""
    yield from map(str, report.faults)
    yield from where_they_are(report.faults)
    yield from (f"warning: {warning}" for warning in report.warnings)
    if report.is_written:
        yield f"{report.added} rows added, {report.changed} changed, {report.same} the same"
        if report.refused:
            yield f"{report.refused} rows refused; they are in {skip_bad} with a column why"
