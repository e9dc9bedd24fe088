"""How fast is a round of N matters decided and recorded?

P2: a round in which N reminders are due, one transaction, durable. The yardstick is one PostgreSQL statement that
decides and writes as many notices in the same run. Each round runs in a process of its own, whose memory is the most
that it had during the round. Caller: the runner.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from sqlalchemy import text

from actors.desks import Desks
from actors.steps import Plan, take_step
from bench.looks import NAMES
from bench.measuring import ROOT, forget_peak, peak_mb, python
from bench.results import NO_GOAL, Goal, Row
from bench.town import ROUND, database, fill, open_town, tidy_up
from config.services import Services
from daemon.logs import log_plainly
from rules.facts import local_day

SIZES: Final = {
    "small": {"postgresql": (200,), "sqlite": (200,)},
    "usual": {"postgresql": (1_000, 10_000, 100_000), "sqlite": (1_000, 10_000)},
    "full": {"postgresql": (1_000, 10_000, 100_000, 300_000, 1_000_000), "sqlite": (1_000, 10_000, 100_000)},
}
GOAL: Final = Goal(at_least=25_000, ratio_at_least=0.3)
#: below it, what is done once for each round counts for more than the matters
LARGE: Final = 10_000


def rows(size: str) -> Iterator[Row]:
    """Hold a round of each size."""
    for kind, sizes in SIZES[size].items():
        for due in sizes:
            yield from _rows(kind, due)


def _rows(kind: str, due: int) -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder, database(kind, folder) as url:
        _told("fill", url, str(due))
        found = _told("hold", url, str(due))
    speed = due / found["seconds"]
    alone = found["alone"]
    common = {"dimension": "P2", "what": f"{NAMES[kind]}, round of {due:,}", "size": due}
    yield Row(
        **common,
        value=speed,
        unit="notices/s",
        goal=GOAL if kind == "postgresql" and due >= LARGE else NO_GOAL,
        ratio=speed / alone if alone else None,
        yardstick=f"one statement: {alone:,.0f}/s" if alone else "",
        series=NAMES[kind],
    )
    yield Row(**common, value=found["peak_mb"], unit="MB", series=f"{NAMES[kind]}, memory")


def _told(*words: str) -> dict[str, float]:
    """Run a part of this in a process of its own, and return what it told."""
    done = subprocess.run(python("bench.rounds", *words), cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)  # noqa: S603 - ourselves
    found: dict[str, float] = json.loads(done.stdout)
    return found


def _fill(url: str, due: int) -> dict[str, float]:
    """Have as many reminders due in the round."""
    services = open_town(url)
    fill(services, due, departments=min(due, 1_000))
    tidy_up(services.engine)
    services.engine.dispose()
    return {}


def _hold(url: str, due: int) -> dict[str, float]:
    """Hold the round, and return what it took."""
    services = open_town(url)
    services.clock.instant = ROUND  # type: ignore[attr-defined]
    desks = Desks(services)
    take_step(services, desks, Plan(ROUND - timedelta(seconds=30)))  # a worker has been at work for days
    forget_peak()
    began = time.perf_counter()
    done = take_step(services, desks, Plan(ROUND, holds_round=True))
    spent, peak = time.perf_counter() - began, peak_mb()
    assert done is not None
    assert done.notices == due
    alone = _one_statement(services) if services.engine.dialect.name == "postgresql" else 0.0
    services.engine.dispose()
    return {"seconds": spent, "alone": alone, "peak_mb": peak}


#: decides by a join who is to be told of which matter, and writes a row for each into a table just like that of the
#: notices, its unique key included. It leaves out ladder and calendar, the rung as fired, messages and their key.
ONE_STATEMENT: Final = """
    INSERT INTO yardstick (matter, due, rung, to_person, channel, office, responsible, town,
                           verdict, rerouted, decided_at, leaves_at, state)
    SELECT matters.id, matters.due, 'remind-' || matters.due - :today, contacts.id, 'sms', contacts.office,
           matters.responsible, matters.town, 'sent', false, :at, :at, 'bundled'
    FROM matters JOIN contacts ON 'office:' || contacts.office = matters.responsible
    WHERE matters.closed IS NULL AND matters.next_rung_at <= :at AND contacts.mobile IS NOT NULL
    ON CONFLICT DO NOTHING
"""


def _one_statement(services: Services) -> float:
    """Return how many notices a second one statement decides and writes."""
    with services.engine.begin() as connection:
        connection.execute(text("CREATE TABLE yardstick (LIKE notices INCLUDING ALL)"))
    began = time.perf_counter()
    with services.engine.begin() as connection:
        count = connection.execute(text(ONE_STATEMENT), {"at": ROUND, "today": local_day(ROUND)}).rowcount
    return float(count / (time.perf_counter() - began))


if __name__ == "__main__":
    log_plainly()
    part, where, wanted = sys.argv[1:]
    print(json.dumps({"fill": _fill, "hold": _hold}[part](where, int(wanted))))
