"""Who is told what, on which channel, and when does it leave?

Rules: R2.3, R2.4, R5.1 to R5.11. Callers: replay/ and actors/, which keep what was decided.
"""

from collections.abc import Collection, Iterable
from datetime import date, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Final, NamedTuple

from rules.dockets import Change, Desk
from rules.facts import SHANGHAI, Channel, local_day, midnight
from rules.ladders import Fired, Rung, RungKind, hold_round, ladder, next_day, next_round, outstanding, round_at
from rules.matters import UNSETTLED, Cause, Matter, MatterKind
from rules.offices import House, Person
from rules.petitions import Stage

SMS: Final = (Channel.SMS,)
EMAIL: Final = (Channel.EMAIL,)
BOTH: Final = (Channel.SMS, Channel.EMAIL)


class Event(StrEnum):
    """What an event notice tells (R5.8)."""

    ASSIGN = "event-assign"
    ASSIGNED = "event-assigned"
    HANDLED = "event-handled"
    REOPENED = "event-reopened"
    REPLANNED = "event-replanned"
    SETTLED = "event-settled"


#: told even if the matter has moved on since (R5.7)
ALWAYS: Final = frozenset({Event.REPLANNED.value, Event.SETTLED.value})
#: what the opening of a stage tells the one who must act
OPENINGS: Final = {Stage.ASSIGN: Event.ASSIGN, Stage.ACCEPT: Event.ASSIGNED, Stage.VERIFY: Event.HANDLED}
REOPENINGS: Final = frozenset({Cause.REWORK, Cause.DISSATISFIED})


class Verdict(StrEnum):
    """What was decided of a notice."""

    SENT = "sent"  #: it is to leave
    SKIPPED = "skipped"  #: a reminder that gave way (R5.2)
    UNDELIVERABLE = "undeliverable"  #: nobody could be reached (R2.4)


class NoticeKey(NamedTuple):
    """What is unique for ever (R5.6)."""

    matter: str
    due: date
    rung: str
    to: str | None
    channel: Channel | None


class Notice(NamedTuple):
    """One line among the notices: one matter, due date, rung, recipient and channel."""

    matter: Matter
    rung: str
    person: Person | None  #: None: nobody could be reached
    channel: Channel | None
    verdict: Verdict
    rerouted: bool = False

    @property
    def key(self) -> NoticeKey:
        """What is unique for ever (R5.6)."""
        to = self.person.id if self.person else None
        return NoticeKey(self.matter.id, self.matter.due, self.rung, to, self.channel)


def addressed(
    matter: Matter,
    rung: str,
    responsible: str,
    wanted: tuple[Channel, ...],
    house: House,
    verdict: Verdict = Verdict.SENT,
) -> list[Notice]:
    """Return the notices for `responsible`, or for the nearest office above that has somebody (R2.4, R5.5).

    Where nobody is found up to the root: one undeliverable notice; none for a reminder that gives way.
    """
    ways = house.ways(responsible, matter.town, wanted)
    if ways:
        return [Notice(matter, rung, way.person, way.channel, verdict, way.rerouted) for way in ways]
    if verdict is Verdict.SKIPPED:
        return []
    return [Notice(matter, rung, None, None, Verdict.UNDELIVERABLE)]


# Rungs -------------------------------------------------------------------------------------


class RoundResult(NamedTuple):
    """What a round decided of one matter."""

    notices: list[Notice]
    fired: list[Fired]  #: rungs dealt with, fired or skipped
    left: tuple[Rung, ...]  #: those that may still fire


def rungs_left(matter: Matter, fired: Collection[Fired], desk: Desk) -> tuple[Rung, ...]:
    """Return the rungs of a matter that may still fire; none for a silent visit period (R5.3)."""
    if matter.silent or matter.closed is not None:
        return ()
    chain = desk.house.chain(matter.responsible, matter.town)
    rungs = ladder(matter, chain, desk.policy, desk.calendar)
    return outstanding(rungs, matter.due, frozenset(fired), desk.start_on)


def round_notices(matter: Matter, fired: Collection[Fired], day: date, desk: Desk) -> RoundResult:
    """Say what the round of `day` does with a matter (R5.1, R5.2)."""
    return fire_rungs(matter, rungs_left(matter, fired, desk), day, desk)


def fire_rungs(matter: Matter, left: tuple[Rung, ...], day: date, desk: Desk) -> RoundResult:
    """Say what the round of `day` does with a matter of which these rungs are left (R5.1, R5.2)."""
    if not matter.is_live(day):
        return RoundResult([], [], ())
    outcome = hold_round(left, day)
    notices: list[Notice] = []
    for rung in outcome.skip:
        notices += addressed(matter, rung.name, matter.responsible, SMS, desk.house, Verdict.SKIPPED)
    for rung in outcome.fire:
        notices += addressed(matter, rung.name, *rung_target(matter, rung, desk.house), desk.house)
    dealt_with = [Fired(matter.due, rung.name) for rung in (*outcome.skip, *outcome.fire)]
    return RoundResult(once(notices), dealt_with, outcome.left)


def rung_target(matter: Matter, rung: Rung, house: House) -> tuple[str, tuple[Channel, ...]]:
    """Return whom a rung is meant for, and its channels (R2.3, R5.5)."""
    if rung.kind is RungKind.CLIMB:
        return f"office:{house.chain(matter.responsible, matter.town)[rung.number - 1]}", BOTH
    return matter.responsible, BOTH if rung.kind is RungKind.OVERDUE else SMS


