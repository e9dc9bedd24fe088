"""Is this record free of faults, and what does it state?

Everything is held in memory: for `duban check` and `duban simulate`. Imports stream: importing.py. Rules: R8.
"""

from dataclasses import dataclass
from pathlib import Path

from intake.columns import STREAMED, TABLES
from intake.examining import Examination, Progress
from intake.existing import Existing, nothing
from intake.faults import Fault
from intake.judging import row_key
from intake.reading import open_source
from intake.sources import Unopenable
from rules.facts import Record
from rules.policy import Policy
from rules.workdays import Calendar


@dataclass(frozen=True, slots=True)
class Checked:
    """The outcome: a record holds if there are no faults. Without them `record` is all that is in the files."""

    faults: tuple[Fault, ...]
    warnings: tuple[Fault, ...]
    record: Record


def check(
    path: Path,
    *,
    existing: Existing | None = None,
    calendar: Calendar,
    policy: Policy,
    progress: Progress | None = None,
) -> Checked:
    """Read and judge the record at `path`, by itself or as an addition to what is on record.

    Acknowledgements that do not hold under `policy` are warnings and are left out of the record (R8); a
    rolling cycle is judged from `policy.start_on`.
    """
    try:
        source = open_source(path)
    except Unopenable as err:
        return Checked((err.fault,), (), Record())
    with source:
        examination = Examination(
            source, existing=existing or nothing(), calendar=calendar, policy=policy, progress=progress
        )
        examination.read()
        judgement = examination.judge()
        streamed = {table: list(examination.rows(table, judgement)) for table in STREAMED}
    faults = examination.faults(judgement)
    refused = {row_key(fault) for fault in faults}
    refused |= examination.hear(judgement, refused)
    rows = {table: tuple(streamed[table] if table in streamed else judgement.rows(table, refused)) for table in TABLES}
    return Checked(tuple(faults), (*examination.warnings, *judgement.warnings), Record(**rows))
