"""How do several processes share work on very many subjects?

Helpers are started anew (`spawn`), so that they take over no connection and no thread, on any system. They end with
the process that asked, however that ends. Caller: daemon/rebuilding.py.
"""

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import connection
from threading import Thread
from typing import Any, Final, TypeVar

from config.collecting import seldom_collecting
from daemon.saying import OUT_OF_REACH, Mendable

Terms = TypeVar("Terms")
Job = TypeVar("Job")
Outcome = TypeVar("Outcome")

AHEAD: Final = 2  #: jobs for each helper that are under way or done and not yet taken: bounds memory

_work: list[Callable[[Any], Any]] = []  #: of this helper


class HelperLost(Mendable):
    """A helper that ended before its work did: somebody killed it, or the memory was used up."""

    status = OUT_OF_REACH

    def __init__(self) -> None:
        super().__init__("a helper process was ended from outside, so nothing was changed; see whether memory is short")


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def shared(
    jobs: Iterable[Job], prepare: Callable[[Terms], Callable[[Job], Outcome]], terms: Terms, count: int
) -> Iterator[Outcome]:
    """Yield what becomes of each job, in their order; `prepare`, a function of a module, makes a helper ready for them.

    What goes wrong in a helper is raised here. Raises HelperLost if one was killed.
    """
    spawning = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(count, mp_context=spawning, initializer=_begin, initargs=(prepare, terms))
    waiting: deque[Future[Outcome]] = deque()
    try:
        for job in jobs:
            waiting.append(pool.submit(_do, job))
            if len(waiting) > AHEAD * count:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool as err:
        raise HelperLost from err
    finally:
        pool.shutdown(cancel_futures=True)


def _begin(prepare: Callable[[Terms], Callable[[Any], Any]], terms: Terms) -> None:
    # Ctrl-C goes to all processes of a terminal: the one that asked ends its helpers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_parent, daemon=True).start()
    _work.append(prepare(terms))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


def _do(job: Any) -> Any:
    with seldom_collecting():
        return _work[0](job)
