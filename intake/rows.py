"""What fact does a row state, and what is wrong with its cells taken by themselves?

What depends on other rows (references, order) is judged in references.py, organisation.py, plans.py and
order.py. Rules: R2.5, R8. Callers: examining.py, commands.py.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import lru_cache
from typing import Any, Final

from intake.columns import TABLES, WHY, Column, Table
from intake.faults import HIDDEN, Fault, Where, mask_phone, nearest
from intake.sources import Cells, Sheet
from intake.values import Missing, Mobile, Unreadable, as_text, column_reader, reader
from rules.facts import OfficeKind, Row, StationKind, local_day, midnight

Read = Callable[[object], object]
Columns = list[Sequence[Any]]  #: the values of very many rows, column by column
UNTAKEN: Final = -1


@dataclass(frozen=True, slots=True)
class Draft:
    """A row as far as it can be read. The fields in `bad` say nothing: they are wrong, or cannot be read."""

    table: str
    number: int  #: row in the file; 0 for a single command
    row: Any  #: of the table's class; what its bad fields hold says nothing
    bad: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Wrong:
    """A field that contradicts another one of its row."""

    field: str
    problem: str


# Fields of one row that contradict each other -------------------------------------------

_midnight = lru_cache(1 << 14)(midnight)


def _ends_before_it_begins(begins: date | None, ends: date | None) -> Wrong | None:
    if ends and begins and ends < begins:
        return Wrong("ends", f"is before the first day, {begins}")
    return None


def _recorded_before_its_day(day: date | None, recorded_at: datetime | None) -> Wrong | None:
    if day and recorded_at and recorded_at < _midnight(day):
        return Wrong("recorded_at", f"is before the day of the visit, {day}")
    return None


def _found_after_it_was_recorded(found_on: date | None, recorded_at: datetime | None) -> Wrong | None:
    if found_on and recorded_at and found_on > local_day(recorded_at):
        return Wrong("found_on", f"is after the day of registration, {local_day(recorded_at)}")
    return None


def _station_kind_of_no_station(kind: OfficeKind | None, station_kind: StationKind | None) -> Wrong | None:
    if station_kind and kind and kind is not OfficeKind.STATION:
        return Wrong("station_kind", f"does not belong to a {kind}: only a station has a kind of station")
    return None


#: table → two fields that may contradict each other, and what says so
CONTRADICTIONS: Final[Mapping[str, tuple[str, str, Callable[[Any, Any], Wrong | None]]]] = {
    "offices": ("kind", "station_kind", _station_kind_of_no_station),
    "seats": ("begins", "ends", _ends_before_it_begins),
    "leaves": ("begins", "ends", _ends_before_it_begins),
    "visits": ("day", "recorded_at", _recorded_before_its_day),
    "petitions": ("found_on", "recorded_at", _found_after_it_was_recorded),
}
#: `recorded_at` left empty means 00:00 of that day (INTERFACES)
RECORDED_ON: Final = {"leaves": "begins", "visits": "day"}


# Headings ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Layout:
    """Which cell of a row belongs to which column."""

    table: Table
    where: Where
    places: Mapping[str, int]  #: field → index of its cell, or UNTAKEN
    width: int
    header_row: int = 0
    blank: frozenset[int] = frozenset()  #: cells that have no heading
    faults: tuple[Fault, ...] = ()


def layout_of(sheet: Sheet) -> Layout:
    """Match the headings of a sheet with the table's columns; say which are unknown, doubled or missing."""
    return _Matching(sheet).layout()


