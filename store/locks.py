"""Who waits for whom, where no row that both would write stands for what they do?

PostgreSQL's advisory locks, held until the transaction ends. On SQLite whoever writes is alone anyway.
Callers: store/, intake/, actors/claiming.py, actors/leaving.py.
"""

from collections.abc import Iterable
from enum import IntEnum
from typing import Final

from sqlalchemy import Connection, text


class Lock(IntEnum):
    """What is done by one transaction at a time; the numbers are PostgreSQL's names for them."""

    MIGRATING = 8631
    APPENDING = 8632  #: to the audit trail
    CHANGING = 8633  #: the record, by a command: for each that it is about
    ADOPTING = 8634  #: a change of the policy, which is laid over those before it
    COUNTING = 8635  #: what persons have had on a day
    REPLYING = 8636  #: by SMS, for each number
    RECORDING = 8637  #: an import, alone; commands, beside one another


_ALONE: Final = text("SELECT pg_advisory_xact_lock(:lock)")
_ALONE_IF_FREE: Final = text("SELECT pg_try_advisory_xact_lock(:lock)")
_BESIDE: Final = text("SELECT pg_advisory_xact_lock_shared(:lock)")
_PATIENCE: Final = text("SET LOCAL lock_timeout = '10s'")
_ALONE_FOR: Final = text("SELECT pg_advisory_xact_lock(:lock, hashtext(:name))")


def alone(connection: Connection, lock: Lock) -> None:
    """Wait for whoever else does this, and keep others waiting."""
    if connection.dialect.name == "postgresql":
        connection.execute(_ALONE, {"lock": lock})


def alone_if_free(connection: Connection, lock: Lock) -> bool:
    """Keep others waiting, if nobody does this now; False if somebody does: nobody is waited for."""
    if connection.dialect.name == "postgresql":
        return bool(connection.execute(_ALONE_IF_FREE, {"lock": lock}).scalar_one())
    return True


def beside_others(connection: Connection, lock: Lock) -> None:
    """Wait for whoever does this alone, and keep him waiting, but nobody who does it like us.

    Not for longer than ten seconds, here or for what this transaction locks later: whoever waits keeps a connection,
    and soon the console would have none left. Raises OperationalError then.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(_PATIENCE)
        connection.execute(_BESIDE, {"lock": lock})


def alone_for(connection: Connection, lock: Lock, names: Iterable[str]) -> None:
    """Wait for whoever else does this for one of these names, and keep others waiting who are to do it for one."""
    if connection.dialect.name == "postgresql":
        for name in sorted(set(names)):  # always in one order: two cannot wait for each other
            connection.execute(_ALONE_FOR, {"lock": lock, "name": name})
