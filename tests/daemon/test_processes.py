"""Does a process stop when it is told to?"""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from redis import Redis

from daemon.processes import stop_on_signals

SOON_S = 5.0


@pytest.fixture(autouse=True)
def _handlers():
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.timeout(30)
def test_a_signal_that_comes_while_the_event_is_locked_is_neither_lost_nor_a_deadlock(number):
    stopping = stop_on_signals(end=lambda: None)
    # So it stands while the thread begins or ends its wait, and while the signal before this one is set.
    with stopping._cond:
        os.kill(os.getpid(), number)
        os.kill(os.getpid(), number)
    assert stopping.wait(SOON_S)


@pytest.mark.timeout(30)
def test_a_worker_told_to_stop_before_there_is_a_database_hears_no_bells(tmp_path, valkey_url):
    where = {"DUBAN_DATABASE_URL": f"sqlite:///{tmp_path}/duban.db", "DUBAN_REDIS_URL": valkey_url}
    command = [Path(sys.executable).with_name("duban"), "worker"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | where)
    try:
        assert "run duban init" in process.stdout.readline()
        process.terminate()
        process.communicate(timeout=SOON_S)
        assert process.returncode == 0
    finally:
        process.kill()
        process.communicate()
    with Redis.from_url(valkey_url) as redis:
        assert redis.keys() == []


# Its log -----------------------------------------------------------------------------------

FULL = Path("/dev/full")
#: a process whose work waits for somebody for ever
WAITS = """
import sys, threading
from daemon.logs import log_as_json
from daemon.processes import stop_on_signals
log_as_json()
stop_on_signals(ends_s=0.1)
print("ready", file=sys.stderr, flush=True)
threading.Event().wait()
"""
LOGS = """
import sys, structlog
from daemon.logs import log_as_json
log_as_json()
for _ in range(1000):
    structlog.get_logger().error("a look failed; looking again")
print("went on", file=sys.stderr)
"""


def python(program, stdout):
    return subprocess.Popen([sys.executable, "-c", program], stdout=stdout, stderr=subprocess.PIPE, text=True)


@pytest.mark.timeout(30)
def test_a_process_whose_work_does_not_end_ends_without_it():
    process = python(WAITS, subprocess.PIPE)
    assert process.stderr.readline() == "ready\n"
    process.terminate()
    out, _ = process.communicate(timeout=SOON_S)
    assert process.returncode == 3
    assert "the work in hand does not end" in out


@pytest.mark.timeout(30)
def test_a_log_that_nobody_reads_keeps_no_process_from_its_end():
    reads, writes = os.pipe()
    os.set_blocking(writes, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writes, b"x" * 4096)
    os.set_blocking(writes, True)
    process = python(WAITS, writes)
    assert process.stderr.readline() == "ready\n"
    process.terminate()
    process.communicate(timeout=SOON_S)
    assert process.returncode == 3
    os.close(reads)
    os.close(writes)


@pytest.mark.skipif(not FULL.exists(), reason="no full device here")
def test_a_line_that_the_full_disk_does_not_take_stops_nobody():
    with FULL.open("w") as full:
        process = python(LOGS, full)
        _, err = process.communicate(timeout=30)
    assert err.startswith("went on\n")


FAILS = """
import logging, structlog
from daemon.logs import log_as_json
log_as_json()
for number in range(1000):
    try:
        raise OSError("away")
    except OSError:
        structlog.get_logger().exception("a look failed; looking again")
        logging.getLogger("worker").exception("message %s failed", number)
"""


@pytest.mark.timeout(30)
def test_what_fails_again_and_again_is_traced_once():
    out, err = python(FAILS, subprocess.PIPE).communicate(timeout=SOON_S)
    for said in (out, err):
        assert len(said.splitlines()) >= 1000
        assert said.count("Traceback") == 1
    assert out.splitlines()[-1].count("OSError: away") == 1
    assert err.splitlines()[-1].endswith("message 999 failed OSError: away")


TELLS = """
import logging, structlog
from daemon.logs import log_as_json
log_as_json()
words = "no answer from %s, 139-1111-2222 or %s"
numbers = ("+8613812345678", "li.ming@example.cn")
structlog.get_logger().error("a look failed", why=[words % numbers])
logging.getLogger("library").error(words, *numbers)
for tells in (structlog.get_logger(), logging.getLogger("worker")):
    try:
        raise OSError(words % numbers)
    except OSError:
        tells.exception("it failed")
"""


@pytest.mark.timeout(30)
def test_numbers_and_addresses_are_masked_in_what_libraries_say_and_in_tracebacks():
    out, err = python(TELLS, subprocess.PIPE).communicate(timeout=SOON_S)
    for said in (out, err):
        assert said.count("Traceback") == 1
        assert said.count("no answer from 138****5678, 139****2222 or l***@example.cn") == 2
        assert not [word for word in ("13812345678", "1111", "li.ming") if word in said]
