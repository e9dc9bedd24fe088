"""What becomes of an SMS that a deputy or an official sends back?

`1` acknowledges the overdue matters of which the last message told him, as far as his office stands in their
chain; `到站` and `到格` record a visit at the deputy's own station or grid; TD, R and STOP end all SMS to his number,
TS and START begin them again. Anything else gets one help text a person and day; an unknown number gets no answer,
and nobody more than MOST_ANSWERS a day, whatever he sends: each one is paid for.
A reply acts once, by the gateway's id; its words are never kept. Callers: web/webhooks.py.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from sqlalchemy import Connection

from intake import commands
from intake.faults import Refused
from intake.reply_words import Reply, Wish, read_reply
from rules.dockets import Desk
from rules.facts import Acknowledgement, Channel, Seat, Visit, VisitKind, local_day, midnight
from rules.offices import Person, mainland_mobile
from store import audit, facts, optouts, replies
from store.locks import Lock, alone_for
from store.replies import Told
from templates import replies as words

#: to one person, on one day; what a reply asks for is done all the same
MOST_ANSWERS: Final = 10
#: visits that came in by SMS are known by their ids
PREFIX: Final = "SMS-"


@dataclass(frozen=True, slots=True)
class Come:
    """One reply: from whom, when, and by what this installation decides."""

    connection: Connection
    desk: Desk
    ident: str
    number: str
    people: tuple[Person, ...]
    at: datetime

    @property
    def today(self) -> date:
        """The day in Shanghai."""
        return local_day(self.at)


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a reply, and what is answered; None: nothing."""

    outcome: str
    answer: str | None = None


def take_reply(connection: Connection, desk: Desk, *, ident: str, sender: str, text: str, at: datetime) -> str | None:
    """Do what a reply asks for, and return what is to be answered; a reply that comes again gets the same answer."""
    if not replies.take(connection, ident, at):
        return replies.answer_to(connection, ident)
    number = mainland_mobile(sender)
    people = tuple(people_with(desk, number)) if number else ()
    if number is None or not people:
        replies.settle(connection, ident, person=None, kind="unknown", outcome="ignored", answer=None)
        return None
    # One after the other: a correction finds the visit that it corrects, and nobody has more answers than he may.
    alone_for(connection, Lock.REPLYING, [number])
    come = Come(connection, desk, ident, number, people, at)
    reply = read_reply(text, come.today)
    done = WISHES[reply.wish](come, reply)
    person = people[0].id
    has_had_enough = replies.answers_since(connection, person, midnight(come.today)) >= MOST_ANSWERS
    answer = None if has_had_enough else done.answer
    replies.settle(connection, ident, person=person, kind=reply.wish, outcome=done.outcome, answer=answer)
    return answer


def people_with(desk: Desk, number: str) -> Iterator[Person]:
    """Yield whoever has this mobile: deputies first, then the contacts of offices."""
    house = desk.house
    ids = [f"deputy:{ident}" for ident in house.deputies] + [f"contact:{c.id}" for c in house.contacts if c.on_duty]
    for ident in ids:
        person = house.person(ident)
        if person and person.mobile == number:
            yield person


# Acknowledging -----------------------------------------------------------------------------


def _acknowledge(come: Come, _: Reply) -> Done:
    held = [(one, told) for one in come.people if one.office for told in _holds(come, one, one.office)]
    # Only now: with the trail in hand, none of whom others may have in hand is waited for.
    for one, told in held:
        _note(come, one.id, "matter-acknowledged", told.matter)
    labels = [told.label for _, told in held]
    return Done("acknowledged", words.acknowledged(labels)) if held else Done("nothing", words.NOTHING_OVERDUE)


def _holds(come: Come, person: Person, office: str) -> Iterator[Told]:
    """Acknowledge what the last message told and what admits it."""
    for told in replies.last_told_overdue(come.connection, person.id):
        word = Acknowledgement(matter=told.matter, at=come.at, office=office)
        try:
            commands.acknowledge(come.connection, word, calendar=come.desk.calendar, policy=come.desk.policy)
        except Refused:
            continue  # settled meanwhile, or this office is not above whoever is late
        yield told


# Visits ------------------------------------------------------------------------------------


