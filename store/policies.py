"""Which changes of the policy have been adopted, from which day on, by whom and why?

An adoption holds all changes that are in force from its day on, laid over the configured policy. Callers:
actors/desks.py, the policy workshop.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from sqlalchemy import Connection, bindparam, insert, select

from store.schema_service import policies


@dataclass(frozen=True, slots=True)
class Adoption:
    """A decision to change the policy."""

    id: int
    begins: date
    adopted_at: datetime
    actor: str
    reason: str
    changes: Mapping[str, str]  #: key of the policy → value, written as in a file of settings


def adopt(
    connection: Connection, *, begins: date, changes: Mapping[str, str], reason: str, actor: str, at: datetime
) -> None:
    """Keep a decision."""
    row = {"begins": begins, "adopted_at": at, "actor": actor, "reason": reason, "policy": dict(changes)}
    connection.execute(insert(policies).values(row))


_IN_FORCE: Final = (
    select(policies)
    .where(policies.c.begins <= bindparam("day"))
    .order_by(policies.c.begins.desc(), policies.c.id.desc())
    .limit(1)
)


def in_force(connection: Connection, day: date) -> Adoption | None:
    """Return the adoption that holds on a day: of those whose day has come the last one decided."""
    row = connection.execute(_IN_FORCE, {"day": day}).first()
    return Adoption(*row) if row else None


def adoptions(connection: Connection) -> list[Adoption]:
    """Return all adoptions, the latest first."""
    query = select(policies).order_by(policies.c.begins.desc(), policies.c.id.desc())
    return [Adoption(*row) for row in connection.execute(query)]
