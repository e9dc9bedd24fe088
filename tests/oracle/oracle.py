"""Which notices, digests and matters do the rules give for a record between two days?

The matters are reckoned from nothing at every instant that counts (matters.py); what happened at an instant is the
difference from the instant before. Only what has left, and what waits to leave, is carried from one to the next.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from functools import cache, partial
from pathlib import Path

from .days import ONE_DAY, back, is_first_workday_of_month, is_first_workday_of_week, is_workday, span, workdays
from .matters import Duty, Matter, petition_matters, project_matters, seat_matters
from .tables import Person, Record, read_record

Line = dict[str, object]
Settings = dict[str, object]

ROUND_AT = time(9, 0)
DIGEST_AT = time(8, 30)
BEFORE_ALL = datetime(1, 1, 1)  # noqa: DTZ001 - local time throughout
WINDOW = (time(8, 30), time(20, 0))
HOLD_WORKDAYS = 3
DUE_SOON_WORKDAYS = 4
REMINDER_CHANNELS = ("sms",)
LATE_CHANNELS = ("sms", "email")
ALWAYS = ("event-settled", "event-replanned")
LIVE = ("open", "overdue")


@dataclass(frozen=True)
class Rung:
    """One rung of a matter's ladder; `number` is the k of a reminder or the n of a climb."""

    name: str
    kind: str
    number: int
    day: date


@dataclass(frozen=True)
class Notice:
    """One line of notices.jsonl before it leaves; `to` is None for an undeliverable one."""

    matter: str
    rung: str
    due: date
    responsible: str
    to: Person | None
    channel: str | None
    status: str
    rerouted: bool

    @property
    def key(self) -> tuple[str, date, str, str, str]:
        """What is unique for ever? (R5.6)"""
        return self.matter, self.due, self.rung, self.to.id if self.to else "", self.channel or ""

    def line(self, at: datetime) -> Line:
        """How is it written, left at this instant?"""
        return {
            "at": written(at),
            "matter": self.matter,
            "rung": self.rung,
            "due": self.due.isoformat(),
            "to": self.to.id if self.to else None,
            "office": self.to.office if self.to else None,
            "channel": self.channel,
            "status": self.status,
            "rerouted": self.rerouted,
        }


@dataclass(frozen=True)
class Waiting:
    """A notice that is put off to a later round."""

    notice: Notice
    until: datetime


@dataclass
class Subject:
    """A seat, petition or project: when its facts become known, and its matters on the facts known at an instant."""

    name: str
    instants: list[datetime]
    matters_at: Callable[[datetime], dict[str, Matter]]

    def __post_init__(self) -> None:
        self.instants = sorted(set(self.instants))
        self.snapshots: dict[int, dict[str, Matter]] = {}
        self.beginnings: dict[int, dict[str, date | None]] = {}

    def known(self, instant: datetime) -> int:
        """How many of its instants have come?"""
        return bisect_right(self.instants, instant)

    def snapshot(self, known: int) -> dict[str, Matter]:
        """Which matters are there when so many instants have come?"""
        if known not in self.snapshots:
            self.snapshots[known] = self.matters_at(self.instants[known - 1] if known else BEFORE_ALL)
        return self.snapshots[known]

    def at(self, instant: datetime) -> dict[str, Matter]:
        """Which matters are there at the instant?"""
        return self.snapshot(self.known(instant))

    def began(self, matter: str, known: int) -> date | None:
        """On which day did the matter's ladder begin? None: no fact opened it or changed its due date. (R5.1)"""
        if known not in self.beginnings:
            self.beginnings[known] = {id_: self._began(id_, known) for id_ in self.snapshot(known)}
        return self.beginnings[known][matter]

    def _began(self, matter: str, known: int) -> date | None:
        if known == 0:
            return None
        before, now = self.snapshot(known - 1).get(matter), self.snapshot(known)[matter]
        if before is None or before.due != now.due:
            return self.instants[known - 1].date()
        return self.began(matter, known - 1)


