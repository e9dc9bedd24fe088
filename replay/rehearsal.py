"""What would another policy have sent over the past, to whom, and at what cost, next to today's?

Both policies are replayed over the same record and the same days, by the code that the daemon runs. Nothing leaves.
Callers: `duban policy compare`, the console's workshop.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final

from config.collecting import seldom_collecting
from config.settings import Settings
from replay.engine import Replay
from replay.simulate import run_record
from replay.summary import Summary, summarise
from rules.facts import Channel, Record, SeatLevel, local_day
from rules.notices import Verdict
from rules.offices import House
from rules.policy import Policy

#: of those who get the most, so many are named
BUSIEST: Final = 10


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one policy would have brought."""

    summary: Summary
    by_recipient: dict[str, int]  #: messages to deputies by level, to offices by kind
    busiest: list[tuple[str, int]]  #: persons with the most SMS on one day, and how many


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """The outcomes of the policy in force and of another one, over the same days."""

    first: date
    last: date
    now: Outcome
    then: Outcome

    def rows(self) -> Iterator[tuple[str, float, float]]:
        """Yield the figures side by side: name, by the policy in force, by the other one."""
        flat = [dict(_flat(outcome)) for outcome in (self.now, self.then)]
        for name in dict.fromkeys([*flat[0], *flat[1]]):
            yield name, flat[0].get(name, 0), flat[1].get(name, 0)


def rehearse(record: Record, first: date, last: date, *, now: Policy, then: Policy, settings: Settings) -> Rehearsal:
    """Replay two policies over a record from `first` to `last`; about as long as two runs of `duban simulate`."""
    levels = _levels(record)
    with seldom_collecting():
        runs = (run_record(record, first, last, policy=policy, settings=settings) for policy in (now, then))
        outcomes = [_outcome(run, levels, settings) for run in runs]
    return Rehearsal(first, last, *outcomes)


def _outcome(run: Replay, levels: dict[str, SeatLevel], settings: Settings) -> Outcome:
    recipients: Counter[str] = Counter()
    a_day: Counter[tuple[str, date]] = Counter()
    for at, person, channel in {
        (sent.at, sent.notice.person, sent.notice.channel)
        for sent in run.sent
        if sent.notice.verdict is Verdict.SENT and sent.notice.person
    }:
        recipients[_kind_of(person.id, person.office, levels, run.desk.house)] += 1
        if channel is Channel.SMS:
            a_day[person.id, local_day(at)] += 1
    most: Counter[str] = Counter()
    for (person_id, _), count in a_day.items():
        most[person_id] = max(most[person_id], count)
    summary = summarise(run, sms_price=settings.sms_price)
    return Outcome(summary, dict(sorted(recipients.items())), most.most_common(BUSIEST))


def _levels(record: Record) -> dict[str, SeatLevel]:
    """Return the highest level at which each deputy sits."""
    order = list(SeatLevel)
    levels: dict[str, SeatLevel] = {}
    for seat in record.seats:
        known = levels.get(seat.deputy)
        levels[seat.deputy] = seat.level if known is None else min(known, seat.level, key=order.index)
    return levels


def _kind_of(person: str, office: str | None, levels: dict[str, SeatLevel], house: House) -> str:
    who, _, ident = person.partition(":")
    if who == "deputy":
        level = levels.get(ident)
        return f"deputy {level}" if level else "deputy"
    return str(house.offices[office].kind) if office in house.offices else who


def _flat(outcome: Outcome) -> Iterator[tuple[str, float]]:
    summary = outcome.summary
    yield "sms", summary["messages"]["sms"]
    yield "email", summary["messages"]["email"]
    yield "sms_segments", summary["sms_segments"]
    yield "sms_cost_yuan", summary["sms_cost_yuan"]
    yield from ((f"to {name}", count) for name, count in outcome.by_recipient.items())
    yield from ((name, count) for name, count in summary["by_rung"].items())
    yield from ((f"{name} matters", count) for name, count in summary["matters"].items())
    yield "most SMS a person had on one day", outcome.busiest[0][1] if outcome.busiest else 0
