"""What do the helpers of the tests do? Functions that a process started anew can import."""

import os
import signal
from collections.abc import Callable
from multiprocessing import Event
from pathlib import Path


def squares(terms: int) -> Callable[[int], int]:
    """Square, and add."""
    return lambda job: job * job + terms


def failing(terms: int) -> Callable[[int], int]:
    """Fail at one job."""

    def work(job: int) -> int:
        if job == terms:
            raise ValueError(f"no {job}")
        return job

    return work


def killed(terms: int) -> Callable[[int], int]:
    """Be killed at one job."""

    def work(job: int) -> int:
        if job == terms:
            os.kill(os.getpid(), signal.SIGKILL)
        return job

    return work


def waiting(terms: str) -> Callable[[int], int]:
    """Say which process this is, and wait for ever."""

    def work(job: int) -> int:
        with Path(terms).open("a", encoding="utf-8") as file:
            file.write(f"{os.getpid()}\n")
        Event().wait()
        return job

    return work