def written(at: datetime) -> str:
    """How is a local instant written?"""
    return f"{at.isoformat(timespec='seconds')}+08:00"


def setting(settings: Settings, name: str) -> object | None:
    """What is the setting, with or without the name of its section before it?"""
    for key, value in settings.items():
        if key == name or key.endswith("." + name):
            return value
    return None


def duty_of(settings: Settings) -> Duty:
    """Which duty do the settings give?"""
    given = {name: setting(settings, name) for name in ("period", "arrivals", "place")}
    return Duty(**{name: str(value) for name, value in given.items() if value is not None})


def subjects_of(record: Record, duty: Duty, start_on: date, horizon: date) -> dict[str, Subject]:
    """Which seats, petitions and projects has the record? By the name that their matters' ids open with."""
    found = [
        Subject(
            f"visit:{seat.id}",
            [visit.known for visit in record.visits if visit.deputy == seat.deputy]
            + [leave.known for leave in record.leaves if leave.deputy == seat.deputy],
            partial(seat_matters, record, duty, seat, start_on=start_on, horizon=horizon),
        )
        for seat in record.seats
    ]
    for petition in record.petitions:
        events = [event for event in record.petition_events if event.petition == petition.id]
        known = [petition.known] + [event.at for event in events if event.event != "acknowledged"]
        found.append(Subject(f"petition:{petition.id}", known, partial(petition_matters, record, petition, events)))
    for project in record.projects:
        steps = [event for event in record.project_events if event.project == project.id]
        known = [project.known] + [event.at for event in steps]
        found.append(Subject(f"project:{project.id}", known, partial(project_matters, record, project, steps)))
    return {subject.name: subject for subject in found}


def subject_name(matter: str) -> str:
    """Whose matter is it, by its id?"""
    kind, rest = matter.split(":", 1)
    cut = 2 if kind == "petition" else 1
    owner = rest.rsplit(":", cut)[0]
    return f"{'project' if kind in ('milestone', 'inspection') else kind}:{owner}"


def reminder_day(matter: Matter, k: int) -> date:
    """When is the reminder k days before the due date dated? (R3.8, R4.5, R4b.4)"""
    return workdays(matter.due, -k) if matter.ladder.in_workdays else back(matter.due - k * ONE_DAY)


@cache
def rungs_of(matter: Matter, began: date | None) -> tuple[Rung, ...]:
    """Which rungs has the matter, and when is each dated? (R3.8, R4.5, R4b.4, R5.1, R2.3)"""
    base = matter.due if began is None else max(matter.due, began - ONE_DAY)
    reminders = [Rung(f"remind-{k}", "remind", k, reminder_day(matter, k)) for k in matter.ladder.reminders]
    climbs = [
        Rung(f"climb-{n}", "climb", n, workdays(base, after))
        for n, after in enumerate(matter.ladder.climbs, start=1)
        if n <= len(matter.chain)
    ]
    kept = [rung for rung in reminders if rung.day > matter.opened]
    return (*kept, Rung("overdue", "overdue", 0, workdays(base, 1)), *climbs)


