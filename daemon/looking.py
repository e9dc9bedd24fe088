"""What does the database say, in lines for people and facts for programs?

Callers: daemon/commands (status, notices, matters, explain).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from actors.desks import Desks, known_start
from config.drill import Drill, DrillClock
from config.services import SQLITE, Services, open_services
from daemon.processes import CLOCK, POLICY, WrongClock
from daemon.saying import many
from rules.dockets import Desk
from rules.facts import SHANGHAI, local_day
from rules.matters import Matter
from rules.notices import next_attention
from rules.policy import Policy
from store import findings, installation, migrating, notices, outbox, projection
from store.ahead import CURSOR
from store.engine import reading
from store.notices import Told
from store.projection import Listed

FINDINGS = 10  #: the latest that `status` shows


@contextmanager
def looking(*, writes: bool = True) -> Iterator[tuple[Connection, Desks, Services]]:
    """Open the services and one transaction on a database that is there and up to date.

    Without `writes` it sees one snapshot: what is compared may change meanwhile.
    """
    services = open_services()
    require_database(services)
    with services.engine.begin() if writes else reading(services.engine) as connection:
        migrating.require(connection)
        as_in_database(connection, services)
        yield connection, Desks(services), services


def require_database(services: Services) -> None:
    """Raise WrongSchema if the database is a file that is not there: looking makes none."""
    url = services.engine.url
    if url.get_backend_name() == SQLITE and url.database and not Path(url.database).exists():
        raise migrating.WrongSchema(f"there is no database {url.database}; check DUBAN_DATABASE_URL, or run duban init")


def as_in_database(connection: Connection, services: Services) -> None:
    """Look at a drill's database with the drill's clock, as far as it has come, and at a demo's with its policy.

    Raises WrongClock for a drill's clock on a database of the machine's: a lever would note what has not come.
    """
    done_to, clock = installation.get(connection, CURSOR), installation.get(connection, CLOCK)
    if clock == "machine" and services.clock.is_drill:
        raise WrongClock("this database is run on the machine's clock; unset DUBAN_CLOCK, or name a drill's database")
    if clock == "drill" and done_to:
        services.clock = DrillClock(Drill(datetime.fromisoformat(done_to), 1.0))
    policy = installation.get(connection, POLICY)
    if policy:
        services.policy = Policy.model_validate_json(policy)


def status_facts(connection: Connection, desks: Desks, services: Services) -> dict[str, Any]:
    """Return the state of things at this moment."""
    desk = desks.of(connection)
    now = services.clock.now()
    day = local_day(now)
    counts = projection.count_by_town(connection, day, desk.calendar.workdays(day, desk.policy.soon_days))
    oldest = outbox.oldest_due(connection)
    begins = known_start(connection, services)
    return {
        "now": now.astimezone(SHANGHAI).isoformat(timespec="seconds"),
        "taken_into_use": begins.isoformat() if begins else None,
        "done_up_to": _local(installation.get(connection, CURSOR)),
        "not_reckoned": projection.count_marks(connection),
        "held": outbox.held_because(connection) is not None,
        "matters": _nested(projection.count_by_status(connection, day)),
        "notices": _nested(notices.count_by_state(connection)),
        "messages": outbox.count_by_state(connection),
        "oldest_due": oldest.astimezone(SHANGHAI).isoformat() if oldest else None,
        "towns": {
            desk.house.offices[town].name if town else "all": {"due_soon": c.due_soon, "overdue": c.overdue}
            for town, c in sorted(counts.items(), key=lambda item: item[0] or "")
        },
        "findings": [
            {"at": at.astimezone(SHANGHAI).isoformat(timespec="minutes"), "kind": kind, "text": text}
            for at, kind, _, text in findings.latest(connection, FINDINGS)
        ],
    }


def _local(instant: str | None) -> str | None:
    return datetime.fromisoformat(instant).astimezone(SHANGHAI).isoformat(timespec="seconds") if instant else None


def _nested(counts: dict[tuple[str, str], int]) -> dict[str, dict[str, int]]:
    nested: dict[str, dict[str, int]] = {}
    for (outer, inner), count in sorted(counts.items()):
        nested.setdefault(outer, {})[inner] = count
    return nested


def status_lines(facts: dict[str, Any]) -> Iterator[str]:
    """Return the state of things for people."""
    held = " · SENDING IS HELD (duban release)" if facts["held"] else ""
    done_to = facts["done_up_to"] or "nothing"
    begins = f"taken into use {facts['taken_into_use']}" if facts["taken_into_use"] else "not taken into use yet"
    yield f"{facts['now']} · {begins} · done up to {done_to}{held}"
    if facts["not_reckoned"]:
        yield f"{many(facts['not_reckoned'], 'change')} not reckoned yet: the clock does that (duban up, duban daemon)"
    for title in ("matters", "notices"):
        yield title
        for name, counts in facts[title].items():
            yield f"  {name:<14}" + "  ".join(f"{state} {count}" for state, count in counts.items())
    yield "messages"
    yield "  " + ("  ".join(f"{state} {count}" for state, count in facts["messages"].items()) or "none")
    if facts["oldest_due"]:
        yield f"  the oldest that is due has waited since {facts['oldest_due']}"
    yield "towns (due soon / overdue)"
    for name, counts in facts["towns"].items():
        yield f"  {counts['due_soon']:>5} / {counts['overdue']:<5} {name}"
    for finding in facts["findings"]:
        yield f"finding {finding['at']} {finding['kind']}: {finding['text']}"


def notice_facts(told: Told) -> dict[str, Any]:
    """Return one notice with what became of it."""
    row = told.notice
    return {
        "id": row.id,
        "at": row.leaves_at.astimezone(SHANGHAI).isoformat(),
        "matter": row.matter,
        "rung": row.rung,
        "due": row.due.isoformat(),
        "to": row.to_person or None,
        "office": row.office,
        "channel": row.channel or None,
        "verdict": row.verdict,
        "rerouted": row.rerouted,
        "state": row.state,
        "reason": row.reason,
        "message": row.message,
        "message_state": told.message_state,
    }


def notice_line(told: Told) -> str:
    """Return one notice with what became of it, for people."""
    row = told.notice
    became = told.message_state or f"{row.verdict} {row.state}"
    why = f" ({row.reason})" if row.reason else ""
    mark = " rerouted" if row.rerouted else ""
    at = f"{row.leaves_at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}"
    to = f"{row.to_person or 'nobody'} {row.channel}{mark}"
    return f"{row.id:>6}  {at}  {row.rung:<15} {row.matter}  → {to}  {became}{why}"


def next_rungs(connection: Connection, desk: Desk, matters: Sequence[Matter], now: datetime) -> list[datetime | None]:
    """Return in which round from `now` on a rung of each matter fires, on the facts known now."""
    fired = notices.fired(connection, [matter.id for matter in matters])
    return [next_attention(matter, fired.get(matter.id, ()), now, desk) for matter in matters]


def matter_facts(listed: Listed, next_rung_at: datetime | None) -> dict[str, Any]:
    """Return one matter as it stands."""
    matter = listed.matter
    return {
        "matter": matter.id,
        "status": listed.status,
        "opened": matter.opened.isoformat(),
        "due": matter.due.isoformat(),
        "settled": matter.settled.isoformat() if matter.settled else None,
        "responsible": matter.responsible,
        "town": matter.town,
        "next_rung_at": next_rung_at.astimezone(SHANGHAI).isoformat() if next_rung_at else None,
    }


def matter_line(listed: Listed, next_rung_at: datetime | None) -> str:
    """Return one matter as it stands, for people."""
    matter = listed.matter
    coming = f"  next {next_rung_at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}" if next_rung_at else ""
    return f"{matter.due}  {listed.status:<9} {matter.id}  {matter.responsible}{coming}"
