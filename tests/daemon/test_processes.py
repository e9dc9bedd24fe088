"""Does a process stop when it is told to?"""

import os
import signal

import pytest

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
    stopping = stop_on_signals()
    # So it stands while the thread begins or ends its wait, and while the signal before this one is set.
    with stopping._cond:
        os.kill(os.getpid(), number)
        os.kill(os.getpid(), number)
    assert stopping.wait(SOON_S)