class Reckoning:
    """One walk through the instants from `start` to `end`."""

    def __init__(self, record: Record, start: date, end: date, settings: Settings) -> None:
        self.record, self.start, self.end = record, start, end
        self.subjects = subjects_of(record, duty_of(settings), start, end)
        cap = setting(settings, "sms_per_day")
        self.sms_per_day = None if cap in (None, "", "none") else int(str(cap))
        self.contacts: dict[str, list[Person]] = defaultdict(list)
        for contact in record.contacts:
            self.contacts[contact.office or ""].append(contact)
        self.notices: list[Line] = []
        self.digests: list[Line] = []
        self.decided: set[tuple[str, date, str, str, str]] = set()
        self.fired: set[tuple[str, date, str]] = set()
        self.waiting: list[Waiting] = []
        self.reached: dict[str, list[Person]] = defaultdict(list)  #: by a climb of this matter
        self.messages: dict[tuple[str, date], int] = defaultdict(int)
        self.holds = self.find_holds()

    # --- the walk

    def run(self) -> tuple[list[Line], list[Line], list[Line]]:
        """Which lines are written, each list sorted?"""
        for instant in self.instants():
            events = self.event_notices(instant)
            if is_workday(instant.date()) and instant.time() == DIGEST_AT:
                self.make_digests(instant)
            self.let_leave(instant, events)
        self.notices.sort(key=lambda line: _order(line, "at", "matter", "rung", "to", "channel"))
        self.digests.sort(key=lambda line: _order(line, "at", "digest", "office", "to"))
        return self.notices, self.digests, self.matter_lines()

    def instants(self) -> list[datetime]:
        """At which instants can anything happen?"""
        first = datetime.combine(self.start, time())
        last = datetime.combine(self.end, time()) + ONE_DAY
        found = {at for subject in self.subjects.values() for at in subject.instants if first <= at < last}
        for day in span(self.start, self.end):
            if is_workday(day):
                found |= {datetime.combine(day, DIGEST_AT), datetime.combine(day, ROUND_AT)}
        return sorted(found)

    def let_leave(self, instant: datetime, events: list[Notice]) -> None:
        """Send what leaves now, and put off what cannot."""
        leaving: list[Notice] = []
        if in_window(instant):
            leaving += events
        else:
            self.waiting += [Waiting(notice, next_round(instant)) for notice in events]
        if is_workday(instant.date()) and instant.time() == ROUND_AT:
            ready = [held.notice for held in self.waiting if held.until <= instant]
            self.waiting = [held for held in self.waiting if held.until > instant]
            leaving += [notice for notice in ready if self.still_holds(notice, instant)]
            leaving += self.round_notices(instant)
        self.send(instant, leaving)

    def still_holds(self, notice: Notice, instant: datetime) -> bool:
        """Is there still a reason for the notice at the last moment? (R5.7)"""
        if notice.rung in ALWAYS:
            return True
        matter = self.subjects[subject_name(notice.matter)].at(instant).get(notice.matter)
        return (
            matter is not None
            and matter.status(instant.date()) in LIVE
            and matter.due == notice.due
            and matter.responsible == notice.responsible
        )

    def send(self, instant: datetime, leaving: list[Notice]) -> None:
        """Write what leaves now; SMS beyond a person's daily number wait for the next workday (R5.9, R5.11)."""
        texts: dict[str, list[Notice]] = defaultdict(list)
        for notice in leaving:
            if notice.status == "sent" and notice.channel == "sms" and notice.to:
                texts[notice.to.id].append(notice)
            else:
                self.write(instant, notice)
        for person, items in texts.items():
            day = instant.date()
            if self.sms_per_day is not None and self.messages[person, day] >= self.sms_per_day:
                tomorrow = datetime.combine(workdays(day, 1), ROUND_AT)
                self.waiting += [Waiting(notice, tomorrow) for notice in items]
                continue
            self.messages[person, day] += 1
            for notice in items:
                self.write(instant, notice)

    def write(self, instant: datetime, notice: Notice) -> None:
        """Write one line, and remember whom a climb has reached."""
        self.notices.append(notice.line(instant))
        reached = self.reached[notice.matter]
        if notice.to and notice.status == "sent" and notice.rung.startswith("climb-") and notice.to not in reached:
            reached.append(notice.to)

    # --- to whom

    def people(self, recipient: str) -> list[Person]:
        """Who stands behind `deputy:<id>` or `office:<id>` and can be reached?"""
        kind, id_ = recipient.split(":", 1)
        people = [self.record.deputies[id_]] if kind == "deputy" else self.contacts[id_]
        return [person for person in people if person.reachable]

    def addressed(
        self, matter: Matter, rung: str, recipient: str, above: Iterable[str], wanted: tuple[str, ...]
    ) -> list[Notice]:
        """Which notices go to the recipient, or where nobody can be reached up the chain? (R2.4, R5.5)"""
        for step, target in enumerate([recipient, *(f"office:{office}" for office in above)]):
            people = self.people(target)
            if people:
                return [
                    Notice(matter.id, rung, matter.due, matter.responsible, person, channel, "sent", step > 0)
                    for person in people
                    for channel in channels_used(person, wanted)
                ]
        return [Notice(matter.id, rung, matter.due, matter.responsible, None, None, "undeliverable", False)]

    def to_responsible(self, matter: Matter, rung: str, wanted: tuple[str, ...]) -> list[Notice]:
        """Which notices go to whoever is responsible?"""
        return self.addressed(matter, rung, matter.responsible, matter.chain, wanted)

    def to_chain(self, matter: Matter, rung: str, n: int, wanted: tuple[str, ...]) -> list[Notice]:
        """Which notices go to the n-th office of the chain?"""
        return self.addressed(matter, rung, f"office:{matter.chain[n - 1]}", matter.chain[n:], wanted)

    def once(self, notices: Iterable[Notice]) -> list[Notice]:
        """Which of these have never been decided? Two with one key are one, rerouted only if both are. (R5.6)"""
        merged: dict[tuple[str, date, str, str, str], Notice] = {}
        for notice in notices:
            twin = merged.get(notice.key)
            merged[notice.key] = replace(notice, rerouted=notice.rerouted and (twin is None or twin.rerouted))
        fresh = [notice for key, notice in merged.items() if key not in self.decided]
        self.decided.update(merged)
        return fresh

    # --- the round

    def round_notices(self, instant: datetime) -> list[Notice]:
        """Which rungs fire in this round, and to whom? (R5.1–R5.4)"""
        return [
            notice
            for subject in self.subjects.values()
            for matter in subject.at(instant).values()
            for notice in self.once(self.fire(subject, matter, instant))
        ]

    def fire(self, subject: Subject, matter: Matter, instant: datetime) -> Iterator[Notice]:
        """Which notices does the matter give in this round?"""
        today = instant.date()
        if matter.opened > today or matter.status(today) not in LIVE:
            return
        if matter.period_end is not None and matter.period_end < self.start:
            return
        outstanding = self.outstanding(subject, matter, instant)
        reminders = [rung.number for rung in outstanding if rung.kind == "remind"]
        has_overdue = any(rung.kind == "overdue" for rung in outstanding)
        for rung in outstanding:
            self.fired.add((matter.id, matter.due, rung.name))
            if rung.kind == "climb":
                yield from self.to_chain(matter, rung.name, rung.number, LATE_CHANNELS)
            elif rung.kind == "overdue":
                yield from self.to_responsible(matter, rung.name, LATE_CHANNELS)
            else:
                notices = self.to_responsible(matter, rung.name, REMINDER_CHANNELS)
                gives_way = has_overdue or rung.number > min(reminders)
                yield from skipped(notices) if gives_way else notices

    def outstanding(self, subject: Subject, matter: Matter, instant: datetime) -> list[Rung]:
        """Which rungs have come, have not fired for this due date, and are not held?"""
        today = instant.date()
        held_to = self.held_until(matter, instant)
        began = subject.began(matter.id, subject.known(instant))
        return [
            rung
            for rung in rungs_of(matter, began)
            if self.start <= rung.day <= today
            and (matter.id, matter.due, rung.name) not in self.fired
            and not (rung.kind == "climb" and held_to is not None and today < held_to)
        ]

    # --- acknowledgements

    def find_holds(self) -> dict[tuple[str, date], list[tuple[datetime, date]]]:
        """Which acknowledgements hold, by matter and due date: since when, and until which day? (R5.4)"""
        holds: dict[tuple[str, date], list[tuple[datetime, date]]] = defaultdict(list)
        counted: set[tuple[str, date, str]] = set()
        for at, id_, office in sorted(self.acknowledgements()):
            subject = self.subjects.get(subject_name(id_))
            matter = subject.at(at).get(id_) if subject else None
            if matter is None or matter.opened > at.date() or matter.status(at.date()) != "overdue":
                continue
            if office not in matter.chain or (id_, matter.due, office) in counted:
                continue
            counted.add((id_, matter.due, office))
            holds[id_, matter.due].append((at, workdays(at.date(), HOLD_WORKDAYS)))
        return holds

    def acknowledgements(self) -> Iterator[tuple[datetime, str, str]]:
        """Which acknowledgements are there, of both tables: when, of which matter, by which office?"""
        for ack in self.record.acknowledgements:
            yield ack.at, ack.matter, ack.office
        for event in self.record.petition_events:
            if event.event != "acknowledged":
                continue
            stages = self.subjects[f"petition:{event.petition}"].at(event.at).values()
            yield from ((event.at, stage.id, event.office or "") for stage in stages if stage.ended is None)

    def held_until(self, matter: Matter, instant: datetime) -> date | None:
        """Until which day are the matter's climb rungs held, on the acknowledgements known at the instant?"""
        days = [until for at, until in self.holds.get((matter.id, matter.due), []) if at <= instant]
        return max(days, default=None)

    # --- events

    def event_notices(self, instant: datetime) -> list[Notice]:
        """Which event notices do the facts of this instant give? (R5.8)"""
        found: list[Notice] = []
        for subject in self.subjects.values():
            known = subject.known(instant)
            if known == 0 or subject.instants[known - 1] != instant:
                continue
            before, now = subject.snapshot(known - 1), subject.snapshot(known)
            for matter in now.values():
                found += self.once(self.told(before.get(matter.id), matter))
        return found

    def told(self, before: Matter | None, now: Matter) -> Iterator[Notice]:
        """What is told of one matter, from how it stood before the instant and how it stands after it?"""
        if before is None and now.ended is None and now.id.startswith("petition:"):
            yield from self.opened(now)
        newly_opened_and_ended = before is None and now.ended is not None
        if now.slips >= 2 and (before is None or before.slips < 2) and not newly_opened_and_ended:
            municipal = self.record.municipal()
            above = self.record.ancestors(municipal)
            yield from self.addressed(now, "event-replanned", f"office:{municipal}", above, ("email",))
        if before is not None and before.ended is None and now.ended is not None:
            for person in self.reached[now.id]:
                for channel in channels_used(person, ("email",)):
                    yield Notice(now.id, "event-settled", now.due, now.responsible, person, channel, "sent", False)

    def opened(self, matter: Matter) -> Iterator[Notice]:
        """What is told when a stage of a petition opens?"""
        stage = matter.id.rsplit(":", 2)[1]
        rung = {"assign": "event-assign", "accept": "event-assigned", "verify": "event-handled"}.get(stage)
        if rung:
            yield from self.to_responsible(matter, rung, ("sms",))
        elif stage == "handle" and matter.reopened:
            yield from self.to_responsible(matter, "event-reopened", ("sms",))
            yield from self.to_chain(matter, "event-reopened", 1, ("email",))

    # --- digests and matters

    def make_digests(self, instant: datetime) -> None:
        """Which digests are made this morning? (R7.1)"""
        today = instant.date()
        counts = self.counts(instant)
        by_kind: dict[str, list[str]] = defaultdict(list)
        for office in self.record.offices.values():
            by_kind[office.kind].append(office.id)
        for town in by_kind["town"]:
            if any(counts[town]):
                self.digest(instant, "daily", today.isoformat(), town, counts[town])
        everywhere = (sum(soon for soon, _ in counts.values()), sum(late for _, late in counts.values()))
        if is_first_workday_of_week(today):
            year, week, _ = today.isocalendar()
            for municipal in by_kind["municipal"]:
                self.digest(instant, "weekly", f"{year:04d}-W{week:02d}", municipal, everywhere)
        if is_first_workday_of_month(today):
            month_before = today.replace(day=1) - ONE_DAY
            for above in [*by_kind["municipal"], *by_kind["directors"]]:
                self.digest(instant, "monthly", f"{month_before:%Y-%m}", above, everywhere)

    def counts(self, instant: datetime) -> dict[str, tuple[int, int]]:
        """How many matters are due soon and how many overdue, by town?"""
        today = instant.date()
        soon: dict[str, int] = defaultdict(int)
        late: dict[str, int] = defaultdict(int)
        limit = workdays(today, DUE_SOON_WORKDAYS)
        for subject in self.subjects.values():
            for matter in subject.at(instant).values():
                if matter.opened > today or (matter.period_end is not None and matter.period_end < self.start):
                    continue
                status = matter.status(today)
                soon[matter.town] += status == "open" and today <= matter.due <= limit
                late[matter.town] += status == "overdue"
        return defaultdict(lambda: (0, 0), {town: (soon[town], late[town]) for town in {*soon, *late}})

    def digest(self, instant: datetime, kind: str, period: str, office: str, counts: tuple[int, int]) -> None:
        """Write the digest for each contact of the office that can be reached."""
        for person in self.people(f"office:{office}"):
            self.digests.append(
                {
                    "at": written(instant),
                    "digest": kind,
                    "period": period,
                    "office": office,
                    "to": person.id,
                    "due_soon": counts[0],
                    "overdue": counts[1],
                }
            )

    def matter_lines(self) -> list[Line]:
        """How does every matter stand at the last second of the last day?"""
        last = datetime.combine(self.end, time(23, 59, 59, 999999))
        lines = [
            matter_line(matter, self.end)
            for subject in self.subjects.values()
            for matter in subject.at(last).values()
            if matter.opened <= self.end
        ]
        return sorted(lines, key=lambda line: _order(line, "matter"))


