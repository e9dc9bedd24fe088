"""How is time saved while millions of rows pass through a command?

Python looks for garbage that reference counting leaves after every 700 new objects, among them rows that are about to
be written: an import spends a fifth of its time on that. Callers: daemon/importing.py, daemon/helpers.py,
daemon/commands/looks.py (rebuild).
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

#: new objects before the youngest are looked at; rounds before the older and the oldest are. Some lots of rows fit in.
SELDOM: Final = (50_000, 20, 20)


@contextmanager
def seldom_collecting() -> Iterator[None]:
    """Look for garbage seldom, and never among what has been there before."""
    usual = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(*SELDOM)
    try:
        yield
    finally:
        gc.set_threshold(*usual)
        gc.unfreeze()
