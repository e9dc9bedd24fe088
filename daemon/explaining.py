"""Why does a matter stand as it does: its facts, its dates day by day, its rungs fired and to come, and to whom?

Rules: R1, R5. Callers: `duban explain`; the console shows the same.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from actors.desks import Desks
from actors.reckoning import read_dossiers
from rules.derivations import in_words, is_provisional
from rules.dockets import Desk
from rules.dossiers import Happened, reckon
from rules.facts import SHANGHAI, local_day
from rules.ladders import Fired, Rung, ladder
from rules.matters import Matter, subject_of
from rules.notices import next_attention, rung_target
from store import notices


class NoSuchMatter(LookupError):
    """Nothing on record has opened a matter of that id."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """All that there is to say about one matter at an instant."""

    at: datetime
    matter: Matter
    history: list[Happened]
    rungs: list[dict[str, Any]]
    desk: Desk


def explain(connection: Connection, desks: Desks, matter_id: str, at: datetime) -> Explanation:
    """Return the whole ladder of a matter on the facts known at `at`; NoSuchMatter if it is not open by then."""
    desk = desks.of(connection)
    try:
        subject = subject_of(matter_id)
    except ValueError as err:
        raise NoSuchMatter(f"{err}; want such as visit:S1:2026-03 or petition:P1:handle:1") from err
    dossiers = read_dossiers(connection, desk, [subject])
    if not dossiers:
        raise NoSuchMatter(f"no {subject.kind} {subject.id} is on record; see duban matters")
    outcome = reckon(dossiers[0], at)
    matter = outcome.matters.get(matter_id)
    if matter is None:
        known = ", ".join(sorted(outcome.matters)) or "none yet"
        raise NoSuchMatter(f"{subject.kind} {subject.id} has no matter {matter_id} at that time; it has {known}")
    history = [h for h in outcome.happened if matter_id in {m.id for m in (h.change.before, h.change.after) if m}]
    told = [one.notice for one in notices.list_notices(connection, matter=matter_id)]
    return Explanation(at, matter, history, list(_rungs(matter, desk, told, at)), desk)


def _rungs(matter: Matter, desk: Desk, told: Iterable[Any], at: datetime) -> Iterator[dict[str, Any]]:
    told = [row for row in told if row.decided_at <= at]
    fired = {Fired(row.due, row.rung) for row in told}
    chain = desk.house.chain(matter.responsible, matter.town)
    for rung in ladder(matter, chain, desk.policy, desk.calendar):
        rows = [row for row in told if row.rung == rung.name and row.due == matter.due]
        yield {
            "rung": rung.name,
            "date": rung.day.isoformat(),
            "state": _state(matter, rung, rows, fired, desk, at),
            "to": _told(rows) if rows else _to_tell(matter, rung, desk),
        }
    for row in told:
        if row.rung.startswith("event-") or row.due != matter.due:
            yield {
                "rung": row.rung,
                "date": local_day(row.decided_at).isoformat(),
                "state": f"{row.verdict} {_local(row.leaves_at)}"
                + (f", due {row.due}" if row.due != matter.due else ""),
                "to": _told([row]),
            }


def _state(matter: Matter, rung: Rung, rows: list[Any], fired: set[Fired], desk: Desk, at: datetime) -> str:
    if rows:
        return f"{rows[0].verdict} {_local(rows[0].leaves_at)}"
    if rung.dropped:
        return f"dropped: not after the day the matter opened, {matter.opened}"
    if rung.day < desk.start_on or matter.silent:
        return f"never: before duban was taken into use, {desk.start_on}"
    if not matter.is_live(local_day(at)):
        return f"never: the matter is {matter.status_on(local_day(at))}"
    if Fired(matter.due, rung.name) in fired:
        return "gave way"
    held = f", held until {rung.fires_from}" if rung.fires_from > rung.day else ""
    return f"to come{held}"


def _told(rows: Iterable[Any]) -> list[str]:
    return [f"{row.to_person or 'nobody'} {row.channel}{' rerouted' if row.rerouted else ''}".strip() for row in rows]


def _to_tell(matter: Matter, rung: Rung, desk: Desk) -> list[str]:
    responsible, channels = rung_target(matter, rung, desk.house)
    route = desk.house.route(responsible, matter.town)
    mark = " rerouted" if route.rerouted else ""
    return [f"{person.id} {c}{mark}" for person in route.people for c in person.used(channels)] or [
        "nobody can be reached"
    ]


def _local(at: datetime) -> str:
    return f"{at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}"


def as_facts(found: Explanation) -> dict[str, Any]:
    """Return the explanation for programs."""
    matter, desk, day = found.matter, found.desk, local_day(found.at)
    coming = next_attention(matter, (), found.at, desk)
    return {
        "matter": matter.id,
        "at": found.at.astimezone(SHANGHAI).isoformat(),
        "status": matter.status_on(day),
        "responsible": matter.responsible,
        "town": matter.town,
        "chain": list(desk.house.chain(matter.responsible, matter.town)),
        "opened": matter.opened.isoformat(),
        "due": matter.due.isoformat(),
        "why": in_words(matter.reckoned, desk.calendar),
        "provisional": is_provisional(matter.reckoned.start, matter.due, desk.calendar),
        "ladder_began": matter.began.isoformat(),
        "settled": matter.settled.isoformat() if matter.settled else None,
        "missed_from": matter.missed_from.isoformat() if matter.missed_from else None,
        "owed": list(matter.owed),
        "arrivals": list(matter.arrivals),
        "holds": [{"office": h.office, "due": h.due.isoformat(), "until": h.until.isoformat()} for h in matter.holds],
        "facts": [{"at": _local(h.at), "what": _what(h)} for h in found.history],
        "next_round": coming.astimezone(SHANGHAI).isoformat() if coming else None,
        "rungs": found.rungs,
    }


def _what(happened: Happened) -> str:
    before, after = happened.change.before, happened.change.after
    if after is None:
        return "reckoned away: the facts no longer lead to it"
    if before is None:
        return f"opened ({after.cause}), due {after.due}" + (
            f", {after.closed} {after.settled or ''}" if after.closed else ""
        )
    parts = []
    if before.due != after.due:
        parts.append(f"due {before.due} became {after.due}")
    if before.closed != after.closed:
        parts.append(f"{after.closed or 'open again'} {after.settled or ''}".strip())
    if before.arrivals != after.arrivals:
        parts.append(f"arrivals: {', '.join(after.arrivals) or 'none'}")
    parts += [f"acknowledged by {h.office}, climb held until {h.until}" for h in after.holds if h not in before.holds]
    if before.slips != after.slips:
        parts.append(f"slip {after.slips}")
    return "; ".join(parts) or "changed"


def as_lines(found: Explanation) -> Iterator[str]:
    """Return the explanation for people."""
    facts = as_facts(found)
    yield f"{facts['matter']} · {facts['status']} · as of {_local(found.at)}"
    yield f"  responsible  {facts['responsible']}; climbs to {', '.join(facts['chain'])}"
    yield f"  opened       {facts['opened']}"
    yield f"  due          {facts['due']}: {facts['why']}"
    if facts["ladder_began"] > facts["due"]:
        yield f"  ladder       reckoned from the day before {facts['ladder_began']}, when it became known"
    if facts["settled"]:
        yield f"  settled      {facts['settled']}"
    if facts["owed"]:
        yield f"  arrivals     {', '.join(facts['arrivals']) or 'none'} of {', '.join(facts['owed'])}"
    for hold in facts["holds"]:
        yield f"  held         by {hold['office']} until {hold['until']} (due date {hold['due']})"
    yield "  facts"
    for fact in facts["facts"]:
        yield f"    {fact['at']}  {fact['what']}"
    yield "  rungs"
    for rung in facts["rungs"]:
        yield f"    {rung['date']}  {rung['rung']:<12} {rung['state']}  → {', '.join(rung['to'])}"
