"""What does a docket hold: one seat, petition or project, with all its matters?

A docket learns facts in the order in which they became known and keeps its matters as they stand. Learning
all facts anew in that order gives the same matters: that is what a rebuild, `explain` and a replay do.
Rules: R5.1 (what began a ladder), R5.4 (acknowledgements). Callers: duties, petitions, projects.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from rules.facts import Acknowledgement, Leave, PetitionEvent, ProjectEvent, Visit, local_day
from rules.making import made_fast
from rules.matters import Hold, Matter, Status
from rules.offices import House
from rules.policy import Policy
from rules.refusals import Refusal
from rules.workdays import Calendar

Fact = Visit | Leave | PetitionEvent | ProjectEvent


@made_fast
@dataclass(frozen=True, slots=True)
class Change:
    """A matter that was opened (`before` is None), changed, or reckoned away (`after` is None)."""

    before: Matter | None
    after: Matter | None


@dataclass(frozen=True, slots=True)
class Desk:
    """What an office decides by: its organisation, calendar, policy, and the day it took the system into use."""

    house: House
    calendar: Calendar
    policy: Policy
    start_on: date


class Docket:
    """One seat, petition or project."""

    def __init__(self, desk: Desk) -> None:
        """Start with nothing known."""
        self.desk = desk
        self.matters: dict[str, Matter] = {}

    def learn(
        self, at: datetime, facts: Sequence[Fact] = (), acknowledgements: Iterable[Acknowledgement] = ()
    ) -> list[Change]:
        """Take the facts that became known at `at`, then the acknowledgements of that instant (R8).

        Facts that do not hold are passed over: intake refuses them before they are recorded.
        """
        before = dict(self.matters)
        self.take(at, facts)
        self._go_on_where_due_stayed(before)
        for acknowledgement in (*acknowledgements, *self.acknowledged_in(facts)):
            self.acknowledge(acknowledgement)
        changed = [Change(before.get(i), m) for i, m in self.matters.items() if before.get(i) is not m]
        return changed + [Change(m, None) for i, m in before.items() if i not in self.matters]

    def _go_on_where_due_stayed(self, before: Mapping[str, Matter]) -> None:
        """Let a ladder go on where the due date, after all facts of the instant, is what it was (R5.1)."""
        for ident, old in before.items():
            new = self.matters.get(ident)
            if new is not None and new is not old and new.began != old.began and new.due == old.due:
                self.matters[ident] = replace(new, began=old.began)

    def take(self, at: datetime, facts: Sequence[Fact]) -> None:
        """Change `matters` to what they are from `at` on."""
        raise NotImplementedError

    def acknowledged_in(self, facts: Sequence[Fact]) -> list[Acknowledgement]:
        """Return the acknowledgements that stand among the facts themselves."""
        del facts
        return []

    def next_opening(self) -> date | None:
        """Return the day on which time alone opens the next matter, if one is to come."""
        return None

    def refuse_acknowledgement(self, matter_id: str, at: datetime, office: str) -> Refusal | None:
        """Say why an acknowledgement does not hold, or None if it does (R5.4)."""
        matter = self.matters.get(matter_id)
        if matter is None:
            return Refusal("matter", matter_id, "a matter that is open at that time")
        status = matter.status_on(local_day(at))
        if status is not Status.OVERDUE:
            return Refusal("matter", matter_id, f"an overdue matter; this one is {status}", out_of_order=True)
        chain = self.desk.house.chain(matter.responsible, matter.town)
        if office not in chain:
            return Refusal("office", office, f"an office that the matter climbs to: {', '.join(chain)}")
        return None

    def acknowledge(self, acknowledgement: Acknowledgement) -> None:
        """Hold the climb; an acknowledgement that does not hold is passed over, as is an office's second (R5.4)."""
        at, office = acknowledgement.at, acknowledgement.office
        if self.refuse_acknowledgement(acknowledgement.matter, at, office) is not None:
            return
        matter = self.matters[acknowledgement.matter]
        if any(hold.office == office and hold.due == matter.due for hold in matter.holds):
            return
        until = self.desk.calendar.workdays(local_day(at), self.desk.policy.hold_days)
        self.matters[matter.id] = replace(matter, holds=(*matter.holds, Hold(office, matter.due, until)))
