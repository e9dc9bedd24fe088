"""Why does a matter stand as it does: its facts, its dates day by day, its rungs fired and to come, and to whom?

Rules: R1, R5. Callers: `duban explain`, the console, the API.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection

from rules.derivations import in_words, is_provisional
from rules.dockets import Desk, Docket
from rules.dossiers import Dossier, Happened
from rules.facts import SHANGHAI, local_day, midnight
from rules.ladders import Fired, Rung, ladder
from rules.matters import Matter, Subject, subject_of
from rules.notices import next_attention, rung_target
from store import notices
from store.dossiers import read_dossiers
from store.notices import NoticeRow


class NoSuchMatter(LookupError):
    """Nothing on record has opened a matter of that id."""


# A seat, petition or project with all that happened ------------------------------------------


@dataclass(frozen=True, slots=True)
class Case:
    """All that was known of a subject at an instant."""

    dossier: Dossier
    docket: Docket
    happened: Sequence[Happened]


def case_of(connection: Connection, desk: Desk, subject: Subject, at: datetime) -> Case | None:
    """Return a subject on the facts known at `at`; None if it is not on record, or was not by then."""
    dossiers = read_dossiers(connection, desk, [subject])
    if not dossiers or (dossiers[0].known_at is not None and dossiers[0].known_at > at):
        return None
    docket = dossiers[0].found()
    happened: list[Happened] = []
    for instant, (facts, words) in dossiers[0].instants().items():
        if instant <= at:
            happened += _opened(docket, instant)
            happened += [Happened(instant, change) for change in docket.learn(instant, facts, words)]
    happened += _opened(docket, at)
    happened += [Happened(at, change) for change in docket.learn(at)]
    return Case(dossiers[0], docket, happened)


def _opened(docket: Docket, until: datetime) -> Iterator[Happened]:
    """Yield what time alone opens before an instant, each at its own: no fact tells that a period has begun."""
    while (opening := docket.next_opening()) is not None and (begins := midnight(opening)) < until:
        yield from (Happened(begins, change) for change in docket.learn(begins))


# One matter ------------------------------------------------------------------------------


class RungState(StrEnum):
    """How a rung stands; what has been told carries its verdict instead."""

    SENT = "sent"
    SKIPPED = "skipped"
    UNDELIVERABLE = "undeliverable"
    DROPPED = "dropped"  #: it would come on or before the day the matter opened
    BEFORE_START = "before-start"  #: before duban was taken into use
    CLOSED = "closed"  #: the matter is no longer live
    GAVE_WAY = "gave-way"
    TO_COME = "to-come"


@dataclass(frozen=True, slots=True)
class Addressee:
    """Whom a rung tells or is to tell, and how."""

    person: str  #: empty: nobody
    channel: str
    rerouted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RungLine:
    """A rung of the ladder, or an event of which somebody was told."""

    rung: str
    day: date
    due: date  #: the due date that it belongs to
    state: RungState
    at: datetime | None = None  #: when it was told
    held_until: date | None = None
    to: tuple[Addressee, ...] = ()


@dataclass(frozen=True, slots=True)
class Explanation:
    """All that there is to say about one matter at an instant."""

    at: datetime
    matter: Matter
    history: list[Happened]
    rungs: list[RungLine]
    desk: Desk


def explain(connection: Connection, desk: Desk, matter_id: str, at: datetime) -> Explanation:
    """Return the whole ladder of a matter on the facts known at `at`; NoSuchMatter if it is not open by then."""
    try:
        subject = subject_of(matter_id)
    except ValueError as err:
        raise NoSuchMatter(f"{err}; want such as visit:S1:2026-03 or petition:P1:handle:1") from err
    case = case_of(connection, desk, subject, at)
    if case is None:
        raise NoSuchMatter(f"no {subject.kind} {subject.id} is on record; see duban matters")
    if matter_id not in case.docket.matters:
        known = ", ".join(sorted(case.docket.matters)) or "none yet"
        raise NoSuchMatter(f"{subject.kind} {subject.id} has no matter {matter_id} at that time; it has {known}")
    return explained(connection, desk, case, matter_id, at)


def explained(connection: Connection, desk: Desk, case: Case, matter_id: str, at: datetime) -> Explanation:
    """Return the explanation of one matter of a case."""
    matter = case.docket.matters[matter_id]
    history = [h for h in case.happened if matter_id in {m.id for m in (h.change.before, h.change.after) if m}]
    told = [one.notice for one in notices.list_notices(connection, matter=matter_id)]
    return Explanation(at, matter, history, list(_rungs(matter, desk, told, at)), desk)


def _rungs(matter: Matter, desk: Desk, told: Iterable[NoticeRow], at: datetime) -> Iterator[RungLine]:
    told = [row for row in told if row.decided_at <= at]
    fired = {Fired(row.due, row.rung) for row in told}
    chain = desk.house.chain(matter.responsible, matter.town)
    for rung in ladder(matter, chain, desk.policy, desk.calendar):
        rows = [row for row in told if row.rung == rung.name and row.due == matter.due]
        yield _told(rows, rung.day) if rows else _untold(matter, rung, fired, desk, at)
    for row in told:
        if row.rung.startswith("event-") or row.due != matter.due:
            yield _told([row], local_day(row.decided_at))


def _told(rows: Sequence[NoticeRow], day: date) -> RungLine:
    return RungLine(
        rung=rows[0].rung,
        day=day,
        due=rows[0].due,
        state=RungState(rows[0].verdict),
        at=rows[0].leaves_at,
        to=tuple(Addressee(row.to_person, row.channel, row.rerouted) for row in rows),
    )


def _untold(matter: Matter, rung: Rung, fired: set[Fired], desk: Desk, at: datetime) -> RungLine:
    return RungLine(
        rung=rung.name,
        day=rung.day,
        due=matter.due,
        state=_state(matter, rung, fired, desk, at),
        held_until=rung.fires_from if rung.fires_from > rung.day else None,
        to=_to_tell(matter, rung, desk),
    )


def _state(matter: Matter, rung: Rung, fired: set[Fired], desk: Desk, at: datetime) -> RungState:
    if rung.dropped:
        return RungState.DROPPED
    if rung.day < desk.start_on or matter.silent:
        return RungState.BEFORE_START
    if not matter.is_live(local_day(at)):
        return RungState.CLOSED
    return RungState.GAVE_WAY if Fired(matter.due, rung.name) in fired else RungState.TO_COME


def _to_tell(matter: Matter, rung: Rung, desk: Desk) -> tuple[Addressee, ...]:
    responsible, channels = rung_target(matter, rung, desk.house)
    ways = desk.house.ways(responsible, matter.town, channels)
    return tuple(Addressee(way.person.id, way.channel, way.rerouted) for way in ways)


def local(at: datetime) -> str:
    """Return an instant as people in Shanghai read it."""
    return f"{at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}"


# For programs ----------------------------------------------------------------------------


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
        "facts": [{"at": local(h.at), "what": _what(h)} for h in found.history],
        "next_round": coming.astimezone(SHANGHAI).isoformat() if coming else None,
        "rungs": [_rung_facts(line, found) for line in found.rungs],
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


def _rung_facts(line: RungLine, found: Explanation) -> dict[str, Any]:
    to = [f"{one.person or 'nobody'} {one.channel}{' rerouted' if one.rerouted else ''}".strip() for one in line.to]
    return {
        "rung": line.rung,
        "date": line.day.isoformat(),
        "state": _state_in_words(line, found),
        "to": to or ["nobody can be reached"],
    }


def _state_in_words(line: RungLine, found: Explanation) -> str:
    matter = found.matter
    if line.at is not None:
        return f"{line.state} {local(line.at)}" + (f", due {line.due}" if line.due != matter.due else "")
    match line.state:
        case RungState.DROPPED:
            return f"dropped: not after the day the matter opened, {matter.opened}"
        case RungState.BEFORE_START:
            return f"never: before duban was taken into use, {found.desk.start_on}"
        case RungState.CLOSED:
            return f"never: the matter is {matter.status_on(local_day(found.at))}"
        case RungState.GAVE_WAY:
            return "gave way"
        case _:
            return "to come" + (f", held until {line.held_until}" if line.held_until else "")