class _Matching:
    def __init__(self, sheet: Sheet) -> None:
        self.sheet, self.table = sheet, sheet.table
        self.known = {name.lower(): column for column in self.table.columns for name in column.names}
        self.taken: dict[str, tuple[int, str]] = {}  # field → index and heading
        self.faults: list[Fault] = []
        self.where = Where(self.table.name, sheet.place)

    def layout(self) -> Layout:
        names = self.sheet.headings
        unknown = [i for i, name in enumerate(names) if not self._take(i, name)]
        for i in unknown:
            self._refuse(names[i], i)
        self._ask_for_missing()
        return Layout(
            table=self.table,
            where=replace(self.where, headings={self.table.fields[f].name: h for f, (_, h) in self.taken.items()}),
            places={column.field: self.taken.get(column.field, (UNTAKEN, ""))[0] for column in self.table.columns},
            width=len(names),
            header_row=self.sheet.header_row,
            blank=frozenset(i for i, name in enumerate(names) if not name),
            faults=tuple(self.faults),
        )

    def _take(self, index: int, name: str) -> bool:
        """Give the cell to the column that its heading names; False if there is none."""
        if not name or name.lower() == WHY:
            return True
        column = self.known.get(name.lower())
        if column is None:
            return False
        if column.field in self.taken:
            problem = f"is the column {column.name} once more; {self.taken[column.field][1]!r} stands for it"
            self._fault(name, column.name, problem)
        else:
            self.taken[column.field] = (index, name)
        return True

    def _refuse(self, name: str, index: int) -> None:
        """Report an unknown heading; if it is nearest to a required column that is absent, it is read as that."""
        near = nearest(name.lower(), self.known, cutoff=0.01)
        listed = "" if near else f"; the columns are {', '.join(self.table.named)}"
        self._fault(name, "", f"is not a column of {self.table.name}{listed}", near)
        column = self.known.get(near)
        if column is not None and column.required and column.field not in self.taken:
            self.taken[column.field] = (index, name)

    def _ask_for_missing(self) -> None:
        for column in self.table.columns:
            if column.required and column.field not in self.taken:
                names = " or ".join(column.names[:2])
                self._fault("", column.name, f"is missing; want a column headed {names}")

    def _fault(self, name: str, column: str, problem: str, near: str = "") -> None:
        fault = self.where.fault(self.sheet.header_row, column, name, problem, near)
        self.faults.append(replace(fault, heading=column or name))


# Cells ---------------------------------------------------------------------------------


