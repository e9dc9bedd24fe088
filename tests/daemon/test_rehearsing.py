"""Is a change of the policy tried in a process of its own, also after one was killed?"""

import os
import signal
import time
from datetime import date

from config.settings import load_settings
from daemon.policies import Rehearser
from rules.facts import Record
from tests.rules.builders import policy, record, seat

DAYS = (date(2026, 3, 2), date(2026, 3, 31))
WAIT_S = 60.0


def waited(is_so):
    give_up = time.monotonic() + WAIT_S
    while not is_so():
        assert time.monotonic() < give_up
        time.sleep(0.02)


def test_a_rehearsal_whose_process_is_killed_has_broken_off_and_the_next_begins_anew():
    rehearser = Rehearser(load_settings({}))
    of: Record = record(seats=(seat(),))
    try:
        rehearser.begin("first", of, DAYS, policy(), policy(sms_per_day=1))
        waited(lambda: rehearser._pool._processes)
        for process in list(rehearser._pool._processes):
            os.kill(process, signal.SIGKILL)
        waited(lambda: rehearser.has_broken_off("first"))
        rehearser.begin("second", of, DAYS, policy(), policy(sms_per_day=1))
        waited(lambda: rehearser.outcome("second") is not None)
        assert not rehearser.has_broken_off("second")
    finally:
        rehearser.close()
