"""Where do the rows go that `--skip-bad` leaves out?

Into CSV files of the same format, each row with the reason in a column `why`: mended there, they can be
imported as they are. As in an export, no cell begins like a formula. Source: INTERFACES "The record".
Caller: importing.py.
"""

import csv
from collections.abc import Iterable, Mapping
from io import TextIOWrapper
from pathlib import Path
from typing import Final, Protocol

from intake.columns import TABLES, WHY
from intake.faults import Fault
from intake.sources import Cells, Sheet
from intake.values import as_text
from templates.texts import inert

PART: Final = ".part"


class _Writer(Protocol):
    def writerow(self, row: Iterable[str], /) -> object: ...


class Refuse:
    """The refused rows of one import. Nothing is there to see until `keep`."""

    def __init__(self, folder: Path, sheets: Mapping[str, Sheet]) -> None:
        """Take the folder; it need not exist."""
        self.folder = folder
        self.count = 0
        self._sheets = sheets
        self._files: dict[str, tuple[Path, TextIOWrapper, _Writer]] = {}

    def in_the_way(self) -> list[Path]:
        """Return tables of the folder: rows of an earlier import that would be lost, or a record of its own."""
        files = (self.folder / f"{name}.csv" for table in TABLES.values() for name in (table.name, table.chinese))
        return [file for file in files if file.exists()]

    def add(self, table: str, cells: Cells, faults: Iterable[Fault]) -> None:
        """Save one row."""
        writer = self._writer(table)
        why = inert("; ".join(reason(fault) for fault in faults))
        writer.writerow([*self._without_why(table, cells), why])
        self.count += 1

    def add_held(self, dropped: Mapping[str, Mapping[int, list[Fault]]]) -> None:
        """Save rows of tables that were held, by table and number: their cells are read once more."""
        for table, rows in dropped.items():
            for number, cells in self._sheets[table].rows() if rows else ():
                if number in rows:
                    self.add(table, cells, rows[number])

    def _without_why(self, table: str, cells: Cells) -> list[str]:
        headings = self._sheets[table].headings
        cells = [*cells, *[None] * (len(headings) - len(cells))]
        old = {i for i, name in enumerate(headings) if name.lower() == WHY}
        return ["" if cell is None else inert(as_text(cell)) for i, cell in enumerate(cells) if i not in old]

    def _writer(self, table: str) -> _Writer:
        if table not in self._files:
            self.folder.mkdir(parents=True, exist_ok=True)
            path = self.folder / f"{table}.csv{PART}"
            file = path.open("w", encoding="utf-8", newline="")
            writer = csv.writer(file)
            headings = self._sheets[table].headings
            writer.writerow([*(name for name in headings if name.lower() != WHY), WHY])
            self._files[table] = path, file, writer
        return self._files[table][2]

    def keep(self) -> None:
        """Give the files their names."""
        while self._files:
            path, file, _ = self._files.popitem()[1]
            file.close()
            path.rename(path.with_name(path.name.removesuffix(PART)))

    def discard(self) -> None:
        """Leave no trace of rows that have not been kept."""
        while self._files:
            path, file, _ = self._files.popitem()[1]
            file.close()
            path.unlink(missing_ok=True)


def reason(fault: Fault) -> str:
    """Return a fault without the place, which is that of the row itself."""
    column = f"{fault.heading}: " if fault.heading else ""
    hint = f"; did you mean {fault.near!r}?" if fault.near else ""
    value = f"{fault.value!r} " if fault.value else ""
    return f"{column}{value}{fault.problem}{hint}"
