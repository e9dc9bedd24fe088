"""How long does it take to reckon all matters anew, and how much memory?

Goal for the country: the matters of 2,770,000 seats within three minutes and 1 GB on two cores. The record: seats of
all four levels in a term that began in January 2026, up to 9 March of that year, with two visits a seat and a leave
of every hundredth deputy; not one matter is kept yet, so all are reckoned and written. PostgreSQL is a durable one.
Run: `python -m bench.rebuilding [--seats 50000] [--only postgresql]`.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import delete

from bench.measuring import Measured, duban, measure, python, show
from bench.town import database, tidy_up
from rules.facts import SHANGHAI, Contact, Deputy, Grid, Leave, Office, Row, Seat, Visit
from store import facts, installation
from store.ahead import CURSOR
from store.engine import make_engine
from store.migrating import migrate
from store.schema import stale

KINDS: Final = ("sqlite", "postgresql")
BEGINS: Final = date(2026, 1, 1)
NOW: Final = datetime(2026, 3, 9, 8, 0, tzinfo=SHANGHAI)
A_TOWN: Final = 60  #: seats
A_GRID: Final = 3  #: seats
LEVELS: Final = ("town",) * 7 + ("county",) * 2 + ("prefecture",)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seats", type=int, default=50_000, help="the country: 2,770,000")
    parser.add_argument("--only", choices=KINDS, help="measure one database")
    options = parser.parse_args()
    yardstick = measure("counting to twenty millions", python("bench.yardsticks", "count"), times=1)
    found: list[Measured] = []
    for kind in [options.only] if options.only else KINDS:
        for one in rebuild_twice(kind, options.seats):
            print(f"{one.name}: {one.wall_s:.1f} s", file=sys.stderr)  # a country takes long
            found.append(one)
    show(found, yardstick)


def rebuild_twice(kind: str, seats: int) -> Iterator[Measured]:
    """Measure a rebuild when no matter is kept, and one more."""
    with tempfile.TemporaryDirectory() as folder, database(kind, folder) as url:
        fill(url, seats)
        os.environ["DUBAN_DATABASE_URL"] = url
        rebuild = duban("matters", "--rebuild")
        yield measure(f"{kind}, nothing there", rebuild, rows=seats, times=1)
        yield measure(f"{kind}, all there", rebuild, rows=seats, times=1)


def fill(url: str, seats: int) -> None:
    """Write the facts of so many seats, and nothing that follows from them."""
    engine = make_engine(url)
    with engine.begin() as connection:
        migrate(connection)
        installation.put(connection, "start_on", BEGINS.isoformat())
        installation.put(connection, CURSOR, NOW.isoformat())
    for table, rows in _record(seats):
        with engine.begin() as connection:
            facts.upsert(connection, table, rows)
    with engine.begin() as connection:
        connection.execute(delete(stale))
    tidy_up(engine)
    engine.dispose()


def _record(seats: int) -> Iterator[tuple[str, Iterator[Row]]]:
    numbers = range(seats)
    towns = range(0, seats, A_TOWN)
    grids = range(0, seats, A_GRID)
    yield "offices", _offices(towns)
    yield "contacts", (Contact(id=f"C{n}", office=_town(n), name="某", mobile=f"139{n:08}") for n in towns)
    yield "grids", (Grid(id=_grid(n), name="网格", town=_town(n), parent=None) for n in grids)
    yield "deputies", (Deputy(id=f"D{n:07}", name="某代表", mobile=f"138{n:08}") for n in numbers)
    yield "seats", map(_seat, numbers)
    yield "leaves", (_leave(n) for n in numbers if not n % 100)
    yield "visits", (visit for n in numbers for visit in _visits(n))


def _offices(towns: range) -> Iterator[Office]:
    yield Office(id="DIR", name="主任会议", kind="directors")
    yield Office(id="MUN", name="代表工委", kind="municipal", parent="DIR")
    for n in towns:
        yield Office(id=_town(n), name="某镇", kind="town", parent="MUN")
        yield Office(id=_station(n), name="中心联络站", kind="station", parent=_town(n), station_kind="central")


def _town(n: int) -> str:
    return f"T{n // A_TOWN:06}"


def _station(n: int) -> str:
    return f"S{n // A_TOWN:06}"


def _grid(n: int) -> str:
    return f"G{n // A_GRID:07}"


def _seat(n: int) -> Seat:
    values: dict[str, Any] = {"level": LEVELS[n % len(LEVELS)], "town": _town(n), "grid": _grid(n)}
    return Seat(id=f"S{n:07}", deputy=f"D{n:07}", begins=BEGINS, station=_station(n), **values)


def _leave(n: int) -> Leave:
    begins = BEGINS + timedelta(days=n % 60)
    at = datetime(begins.year, begins.month, begins.day, tzinfo=SHANGHAI)
    return Leave(id=f"L{n:07}", deputy=f"D{n:07}", begins=begins, ends=begins + timedelta(days=20), recorded_at=at)


def _visits(n: int) -> Iterator[Visit]:
    for i, (kind, place) in enumerate((("station", _station(n)), ("grid", _grid(n)))):
        day = BEGINS + timedelta(days=(n + 31 * i) % 65)
        at = datetime(day.year, day.month, day.day, 9 + n % 8, n % 60, tzinfo=SHANGHAI)
        yield Visit(id=f"V{n:07}{i}", deputy=f"D{n:07}", day=day, kind=kind, place=place, recorded_at=at)


if __name__ == "__main__":
    main()
