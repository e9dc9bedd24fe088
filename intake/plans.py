"""Do a project's milestones stand in the order of stages, and its planned days in the order of milestones?

The order itself is rules/projects.py's; here is which rows break it. Rules: R4b.1, R4b.2, R8. Caller:
examining.py.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from itertools import pairwise
from typing import Final

from intake.faults import Fault, Where
from intake.rows import Draft
from rules.facts import Milestone
from rules.projects import wrong_milestones

LONG_PLAN: Final = 40  #: milestones; above that each row that is wrong where it stands is reported

#: what belongs to the order; a milestone's name does not
ORDERED: Final = frozenset({"project", "seq", "stage", "planned"})


class Plans:
    """The milestones of each project, the file's laid over the database's."""

    def __init__(self, drafts: Sequence[Draft], existing: Mapping[str, Sequence[Milestone]]) -> None:
        """Take what can be read."""
        self.drafts: dict[tuple[str, int], Draft] = {}
        #: projects with a milestone that cannot be read whole: their progress cannot be judged
        self.unreadable: set[str] = set()
        self._plans: dict[str, dict[int, Milestone]] = defaultdict(dict)
        for project, milestones in existing.items():
            self._plans[project] = {m.seq: m for m in milestones}
        for draft in drafts:
            self._add(draft)

    def _add(self, draft: Draft) -> None:
        row: Milestone = draft.row
        if draft.bad & ORDERED:
            if "project" not in draft.bad:
                self.unreadable.add(row.project)
            return
        if (row.project, row.seq) not in self.drafts:
            self.drafts[row.project, row.seq] = draft
            self._plans[row.project][row.seq] = row

    def of(self, project: str) -> list[Milestone]:
        """Return a project's milestones in their order."""
        return [m for _, m in sorted(self._plans.get(project, {}).items())]

    def names(self, project: str, seq: int) -> bool:
        """Say whether the project has, or may have, that milestone."""
        return seq in self._plans.get(project, {}) or project in self.unreadable

    def faults(self, where: Where) -> Iterator[Fault]:
        """Yield the rows that break the order of stages (R4b.1)."""
        for project in {project for project, _ in self.drafts}:
            yield from self._out_of_order(self.of(project), where)

    def _out_of_order(self, plan: list[Milestone], where: Where) -> Iterator[Fault]:
        """Take rows out, the one that mends most first, until the order holds: each is a fault."""
        while wrong := wrong_milestones(plan):
            refusals = {m.seq: refusal for m, refusal in wrong}
            mine = [m for m in plan if (m.project, m.seq) in self.drafts]
            if len(plan) > LONG_PLAN:
                mine = [m for m in mine if m.seq in refusals]
            if not mine:
                return
            left = {m.seq: len(wrong_milestones([o for o in plan if o is not m])) for m in mine[:LONG_PLAN]}
            culprit = min(reversed(mine[:LONG_PLAN]), key=lambda m: (left[m.seq], m.seq not in refusals))
            expected = refusals[culprit.seq].expected if culprit.seq in refusals else "an earlier stage: others follow"
            draft = self.drafts[culprit.project, culprit.seq]
            yield where.fault(draft.number, "stage", culprit.stage, f"is out of order; want {expected}")
            plan = [m for m in plan if m is not culprit]

    def warnings(self, where: Where) -> Iterator[Fault]:
        """Yield the rows whose planned day is before that of a milestone above (R4b.2)."""
        for project in {project for project, _ in self.drafts}:
            plan = self.of(project)
            for before, milestone in pairwise(plan):
                draft = self.drafts.get((project, milestone.seq))
                if draft is not None and milestone.planned < before.planned:
                    yield where.fault(
                        draft.number, "planned", milestone.planned, out_of_plan(before.seq, before.planned)
                    )


def out_of_plan(before: int, planned: date) -> str:
    """Say what a planned day is before: that of the milestone `before`."""
    return f"is before {planned}, planned for milestone {before}"
