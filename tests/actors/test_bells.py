"""Who hears a bell on a broker that several installations share, and how soon?"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Any

import dramatiq
import pytest
import redis

from actors.bells import Bells, embedded_broker, hang_bells, redis_broker
from actors.steps import cursor
from tests.actors.installations import Installation

#: between two looks at the broker; a test gives up before the second
LONG_MS = 4_000
SOON_S = 2.0
PATIENCE_S = 10.0


def bells_of(url: str, mark: str) -> Bells:
    """Hang the bells of an installation; nothing is run, so it needs neither services nor desks."""
    nothing: Any = None
    return hang_bells(nothing, nothing, redis_broker(url, mark))


def waiting(bells: Bells, queue: str) -> int:
    return bells.broker.do_qsize(queue)


def test_installations_on_one_redis_do_not_hear_each_others_bells(valkey_url):
    heshan, kaiping = bells_of(valkey_url, "heshan:1"), bells_of(valkey_url, "kaiping:2")
    heshan.send.send()
    heshan.sweep.send()
    assert (waiting(heshan, "sending"), waiting(heshan, "rounds")) == (1, 1)
    assert (waiting(kaiping, "sending"), waiting(kaiping, "rounds")) == (0, 0)


def test_the_processes_of_one_installation_share_their_bells(valkey_url):
    daemon, worker = bells_of(valkey_url, "heshan:1"), bells_of(valkey_url, "heshan:1")
    daemon.send.send()
    assert waiting(worker, "sending") == 1


# Bells that nobody of ours rang -------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "digests", "round_", "is_taken"),
    [
        pytest.param("2026-03-31 09:00", False, True, True, id="the round, at its hour"),
        pytest.param("2026-03-31 08:30", True, False, True, id="the digests, at theirs"),
        pytest.param("2026-03-31 09:00:30", False, False, True, id="a clock half a minute fast"),
        pytest.param("2026-03-31 09:02", False, False, False, id="ahead of the database's clock"),
        pytest.param("2099-03-31 09:00", True, True, False, id="far ahead"),
        pytest.param("2026-03-31 03:00", False, True, False, id="a round at night"),
        pytest.param("2026-03-29 10:00", True, False, False, id="digests on a Sunday"),
        pytest.param("2026-03-30 03:00", False, False, True, id="a fact at night"),
    ],
)
def test_a_step_is_taken_only_if_a_clock_that_is_right_can_have_rung_for_it(engine, at, digests, round_, is_taken):
    moment = datetime.fromisoformat(f"{at}+08:00").astimezone(UTC)
    house = Installation(engine, start=date(2026, 3, 1))
    house.clock.instant = datetime(2026, 3, 31, 1, 0, tzinfo=UTC)
    house.services.lease_now = lambda _connection: house.clock.instant
    broker = embedded_broker()
    bells = hang_bells(house.services, house.desks, broker)
    bells.step.fn(moment.isoformat(), digests, round_)
    with engine.begin() as connection:
        assert (cursor(connection, house.desks.of(connection)) == moment) is is_taken


@contextmanager
def at_work(url: str, pause_ms: int = LONG_MS) -> Iterator[tuple[dramatiq.Actor[..., Any], threading.Semaphore]]:
    """Run a worker, and lend an actor with what counts how often it was rung for."""
    broker, rung = redis_broker(url, "heshan:1"), threading.Semaphore(0)
    actor = dramatiq.actor(rung.release, broker=broker, queue_name="sending", actor_name="send_messages")
    worker = dramatiq.Worker(broker, worker_threads=1, worker_timeout=pause_ms)
    worker.start()
    try:
        yield actor, rung
    finally:
        worker.stop()
        broker.close()


def is_deaf(url: str) -> bool:
    with redis.Redis.from_url(url) as client:
        return client.pubsub_numsub("duban:heshan:1:bells")[0][1] == 0


def wait_until(is_so: Any) -> None:
    for _ in range(int(PATIENCE_S / 0.02)):
        if is_so():
            return
        threading.Event().wait(0.02)
    raise AssertionError("it has taken too long")


def test_a_bell_is_heard_at_once_however_seldom_the_broker_is_asked(valkey_url):
    with at_work(valkey_url) as (actor, rung):
        wait_until(lambda: not is_deaf(valkey_url))
        for _ in range(20):  # more than a worker takes ahead
            bells_of(valkey_url, "heshan:1").send.send()
        for _ in range(20):
            assert rung.acquire(timeout=SOON_S)
        actor.send()
        assert rung.acquire(timeout=SOON_S)


def test_a_bell_that_nobody_heard_is_found(valkey_url):
    with redis.Redis.from_url(valkey_url) as client, at_work(valkey_url, 500) as (actor, rung):
        wait_until(lambda: not is_deaf(valkey_url))
        client.client_kill_filter(_type="pubsub")
        actor.send()
        assert rung.acquire(timeout=PATIENCE_S)
        wait_until(lambda: not is_deaf(valkey_url))
        actor.send()
        assert rung.acquire(timeout=PATIENCE_S)