class RowReader:
    """Reads the rows of one sheet."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.table = layout.table
        self.faults: list[Fault] = []  #: those of the rows read so far
        self._class: Any = self.table.row
        self._fields = tuple(column.field for column in self.table.columns)
        self._plan = tuple(
            (self._place(column), _read(column, missing=self._place(column) == UNTAKEN))
            for column in self.table.columns
        )
        self._column_plan = tuple(
            (i, column_reader(column.cell, read, required=column.required, empty=column.empty))
            for column, (i, read) in zip(self.table.columns, self._plan, strict=True)
        )
        one, other, contradiction = CONTRADICTIONS.get(self.table.name, (self._fields[0], self._fields[0], None))
        self._contradiction = contradiction
        self._opposed = (one, other)
        self._one, self._other = self._fields.index(one), self._fields.index(other)
        self._recorded_on = RECORDED_ON.get(self.table.name, "")
        self._day = self._fields.index(self._recorded_on) if self._recorded_on else UNTAKEN
        self._recorded_at = self._fields.index("recorded_at") if self._recorded_on else UNTAKEN
        self._complete = all(self._place(c) != UNTAKEN for c in self.table.columns if c.required)
        self._unheaded: set[int] = set()

    def _place(self, column: Column) -> int:
        return self.layout.places[column.field]

    def read(self, number: int, cells: Cells) -> Draft | None:
        """Read one row; None if all its cells are blank. What is wrong with it is added to `faults`."""
        values = self.read_good(cells)
        return self._read_bad(number, cells) if values is None else Draft(self.table.name, number, self.row_of(values))

    def row_of(self, values: Sequence[Any]) -> Row:
        """Return the row that has these values."""
        row: Row = self._class(**dict(zip(self._fields, values, strict=True)))
        return row

    def read_good(self, cells: Cells) -> list[Any] | None:
        """Return the values of a row in which nothing is wrong, in the order of the columns; None of any other.

        Of a million rows hardly one is ever needed as a row: to make them would take a fifth of the time.
        """
        if len(cells) != self.layout.width:
            cells = self._fit(cells)
        if len(cells) != self.layout.width or not self._complete:
            return None
        try:
            values: list[Any] = [read(cells[i]) for i, read in self._plan]
        except Unreadable:
            return None
        if self._recorded_on and values[self._recorded_at] is None:
            values[self._recorded_at] = _midnight(values[self._day])
        if self._contradiction is not None and self._contradiction(values[self._one], values[self._other]):
            return None
        return None if self.layout.blank and self._beyond_headings(cells) else values

    def read_columns(self, rows: Sequence[Cells]) -> Columns | None:
        """Return the values of very many rows, column by column; None if any of them must be read by itself.

        Three fifths of the time that reading row by row takes.
        """
        if not self._complete or self.layout.blank:
            return None
        try:
            cells: Columns = list(zip(*rows, strict=True))
            if len(cells) != self.layout.width:
                return None
            absent = [None] * len(rows)
            columns: Columns = [read(cells[i] if i != UNTAKEN else absent) for i, read in self._column_plan]
        except ValueError:  # a row of another length, or one with something unreadable
            return None
        if self._recorded_on and None in columns[self._recorded_at]:
            days, instants = columns[self._day], columns[self._recorded_at]
            columns[self._recorded_at] = [at or _midnight(day) for day, at in zip(days, instants, strict=True)]
        if self._contradiction and any(map(self._contradiction, columns[self._one], columns[self._other])):
            return None
        return columns

    def _fit(self, cells: Cells) -> Cells:
        """Fill a short row with empty cells, and cut empty cells from a long one."""
        width = self.layout.width
        if len(cells) > width and not any(map(_is_given, cells[width:])):
            return cells[:width]
        return [*cells, *[None] * (width - len(cells))]

    def _beyond_headings(self, cells: Cells) -> list[int]:
        return [i for i in sorted(self.layout.blank) if _is_given(cells[i])]

    def _read_bad(self, number: int, cells: Cells) -> Draft | None:
        if not any(map(_is_given, cells)):
            return None
        cells = self._fit(cells)
        where = self.layout.where
        if len(cells) > self.layout.width:
            # Which of its cells is one too many is not known: none of them is judged, or shown.
            problem = f"the row has {len(cells)} cells, the headings {self.layout.width}; look for a stray comma"
            self.faults.append(where.fault(number, "", "", problem))
            return self._draft(number, self._readable(cells, []), set(self._fields) - {"id"})
        for i in self._beyond_headings(cells):
            if i not in self._unheaded:
                # One fault of the headings, not one of each row.
                self._unheaded.add(i)
                problem = f"cell {i + 1} of the headings is empty, but row {number} has something there"
                self.faults.append(where.fault(self.layout.header_row, "", "", problem))
        wrong: list[tuple[Column, object, Unreadable]] = []
        values = self._readable(cells, wrong)
        for column, raw, err in wrong:
            self.faults.append(_fault_of(where, number, column, raw, err))
        bad = {column.field for column in self.table.columns if column.field not in values}
        draft = self._draft(number, values, bad)
        found = self._contradiction(*(getattr(draft.row, f) for f in self._opposed)) if self._contradiction else None
        if found is None or found.field in bad:
            return draft
        column = self.table.fields[found.field]
        raw = cells[self.layout.places[column.field]]
        self.faults.append(_fault_of(where, number, column, raw, Unreadable(found.problem)))
        return replace(draft, bad=draft.bad | {found.field})

    def _readable(self, cells: Cells, wrong: list[tuple[Column, object, Unreadable]]) -> dict[str, object]:
        """Return what the cells say that can be read; add the others to `wrong`."""
        values: dict[str, object] = {}
        for column, (i, read) in zip(self.table.columns, self._plan, strict=True):
            if i == UNTAKEN and column.required:
                continue  # one fault of the headings, not one of each row
            try:
                values[column.field] = read(cells[i])
            except Unreadable as err:
                wrong.append((column, cells[i], err))
        return values

    def _draft(self, number: int, values: Mapping[str, object], bad: Iterable[str]) -> Draft:
        filled: dict[str, Any] = {column.field: column.empty for column in self.table.columns} | dict(values)
        unknown = set(bad)
        if self._recorded_on and filled["recorded_at"] is None:
            if filled[self._recorded_on] is None:
                unknown.add("recorded_at")
            else:
                filled["recorded_at"] = _midnight(filled[self._recorded_on])
        return Draft(self.table.name, number, self._class(**filled), frozenset(unknown))


def _read(column: Column, *, missing: bool) -> Read:
    """Return the reader of a column; of an absent one that may be absent, what an empty cell says."""
    read = reader(column.cell, required=column.required, empty=column.empty)
    if not missing or column.required:
        return read
    return lambda _: column.empty


def _is_given(raw: object) -> bool:
    return bool(raw.strip()) if isinstance(raw, str) else raw is not None


def _fault_of(where: Where, number: int, column: Column, raw: object, err: Unreadable) -> Fault:
    value = "" if isinstance(err, Missing) else err.value or as_text(raw).strip()
    return where.fault(number, column.name, shown(column, value), err.problem, "" if column.secret else err.near)


def shown(column: Column, value: str) -> str:
    """Return a value as a message may show it (R5.10)."""
    if not value:
        return ""
    if column.secret:
        return HIDDEN
    return mask_phone(value) if isinstance(column.cell, Mobile) else value


# Single facts --------------------------------------------------------------------------


def layout_of_command(table: str) -> Layout:
    """Return the layout of a fact that comes alone, with its cells in the order of the columns."""
    columns = TABLES[table].columns
    return Layout(
        table=TABLES[table],
        where=Where(table),
        places={column.field: i for i, column in enumerate(columns)},
        width=len(columns),
    )


def cells_of(table: Table, row: Row) -> list[str]:
    """Return a fact as the cells of its row, in the order of the columns, in English."""
    values: Sequence[object] = [getattr(row, column.field) for column in table.columns]
    return [
        "" if value is None or value == () else column.cell.write(value)
        for column, value in zip(table.columns, values, strict=True)
    ]
