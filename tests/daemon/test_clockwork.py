"""Does the clock's loop hold all sending when this machine's clock jumps, and call for a watch without haste?"""

import socket
import tempfile
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from threading import Event

import dramatiq
import pytest
from sqlalchemy.exc import OperationalError

from actors.bells import embedded_broker, hang_bells
from daemon import clockwork
from daemon.clock_guard import ClockGuard
from daemon.clockwork import GUARD_S, Clockwork
from daemon.processes import _look_after
from daemon.progress import HANGS_S, UnderWay
from daemon.watchdog import ALIVE
from store import outbox
from store.engine import make_engine
from tests.actors.installations import Installation
from tests.store.databases import with_schema


class Seconds:
    """What stands for seconds since boot, and for the loop's own."""

    def __init__(self):
        self.passed = 100.0

    def monotonic(self):
        return self.passed

    def go_on(self, clock):
        self.passed += GUARD_S
        clock.instant += timedelta(seconds=GUARD_S)


class Rounds:
    """What stands for the signal to stop: it comes after so many waits."""

    def __init__(self, count):
        self.left = count

    def wait(self, _seconds):
        self.left -= 1
        return self.left < 0


@pytest.fixture
def seconds(monkeypatch):
    seconds = Seconds()
    monkeypatch.setattr(clockwork, "time", seconds)
    return seconds


@pytest.fixture
def duban(tmp_path):
    url = f"sqlite:///{tmp_path}/duban.sqlite"
    with_schema(url)
    duban = Installation(make_engine(url))
    duban.services = replace(duban.services, lease_now=lambda _connection: duban.clock.now())
    yield duban
    duban.engine.dispose()


@pytest.fixture
def loop(duban, seconds, monkeypatch):
    bells = hang_bells(duban.services, duban.desks, embedded_broker())
    monkeypatch.setattr(Clockwork, "_take", lambda *_: None)
    loop = Clockwork(duban.services, duban.desks, bells)
    loop._guard = ClockGuard(duban.clock, seconds.monotonic)
    loop._look()
    return loop


@pytest.fixture
def signs(monkeypatch):
    """Returns how many signs of life systemd has heard since it was asked before."""
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(f"{folder}/notify")
        ear.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", f"{folder}/notify")

        def heard():
            count = 0
            with suppress(BlockingIOError):
                while ear.recv(99).decode() == ALIVE:
                    count += 1
            return count

        yield heard


def held(duban):
    with duban.engine.begin() as connection:
        return outbox.held_because(connection)


def test_a_clock_that_runs_evenly_is_trusted(duban, loop, seconds):
    for _ in range(5):
        seconds.go_on(duban.clock)
        loop._look()
    assert held(duban) is None


def test_a_clock_that_jumps_holds_all_sending_until_an_operator_releases(duban, loop, seconds):
    seconds.go_on(duban.clock)
    duban.clock.instant += timedelta(hours=3)
    loop._look()
    assert "jumped by 10800 s" in held(duban)
    seconds.go_on(duban.clock)
    loop._look()
    with duban.engine.begin() as connection:
        outbox.release(connection, duban.clock.now())
    seconds.go_on(duban.clock)
    loop._look()
    seconds.go_on(duban.clock)
    loop._look()
    assert held(duban) is None, "the operator has looked"


def test_no_step_is_taken_by_a_clock_that_has_jumped_since_the_last_look_at_it(duban, loop, seconds, monkeypatch):
    """A step of tomorrow, taken today, could not be undone: the clock would stand still until then."""
    taken = []
    monkeypatch.setattr(loop, "_take", taken.append)
    seconds.passed += GUARD_S / 10
    duban.clock.instant += timedelta(days=5)
    loop._look()
    assert taken == []
    assert "jumped by 432000 s" in held(duban)


def test_a_jump_is_not_forgotten_though_the_database_is_out_of_reach_when_it_is_to_be_noted(
    duban, loop, seconds, monkeypatch
):
    def fail(*_, **__):
        raise OperationalError("out of reach", None, Exception())

    with monkeypatch.context() as out_of_reach:
        out_of_reach.setattr(outbox, "hold", fail)
        seconds.go_on(duban.clock)
        duban.clock.instant += timedelta(hours=3)
        with pytest.raises(OperationalError):
            loop._look()
    seconds.go_on(duban.clock)
    loop._look()
    assert "jumped by 10800 s" in held(duban)


def test_a_clock_in_doubt_is_alive_as_long_as_it_waits_for_an_operator(duban, loop, seconds, signs):
    duban.clock.instant += timedelta(hours=3)
    for _ in range(3):
        seconds.go_on(duban.clock)
        loop._look()
        assert "jumped by 10800 s" in held(duban)
        assert signs() == 1


