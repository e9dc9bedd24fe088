"""How does a command read a record, and show how far it is?

Callers: daemon/commands (check, simulate), importing.py.
"""

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from config.calendars import load_calendar
from config.policies import load_policy
from config.settings import Settings, load_settings
from intake.checking import Checked, check
from intake.examining import Progress as Report
from intake.faults import Fault
from rules.policy import Policy

FEW: Final = 20
MOST_COLUMNS: Final = 20


@contextmanager
def progress_bar() -> Iterator[Report | None]:
    """Show how much of the source has been read, where somebody watches."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

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
