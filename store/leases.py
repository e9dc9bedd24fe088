"""Which daemon does the work that one is enough for, and what has been done once for its slot of time?

A lease saves work and proves nothing: that nothing is done twice rests on unique keys. Callers: daemon/clockwork.py,
actors/steps.py, actors/watching.py, web/health.py.
"""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, bindparam, delete, func, or_, select, update

from store.schema_service import leases, slots
from store.upserts import insert_one

CLOCK: Final = "clock"  #: the lease of the daemon that has steps taken

_TAKE: Final = (
    update(leases)
    .where(
        leases.c.name == bindparam("of"),
        or_(leases.c.holder == bindparam("by"), leases.c.expires < bindparam("now")),
    )
    .values(holder=bindparam("by"), token=leases.c.token + 1, expires=bindparam("until"))
)


def take(connection: Connection, name: str, holder: str, now: datetime, for_s: float) -> bool:
    """Take or renew a lease; False if another holds it. `now`: by the database's clock."""
    expires = now + timedelta(seconds=for_s)
    values = {"of": name, "by": holder, "now": now, "until": expires}
    if connection.execute(_TAKE, values).rowcount == 1:
        return True
    return insert_one(connection, leases, {"name": name, "holder": holder, "token": 1, "expires": expires})


def lapsed_at(connection: Connection, name: str) -> datetime | None:
    """Return when a lease runs out, or has run out with its holder gone; None if it was given back or never taken."""
    query = select(leases.c.expires).where(leases.c.name == name)
    found: datetime | None = connection.execute(query).scalar()
    return found


def give_back(connection: Connection, name: str, holder: str) -> None:
    """Let another take the lease at once."""
    connection.execute(delete(leases).where(leases.c.name == name, leases.c.holder == holder))


def do_once(connection: Connection, job: str, slot: str, at: datetime) -> bool:
    """Note that a job is done for a slot; False if it has been done."""
    return insert_one(connection, slots, {"job": job, "slot": slot, "at": at})


_IS_DONE: Final = select(slots.c.at).where(slots.c.job == bindparam("job"), slots.c.slot == bindparam("slot"))


def is_done(connection: Connection, job: str, slot: str) -> bool:
    """Say whether a job has been done for a slot."""
    return connection.execute(_IS_DONE, {"job": job, "slot": slot}).first() is not None


_LAST_DONE: Final = select(func.max(slots.c.at)).where(slots.c.job == bindparam("job"))


def last_done(connection: Connection, job: str) -> datetime | None:
    """Return when a job was done last."""
    found: datetime | None = connection.execute(_LAST_DONE, {"job": job}).scalar()
    return found
