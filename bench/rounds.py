"""How fast is a round of N matters decided and recorded, and how much does a look cost when nothing is due?

P1: a look at 1 k to 3 M open matters of which none is due; the goal is a flat line. P2: a round in which N reminders
are due, one transaction, durable; the yardstick is one PostgreSQL statement that writes as many rows of the same
table. Run: `python -m bench.rounds [--database postgresql|sqlite] [--due 1000 10000 100000] [--open 1000 …]`.
"""

import argparse
import resource
import tempfile
import time
from collections.abc import Callable

from sqlalchemy import Connection, text

from actors.desks import Desks
from actors.steps import Plan, next_instant, plan_next, take_step
from bench.town import ROUND, database, fill, open_town
from config.services import Services
from daemon.logs import log_plainly
from store.engine import reading

LOOKS = 300
#: copies of one open matter whose rung is due far ahead
COPIES = """INSERT INTO matters SELECT {columns} FROM matters, {numbers} WHERE id = :id"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--database", choices=["postgresql", "sqlite"], default="postgresql")
    parser.add_argument("--due", type=int, nargs="*", default=[1_000, 10_000, 100_000])
    parser.add_argument("--open", type=int, nargs="*", default=[1_000, 10_000, 100_000, 1_000_000])
    options = parser.parse_args()
    log_plainly()
    for due in options.due:
        _round(options.database, due)
    _looks(options.database, options.open)


def _round(kind: str, due: int) -> None:
    with tempfile.TemporaryDirectory() as folder, database(kind, folder) as url:
        services = open_town(url)
        fill(services, due, departments=min(due, 1_000))
        services.clock.instant = ROUND  # type: ignore[attr-defined]
        began = time.perf_counter()
        done = take_step(services, Desks(services), Plan(ROUND, holds_round=True))
        spent = time.perf_counter() - began
        assert done is not None
        assert done.notices == due
        yardstick = _yardstick(services) if kind == "postgresql" else 0.0
        services.engine.dispose()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    ratio = f", {due / spent / yardstick:.2f} of one statement's {yardstick:,.0f}/s" if yardstick else ""
    print(f"P2 {kind:<10} round of {due:>9,}: {spent:8.2f} s, {due / spent:>9,.0f} notices/s{ratio}, peak {peak} MB")


def _yardstick(services: Services) -> float:
    """Return how many rows a second one statement writes into a table just like that of the notices."""
    with services.engine.begin() as connection:
        connection.execute(text("CREATE TABLE yardstick (LIKE notices INCLUDING ALL)"))
    began = time.perf_counter()
    with services.engine.begin() as connection:
        count = connection.execute(
            text("INSERT INTO yardstick SELECT * FROM notices WHERE rung LIKE 'remind-%'")
        ).rowcount
    return float(count / (time.perf_counter() - began))


def _looks(kind: str, sizes: list[int]) -> None:
    with tempfile.TemporaryDirectory() as folder, database(kind, folder) as url:
        services = open_town(url)
        fill(services, 100, departments=10)
        desks, first, have = Desks(services), 0.0, 100
        for size in sorted(sizes):
            with services.engine.begin() as connection:
                _copy(connection, size - have)
            have = max(have, size)
            spent = _median(lambda: _look(services, desks))
            first = first or spent
            told = f"{spent * 1000:6.2f} ms, {spent / first:4.2f} × the first"
            print(f"P1 {kind:<10} look at {size:>9,} open matters: {told}")
        services.engine.dispose()


def _copy(connection: Connection, count: int) -> None:
    if count <= 0:
        return
    pattern, having = connection.execute(text("SELECT min(id), count(*) FROM matters WHERE closed IS NULL")).one()
    names = [row[0] for row in connection.execute(text("SELECT * FROM matters LIMIT 0")).cursor.description]
    columns = ", ".join("id || '-' || n" if name == "id" else name for name in names)
    series = {
        "postgresql": "generate_series(CAST(:first AS integer), CAST(:last AS integer)) AS numbers(n)",
        "sqlite": (
            "(WITH RECURSIVE c(n) AS (SELECT :first UNION ALL SELECT n + 1 FROM c WHERE n < :last) SELECT n FROM c)"
        ),
    }[connection.dialect.name]
    statement = COPIES.format(columns=columns, numbers=series)
    connection.execute(text(statement), {"id": pattern, "first": having, "last": having + count - 1})
    if connection.dialect.name == "postgresql":
        connection.execute(text("ANALYZE matters"))


def _look(services: Services, desks: Desks) -> None:
    with reading(services.engine) as connection:
        desk = desks.of(connection)
        assert plan_next(connection, desk, services.clock.now()) is None
        next_instant(connection, desk)


def _median(act: Callable[[], None]) -> float:
    spans = []
    for _ in range(LOOKS):
        began = time.perf_counter()
        act()
        spans.append(time.perf_counter() - began)
    return sorted(spans)[LOOKS // 2]


if __name__ == "__main__":
    main()
