"""What would one use instead, in the same run? Celery with beat for SMS, django-helpdesk for e-mail and for a look.

On the same ground as duban: durable PostgreSQL, Valkey, the same stand-ins, whose ledgers say what was sent. How the
peers are set up: bench/peers. Where their packages cannot be had their column stays empty. Callers: looks.py,
sending.py.
"""

import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from bench.peers import celery_way, environment, helpdesk

#: messages due at once, or open rows; 0: the peer is not asked
DUE: Final = {"small": 0, "usual": 1_000, "full": 10_000}
IDLE: Final = {"small": 0, "usual": 1_000_000, "full": 3_000_000}


@dataclass(frozen=True, slots=True)
class Peer:
    """The figure of what one would use instead, in the unit of the row beside which it stands."""

    name: str
    value: float


def sending(channel: str, size: str) -> Peer | None:
    """Return how many messages a second the peer sends: of Celery's two usual ways the faster."""
    due = DUE[size]
    if not due or not _is_ready():
        return None
    measure = celery_way.rows if channel == "SMS" else helpdesk.rows
    with tempfile.TemporaryDirectory() as folder:
        best = max(measure(Path(folder), due), key=lambda row: row.per_s)
    return Peer(f"{best.peer}, {due:,} due", best.per_s)


def looking(count: int, size: str) -> Peer | None:
    """Return how many milliseconds a run of django-helpdesk takes when nothing of so many is due."""
    if count != IDLE[size] or not _is_ready():
        return None
    with tempfile.TemporaryDirectory() as folder:
        (idle,) = helpdesk.idle(Path(folder), [count])
    return Peer(idle.peer, 1000 * idle.best_s)


@cache
def _is_ready() -> bool:
    try:
        environment.prepare()
    except (OSError, subprocess.CalledProcessError) as err:
        print(f"no peers: their packages cannot be installed ({err})", flush=True)
        return False
    return True
