"""How are counts of everything shown without counting for each look?

Matters change by steps alone, and each step moves the clock's cursor: what was counted holds until then. A rebuild
by hand does not move it, so nothing is kept for more than half a minute. Callers: overview.py, duty.py.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from datetime import datetime, timedelta
from threading import Lock
from typing import Any, Final, TypeVar

from store import installation
from store.ahead import CURSOR
from web.pages.frame import Look

T = TypeVar("T")

KEEPS: Final = timedelta(seconds=30)
MOST_KEPT: Final = 200

_lock: Final = Lock()
_kept: Final[OrderedDict[Hashable, tuple[datetime, Any]]] = OrderedDict()


def counted(look: Look, what: Hashable, count: Callable[[], T]) -> T:
    """Return what `count` returns, or what it returned for such a look since the last step."""
    cursor = installation.get(look.connection, CURSOR)
    key = (look.services.engine, cursor, look.today, look.scope, what)
    with _lock:
        last = _kept.get(key)
    if last is not None and last[0] <= look.now < last[0] + KEEPS:
        kept: T = last[1]
        return kept
    made = count()
    with _lock:
        _kept[key] = (look.now, made)
        while len(_kept) > MOST_KEPT:
            _kept.popitem(last=False)
    return made
