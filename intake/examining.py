"""What does a whole record state, and what is wrong with it?

The tables of a few thousand rows are held and judged among each other; leaves and visits stream past what is
known from there, a row at a time. Rules: R8. Callers: checking.py, importing.py.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from operator import eq
from typing import Any, Final, cast

from intake.columns import STREAMED, TABLES
from intake.existing import Existing
from intake.faults import Fault, Where
from intake.hearing import deputies_to_keep, passed_over
from intake.ids import CompactIds
from intake.judging import Bench, Judgement, Key, judge, row_key
from intake.references import Known, given_twice, wrong_references
from intake.rows import UNTAKEN, Columns, Draft, RowReader, layout_of
from intake.sources import Broken, Cells, Sheet, Source
from rules.facts import Leave, Row, Visit, VisitKind
from rules.policy import Policy
from rules.workdays import Calendar

#: table, rows done in it, bytes done and bytes in all of the whole source
Progress = Callable[[str, int, int, int], None]
#: a row that is refused: its table, number, cells, and the faults that it has
OnRefused = Callable[[str, int, Cells, list[Fault]], None]

STEP: Final = 5_000  #: rows between two calls of progress
LOT: Final = 200  #: rows that stream and are read at a time: one at fault has all of them read one by one


class Examination:
    """One reading of one source, against what is on record."""

    def __init__(
        self,
        source: Source,
        *,
        existing: Existing,
        calendar: Calendar,
        policy: Policy,
        progress: Progress | None = None,
    ) -> None:
        """Match the headings; no row is read yet."""
        self.source = source
        self.progress = progress
        self.unreadable = set(source.unreadable)
        self.structural: list[Fault] = list(source.faults)  #: those of names and headings: nothing skips them
        self.warnings: list[Fault] = list(source.warnings)
        self.row_faults: list[Fault] = []  #: those of cells and of streamed rows
        self.kept: list[Leave | Visit] = []  #: streamed rows that decide on acknowledgements
        self.silent: set[str] = set()  #: deputies with a streamed row at fault
        self.drafts: dict[str, list[Draft]] = {}
        self.readers: dict[str, RowReader] = {}
        for table, sheet in source.sheets.items():
            layout = layout_of(sheet)
            self.readers[table] = RowReader(layout)
            self.structural += layout.faults
            if layout.places.get("id", 0) == UNTAKEN:
                self.unreadable.add(table)
        self.bench = Bench(
            calendar=calendar,
            policy=policy,
            existing=existing,
            wheres={table: reader.layout.where for table, reader in self.readers.items()},
            unreadable=self.unreadable,
        )

    # Tables that are held -----------------------------------------------------------------

    def read(self) -> None:
        """Read all tables but those that stream."""
        for table, sheet in self.source.sheets.items():
            if table not in STREAMED:
                reader = self.readers[table]
                read = (reader.read(number, cells) for number, cells in self._rows(sheet))
                self.drafts[table] = [draft for draft in read if draft is not None]
                self._take_faults(reader)

    def _take_faults(self, reader: RowReader) -> None:
        header = reader.layout.header_row
        self.structural += [fault for fault in reader.faults if fault.row <= header]
        self.row_faults += [fault for fault in reader.faults if fault.row > header]
        reader.faults.clear()

    def _rows(self, sheet: Sheet) -> Iterator[tuple[int, Cells]]:
        """Yield the rows below the headings; report progress, and the end if the file is broken."""
        table, done = sheet.table.name, 0
        try:
            for done, row in enumerate(sheet.rows(), 1):
                yield row
                if not done % STEP:
                    self._tell(table, done)
        except Broken as err:
            self.structural.append(Where(table, sheet.place).fault(err.row, "", "", err.problem))
            self.unreadable.add(table)
        self._tell(table, done)

    def _tell(self, table: str, done: int) -> None:
        if self.progress is not None:
            meter = self.source.meter
            self.progress(table, done, meter.read, meter.total)

    def judge(self) -> Judgement:
        """Judge the rows that are held."""
        return judge(self.drafts, self.bench)

    def keep_what_holds(self, faults: Collection[Fault]) -> tuple[Judgement, list[tuple[Key, Fault]]]:
        """Drop the rows at fault, and those that depend on them; return what is left, and what was dropped why."""
        dropped = [(row_key(fault), fault) for fault in faults]
        bench = replace(self.bench, thorough=False)
        while True:
            gone = {key for key, _ in dropped}
            for table, drafts in self.drafts.items():
                self.drafts[table] = [draft for draft in drafts if (table, draft.number) not in gone]
            judgement = judge(self.drafts, bench)
            if not judgement.faults:
                return judgement, dropped
            if all(row_key(fault) in gone for fault in judgement.faults):
                raise RuntimeError(f"dropping rows does not end: {judgement.faults[0]}")
            dropped += [(row_key(fault), _dependent(fault)) for fault in judgement.faults]

    # Tables that stream -------------------------------------------------------------------

    def stream(
        self, table: str, judgement: Judgement, first: Known | None = None, on_refused: OnRefused | None = None
    ) -> Iterator[Sequence[Any]]:
        """Yield the values of the good rows of a table; add the faults of the others to `row_faults`.

        With `on_refused` the others go there, too. `first`: what was known before rows were dropped; what
        holds by that and no longer is refused as dependent.
        """
        sheet = self.source.sheets.get(table)
        if sheet is None:
            return
        known = judgement.known
        sieve = _Sieve(self.readers[table], known)
        wanted = deputies_to_keep(judgement, self.bench.existing)
        for numbers, lot in _in_lots(self._rows(sheet)):
            columns = sieve.all_good(numbers, lot)
            if columns is not None:
                self._keep(sieve, columns, wanted)
                yield from zip(*columns, strict=True)
                continue
            for number, cells in zip(numbers, lot, strict=True):
                values = sieve.good(number, cells)
                if values is None:
                    self._refuse(table, number, cells, sieve.seen, known, first or known, on_refused)
                else:
                    self._keep(sieve, [[value] for value in values], wanted)
                    yield values

    def _keep(self, sieve: "_Sieve", columns: Columns, wanted: Collection[str]) -> None:
        """Keep those of some good rows that decide on acknowledgements."""
        if wanted and any(deputy in wanted for deputy in columns[sieve.deputy]):
            rows = (values for values in zip(*columns, strict=True) if values[sieve.deputy] in wanted)
            self.kept += [cast("Leave | Visit", sieve.reader.row_of(values)) for values in rows]

    def rows(self, table: str, judgement: Judgement) -> Iterator[Row]:
        """Yield the good rows of a table that streams; add the faults of the others to `row_faults`."""
        return (self.readers[table].row_of(values) for values in self.stream(table, judgement))

    def _refuse(
        self,
        table: str,
        number: int,
        cells: Cells,
        seen: CompactIds,
        known: Known,
        before: Known,
        on_refused: OnRefused | None,
    ) -> None:
        reader = self.readers[table]
        draft = reader.read(number, cells)
        if draft is None:
            return
        count = len(self.row_faults)
        self._take_faults(reader)
        where = reader.layout.where
        row: Any = draft.row
        if "id" not in draft.bad and (first := seen.first(row.id, number)) != number:
            self.row_faults.append(given_twice(where, number, ("id",), (row.id,), first))
        self.row_faults += wrong_references(draft, before, where)
        own = self.row_faults[count:]
        if "deputy" not in draft.bad:
            self.silent.add(row.deputy)
        if on_refused is not None:
            why = own or [_dependent(fault) for fault in wrong_references(draft, known, where)]
            on_refused(table, number, cells, why)

    # The outcome --------------------------------------------------------------------------

    def hear(self, judgement: Judgement, refused: Collection[Key] = ()) -> set[Key]:
        """Return the acknowledgements that do not hold; each adds a warning."""
        found = passed_over(judgement, self.bench, refused, self.kept, self.silent)
        self.warnings += [fault for _, fault in found]
        return {key for key, _ in found}

    def faults(self, judgement: Judgement) -> list[Fault]:
        """Return all faults found so far, in the order of the tables, rows and columns."""
        return in_order([*self.structural, *self.row_faults, *judgement.faults])


class _Sieve:
    """Tells the good rows of a table that streams: they can be read, come once, and refer to what there is."""

    def __init__(self, reader: RowReader, known: Known) -> None:
        self.reader = reader
        self.seen = CompactIds()
        fields = list(reader.table.fields)
        self.deputy = fields.index("deputy")
        self._ident = fields.index("id")
        names, self._hold = _references_of(reader.table.name, known)
        self._referring = [fields.index(name) for name in names]

    def all_good(self, numbers: Sequence[int], lot: Sequence[Cells]) -> Columns | None:
        """Return the values of some rows, column by column, if all of them are good."""
        columns = self.reader.read_columns(lot)
        if columns is None or not all(map(self._hold, *(columns[i] for i in self._referring))):
            return None
        # A row that is asked about here and by itself again is still the first with its id.
        return columns if all(map(eq, map(self.seen.first, columns[self._ident], numbers), numbers)) else None

    def good(self, number: int, cells: Cells) -> Sequence[Any] | None:
        """Return the values of a row if it is good."""
        values = self.reader.read_good(cells)
        if values is None or self.seen.first(values[self._ident], number) != number:
            return None
        return values if self._hold(*(values[i] for i in self._referring)) else None


def _references_of(table: str, known: Known) -> tuple[Sequence[str], Callable[..., bool]]:
    """Return the fields of a row that refer to others, and what says whether such values do."""
    deputies = known.ids("deputies")
    if table != "visits":
        return ("deputy",), lambda deputy: deputy in deputies
    places = {VisitKind.STATION: known.stations(), VisitKind.GRID: known.ids("grids")}
    return ("deputy", "kind", "place"), lambda deputy, kind, place: deputy in deputies and place in places[kind]


def _in_lots(rows: Iterator[tuple[int, Cells]]) -> Iterator[tuple[Sequence[int], Sequence[Cells]]]:
    """Yield the numbers and the cells of some rows at a time."""
    while lot := list(islice(rows, LOT)):
        numbers, cells = zip(*lot, strict=True)
        yield numbers, cells


def _dependent(fault: Fault) -> Fault:
    return replace(fault, problem=f"refers to a refused row: it {fault.problem}", near="")


def in_order(faults: Collection[Fault]) -> list[Fault]:
    """Sort faults by table, row and column."""
    tables = list(TABLES)
    columns: Mapping[str, list[str]] = {name: [c.name for c in table.columns] for name, table in TABLES.items()}

    def place(fault: Fault) -> tuple[int, str, int, int]:
        if fault.table not in columns:
            return -1, fault.place, fault.row, 0
        named = columns[fault.table]
        column = named.index(fault.column) if fault.column in named else -1
        return tables.index(fault.table), fault.place, fault.row, column

    return sorted(faults, key=place)