def next_attention(matter: Matter, fired: Collection[Fired], after: datetime, desk: Desk) -> datetime | None:
    """Return the first round from `after` on in which a rung of the matter fires, on the facts known now."""
    return attention_for(matter, rungs_left(matter, fired, desk), after, desk)


def attention_for(matter: Matter, left: tuple[Rung, ...], after: datetime, desk: Desk) -> datetime | None:
    """Return the first round from `after` on in which one of the rungs left fires."""
    if not left:
        return None
    day = next_day(left, after, desk.policy.notify_at, desk.calendar)
    return round_at(day, desk.policy) if matter.is_live(day) else None


# Events ------------------------------------------------------------------------------------


def event_notices(change: Change, at: datetime, reached: Iterable[Person], desk: Desk) -> list[Notice]:
    """Return what the facts of one instant tell about one matter (R5.8).

    `reached`: whom a climb rung of this matter reached, under any due date. Facts before `start_on` tell nothing.
    """
    before, after = change.before, change.after
    if after is None or at < midnight(desk.start_on):
        return []
    if before is None and after.closed is not None:
        return []  # it opened and ended within one instant
    if before is None and after.kind is MatterKind.PETITION:
        return _opening(after, desk.house)
    found: list[Notice] = []
    slips = before.slips if before else 0
    if slips < desk.policy.project.slips <= after.slips:
        found += addressed(after, Event.REPLANNED, f"office:{desk.house.municipal}", EMAIL, desk.house)
    if before and after.closed and before.status_on(local_day(at)) in UNSETTLED:
        found += [_to_person(after, person) for person in reached]
    return found


def _opening(matter: Matter, house: House) -> list[Notice]:
    stage = Stage(matter.stage)
    if stage in OPENINGS:
        return addressed(matter, OPENINGS[stage], matter.responsible, SMS, house)
    if stage is not Stage.HANDLE or matter.cause not in REOPENINGS:
        return []
    first = house.chain(matter.responsible, matter.town)[0]
    return [
        *addressed(matter, Event.REOPENED, matter.responsible, SMS, house),
        *addressed(matter, Event.REOPENED, f"office:{first}", EMAIL, house),
    ]


def _to_person(matter: Matter, person: Person) -> Notice:
    if not person.channels:  # since the climb the person has lost every address
        return Notice(matter=matter, rung=Event.SETTLED, person=None, channel=None, verdict=Verdict.UNDELIVERABLE)
    channel = person.used(EMAIL)[0]
    return Notice(matter=matter, rung=Event.SETTLED, person=person, channel=channel, verdict=Verdict.SENT)


def once(notices: Iterable[Notice]) -> list[Notice]:
    """Make one of notices with one key; it is rerouted only if all of them are (R5.6)."""
    some = list(notices)
    return list(by_key(some).values()) if len(some) > 1 else some


def by_key(notices: Iterable[Notice]) -> dict[NoticeKey, Notice]:
    """Return the notices by their keys, as `once` makes them."""
    kept: dict[NoticeKey, Notice] = {}
    for notice in notices:
        key = notice.key
        twin = kept.setdefault(key, notice)
        if twin.rerouted and not notice.rerouted:
            kept[key] = twin._replace(rerouted=False)
    return kept


# Leaving -----------------------------------------------------------------------------------


def leaves_at(at: datetime, desk: Desk) -> datetime:
    """Return when an event notice of `at` leaves: at once inside the window, else in the next round (R5.8)."""
    return at if is_in_window(at, desk) else next_round(at, desk.policy, desk.calendar)


def is_in_window(at: datetime, desk: Desk) -> bool:
    """Say whether `at` lies inside the send window of a workday."""
    local = at.astimezone(SHANGHAI)
    window = desk.policy.send_window
    return desk.calendar.is_workday(local.date()) and window.begins <= local.time() < window.ends


def put_off(at: datetime, desk: Desk) -> datetime:
    """Return the first round of the next workday: where messages beyond `sms_per_day` go (R5.11)."""
    tomorrow = desk.calendar.workdays(local_day(at), 1)
    return next_round(midnight(tomorrow), desk.policy, desk.calendar)


def superseded(rung: str, due: date, responsible: str, now: Matter | None, day: date) -> str | None:
    """Return why a notice about to leave is no longer right, or None if it is (R5.7).

    `rung`, `due`, `responsible`: as they were when it was decided; `now`: its matter as it stands on `day`.
    """
    if rung in ALWAYS:
        return None
    if now is None:
        return "the matter was reckoned away"
    if not now.is_live(day):
        return f"the matter is {now.status_on(day)}"
    if now.due != due:
        return f"the due date is now {now.due}"
    return f"{now.responsible} is responsible now" if now.responsible != responsible else None


def urgency(notice: Notice) -> tuple[int, int, date, str]:
    """Return the order in which merged items stand, the most urgent first (R5.9).

    The highest climb, then overdue, then the reminder nearest its due date, then events; ties by due date,
    then matter id.
    """
    return (*_rank(notice.rung), notice.matter.due, notice.matter.id)


@lru_cache(maxsize=1024)
def _rank(rung: str) -> tuple[int, int]:
    kind, _, number = rung.partition("-")
    match kind:
        case RungKind.CLIMB:
            return 0, -int(number)
        case RungKind.OVERDUE:
            return 1, 0
        case RungKind.REMIND:
            return 2, int(number)
        case _:
            return 3, 0
