"""Are matters, notices and digests those of a replay of the same record?

The matters always; the notices and digests where no fault touched decisions. Even there the minute of a round is not
sharp: bells are lost, the clock is taken over, the web process is out of reach. Caller: judges.py.
"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any, Final

from replay.engine import Made, Replay, Sent
from replay.simulate import run_record
from rules.facts import Channel, Record, local_day, midnight
from rules.matters import Matter, Subject, SubjectKind, subject_of
from rules.notices import leaves_at
from rules.workdays import ONE_DAY
from store import notices, projection
from store.engine import reading
from tests.trial.aftermath import Wrong
from tests.trial.worlds import World

TAKEN_OVER: Final = timedelta(minutes=1)  #: another daemon goes on by then, if the one that has the clock hangs
#: some bells in a row that are lost or late have a step taken later by so much
LOST_BELLS: Final = timedelta(minutes=5)
#: SMS that left on a later day than meant: by person and day
LATE: Final = "SELECT person, day FROM messages WHERE channel = 'sms' AND day <> date(at, '+8 hours')"
DIGESTS: Final = "SELECT kind, period, office, person, due_soon, overdue FROM digests"
#: what is put off puts off others; for so long it is not asked who was first
PUT_OFF_ON: Final = timedelta(days=7)
SETTLED: Final = "event-settled"  #: whom a climb reached depends on gateways, which a replay does not know
Known = defaultdict[Subject, list[datetime]]
Key = tuple[str, date, str, str, str]  #: of a notice: matter, due date, rung, person, channel


def differences(world: World, *, is_exact: bool) -> Iterator[Wrong]:
    """Yield what is not as in a replay; `is_exact`: whether no fault touched decisions."""
    load = world.load
    run = run_record(load.record, load.first, load.ends, policy=load.policy, settings=load.settings)
    yield from _matters(world, run)
    if is_exact:
        known_at = _known_at(world.load.record)
        told = _Told(world, run, known_at)
        yield from told.missing()
        yield from told.moved()
        yield from told.here_alone()
        yield from _digests(world, run, known_at)


def _matters(world: World, run: Replay) -> Iterator[Wrong]:
    ends = world.load.ends
    with reading(world.engine) as connection:
        ours = {one.matter.id: _shown(one.matter, ends) for one in projection.list_matters(connection, ends)}
    theirs = {m.id: _shown(m, ends) for m in run.matters() if m.opened <= ends}
    for ident in sorted(set(ours) | set(theirs)):
        if ours.get(ident) != theirs.get(ident):
            yield "matters", f"{ident} is {ours.get(ident)}; by the facts {theirs.get(ident)}"


def _shown(matter: Matter, day: date) -> tuple[Any, ...]:
    return matter.opened, matter.due, matter.settled, matter.status_on(day), matter.responsible


class _Told:
    """The notices here and those of the replay."""

    def __init__(self, world: World, run: Replay, known_at: Known) -> None:
        self._world = world
        over = midnight(world.load.ends + ONE_DAY)  # what leaves later, a replay does not tell
        with reading(world.engine) as connection:
            rows = [told.notice for told in notices.list_notices(connection)]
        self._all_here = {_key(row): row for row in rows}
        self._all_there = {_key_of(sent): sent for sent in run.sent}
        self._here = {k: row for k, row in self._all_here.items() if row.rung != SETTLED and row.leaves_at < over}
        self._there = {k: sent for k, sent in self._all_there.items() if sent.notice.rung != SETTLED}
        self._known_at = known_at
        self._late = set(world.raw.execute(LATE).fetchall())

    def _known(self, matter: str) -> list[datetime]:
        return self._known_at[subject_of(matter)]

    def missing(self) -> Iterator[Wrong]:
        for key, sent in self._there.items():
            row = self._here.get(key)
            # A step that is taken a little later goes on as of then: what was settled meanwhile is not told.
            soon = any(sent.at < at <= sent.at + TAKEN_OVER for at in self._known(sent.notice.matter.id))
            if (row is None and not soon) or (row is not None and row.verdict != sent.notice.verdict):
                yield "as replayed", f"{key} is {sent.notice.verdict} in a replay, here {row}"

    def moved(self) -> Iterator[Wrong]:
        for key, sent in self._there.items():
            row = self._here.get(key)
            if row is None or row.state != "bundled" or not row.verdict == sent.notice.verdict == "sent":
                continue
            latest = leaves_at(sent.at + LOST_BELLS, self._world.timetable)
            if not (sent.at <= row.leaves_at <= latest or self._may_move(row, sent)):
                yield "as replayed", f"{key} leaves at {sent.at} in a replay, here at {row.leaves_at}"

    def _may_move(self, row: Any, sent: Sent) -> bool:
        # A fact of the step's own instant may be typed after it.
        is_close = any(abs(at - sent.at) <= TAKEN_OVER for at in self._known(row.matter))
        # An SMS of an earlier day that leaves on this one counts for this one.
        has_late = (row.to_person, local_day(sent.at).isoformat()) in self._late
        return is_close or has_late or self._came_with_it(row) or self._has_another_day(row)

    def here_alone(self) -> Iterator[Wrong]:
        for key, row in self._here.items():
            if key in self._there or row.state == "superseded":
                continue
            if not (self._came_with_it(row) or self._has_another_day(row)):
                yield "as replayed", f"{key} is {row.verdict} here alone, decided at {row.decided_at}"

    def _came_with_it(self, row: Any) -> bool:
        """Say whether a fact came while a step was late: it goes along with the step's own."""
        return any(at < row.decided_at <= at + TAKEN_OVER for at in self._known(row.matter))

    def _has_another_day(self, row: Any) -> bool:
        """Say whether the person had other SMS on a day just before: then the cap puts off others, too.

        One that a gateway was too ill to take gave way; one whose step was late went along with the round.
        """
        if row.channel != Channel.SMS or self._world.load.policy.sms_per_day is None:
            return False
        days = local_day(row.decided_at) - PUT_OFF_ON, local_day(row.leaves_at)
        for key, sent in self._all_there.items():
            at, here = sent.at, self._all_here.get(key)
            if key[3:] == (row.to_person, row.channel) and days[0] <= local_day(at) <= days[1]:
                # One of another day has been put off itself, and is no reason for that.
                is_late = here is not None and here.leaves_at != at and local_day(here.leaves_at) == local_day(at)
                if here is None or here.state == "superseded" or is_late:
                    return True
        return False


