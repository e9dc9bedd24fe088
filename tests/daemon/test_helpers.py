"""Do several processes do the work of one, and leave nothing behind?"""

import os
import signal
import subprocess
import sys
import time
from itertools import count
from pathlib import Path

import pytest

from daemon import helpers
from tests.daemon import jobs

PATIENCE_S = 30


def test_outcomes_come_in_the_order_of_the_jobs():
    assert list(helpers.shared(range(20), jobs.squares, 1, 2)) == [n * n + 1 for n in range(20)]


def test_jobs_are_taken_as_they_are_needed():
    taken = []
    found = helpers.shared((taken.append(n) or n for n in count()), jobs.squares, 0, 2)
    assert [next(found) for _ in range(3)] == [0, 1, 4]
    found.close()
    assert len(taken) < 10


def test_what_goes_wrong_in_a_helper_is_raised():
    with pytest.raises(ValueError, match="no 7"):
        list(helpers.shared(range(20), jobs.failing, 7, 2))


def test_a_helper_that_is_killed_is_not_waited_for():
    with pytest.raises(helpers.HelperLost):
        list(helpers.shared(range(20), jobs.killed, 7, 2))


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_helpers_end_with_the_process_that_asked(tmp_path, how):
    said = tmp_path / "said"
    code = (
        "from daemon import helpers; from tests.daemon import jobs; "
        f"list(helpers.shared([1, 2], jobs.waiting, {str(said)!r}, 2))"
    )
    asking = subprocess.Popen([sys.executable, "-c", code])
    until(lambda: said.exists() and len(said.read_text().splitlines()) == 2)
    asking.send_signal(how)
    asking.wait()
    for pid in map(int, said.read_text().split()):
        until(lambda pid=pid: not is_running(pid))


def is_running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"


def until(holds):
    end = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)
