"""How fast does a record come in, and how fast are all matters reckoned anew?

P8: `duban import` of so many visits into SQLite and PostgreSQL, and of the same once more. The yardstick is
csv.reader and sqlite3 with the same rows, without any check. `duban matters --rebuild` of so many seats, without and
with matters kept (bench/rebuilding.py). Caller: the runner.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bench.importing import _import as import_twice
from bench.looks import NAMES
from bench.measuring import Measured, measure, python
from bench.rebuilding import rebuild_twice
from bench.records import write_visits
from bench.results import NO_GOAL, Goal, Row
from bench.town import database

VISITS: Final = {"small": (2_000,), "usual": (100_000, 1_000_000), "full": (10_000, 100_000, 1_000_000, 3_000_000)}
SEATS: Final = {"small": 200, "usual": 20_000, "full": 2_770_000}
SPEED: Final = Goal(at_least=50_000)
COUNTRY: Final = 2_770_000
#: the country's seats within three minutes
REBUILT: Final = Goal(at_least=COUNTRY / 180)
REBUILT_MB: Final = Goal(at_most=1_000)
LARGE: Final = 1_000_000


def rows(size: str) -> Iterator[Row]:
    """Import so many visits into either database, and the same once more."""
    for visits in VISITS[size]:
        with tempfile.TemporaryDirectory() as folder:
            record = write_visits(Path(folder) / "record", visits)
            write = python("bench.yardsticks", "write", record / "visits.csv", Path(folder) / "plain.sqlite")
            alone = measure("csv and sqlite3 alone", write, rows=visits, times=1)
            for kind, name in NAMES.items():
                with database(kind, folder) as url:
                    for found in import_twice(name, url, record, visits):
                        yield from _rows(found, alone)
    for kind in NAMES:
        for found in rebuild_twice(kind, SEATS[size]):
            common = {"dimension": "P8", "what": f"rebuild of {found.rows:,} seats, {found.name}", "size": found.rows}
            goal, goal_mb = (REBUILT, REBUILT_MB) if found.rows >= COUNTRY else (NO_GOAL, NO_GOAL)
            yield Row(**common, value=found.rows / found.wall_s, unit="seats/s", goal=goal)
            yield Row(**common, value=found.rss_mb, unit="MB", goal=goal_mb)


def _rows(found: Measured, alone: Measured) -> Iterator[Row]:
    speed, at_best = found.rows / found.wall_s, alone.rows / alone.wall_s
    is_large = found.rows >= LARGE
    common = {"dimension": "P8", "what": f"{found.rows:,} visits, {found.name}", "size": found.rows}
    yield Row(
        **common,
        value=speed,
        unit="rows/s",
        goal=SPEED if is_large else NO_GOAL,
        ratio=speed / at_best,
        yardstick=f"{alone.name}: {at_best:,.0f}/s",
        series=found.name,
    )
    yield Row(**common, value=found.rss_mb, unit="MB", series=found.name, is_shown=is_large)
