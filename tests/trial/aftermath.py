"""When all has come to rest, is anything amiss that shows only by what is missing?

Words that nobody was told, questions that nobody asked, instants that a wrong clock has set. Caller: judges.py.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from channels.gateway import Status
from rules.facts import local_day
from rules.notices import OPENINGS, put_off, rungs_left
from rules.petitions import Stage
from store import leases, notices, projection
from store.engine import reading
from tests.trial.worlds import as_sql

if TYPE_CHECKING:
    from tests.trial.judges import Judge

ENDED: Final = (Status.FAILED, Status.DELIVERED)
#: a gateway that is ill has so long a rest at most, and one with a rate so much work ahead
LONGEST_REST: Final = timedelta(minutes=10)
CLIMBS: Final = (
    "SELECT DISTINCT n.matter, n.to_person FROM notices n JOIN messages m ON m.id = n.message "
    "{} WHERE n.rung LIKE 'climb-%' AND {}"
)
TOLD: Final = "SELECT matter, to_person FROM notices WHERE rung = 'event-settled'"
REACHED: Final = CLIMBS.format(
    "JOIN matters x ON x.id = n.matter",
    "n.state = 'bundled' AND x.closed IS NOT NULL AND m.state IN ('accepted', 'delivered')",
)
CALLED: Final = CLIMBS.format(
    # A call that comes to nothing in the end may have been under way when the matter was settled: that is told, too.
    "JOIN attempts a ON a.message = m.id",
    "true",
)
Wrong = tuple[str, str]  #: invariant, what is wrong


def missing(judge: "Judge") -> Iterator[Wrong]:
    """Yield what is missing in the end."""
    yield from _untold_ends(judge)
    yield from _untold_openings(judge)
    yield from _not_asked(judge)
    yield from _not_noted(judge)


def _untold_ends(judge: "Judge") -> Iterator[Wrong]:
    """Whom a climb reached is told of its end; and nobody else is (R5.8)."""
    told, reached, called = (set(judge.world.raw.execute(query).fetchall()) for query in (TOLD, REACHED, CALLED))
    for matter, person in sorted(reached - told):
        yield "told", f"{person} was told when {matter} climbed, and not that it is settled"
    for matter, person in sorted(told - called):
        if person:
            yield "told", f"{person} is told that {matter} is settled, of which nothing ever reached him"


def _untold_openings(judge: "Judge") -> Iterator[Wrong]:
    """A stage that is open has been told to whoever must act (R5.8)."""
    raw = judge.world.raw
    for stage, event in OPENINGS.items():
        query = (
            "SELECT id FROM matters WHERE kind = 'petition' AND stage = ? AND closed IS NULL AND opened >= ? "
            "AND id NOT IN (SELECT matter FROM notices WHERE rung = ?)"
        )
        for (ident,) in raw.execute(query, (Stage(stage).value, judge.world.load.first.isoformat(), event.value)):
            yield "told", f"{event} of {ident} was never decided"


def _not_asked(judge: "Judge") -> Iterator[Wrong]:
    """What became of a text is known in the end, though no word of it came: then the gateway was asked."""
    raw, by_id = judge.world.raw, judge.world.provider.by_id
    was_down = any(fault.key.startswith("down/") for fault in judge.world.chance.script)
    query = "SELECT message, provider_id, status FROM attempts WHERE provider_id IS NOT NULL"
    for message, ident, status in raw.execute(query):
        taken = by_id.get(ident)
        # After two days nobody asks about what was sent on; all may have been down for longer.
        if taken is not None and taken.status in ENDED and status not in ENDED and not (status == "sent" and was_down):
            yield "asked", f"message {message} is {taken.status} at its gateway, {status} here"
    for (message,) in raw.execute("SELECT id FROM messages WHERE state = 'unknown' AND channel = 'sms'"):
        yield "asked", f"nobody knows what became of message {message}, and its gateway does"


def _not_noted(judge: "Judge") -> Iterator[Wrong]:
    world = judge.world
    for attempt, address in world.provider.told_opted_out.items():
        noted = "SELECT 1 FROM attempts WHERE id = ? AND outcome = 'refused'"
        known = "SELECT 1 FROM optouts WHERE address = ?"
        if world.raw.execute(noted, (attempt,)).fetchone() and not world.raw.execute(known, (address,)).fetchone():
            yield "opted out", f"the gateway told in {attempt} that its recipient wants no more; nobody noted it"
    query = (
        "SELECT id, state FROM messages WHERE state IN ('failed', 'undeliverable', 'unknown') AND NOT EXISTS "
        "(SELECT 1 FROM findings WHERE subject = 'message:' || messages.id || ':' || messages.attempts)"
    )
    for message, state in world.raw.execute(query):
        yield "at rest", f"message {message} is {state}, and no finding says so"
    # A call that told itself that it was taken has no reason and, of a text, its parts; else a later word told it.
    query = (
        "SELECT name FROM gateways WHERE failures > 0 AND (SELECT outcome = 'accepted' AND reason IS NULL AND "
        "(segments IS NOT NULL OR gateway <> 'sms') FROM attempts "
        "WHERE gateway = gateways.name AND outcome <> 'dropped' ORDER BY rowid DESC)"
    )
    for (name,) in world.raw.execute(query):
        yield "at rest", f"{name} has taken the last message, and is thought ill"


def far_ahead(judge: "Judge") -> Iterator[Wrong]:
    """Yield what waits for an instant that only a clock that was wrong can have set."""
    world = judge.world
    later = as_sql(put_off(world.hub.now, world.timetable))
    for table, column in (("messages WHERE state = 'due'", "try_at"), ("notices WHERE state = 'waiting'", "leaves_at")):
        found = world.raw.execute(f"SELECT id, {column} FROM {table} AND {column} > ?", (later,))
        for ident, at in found:
            yield "in time", f"{table.partition(' ')[0]} {ident} waits until {at}"
    soon = as_sql(world.hub.now + LONGEST_REST)
    for column in ("open_until", "next_at"):
        for name, at in world.raw.execute(f"SELECT name, {column} FROM gateways WHERE {column} > ?", (soon,)):
            yield "in time", f"nothing leaves by {name} before {at}"


def rungs_of_today(judge: "Judge") -> Iterator[Wrong]:
    """Yield what the round of today should have fired, hours after it, with all processes up."""
    world = judge.world
    today = local_day(world.hub.now)
    with reading(world.engine) as connection:
        desk = judge.desks.of(connection)
        held = leases.last_done(connection, "round")
        if held is None or local_day(held) != today:
            yield "in time", f"the round of {today} has not been held; the last was at {held}"
            return
        for batch in projection.live_matters(connection, 1000):
            fired = notices.fired(connection, [matter.id for matter in batch])
            for matter in batch:
                if matter.began >= today or not matter.is_live(today) or judge.was_edited_since(matter.id, held):
                    continue
                late = [r.name for r in rungs_left(matter, fired.get(matter.id, ()), desk) if r.fires_from <= today]
                if late:
                    yield "in time", f"{late} of {matter.id} did not fire in the round of {held}"
