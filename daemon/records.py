"""How does a command read a record, and show how far it is?

Callers: daemon/cli (import, check, simulate).
"""

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from actors.desks import start_on
from config.calendars import load_calendar
from config.policies import load_policy
from config.services import Services
from config.settings import Settings, load_settings
from intake.checking import Checked, check
from intake.examining import Progress as Report
from intake.faults import Fault
from intake.importing import ImportReport, import_record
from rules.policy import Policy
from store.engine import reading

FEW: Final = 20
MOST_COLUMNS: Final = 20


@contextmanager
def progress_bar() -> Iterator[Report | None]:
    """Show how much of the source has been read, where somebody watches."""
    if not sys.stderr.isatty():
        yield None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("reading")

        def report(table: str, rows: int, done: int, total: int) -> None:
            bar.update(task, description=f"{table} {rows:,}", completed=done, total=total or None)

        yield report


def check_record(path: Path, *, policy: Policy | None = None, settings: Settings | None = None) -> Checked:
    """Read and judge the record at `path`."""
    settings = settings or load_settings()
    policy = policy or load_policy()
    with progress_bar() as report:
        return check(path, calendar=load_calendar(settings.calendar), policy=policy, progress=report)


def import_with_progress(services: Services, path: Path, skip_bad: Path | None) -> ImportReport:
    """Import the record at `path`; rolling cycles are judged from the day on which duban was taken into use."""
    with reading(services.engine) as connection:
        policy = services.policy.model_copy(update={"start_on": start_on(connection, services)})
    with progress_bar() as report:
        return import_record(
            path,
            services.engine,
            calendar=services.calendar,
            policy=policy,
            skip_bad=skip_bad,
            progress=report,
        )


def where_they_are(faults: Sequence[Fault]) -> Iterator[str]:
    """Tell how many faults each column has, if they are too many to be taken in line by line."""
    if len(faults) <= FEW:
        return
    counts = Counter((fault.place, fault.heading) for fault in faults).most_common()
    yield "where they are:"
    for (place, heading), count in counts[:MOST_COLUMNS]:
        yield f"{count:>9,} in {place}{f', column {heading}' if heading else ''}"
    if left := sum(count for _, count in counts[MOST_COLUMNS:]):
        yield f"{left:>9,} in other columns"


def import_lines(report: ImportReport, skip_bad: Path | None) -> Iterator[str]:
    """Tell people what an import did."""
    yield from map(str, report.faults)
    yield from where_they_are(report.faults)
    yield from (f"warning: {warning}" for warning in report.warnings)
    if report.is_written:
        yield f"{report.added} rows added, {report.changed} changed, {report.same} the same"
        if report.refused:
            yield f"{report.refused} rows refused; they are in {skip_bad} with a column why"
