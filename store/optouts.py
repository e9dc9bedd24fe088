"""Who wants nothing more on a channel?

By address, as the gateway sees it. Callers: actors/sending.py, the replies that come in.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, bindparam, delete, select

from store.many import is_one_of
from store.schema_service import optouts
from store.upserts import insert_new


def add(connection: Connection, channel: str, address: str, at: datetime, source: str) -> None:
    """Note that the owner of an address wants nothing more on a channel."""
    insert_new(connection, optouts, [{"channel": channel, "address": address, "at": at, "source": source}])


def remove(connection: Connection, channel: str, address: str) -> None:
    """Note that the owner of an address wants messages again."""
    connection.execute(delete(optouts).where(optouts.c.channel == channel, optouts.c.address == address))


_AMONG: Final = select(optouts.c.address).where(
    optouts.c.channel == bindparam("channel"), is_one_of(optouts.c.address, "addresses")
)


def among(connection: Connection, channel: str, addresses: Sequence[str]) -> set[str]:
    """Return those of some addresses whose owners want nothing more on a channel."""
    return set(connection.execute(_AMONG, {"channel": channel, "addresses": list(addresses)}).scalars())
