"""How much does a look cost when nothing is due?

P1: a look at 1 k to 3 M open matters of which none is due, on PostgreSQL and SQLite, in the process that looks. It
has to be a flat line: the yardstick is the look at a thousand. Of many looks the best tenth counts, since others on
the machine only ever add: a look on PostgreSQL is a dozen waits for another process.
"""

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

from sqlalchemy import Connection, text

from actors.desks import Desks
from actors.steps import next_instant, plan_next
from bench import beside
from bench.results import Goal, Row
from bench.town import database, fill, open_town, tidy_up
from config.services import Services
from daemon.logs import log_plainly
from store.ahead import look_ahead
from store.engine import reading

SIZES: Final = {
    "small": (100, 1_000),
    "usual": (1_000, 10_000, 100_000, 1_000_000, 3_000_000),
    "full": (1_000, 10_000, 100_000, 1_000_000, 3_000_000),
}
NAMES: Final = {"postgresql": "PostgreSQL", "sqlite": "SQLite"}
GOAL: Final = Goal(at_most=2.0, ratio_at_most=1.5)
LOOKS: Final = 50  #: in one stretch: a few milliseconds
STRETCHES: Final = 20
PAUSE_S: Final = 0.1  #: so that one busy moment of the machine spoils one stretch only
WARM: Final = 20
#: copies of one open matter whose rung is due far ahead
COPIES: Final = "INSERT INTO matters SELECT {columns} FROM matters, {numbers} WHERE id = :id"
NUMBERS: Final = {
    "postgresql": "generate_series(CAST(:first AS integer), CAST(:last AS integer)) AS numbers(n)",
    "sqlite": "(WITH RECURSIVE c(n) AS (SELECT :first UNION ALL SELECT n + 1 FROM c WHERE n < :last) SELECT n FROM c)",
}


def rows(size: str) -> Iterator[Row]:
    """Measure both databases at each size."""
    log_plainly()
    for kind in NAMES:
        for row in _looks(kind, SIZES[size]):
            peer = beside.looking(int(row.size or 0), size) if kind == "postgresql" else None
            yield replace(row, peer=peer.value, peer_name=peer.name) if peer else row


def _looks(kind: str, sizes: tuple[int, ...]) -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder, database(kind, folder) as url:
        services = open_town(url)
        fill(services, 100, departments=10)
        desks, first, have = Desks(services), 0.0, 100
        for count in sizes:
            with services.engine.begin() as connection:
                _copy(connection, count - have)
            _settle(services)
            have = max(have, count)
            spent = 1000 * _best(lambda: _look(services, desks))
            first = first or spent
            yield Row(
                dimension="P1",
                what=f"{NAMES[kind]}, {count:,} open matters",
                value=spent,
                unit="ms",
                goal=GOAL,
                ratio=spent / first,
                yardstick=f"the look at {sizes[0]:,}",
                series=NAMES[kind],
                size=count,
            )
        services.engine.dispose()


def _copy(connection: Connection, count: int) -> None:
    if count <= 0:
        return
    pattern, having = connection.execute(text("SELECT min(id), count(*) FROM matters WHERE closed IS NULL")).one()
    names = [row[0] for row in connection.execute(text("SELECT * FROM matters LIMIT 0")).cursor.description]
    columns = ", ".join("id || '-' || n" if name == "id" else name for name in names)
    statement = COPIES.format(columns=columns, numbers=NUMBERS[connection.dialect.name])
    connection.execute(text(statement), {"id": pattern, "first": having, "last": having + count - 1})


def _settle(services: Services) -> None:
    """Let the database do what it would otherwise do beside the looks."""
    if services.engine.dialect.name == "postgresql":
        tidy_up(services.engine)
        with services.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("CHECKPOINT"))


def _look(services: Services, desks: Desks) -> None:
    with reading(services.engine) as connection:
        desk = desks.of(connection)
        ahead = look_ahead(connection)
        assert plan_next(ahead, desk, services.clock.now()) is None
        next_instant(ahead, desk)


def _best(act: Callable[[], None]) -> float:
    for _ in range(WARM):
        act()
    spans = []
    for _ in range(STRETCHES):
        time.sleep(PAUSE_S)
        for _ in range(LOOKS):
            began = time.perf_counter()
            act()
            spans.append(time.perf_counter() - began)
    return sorted(spans)[len(spans) // 10]


if __name__ == "__main__":
    for row in rows(sys.argv[1] if sys.argv[1:] else "usual"):
        print(row)