def channels_used(person: Person, wanted: tuple[str, ...]) -> tuple[str, ...]:
    """Which of the person's channels carry the notice? If none is wanted, the first of the person's own. (R5.5)"""
    return tuple(channel for channel in person.channels if channel in wanted) or person.channels[:1]


def skipped(notices: list[Notice]) -> list[Notice]:
    """What is recorded of a reminder that gives way? Nothing where nobody could be reached. (R5.2)"""
    return [replace(notice, status="skipped") for notice in notices if notice.status == "sent"]


def in_window(instant: datetime) -> bool:
    """May an event notice leave now? (R5.8)"""
    return is_workday(instant.date()) and WINDOW[0] <= instant.time() < WINDOW[1]


def next_round(instant: datetime) -> datetime:
    """When is the first round after the instant?"""
    today = datetime.combine(instant.date(), ROUND_AT)
    if is_workday(instant.date()) and instant < today:
        return today
    return datetime.combine(workdays(instant.date(), 1), ROUND_AT)


def matter_line(matter: Matter, today: date) -> Line:
    """How is the matter written?"""
    line: Line = {
        "matter": matter.id,
        "opened": matter.opened.isoformat(),
        "due": matter.due.isoformat(),
        "settled": matter.settled.isoformat() if matter.settled else None,
        "status": matter.status(today),
        "responsible": matter.responsible,
    }
    if matter.arrivals is not None:
        line["arrivals"] = list(matter.arrivals)
    return line


def _order(line: Line, *heads: str) -> tuple[str, ...]:
    return tuple(str(line[head] or "") for head in heads)


def matters_at(
    record: Record, instant: datetime, settings: Settings, start_on: date, horizon: date | None = None
) -> dict[str, Matter]:
    """Which matters has the record on the facts known at the (local) instant, opened by its day?"""
    last = horizon or instant.date()
    subjects = subjects_of(record, duty_of(settings), start_on, last)
    found = {matter.id: matter for subject in subjects.values() for matter in subject.at(instant).values()}
    return {id_: matter for id_, matter in found.items() if matter.opened <= last}


def reckon(folder: Path, start: date, end: date, settings: Settings) -> tuple[list[Line], list[Line], list[Line]]:
    """Which lines of notices, digests and matters does the record in the folder give?"""
    return Reckoning(read_record(folder), start, end, settings).run()
