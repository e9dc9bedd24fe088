"""How does Python go on while PostgreSQL works?

The server is another process; only Python's own lock makes one thread wait for another. Callers: upserts.py,
actors/rounds.py.
"""

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Lock
from typing import Final, TypeVar

from sqlalchemy import Connection

#: after which a thread that reckons or reads rows lets the one go on that hands the server its next statement
TURN_S: Final = 0.000_5
_usual: Final = sys.getswitchinterval()
_lock: Final = Lock()
_asking: list[object] = []  #: those who have asked for it, in whatever thread
T = TypeVar("T")


@contextmanager
def frequent_turns() -> Iterator[None]:
    """Let a thread that comes back from the server go on at once, although another is busy.

    Python makes it wait 5 ms each time, and it comes back some 25 times a lot: longer than all that it has to do.
    """
    asked = object()
    with _lock:
        _asking.append(asked)
        sys.setswitchinterval(TURN_S)
    try:
        yield
    finally:
        with _lock:
            _asking.remove(asked)
            if not _asking:
                sys.setswitchinterval(_usual)


@contextmanager
def beside(connection: Connection, work: Callable[[], T]) -> Iterator[Future[T]]:
    """Have the connection work while the caller goes on, who must not ask it meanwhile; lend what will come of it.

    SQLite is no other process: there the work comes first.
    """
    if connection.dialect.name == "sqlite":
        done: Future[T] = Future()
        done.set_result(work())
        yield done
        return
    with frequent_turns(), ThreadPoolExecutor(1) as thread:
        coming = thread.submit(work)
        yield coming
        coming.result()
