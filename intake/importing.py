"""How does a record come into the database: all of it, or nothing?

Everything is judged and written in one transaction; leaves and visits stream through it. Importing the same
record again changes nothing. Commands and other imports wait meanwhile, as on SQLite all writers do.
Rules: R8; INTERFACES "The record". Caller: `duban import`.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine

from intake.columns import STREAMED, TABLES
from intake.examining import Examination, OnRefused, Progress, in_order
from intake.faults import Fault, Where
from intake.judging import Judgement, Key, row_key
from intake.merging import NATURAL_KEYS, with_those_beside
from intake.reading import open_source
from intake.saving import Refuse
from intake.sources import Cells, Unopenable
from intake.stored import on_record
from rules.facts import Row
from rules.policy import Policy
from rules.workdays import Calendar
from store import facts
from store.locks import Lock, alone
from store.upserts import Tally

Values = Sequence[Any]


@dataclass(frozen=True, slots=True)
class ImportReport:
    """The outcome. With faults and without `skip_bad` nothing was written."""

    added: int = 0
    changed: int = 0
    same: int = 0
    refused: int = 0  #: rows that were saved apart, those that depend on refused rows included
    faults: tuple[Fault, ...] = ()
    warnings: tuple[Fault, ...] = ()

    @property
    def is_written(self) -> bool:
        """Say whether the database now holds the record, or its good rows."""
        return not self.faults or bool(self.added or self.changed or self.same or self.refused)


def import_record(
    path: Path,
    engine: Engine,
    *,
    calendar: Calendar,
    policy: Policy,
    skip_bad: Path | None = None,
    progress: Progress | None = None,
) -> ImportReport:
    """Import the record at `path`; faults roll everything back.

    `skip_bad`: a folder; the good rows are written, and the others saved there with a column `why`, as are
    rows that depend on refused ones. Faults of names and headings refuse the import all the same.
    """
    try:
        source = open_source(path)
    except Unopenable as err:
        return ImportReport(faults=(err.fault,))
    refuse = None if skip_bad is None else Refuse(skip_bad, source.sheets)
    try:
        with source, engine.connect() as connection, connection.begin() as transaction:
            examination = Examination(
                source, existing=on_record(connection), calendar=calendar, policy=policy, progress=progress
            )
            import_ = _Import(connection, examination, refuse)
            report = import_.run()
            if import_.is_refused:
                transaction.rollback()
        if refuse is not None and not import_.is_refused:
            refuse.keep()
    finally:
        if refuse is not None:
            refuse.discard()
    return report


class _Import:
    """One import within its transaction."""

    def __init__(self, connection: Connection, examination: Examination, refuse: Refuse | None) -> None:
        self.connection = connection
        self.examination = examination
        self.refuse = refuse
        self.is_refused = False
        self._tally = {"added": 0, "changed": 0, "same": 0}

    def run(self) -> ImportReport:
        self.examination.read()
        alone(self.connection, Lock.RECORDING)  # what the rows are judged by stays as it is until they are written
        judgement = self.examination.judge()
        if self.refuse is None or self.examination.structural:
            return self._all_or_nothing(judgement)
        return self._good_rows(judgement, self.refuse)

    def _all_or_nothing(self, judgement: Judgement) -> ImportReport:
        examination = self.examination
        for table in TABLES:
            if table in STREAMED:
                self._write_values(table, self._while_good(examination.stream(table, judgement), judgement))
            elif table == "petitions":
                break
            elif not examination.faults(judgement):
                self._write(table, judgement.rows(table))
        faults = examination.faults(judgement)
        passed_over = examination.hear(judgement, {row_key(fault) for fault in faults})
        self.is_refused = bool(faults)
        if not faults:
            self._write_rest(judgement, passed_over)
        return self._report(faults, judgement)

    def _while_good(self, rows: Iterator[Values], judgement: Judgement) -> Iterator[Values]:
        """Yield rows until there is a fault; go on reading, so that every fault is found."""
        examination = self.examination
        is_bad = bool(examination.structural or judgement.faults)
        for row in rows:
            if not (is_bad or examination.row_faults):
                yield row

    def _good_rows(self, before: Judgement, refuse: Refuse) -> ImportReport:
        examination = self.examination
        faults = [*examination.row_faults, *before.faults]
        judgement, dropped = examination.keep_what_holds(faults)
        refuse.add_held(_by_row(dropped))
        for table in TABLES:
            if table in STREAMED:
                self._write_values(table, examination.stream(table, judgement, before.known, _to(refuse)))
            elif table == "petitions":
                break
            else:
                self._write(table, judgement.rows(table))
        self._write_rest(judgement, examination.hear(judgement))
        if refuse.count and (tables := refuse.in_the_way()):
            named = ", ".join(file.name for file in tables)
            problem = f"holds tables already, and no refused rows are laid among them; name another folder ({named})"
            examination.structural.append(Where("", str(refuse.folder)).fault(0, "", "", problem))
        self.is_refused = bool(examination.structural)
        faults = in_order([*examination.structural, *examination.row_faults, *before.faults])
        return self._report(faults, judgement)

    def _write_rest(self, judgement: Judgement, passed_over: set[Key]) -> None:
        for table in list(TABLES)[list(TABLES).index("petitions") :]:
            rows = judgement.rows(table, passed_over)
            beside = 0
            if table in NATURAL_KEYS:
                rows, beside = with_those_beside(table, rows, judgement.left[table])
            self._write(table, rows)
            self._tally["same"] -= beside

    def _write(self, table: str, rows: Iterable[Row]) -> None:
        self._count(facts.upsert(self.connection, table, rows))

    def _write_values(self, table: str, rows: Iterable[Values]) -> None:
        self._count(facts.upsert_values(self.connection, table, rows))

    def _count(self, tally: Tally) -> None:
        self._tally["added"] += tally.added
        self._tally["changed"] += tally.changed
        self._tally["same"] += tally.same

    def _report(self, faults: list[Fault], judgement: Judgement) -> ImportReport:
        counts: Mapping[str, int] = {} if self.is_refused else self._tally
        return ImportReport(
            **counts,
            refused=self.refuse.count if self.refuse and not self.is_refused else 0,
            faults=tuple(faults),
            warnings=(*self.examination.warnings, *judgement.warnings),
        )


def _to(refuse: Refuse) -> OnRefused:
    def on_refused(table: str, number: int, cells: Cells, faults: list[Fault]) -> None:
        del number
        refuse.add(table, cells, faults)

    return on_refused


def _by_row(dropped: Iterable[tuple[Key, Fault]]) -> dict[str, dict[int, list[Fault]]]:
    found: dict[str, dict[int, list[Fault]]] = defaultdict(lambda: defaultdict(list))
    for (table, number), fault in dropped:
        if table:
            found[table][number].append(fault)
    return found
