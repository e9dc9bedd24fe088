"""How is a record written as a folder of CSV files?

One file a table, with the record's own English column names. Source: INTERFACES "The record".
"""

import csv
from dataclasses import fields
from datetime import date, datetime
from pathlib import Path
from typing import Final

from rules.facts import SHANGHAI, Acknowledgement, Leave, ProjectEvent, Record, Row, Seat, Visit

#: cells whose column has another name; `position` is the order of the rows and has no column
COLUMNS: Final[dict[type[Row], dict[str, str]]] = {
    Seat: {"begins": "from", "ends": "to"},
    Leave: {"begins": "from", "ends": "to"},
    Visit: {"day": "date"},
    ProjectEvent: {"day": "date"},
    Acknowledgement: {},
}
EVERYWHERE: Final = {"is_key": "key"}


def write_folder(record: Record, folder: Path) -> None:
    """Write every table of `record` into `folder`, which is made if it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    for table, kind in Record.TABLES.items():
        names = [field.name for field in fields(kind) if field.name != "position"]
        renamed = EVERYWHERE | COLUMNS.get(kind, {})
        with (folder / f"{table}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow([renamed.get(name, name) for name in names])
            writer.writerows([_cell(getattr(row, name)) for name in names] for row in getattr(record, table))


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case datetime():
            return value.astimezone(SHANGHAI).replace(tzinfo=None).isoformat(timespec="minutes")
        case date():
            return value.isoformat()
        case tuple():
            return ",".join(str(part) for part in value)
        case _:
            return str(value)
