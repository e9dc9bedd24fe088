"""How does the record go out, so that bringing it in again gives the same?

CSV in UTF-8 or one workbook, in English or Chinese. A text never becomes a formula, whatever it begins with: in CSV an
apostrophe goes before it, which an import takes away.
Source: INTERFACES "The record". Callers: `duban export`, demo data, tests.
"""

import csv
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from io import BytesIO
from itertools import chain
from pathlib import Path
from typing import Final

from sqlalchemy import Connection

from intake.columns import TABLES, Column, Table
from intake.values import Count, Day, Instant, Language
from rules.facts import SHANGHAI, Record, Row
from store import facts
from templates.texts import inert
from templates.workbooks import Value, new_book

#: since then the clocks of Shanghai have not been changed: a local time says which instant it is
STEADY_SINCE: Final = 1992
MILLISECOND: Final = 1_000  #: microseconds; a spreadsheet keeps no less


def export_record(connection: Connection, folder: Path, language: Language = "en") -> None:
    """Write what the database holds as a folder of CSV files."""
    for table in TABLES.values():
        _write_csv(folder, table, facts.load(connection, table.name), language)


def write_record(record: Record, folder: Path, language: Language = "en") -> None:
    """Write a record as a folder of CSV files."""
    for table in TABLES.values():
        _write_csv(folder, table, getattr(record, table.name), language)


def write_workbook(record: Record, path: Path, language: Language = "en") -> None:
    """Write a record as a workbook with a sheet for each table."""
    file = BytesIO()
    with new_book(file) as book:
        for table in TABLES.values():
            sheet = book.sheet(table.name if language == "en" else table.chinese)
            book.fill(sheet, chain([_headings(table, language)], _values(table, record, language)))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(file.getvalue())


def _values(table: Table, record: Record, language: Language) -> Iterator[list[Value]]:
    for row in getattr(record, table.name):
        yield [_value(column, getattr(row, column.field), language) for column in table.columns]


def _headings(table: Table, language: Language) -> list[str]:
    return [column.name if language == "en" else column.chinese[0] for column in table.columns]


def _write_csv(folder: Path, table: Table, rows: Iterable[Row], language: Language) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    name = table.name if language == "en" else table.chinese
    with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(_headings(table, language))
        writer.writerows(_lines(table, rows, language))


def _lines(table: Table, rows: Iterable[Row], language: Language) -> Iterator[list[str]]:
    columns = [(column, column.field) for column in table.columns]
    for row in rows:
        yield [inert(written(column, getattr(row, field), language)) for column, field in columns]


def written(column: Column, value: object, language: Language = "en") -> str:
    """Return a value as the text of its cell; one that an empty cell says as well is left empty.

    A truth that is so by default is written all the same where it says something: `on_duty`, `confidential`.
    """
    if value is None or value == () or (value is False and column.name == "proposal"):
        return ""
    return column.cell.write(value, language)


def _value(column: Column, value: object, language: Language) -> Value:
    """Return a value as a spreadsheet holds it best: dates and numbers as such, all else as text."""
    if isinstance(value, datetime) and isinstance(column.cell, Instant):
        local = value.astimezone(SHANGHAI)
        if local.year >= STEADY_SINCE and not local.microsecond % MILLISECOND:
            return local.replace(tzinfo=None)
    elif isinstance(value, (int, date)) and isinstance(column.cell, (Count, Day)):
        return value
    return written(column, value, language)
