"""How well has each gateway been, how fast may it be used, and how much is left of the day?

All processes share one row for a gateway, so that a circuit that one has opened is open for all, and a rate holds
for all together. Callers: actors/sending.py, /metrics, `duban doctor`.
"""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy import Connection, bindparam, select, update

from rules.deliveries import OPEN_LONGEST_S, Health, health_after
from store.schema_service import gateways, quotas
from store.upserts import insert_new

#: a gateway with a rate may be given so much work ahead
AHEAD_S: Final = 1.0
#: an instant is kept to the microsecond: what that loses must not take a whole message away
ROUNDED: Final = 0.001


_HEALTH: Final = select(gateways.c.name, gateways.c.failures, gateways.c.open_until)
_OWN: Final = gateways.c.name == bindparam("of")
_FAILURES: Final = select(gateways.c.failures).where(_OWN)
_LOCKED: Final = select(gateways).where(_OWN).with_for_update()
_NOTE_CALLS: Final = (
    update(gateways)
    .where(_OWN)
    .values({name: bindparam(f"new_{name}") for name in ("failures", "open_until", "reason", "changed_at")})
)
_NOTE_TURNS: Final = update(gateways).where(_OWN).values(next_at=bindparam("new_next_at"))


def health(connection: Connection) -> dict[str, Health]:
    """Return the health of all gateways that have ever been ill."""
    return {row.name: Health(row.failures, row.open_until) for row in connection.execute(_HEALTH)}


def note_calls(connection: Connection, calls: Mapping[str, list[tuple[bool, str | None]]], now: datetime) -> list[str]:
    """Note how calls went, by gateway: whether each was an illness, and its reason; return circuits that opened."""
    opened = []
    for name, outcomes in sorted(calls.items()):
        if not any(is_ill for is_ill, _ in outcomes) and not _failures(connection, name):
            continue
        insert_new(connection, gateways, [{"name": name, "failures": 0, "changed_at": now}])
        row = connection.execute(_LOCKED, {"of": name}).one()
        known = Health(row.failures, row.open_until)
        after = health_after(known, [is_ill for is_ill, _ in outcomes], now)
        reason = next((why for is_ill, why in reversed(outcomes) if is_ill), None) if after.failures else None
        values = {"failures": after.failures, "open_until": after.open_until, "reason": reason, "changed_at": now}
        connection.execute(_NOTE_CALLS, {"of": name} | {f"new_{name}": value for name, value in values.items()})
        if after.open_until and not known.open_until:
            opened.append(name)
    return opened


def _failures(connection: Connection, name: str) -> int:
    found: int | None = connection.execute(_FAILURES, {"of": name}).scalar()
    return found or 0


def take_turns(connection: Connection, name: str, per_second: float, wanted: int, now: datetime) -> int:
    """Return how many of the wanted messages may leave within a second, and count them against the rate."""
    insert_new(connection, gateways, [{"name": name, "failures": 0, "changed_at": now}])
    row = connection.execute(_LOCKED, {"of": name}).one()
    start = max(row.next_at or now, now)
    # Below one a second a single message is more than a second's work.
    ahead = timedelta(seconds=max(AHEAD_S, 1 / per_second))
    room = (now + ahead - start).total_seconds() * per_second
    given = min(wanted, max(int(room + ROUNDED), 0))
    if given:
        next_at = start + timedelta(seconds=given / per_second)
        connection.execute(_NOTE_TURNS, {"of": name, "new_next_at": next_at})
    return given


def forget_ahead(connection: Connection, now: datetime) -> None:
    """Forget rests and turns that lie so far ahead that only a clock that was wrong can have set them."""
    far = now + timedelta(seconds=2 * OPEN_LONGEST_S)
    for column in (gateways.c.open_until, gateways.c.next_at):
        connection.execute(update(gateways).where(column > far).values({column.name: None}))


# The daily total ---------------------------------------------------------------------------


_QUOTA: Final = select(quotas).where(quotas.c.day == bindparam("of")).with_for_update()
_USE_ALL: Final = (
    update(quotas)
    .where(quotas.c.day == bindparam("of"), quotas.c.used + bindparam("wanted") <= bindparam("total") + quotas.c.extra)
    .values(used=quotas.c.used + bindparam("wanted"))
)
_USE_QUOTA: Final = update(quotas).where(quotas.c.day == bindparam("of")).values(used=bindparam("new_used"))


def take_quota(connection: Connection, day: date, wanted: int, total: int) -> int:
    """Return how many of the wanted SMS the daily total still admits, and count them."""
    if connection.execute(_USE_ALL, {"of": day, "wanted": wanted, "total": total}).rowcount:
        return wanted
    insert_new(connection, quotas, [{"day": day, "used": 0, "extra": 0}])
    row = connection.execute(_QUOTA, {"of": day}).one()
    given: int = min(wanted, max(total + row.extra - row.used, 0))
    connection.execute(_USE_QUOTA, {"of": day, "new_used": row.used + given})
    return given


def allow_more(connection: Connection, day: date, more: int) -> None:
    """Let `more` SMS leave on a day beyond what its total admits, if it is used up."""
    connection.execute(update(quotas).where(quotas.c.day == day).values(extra=quotas.c.extra + more))


def used(connection: Connection, day: date) -> int:
    """Return how many SMS have been claimed on a day."""
    found: int | None = connection.execute(select(quotas.c.used).where(quotas.c.day == day)).scalar()
    return found or 0
