"""What does this installation remember of itself: its first day, how far the clock has come, whether it is held?

Callers: actors/, daemon/, store/outbox.py.
"""

from typing import Final

from sqlalchemy import Connection, bindparam, func, inspect, select, update

from store.schema import installation
from store.upserts import insert_one, upsert

IDENTITY: Final = "identity"  #: tells this installation's messages from those of any other


_VALUE: Final = select(installation.c.value).where(installation.c.key == bindparam("key"))


def get(connection: Connection, key: str) -> str | None:
    """Return a value, or None if it was never put."""
    found: str | None = connection.execute(_VALUE, {"key": key}).scalar()
    return found


_HOLD: Final = _VALUE.with_for_update()


def hold(connection: Connection, key: str) -> None:
    """Let nobody else put a value in place of this one until the transaction ends; wait for whoever is doing so.

    On SQLite whoever writes is alone anyway.
    """
    connection.execute(_HOLD, {"key": key})


_FIRM: Final = _VALUE.with_for_update(read=True)


def get_firm(connection: Connection, key: str) -> str | None:
    """Return a value that stays until the transaction ends; whoever is changing it is waited for.

    Others may do so at once. One that is not there may come at any time.
    """
    found: str | None = connection.execute(_FIRM, {"key": key}).scalar()
    return found


def put(connection: Connection, key: str, value: str) -> None:
    """Remember a value."""
    upsert(connection, installation, [{"key": key, "value": value}])


def put_new(connection: Connection, key: str, value: str) -> bool:
    """Remember a value if there is none yet; False if there is."""
    return insert_one(connection, installation, {"key": key, "value": value})


def mark(connection: Connection) -> str | None:
    """Return what tells this database from all others on the same servers, or None while it is not made.

    A copy that was restored has the identity of the original, and a name of its own.
    """
    if not inspect(connection).has_table(installation.name):
        return None
    identity = get(connection, IDENTITY)
    if identity is None or connection.dialect.name == "sqlite":
        return identity
    return f"{connection.execute(func.current_database().select()).scalar_one()}:{identity}"


_SWAP: Final = (
    update(installation)
    .where(installation.c.key == bindparam("of"), installation.c.value == bindparam("old"))
    .values(value=bindparam("new"))
)


def swap(connection: Connection, key: str, old: str, new: str) -> bool:
    """Put `new` in place of `old`; False if another has changed it meanwhile."""
    return connection.execute(_SWAP, {"of": key, "old": old, "new": new}).rowcount == 1