def _key(row: Any) -> Key:
    return row.matter, row.due, row.rung, row.to_person, row.channel


def _key_of(sent: Sent) -> Key:
    of = sent.notice
    return of.matter.id, of.matter.due, of.rung, of.person.id if of.person else "", of.channel or ""


def _digests(world: World, run: Replay, known_at: Known) -> Iterator[Wrong]:
    made = {(m.digest.kind.value, m.digest.period, m.digest.office, m.person.id): m for m in run.digests}
    here = {tuple(row[:-2]): tuple(row[-2:]) for row in world.raw.execute(DIGESTS)}
    for digest in sorted(made.keys() ^ here.keys()):
        yield "as replayed", f"digest {digest} is {'missing' if digest in made else 'here alone'}"
    known = [at for of_one in known_at.values() for at in of_one]
    for digest in sorted(made.keys() & here.keys()):
        there = made[digest]
        # What is typed in the same minute is counted or not.
        is_close = any(abs(at - there.at) <= TAKEN_OVER for at in known)
        if here[digest] != _counts(there) and not is_close:
            yield "as replayed", f"digest {digest} counts {_counts(there)} in a replay, here {here[digest]}"


def _counts(made: Made) -> tuple[int, int]:
    return made.counts.due_soon, made.counts.overdue


def _known_at(record: Record) -> Known:
    """Return when something became known about each subject."""
    found: Known = defaultdict(list)
    for petition in record.petitions:
        found[Subject(SubjectKind.PETITION, petition.id)].append(petition.recorded_at)
    for event in record.petition_events:
        found[Subject(SubjectKind.PETITION, event.petition)].append(event.at)
    for project in record.projects:
        found[Subject(SubjectKind.PROJECT, project.id)].append(project.recorded_at)
    for change in record.project_events:
        found[Subject(SubjectKind.PROJECT, change.project)].append(change.at)
    seats_of: dict[str, list[Subject]] = defaultdict(list)
    for seat in record.seats:
        seats_of[seat.deputy].append(Subject(SubjectKind.SEAT, seat.id))
    for visit in record.visits:
        for subject in seats_of[visit.deputy]:
            found[subject].append(visit.recorded_at)
    return found
