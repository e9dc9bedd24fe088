"""What does this installation remember of itself: its first day, how far the clock has come, whether it is held?

Callers: actors/, store/outbox.py.
"""

from typing import Final

from sqlalchemy import Connection, select, update

from store.schema import installation
from store.upserts import insert_one, upsert

IDENTITY: Final = "identity"  #: tells this installation's messages from those of any other


def get(connection: Connection, key: str) -> str | None:
    """Return a value, or None if it was never put."""
    found: str | None = connection.execute(select(installation.c.value).where(installation.c.key == key)).scalar()
    return found


def put(connection: Connection, key: str, value: str) -> None:
    """Remember a value."""
    upsert(connection, installation, [{"key": key, "value": value}])


def put_new(connection: Connection, key: str, value: str) -> bool:
    """Remember a value if there is none yet; False if there is."""
    return insert_one(connection, installation, {"key": key, "value": value})


def swap(connection: Connection, key: str, old: str, new: str) -> bool:
    """Put `new` in place of `old`; False if another has changed it meanwhile."""
    statement = update(installation).where(installation.c.key == key, installation.c.value == old).values(value=new)
    return connection.execute(statement).rowcount == 1
