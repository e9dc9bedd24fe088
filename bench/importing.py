"""How fast does `duban import` take a million visits in?

Goals: 50,000 rows a second on SQLite and PostgreSQL, in memory that does not grow with the rows. The yardstick is
csv.reader and sqlite3 with the same rows, without any check. PostgreSQL is a durable one of the bench's own.
Run: `python -m bench.importing [--visits 1000000] [--only sqlite]`.
"""

import argparse
import os
import tempfile
from pathlib import Path
from typing import Final

from bench.measuring import Measured, duban, measure, python, show
from bench.records import write_visits
from bench.town import database

NAMES: Final = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--visits", type=int, default=1_000_000)
    parser.add_argument("--only", choices=NAMES, help="measure one database")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        record = write_visits(folder / "record", options.visits)
        write = python("bench.yardsticks", "write", record / "visits.csv", folder / "plain.sqlite")
        yardstick = measure("csv and sqlite3 alone", write, rows=options.visits, times=1)
        found = []
        for kind in [options.only] if options.only else NAMES:
            with database(kind, name) as url:
                found += _import(NAMES[kind], url, record, options.visits)
    show(found, yardstick)


def _import(name: str, url: str, record: Path, visits: int) -> list[Measured]:
    os.environ["DUBAN_DATABASE_URL"] = url
    command = duban("import", record)
    return [measure(f"{name}, {what}", command, rows=visits, times=1) for what in ("first time", "the same again")]


if __name__ == "__main__":
    main()