@pytest.mark.timeout(30)
def test_a_daemon_that_waits_for_the_lease_of_another_is_alive(duban, seconds, signs, monkeypatch):
    monkeypatch.setattr(Clockwork, "_take", lambda *_: None)
    bells = hang_bells(duban.services, duban.desks, embedded_broker())
    one, other = (Clockwork(duban.services, duban.desks, bells, is_alone=False) for _ in range(2))
    one._look()
    assert signs() == 1
    for _ in range(3):
        other._look()
        assert other._looked is None
        assert signs() == 1


def test_a_look_that_fails_is_no_sign_of_life(duban, loop, signs, monkeypatch):
    def fail(_):
        raise OperationalError("out of reach", None, Exception())

    monkeypatch.setattr(clockwork, "look_ahead", fail)
    with pytest.raises(OperationalError):
        loop._look()
    assert signs() == 0


@pytest.mark.parametrize(("file", "count"), [("duban.sqlite", 3), ("nowhere/duban.sqlite", 0)])
def test_a_worker_is_alive_while_it_reaches_the_database(duban, tmp_path, signs, file, count):
    engine = make_engine(f"sqlite:///{tmp_path}/{file}")
    _look_after(replace(duban.services, engine=engine), Rounds(3), UnderWay())
    assert signs() == count
    engine.dispose()


@pytest.mark.timeout(30)
@pytest.mark.parametrize("fails", [False, True])
def test_a_worker_of_which_a_thread_hangs_tells_of_no_life_until_it_goes_on(duban, seconds, signs, fails):
    begun, goes_on = Event(), Event()
    under_way, broker = UnderWay(seconds.monotonic), embedded_broker()
    broker.add_middleware(under_way)

    @dramatiq.actor(broker=broker, max_retries=0)
    def work():
        begun.set()
        goes_on.wait()
        if fails:
            raise ValueError

    worker = dramatiq.Worker(broker, worker_threads=1)
    worker.start()
    work.send()
    begun.wait()
    for passed, count in ((HANGS_S, 3), (1, 0)):
        seconds.passed += passed
        _look_after(duban.services, Rounds(3), under_way)
        assert signs() == count
    goes_on.set()
    broker.join(work.queue_name, fail_fast=False)
    worker.join()
    _look_after(duban.services, Rounds(3), under_way)
    assert signs() == 3
    worker.stop()


def test_who_holds_by_hand_reads_that_the_clock_is_in_doubt(duban, loop, seconds):
    """Else he would let go what he held, and messages would leave by a wrong clock."""
    with duban.engine.begin() as connection:
        outbox.hold(connection, "held by an operator", duban.clock.now())
    for _ in range(3):
        seconds.go_on(duban.clock)
        duban.clock.instant += timedelta(hours=3)
        loop._look()
        assert "jumped by 10800 s" in held(duban)


def test_a_jump_is_seen_also_by_one_that_was_in_doubt_when_it_lost_the_lease(duban, loop, seconds, monkeypatch):
    seconds.go_on(duban.clock)
    duban.clock.instant += timedelta(hours=3)
    loop._look()
    with monkeypatch.context() as without_lease:
        without_lease.setattr(loop, "_has_lease", lambda: False)
        with duban.engine.begin() as connection:
            outbox.release(connection, duban.clock.now())
        for _ in range(100):
            seconds.go_on(duban.clock)
            loop._look()
    seconds.go_on(duban.clock)
    duban.clock.instant += timedelta(hours=5)
    loop._look()
    assert "jumped by 18000 s" in held(duban)


def test_what_another_has_judged_is_not_judged_again(duban, loop, seconds, monkeypatch):
    with monkeypatch.context() as without_lease:
        without_lease.setattr(loop, "_has_lease", lambda: False)
        seconds.go_on(duban.clock)
        duban.clock.instant += timedelta(hours=3)
        for _ in range(200):
            seconds.go_on(duban.clock)
            loop._look()
    seconds.go_on(duban.clock)
    loop._look()
    assert held(duban) is None


def test_a_jump_whose_judge_has_died_is_judged_by_whoever_takes_the_lease(duban, loop, seconds, monkeypatch):
    with monkeypatch.context() as without_lease:
        without_lease.setattr(loop, "_has_lease", lambda: False)
        for _ in range(100):  # for longer than the lease, so that it is time to follow
            seconds.go_on(duban.clock)
        duban.clock.instant += timedelta(hours=3)
        for _ in range(20):
            loop._look()
            seconds.go_on(duban.clock)
    loop._look()
    assert "jumped by 10800 s" in held(duban)


def test_the_watch_of_a_day_is_called_for_now_and_then_until_it_is_held(duban, loop, seconds, monkeypatch):
    calls = []
    monkeypatch.setattr(clockwork, "is_time_to_watch", lambda *_: True)
    monkeypatch.setattr(clockwork, "plan_next", lambda *_, **__: None)
    monkeypatch.setattr(loop._bells.watch, "send", lambda: calls.append(seconds.passed))
    for _ in range(25):
        seconds.go_on(duban.clock)
        assert loop._look() <= clockwork.LOOK_S, "what is due meanwhile does not wait for it"
    assert {later - call for call, later in pairwise(calls)} == {clockwork.STEP_S + GUARD_S}
