"""Can a bell be rung on the Redis that the settings name?

Callers: web/health.py, `duban doctor`.
"""

from typing import Final

import redis

TRIED: Final = "duban:tried"  #: a key that is written to see whether any can be
TRIED_MS: Final = 1000  #: it goes by itself


def try_to_ring(url: str, timeout_s: float) -> None:
    """Raise RedisError if no bell can be rung: ResponseError if Redis answers, but takes none.

    One that is full, or has become a replica, answers every ping.
    """
    with redis.Redis.from_url(url, socket_timeout=timeout_s, socket_connect_timeout=timeout_s) as client:
        client.set(TRIED, "", px=TRIED_MS)
