"""How long from the instant at which a fact is committed until its SMS is at the gateway?

P4: a daemon and a worker, as anybody would start them, on PostgreSQL and Valkey; facts come in at a steady rate, each
in a transaction of its own, each for another person. Counted from just before the commit until the stand-in has the
request on its ledger, both by the machine's monotonic clock. The yardstick is one call of the bare SDK to the same
stand-in. Caller: the runner.
"""

import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Final

from twilio.rest import Client

from bench.results import NO_GOAL, Goal, Row
from bench.stage import Stage, assigned, fill, mobile, stage, wait_until
from store import facts
from tests.fakes.twilio import ACCOUNT, SERVICE, TOKEN

RATES: Final = (50, 100)
SECONDS: Final = {"small": 1, "usual": 30, "full": 120}
#: before it is measured: what every process does once
WARM: Final = 25
CALLS: Final = 200
GOALS: Final = {0.5: Goal(at_most=50), 0.99: Goal(at_most=500)}


def rows(size: str) -> Iterator[Row]:
    """Write facts at each rate."""
    seconds = SECONDS[size]
    opinions = WARM + sum(RATES) * seconds
    with tempfile.TemporaryDirectory() as folder, stage(Path(folder), minutes=3 * seconds / 60 + 5) as set_:
        fill(set_.engine, opinions)
        set_.start("daemon")
        set_.start("worker")
        set_.wait_until_reckoned()
        call_ms = _sdk_alone(set_)
        numbers = count()
        _write(set_, numbers, WARM, rate=20)
        for rate in RATES:
            due = _write(set_, numbers, rate * seconds, rate)
            yield from _rows(rate, _latencies(set_, due), call_ms)


def _write(set_: Stage, numbers: Iterator[int], many: int, rate: float) -> dict[str, float]:
    """Commit so many facts, one each 1/rate of a second; return when each number's was committed."""
    due = {}
    began = time.monotonic()
    for i in range(many):
        time.sleep(max(0.0, began + i / rate - time.monotonic()))
        number = next(numbers)
        with set_.engine.begin() as connection:
            facts.upsert(connection, "petition_events", [assigned(number)])
            due[mobile(number)] = time.monotonic()
    late_s = time.monotonic() - began - many / rate
    if late_s > 1:
        print(f"the machine is too busy for {rate:g} facts a second: they took {late_s:.0f} s longer", flush=True)
    return due


def _latencies(set_: Stage, due: dict[str, float]) -> list[float]:
    """Return what each took, in milliseconds, the quickest first."""
    wait_until(lambda: due.keys() <= set_.arrivals().keys(), set_.log)
    arrivals = set_.arrivals()
    return sorted(1000 * (arrivals[number] - at) for number, at in due.items())


def _rows(rate: int, found: Sequence[float], call_ms: float) -> Iterator[Row]:
    for share in (0.5, 0.9, 0.99, 1.0):
        value = found[round(share * (len(found) - 1))]
        name = "longest" if share == 1 else f"p{100 * share:g}"
        yield Row(
            dimension="P4",
            what=f"{rate} facts a second, {name}",
            value=value,
            unit="ms",
            goal=GOALS.get(share, NO_GOAL),
            ratio=value / call_ms,
            yardstick=f"one call of the SDK: {call_ms:.1f} ms",
            series=f"{rate}/s",
            size=100 * share,
        )


def _sdk_alone(set_: Stage) -> float:
    """Return how many milliseconds a call takes, the median."""
    client = Client(ACCOUNT, TOKEN)
    client.api.base_url = set_.environ["DUBAN_TWILIO_API"]
    spans = []
    for i in range(CALLS):
        began = time.perf_counter()
        client.messages.create(to=f"+86138{i:08}", messaging_service_sid=SERVICE, body="【鹤山人大】提醒")
        spans.append(time.perf_counter() - began)
    return 1000 * sorted(spans)[CALLS // 2]
