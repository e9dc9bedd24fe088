"""How is time saved while millions of rows pass through a process?

Python looks for garbage that reference counting leaves after every 700 new objects, among them rows that are about to
be written: an import or a replay spends a fifth of its time on that, a round a third. Callers: actors/rounds.py,
replay/, daemon/importing.py, daemon/helpers.py, and the commands rebuild and simulate in daemon/commands/.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Final

#: new objects before the youngest are looked at; rounds before the older and the oldest are. Some lots of rows fit in.
SELDOM: Final = (50_000, 20, 20)
_usual: Final = gc.get_threshold()
_lock: Final = Lock()
_many: list[object] = []  #: those who have asked for it, in whatever thread


@contextmanager
def seldom_collecting() -> Iterator[None]:
    """Look for garbage seldom, and never among what has been there before."""
    asked = object()
    with _lock:
        _many.append(asked)
        gc.freeze()
        gc.set_threshold(*SELDOM)
    try:
        yield
    finally:
        with _lock:
            _many.remove(asked)
            if not _many:
                gc.set_threshold(*_usual)
                gc.unfreeze()
