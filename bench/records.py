"""Which records do the benches read?

The made-up record of Heshan's shape, a year or so many times that; and a year's organisation with as many visits
as are asked for. Callers: simulate.py, importing.py, rebuilding.py.
"""

import csv
import subprocess
import sys
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import cycle, islice
from pathlib import Path
from typing import Final

from intake.columns import TABLES

FIRST: Final = date(2026, 1, 1)
LAST: Final = date(2026, 12, 31)
FORMS: Final = ("reception", "meeting", "patrol", "household", "other", "")


def write_year(folder: Path, scale: int = 1) -> Path:
    """Write a year of so many municipalities of Heshan's size, and return the folder."""
    command = [sys.executable, "-m", "intake.demo", str(folder), "--scale", str(scale)]
    command += ["--from", str(FIRST), "--to", str(LAST)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - our own command
    return folder


def write_visits(folder: Path, count: int) -> Path:
    """Write a year's record whose visits are replaced by `count` others, and return the folder."""
    write_year(folder)
    seats = [row for row in _rows(folder / "seats.csv") if row["station"] and row["grid"]]
    with (folder / "visits.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(TABLES["visits"].named)
        writer.writerows(islice(_visits(seats), count))
    return folder


def _rows(file: Path) -> Iterator[dict[str, str]]:
    with file.open(encoding="utf-8-sig", newline="") as text:
        yield from csv.DictReader(text)


def _visits(seats: list[dict[str, str]]) -> Iterator[list[str]]:
    """Yield visits without end: seat after seat, day after day, at any minute of the working day."""
    forms = cycle(FORMS)
    for number, seat in enumerate(cycle(seats)):
        day = FIRST + timedelta(days=number // len(seats) % 360)
        kind = ("station", "grid")[number % 2]
        minute = number % 557
        told = f"{day}T{8 + minute // 60:02}:{minute % 60:02}:{number % 60:02}+08:00"
        note = f"走访 {number % 9973}" if number % 3 == 0 else ""
        place = seat[kind]
        yield [
            f"V{number:08}", seat["deputy"], f"{day}", kind, place, next(forms),
            str(number % 40), str(number % 5), note, told,
        ]  # fmt: skip