def _record_visit(come: Come, reply: Reply) -> Done:
    deputy = next((person for person in come.people if person.id.startswith("deputy:")), None)
    day = reply.day or come.today
    if deputy is None or reply.kind is None:
        return Done("refused", words.NO_DEPUTY)
    if day > come.today:
        return Done("refused", words.AHEAD)
    place = _place(come, deputy, reply.kind, day)
    if place is None:
        return Done("refused", words.no_place(reply.kind))
    visit = Visit(
        id=_visit_id(come, deputy, reply.kind, day, place),
        deputy=deputy.id.removeprefix("deputy:"),
        day=day,
        kind=reply.kind,
        place=place,
        voters=reply.voters,
        recorded_at=come.at,
    )
    try:
        commands.record_visit(come.connection, visit, calendar=come.desk.calendar, policy=come.desk.policy)
    except Refused:
        return Done("refused", words.NOT_HELD)
    _note(come, deputy.id, "visit-recorded", f"visit:{visit.id}")
    return Done("recorded", words.visit_recorded(reply.kind, day, _name(come, place), reply.voters))


def _visit_id(come: Come, deputy: Person, kind: VisitKind, day: date, place: str) -> str:
    """Return the id of an SMS visit on that day to that place, so that a correction changes it; else a new one."""
    made, _ = facts.facts_of_deputies(come.connection, [deputy.id.removeprefix("deputy:")])
    same = [visit.id for visit in made if (visit.day, visit.kind, visit.place) == (day, kind, place)]
    known = next((ident for ident in same if ident.startswith(PREFIX)), None)
    return known or PREFIX + hashlib.sha256(come.ident.encode()).hexdigest()[:20]


def _place(come: Come, deputy: Person, kind: VisitKind, day: date) -> str | None:
    """Return where the deputy went: the place that fits most of his seats in force, a seat's own before a shared one.

    A station: the seat's own, or the central one of its town. A grid: the seat's own; one inside another fits both.
    """
    sitting = facts.seats_of_deputies(come.connection, [deputy.id.removeprefix("deputy:")])
    seats = [seat for seat in sitting if seat.begins <= day and (seat.ends is None or day <= seat.ends)]
    fits = Counter(place for seat in seats for place in _fitting(come, seat, seats, kind))
    own = {seat.station if kind is VisitKind.STATION else seat.grid for seat in seats}
    return min(fits, key=lambda place: (-fits[place], place not in own, place), default=None)


def _fitting(come: Come, seat: Seat, seats: list[Seat], kind: VisitKind) -> Iterator[str]:
    house = come.desk.house
    if kind is VisitKind.STATION:
        yield from house.stations_for(seat.station, seat.town)
    elif seat.grid:
        grids = {other.grid for other in seats if other.grid}
        yield from (grid for grid in grids if house.is_under(grid, seat.grid))


def _name(come: Come, place: str) -> str:
    found = come.desk.house.offices.get(place) or come.desk.house.grids.get(place)
    return found.name if found else place


# The rest ----------------------------------------------------------------------------------


def _opt_out(come: Come, _: Reply) -> Done:
    optouts.add(come.connection, Channel.SMS, come.number, come.at, "reply")
    _note(come, come.people[0].id, "sms-stopped", come.people[0].id)
    return Done("stopped", words.OPTED_OUT)


def _opt_in(come: Come, _: Reply) -> Done:
    optouts.remove(come.connection, Channel.SMS, come.number)
    _note(come, come.people[0].id, "sms-resumed", come.people[0].id)
    return Done("resumed", words.OPTED_IN)


def _help(come: Come, _: Reply) -> Done:
    told = replies.answers_since(come.connection, come.people[0].id, midnight(come.today), Wish.HELP)
    return Done("told-before") if told else Done("told", words.HELP)


WISHES: Final[dict[Wish, Callable[[Come, Reply], Done]]] = {
    Wish.ACKNOWLEDGE: _acknowledge,
    Wish.VISIT: _record_visit,
    Wish.OPT_OUT: _opt_out,
    Wish.OPT_IN: _opt_in,
    Wish.HELP: _help,
}


def _note(come: Come, person: str, action: str, subject: str) -> None:
    audit.append(come.connection, at=come.at, actor=person, action=action, subject=subject, by="sms")
