"""What becomes of an opinion, and how long does each step take?

Most steps are in time, some overdue; a share is returned, raised, extended, reworked, withdrawn, or leaves the
resident dissatisfied. Rules: R4. Caller: opinions.py.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from typing import Final

from intake.demo.chances import chance, draw
from intake.demo.diary import Diary
from intake.demo.handling import Case
from intake.demo.places import Places, TownPlaces
from intake.demo.themes import Theme
from rules.facts import Office, PetitionLevel, Result
from rules.petitions import Stage

#: chances of being overdue, by stage
OVERDUE: Final = {Stage.ASSIGN: 0.03, Stage.ACCEPT: 0.05, Stage.HANDLE: 0.12, Stage.VERIFY: 0.06, Stage.FEEDBACK: 0.06}
#: how many workdays an overdue one takes beyond its due date, on average
MEAN_DELAY: Final = 4.5
#: an extension is asked for while so many workdays are left at least
ROOM_TO_EXTEND: Final = 5
#: an office answers for the delay so many workdays after the due date at the earliest
ANSWERS_AFTER: Final = 4
WITHDRAWN: Final = 0.006
VERIFIED: Final = {Result.OK: 92.0, Result.REWORK: 8.0}
FED_BACK: Final = {Result.SATISFIED: 82.0, Result.BASICALLY: 13.0, Result.DISSATISFIED: 5.0}
RETURNS: Final = ("不属本单位职责，建议转有关单位", "涉及多部门，请重新交办", "权属不在本单位")
RAISES: Final = ("需市级统筹资金", "涉及跨镇事项", "超出本级权限")
EXTENSIONS: Final = ("施工受天气影响，申请延期", "需履行采购程序，申请延期", "涉及权属协商，申请延期")
REWORKS: Final = ("现场查看仍有遗留问题", "效果未达到群众要求")
WITHDRAWALS: Final = ("群众表示问题已自行解决", "重复登记，并案办理")
ANSWERS: Final = ("已约谈承办单位，限期办结", "请承办单位专人跟进")


@dataclass(frozen=True, slots=True)
class Course:
    """Leads one opinion from its registration to its end."""

    diary: Diary
    case: Case
    theme: Theme
    places: Places
    town: TownPlaces

    @property
    def rng(self) -> Random:
        """The generator's only source of chance."""
        return self.diary.rng

    def run(self) -> None:
        """Take step after step until the case is closed or the year is over."""
        steps: dict[Stage, Callable[[], None]] = {
            Stage.ASSIGN: self._at_assign,
            Stage.ACCEPT: self._at_accept,
            Stage.HANDLE: self._at_handle,
            Stage.VERIFY: self._at_verify,
            Stage.FEEDBACK: self._at_feedback,
        }
        while self.case.stage is not Stage.CLOSED and self.case.now < self.diary.end:
            if chance(self.rng, WITHDRAWN):
                self.case.withdraw(self.rng.randint(0, 2), self.rng.choice(WITHDRAWALS))
            else:
                steps[self.case.stage]()

    # How long it takes -------------------------------------------------------------------------

    def _wait(self) -> int:
        """Return after how many workdays the step comes; an office may answer for a delay before it."""
        left = max(0, self.case.workdays_left)
        if not chance(self.rng, OVERDUE[self.case.stage]):
            return min(left, int(self.rng.triangular(0, left + 0.99, left * 0.7)))
        delay = 1 + int(self.rng.expovariate(1 / MEAN_DELAY))
        soonest = ANSWERS_AFTER + self.diary.doubt
        if delay > soonest and self.case.chain and chance(self.rng, 0.4):
            answered = self.rng.randint(soonest, min(delay - 1, soonest + 3))
            office = self.case.chain[0 if chance(self.rng, 0.75) else -1]
            self.case.acknowledge(left + answered, office, self.rng.choice(ANSWERS))
            return delay - answered
        return left + delay

    # The stages --------------------------------------------------------------------------------

    def _at_assign(self) -> None:
        case, rng = self.case, self.rng
        if case.level is PetitionLevel.TOWN and chance(rng, 0.015):
            case.lift(rng.randint(0, 2), PetitionLevel.MUNICIPAL, rng.choice(RAISES))
            return
        is_proposal = chance(rng, 0.05)
        days = rng.randint(10, 30)
        gives_time = not is_proposal and chance(rng, 0.06)
        case.assign(
            self._wait(),
            self._department(),
            until=(lambda day: self.diary.forward(day + timedelta(days=days))) if gives_time else None,
            proposal=is_proposal,
        )

    def _department(self) -> Office:
        """Return the department that the theme belongs to; now and then another one, which gives it back."""
        if self.case.level is PetitionLevel.MUNICIPAL:
            return self.places.departments[self.theme.municipal]
        if chance(self.rng, 0.05):
            return self.rng.choice(list(self.town.departments.values()))
        return self.town.departments[self.theme.town]

    def _at_accept(self) -> None:
        case, rng = self.case, self.rng
        if chance(rng, 0.05):
            case.give_back(rng.randint(0, 2), rng.choice(RETURNS))
        elif chance(rng, 0.04):
            case.handle(rng.randint(0, 2), "当场解决")
        else:
            case.accept(self._wait())

    def _at_handle(self) -> None:
        case, rng = self.case, self.rng
        if case.level is not PetitionLevel.MUNICIPAL and chance(rng, 0.03):
            higher = PetitionLevel.TOWN if case.level is PetitionLevel.SELF else PetitionLevel.MUNICIPAL
            case.lift(rng.randint(1, 4), higher, rng.choice(RAISES))
        elif self._may_extend() and chance(rng, 0.1):
            self._extend()
        else:
            case.handle(self._wait())

    def _may_extend(self) -> bool:
        case = self.case
        return case.handler is not None and not case.is_extended and case.workdays_left >= ROOM_TO_EXTEND

    def _extend(self) -> None:
        """Move the due date well before it comes, and well beyond, whatever the holidays do to it."""
        until: date = self.diary.forward(self.case.due + timedelta(days=self.rng.randint(14, 28)))
        self.case.extend(self.case.workdays_left // 2, until, self.rng.choice(EXTENSIONS))

    def _at_verify(self) -> None:
        result = draw(self.rng, VERIFIED)
        note = self.rng.choice(REWORKS) if result is Result.REWORK else None
        self.case.verify(self._wait(), result, note)

    def _at_feedback(self) -> None:
        results = dict(FED_BACK)
        if self.case.dissatisfactions:
            results[Result.DISSATISFIED] *= 4
        self.case.feed_back(self._wait(), draw(self.rng, results))
