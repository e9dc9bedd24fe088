"""What would have happened, instant by instant, had this record become known under this policy?

The virtual clock jumps from one instant at which something is known or due to the next, and asks the same
rules, in the same order, as the daemon does: facts first, then digests, then the round, then what leaves.
Rules: R5, R7; INTERFACES "duban simulate". Callers: replay/simulate.py, the policy workshop, tests.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import partial
from heapq import heappop, heappush
from typing import NamedTuple

from config.collecting import seldom_collecting
from rules import digests as digest_rules
from rules import notices as notice_rules
from rules.digests import Counts, Digest, DigestKind
from rules.dockets import Change, Desk, Docket, Fact
from rules.duties import seat_docket
from rules.facts import Acknowledgement, Channel, Leave, Record, Visit, local_day, midnight
from rules.ladders import Fired, Rung, round_at
from rules.matters import Matter, Subject, SubjectKind, subject_of
from rules.notices import Notice, NoticeKey, Verdict
from rules.offices import Person
from rules.petitions import PetitionDocket
from rules.projects import ProjectDocket
from rules.workdays import ONE_DAY


class Sent(NamedTuple):
    """A notice that left, gave way or found nobody, at an instant."""

    at: datetime
    notice: Notice
    text: str


@dataclass(frozen=True, slots=True)
class Made:
    """A digest that was made for one person."""

    at: datetime
    digest: Digest
    person: Person
    counts: Counts


@dataclass(slots=True)
class _Learnt:
    """What one subject learns at one instant."""

    facts: list[Fact] = field(default_factory=list)
    acknowledgements: list[Acknowledgement] = field(default_factory=list)


#: words for the notices of one person on one channel that leave together, the most urgent first
Words = Callable[[Sequence[Notice], date], str]


class Replay:
    """A record on a virtual clock, from `desk.start_on` to the end of `last`."""

    def __init__(self, record: Record, desk: Desk, last: date, words: Words | None = None) -> None:
        """Lay out what becomes known when; nothing is decided yet."""
        self.desk = desk
        self.last = last
        self.sent: list[Sent] = []  #: in the order of their instants
        self.digests: list[Made] = []  #: likewise
        self.dockets: dict[Subject, Docket] = {}
        self._words = words or (lambda _notices, _day: "")
        self._begins = midnight(desk.start_on)
        self._ends = midnight(last + ONE_DAY)
        self._known: dict[datetime, dict[Subject, _Learnt]] = defaultdict(lambda: defaultdict(_Learnt))
        self._founders: dict[Subject, Callable[[], Docket]] = {}
        self._agenda: list[datetime] = []
        self._planned: set[datetime] = set()
        self._openings: dict[datetime, dict[Subject, Docket]] = defaultdict(dict)
        self._rounds: set[datetime] = set()
        self._digest_days: set[datetime] = set()
        self._waiting: dict[datetime, list[Notice]] = defaultdict(list)
        self._live: dict[str, Matter] = {}
        self._attention: dict[str, tuple[datetime, tuple[Rung, ...]]] = {}
        self._calls: dict[datetime, list[str]] = defaultdict(list)
        self._fired: dict[str, set[Fired]] = defaultdict(set)
        self._reached: dict[str, dict[str, Person]] = defaultdict(dict)
        self._keys: set[NoticeKey] = set()
        self._sms: dict[tuple[str, date], int] = defaultdict(int)
        self._lay_out(record)

    # The agenda ---------------------------------------------------------------------------

    def _plan(self, at: datetime) -> None:
        if at < self._ends and at not in self._planned:
            self._planned.add(at)
            heappush(self._agenda, at)

    def _lay_out(self, record: Record) -> None:
        self._lay_out_seats(record)
        self._lay_out_petitions(record)
        self._lay_out_projects(record)
        for word in record.acknowledgements:
            self._known[word.at][subject_of(word.matter)].acknowledgements.append(word)
        for at in self._known:
            self._plan(at)
        self._lay_out_days()

    def _lay_out_seats(self, record: Record) -> None:
        seats_of: dict[str, list[Subject]] = defaultdict(list)
        for seat in record.seats:
            subject = Subject(SubjectKind.SEAT, seat.id)
            self.dockets[subject] = docket = seat_docket(seat, self.desk)
            seats_of[seat.deputy].append(subject)
            self._await_opening(subject, docket)
        known: tuple[Leave | Visit, ...] = (*record.leaves, *record.visits)
        for fact in known:
            for subject in seats_of[fact.deputy]:
                self._known[fact.recorded_at][subject].facts.append(fact)

    def _lay_out_petitions(self, record: Record) -> None:
        for petition in record.petitions:
            self._found(Subject(SubjectKind.PETITION, petition.id), petition.recorded_at, PetitionDocket, petition)
        for event in record.petition_events:
            self._known[event.at][Subject(SubjectKind.PETITION, event.petition)].facts.append(event)

    def _lay_out_projects(self, record: Record) -> None:
        milestones = defaultdict(list)
        for milestone in record.milestones:
            milestones[milestone.project].append(milestone)
        for project in record.projects:
            plan = milestones[project.id]
            self._found(Subject(SubjectKind.PROJECT, project.id), project.recorded_at, ProjectDocket, project, plan)
        for event in record.project_events:
            self._known[event.at][Subject(SubjectKind.PROJECT, event.project)].facts.append(event)

    def _found(self, subject: Subject, at: datetime, kind: Callable[..., Docket], *row: object) -> None:
        # No lambda: it would hold the replay itself, and a cycle of that size is found late and freed slowly.
        self._founders[subject] = partial(kind, *row, self.desk)
        self._known[at][subject]

    def _lay_out_days(self) -> None:
        day = self.desk.start_on
        while day <= self.last:
            if self.desk.calendar.is_workday(day):
                for instants, at in (
                    (self._digest_days, digest_rules.digest_at(day, self.desk)),
                    (self._rounds, round_at(day, self.desk.policy)),
                ):
                    instants.add(at)
                    self._plan(at)
            day += ONE_DAY

    def _await_opening(self, subject: Subject, docket: Docket) -> None:
        day = docket.next_opening()
        if day is not None:
            # Periods before the office took the system into use open together: they tell nothing.
            at = max(midnight(day), self._begins)
            self._openings[at][subject] = docket
            self._plan(at)

    # The clock ----------------------------------------------------------------------------

    def run(self) -> None:
        """Go through all instants up to the end."""
        while self._agenda:
            at = heappop(self._agenda)
            self._planned.discard(at)
            self._step(at)

    def _step(self, at: datetime) -> None:
        decided = self._learn(at)
        if at in self._digest_days:
            self._make_digests(at)
        if at in self._rounds:
            decided += self._hold_round(at)
        leaving = [n for n in self._waiting.pop(at, ()) if self._still_holds(n, at)]
        self._let_go(at, [*leaving, *decided])

    def _learn(self, at: datetime) -> list[Notice]:
        """Apply all facts of the instant, and return the event notices that leave at once."""
        opening = self._openings.pop(at, {})
        known = self._known.pop(at, {})
        for subject in opening:
            if subject not in known:
                known[subject] = _Learnt()
        decided: list[Notice] = []
        for subject, learnt in known.items():
            docket = self._docket(subject)
            for change in docket.learn(at, learnt.facts, learnt.acknowledgements):
                decided += self._change(change, at)
        for subject, docket in opening.items():
            self._await_opening(subject, docket)
        leaves = notice_rules.leaves_at(at, self.desk) if decided else at
        fresh = self._fresh(decided)
        if leaves == at:
            return fresh
        self._waiting[leaves] += fresh
        self._plan(leaves)
        return []

    def _docket(self, subject: Subject) -> Docket:
        docket = self.dockets.get(subject)
        if docket is None:
            docket = self.dockets[subject] = self._founders[subject]()
        return docket

    def _change(self, change: Change, at: datetime) -> list[Notice]:
        matter = change.after
        if matter is None:
            gone = change.before
            if gone is not None:
                self._live.pop(gone.id, None)
            return []
        if matter.closed is None and not matter.silent:
            self._live[matter.id] = matter
            left = notice_rules.rungs_left(matter, self._fired.get(matter.id, ()), self.desk)
            self._call(matter, left, max(at, self._begins))
        else:
            self._live.pop(matter.id, None)
        reached = self._reached.get(matter.id, {}).values()
        return notice_rules.event_notices(change, at, reached, self.desk)

    def _call(self, matter: Matter, left: tuple[Rung, ...], after: datetime) -> None:
        """Remember in which round the matter must be looked at next, and which rungs it has left."""
        at = notice_rules.attention_for(matter, left, after, self.desk)
        if at is None:
            self._attention.pop(matter.id, None)
            return
        known, _ = self._attention.get(matter.id, (None, ()))
        self._attention[matter.id] = (at, left)
        if known != at:
            self._calls[at].append(matter.id)

    def _hold_round(self, at: datetime) -> list[Notice]:
        day, after = local_day(at), at + timedelta(microseconds=1)
        decided: list[Notice] = []
        for ident in self._calls.pop(at, ()):
            called, left = self._attention.get(ident, (None, ()))
            matter = self._live.get(ident)
            if called != at or matter is None:
                continue
            del self._attention[ident]
            result = notice_rules.fire_rungs(matter, left, day, self.desk)
            self._fired[ident].update(result.fired)
            decided += result.notices
            self._call(matter, result.left, after)
        return self._fresh(decided)

    # What leaves --------------------------------------------------------------------------

    def _fresh(self, notices: Iterable[Notice]) -> list[Notice]:
        """Return the notices that were never decided before; each key is used up (R5.6)."""
        fresh = {key: n for key, n in notice_rules.by_key(notices).items() if key not in self._keys}
        self._keys.update(fresh)
        return list(fresh.values())

    def _still_holds(self, notice: Notice, at: datetime) -> bool:
        docket = self.dockets[subject_of(notice.matter.id)]
        then, now = notice.matter, docket.matters.get(notice.matter.id)
        return notice_rules.superseded(notice.rung, then.due, then.responsible, now, local_day(at)) is None

    def _let_go(self, at: datetime, notices: Iterable[Notice]) -> None:
        """Send what leaves now, one message for each person and channel (R5.9, R5.11)."""
        day = local_day(at)
        bundles: dict[tuple[str, Channel], list[Notice]] = defaultdict(list)
        for notice in notices:
            if notice.verdict is not Verdict.SENT or notice.person is None or notice.channel is None:
                self.sent.append(Sent(at, notice, ""))
            else:
                bundles[notice.person.id, notice.channel].append(notice)
        for (person, channel), items in bundles.items():
            if channel is Channel.SMS and not self._may_send(person, day):
                later = notice_rules.put_off(at, self.desk)
                self._waiting[later] += items
                self._plan(later)
            else:
                self._send(at, day, items)

    def _may_send(self, person: str, day: date) -> bool:
        limit = self.desk.policy.sms_per_day
        key = (person, day)
        if limit is not None and self._sms[key] >= limit:
            return False
        self._sms[key] += 1
        return True

    def _send(self, at: datetime, day: date, items: list[Notice]) -> None:
        items.sort(key=notice_rules.urgency)
        text = self._words(items, day)
        for notice in items:
            self.sent.append(Sent(at, notice, text))
            if notice.rung.startswith("climb-") and notice.person is not None:
                self._reached[notice.matter.id][notice.person.id] = notice.person

    # Digests and the end ------------------------------------------------------------------

    def _make_digests(self, at: datetime) -> None:
        day = local_day(at)
        counts = digest_rules.count_by_town(self._live.values(), day, self.desk)
        for digest in digest_rules.digests_on(day, self.desk):
            if digest.kind is DigestKind.MONTHLY:
                self._forget_missed(day)
            tally = counts.get(digest.town, Counts())
            if digest_rules.is_made(digest, tally):
                people = self.desk.house.staff(digest.office)
                self.digests += [Made(at, digest, person, tally) for person in people]

    def _forget_missed(self, day: date) -> None:
        """Leave out what has no ladder any more: those who look at what is live would pass over it each day."""
        self._live = {ident: matter for ident, matter in self._live.items() if matter.is_live(day)}

    def matters(self) -> Iterator[Matter]:
        """Return every matter opened by the end, in no order."""
        for docket in self.dockets.values():
            yield from docket.matters.values()


def replay(record: Record, desk: Desk, last: date, words: Words | None = None) -> Replay:
    """Run a record from `desk.start_on` 00:00 to `last` 24:00 and return all that happened."""
    run = Replay(record, desk, last, words)
    with seldom_collecting():
        run.run()
    return run
