"""What does the machine do by itself in the same minutes?

Yardsticks: Python counting, for what reckons; and, for what imports, csv.reader and sqlite3 alone, without a check.
Run as `python -m bench.yardsticks count` or `… write CSV DATABASE`. Callers: simulate.py, importing.py.
"""

import csv
import sqlite3
import sys
from itertools import islice
from pathlib import Path
from typing import Final

COUNTS: Final = 20_000_000
LOT: Final = 5_000
TABLE: Final = """CREATE TABLE visits (
    id TEXT PRIMARY KEY, deputy TEXT, day TEXT, kind TEXT, place TEXT, form TEXT,
    voters INTEGER, opinions INTEGER, note TEXT, recorded_at TEXT)"""
INDEX: Final = "CREATE INDEX visits_deputy ON visits (deputy)"


def count() -> int:
    """Add numbers up."""
    total = 0
    for number in range(COUNTS):
        total += number
    return total


def write(file: Path, database: Path) -> None:
    """Put the rows of a CSV file into a new SQLite file as they stand."""
    database.unlink(missing_ok=True)
    connection = sqlite3.connect(database, isolation_level=None)
    for statement in ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", TABLE, INDEX, "BEGIN IMMEDIATE"):
        connection.execute(statement)
    with file.open(encoding="utf-8", newline="") as text:
        rows = csv.reader(text)
        next(rows)
        while lot := list(islice(rows, LOT)):
            connection.executemany(f"INSERT INTO visits VALUES ({', '.join('?' * 10)})", lot)  # noqa: S608
    connection.execute("COMMIT")
    connection.close()


if __name__ == "__main__":
    if sys.argv[1] == "count":
        count()
    else:
        write(Path(sys.argv[2]), Path(sys.argv[3]))
