"""Which livelihood projects does the year have, how are they planned, and how do they get on?

91 a year: most are done by its end, some are carried on; ten are key projects. Some come of an opinion that was
made a formal proposal. Rules: R4b. Caller: municipality.py.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from intake.demo.chances import chance
from intake.demo.diary import Diary
from intake.demo.places import Places, TownPlaces
from intake.demo.themes import THEMES, Theme, put
from intake.demo.works import STEP, Leg, SiteBook
from rules.facts import Milestone, MilestoneStage, Office, Project, Seat, local_day
from rules.workdays import ONE_DAY

INSPECTED_EVERY: Final = 30
KEY_INSPECTED_EVERY: Final = 15
#: so many of the year's own projects are recorded early in it, in the first part of its days; the others in the last
EARLY: Final = 0.78
EARLY_PART: Final = (0.0, 0.2)
LATER_PART: Final = (0.4, 0.9)
WITHOUT_DEPUTY: Final = 0.05
PROGRESS: Final = ("基础施工", "主体施工", "设备安装", "附属工程")
REASONS: Final = ("连续降雨影响施工", "管线迁改未完成", "材料到货推迟", "征地协商未达成", "资金拨付推迟")
EARLIER: Final = "施工进度提前"
#: chances of what becomes of a milestone
SLIPS: Final = 0.09
SLIPS_AGAIN: Final = 0.2
COMES_FORWARD: Final = 0.02
OVERDUE: Final = 0.06
#: chances: an inspection is late; it is reported on the next day
INSPECTED_LATE: Final = 0.1
TOLD_LATER: Final = 0.12


@dataclass(frozen=True, slots=True)
class Source:
    """An opinion that was made a formal proposal: a project may come of it."""

    petition: str
    town: TownPlaces
    deputy: str | None
    theme: Theme
    office: Office
    assigned_at: datetime


@dataclass(frozen=True, slots=True)
class Builder:
    """Makes the year's projects, one after the other."""

    diary: Diary
    places: Places
    deputies: dict[str, list[Seat]]  #: town → seats that last through the year

    def build(self, count: int, key: int, sources: Sequence[Source], first_number: int = 1) -> Iterator[SiteBook]:
        """Yield `count` projects, `key` of them key projects, as many as possible from the sources."""
        rng = self.diary.rng
        used = [source for source in sources if source.theme.works][:count]
        places = range(len(used), count)
        keys = set(rng.sample(places, min(key, len(places))))
        for i in range(count):
            ident = f"MS{self.diary.first.year}-{first_number + i:03d}"
            project = self._from_source(ident, used[i]) if i < len(used) else self._own(ident, is_key=i in keys)
            yield self._run(SiteBook(self.diary, project, self._legs(is_key=project.is_key)))

    # What is planned ---------------------------------------------------------------------------

    def _from_source(self, ident: str, source: Source) -> Project:
        recorded = self.diary.later(source.assigned_at, self.diary.rng.randint(6, 15))
        return Project(
            id=ident,
            name=self._name(source.theme, source.town),
            town=source.town.id,
            office=source.office.id,
            deputy=source.deputy,
            petition=source.petition,
            recorded_at=self.diary.within(recorded, local_day(source.assigned_at)),
        )

    def _own(self, ident: str, *, is_key: bool) -> Project:
        rng = self.diary.rng
        town = rng.choice(self.places.towns)
        theme = rng.choice([theme for theme in THEMES if theme.works])
        early = is_key or chance(rng, EARLY)
        day = self.diary.first + timedelta(
            days=int(self.diary.days * rng.uniform(*(EARLY_PART if early else LATER_PART)))
        )
        recorded = self.diary.hour(self.diary.forward(day))
        return Project(
            id=ident,
            name=self._name(theme, town),
            town=town.id,
            office=self._office(theme, town).id,
            deputy=None if chance(rng, WITHOUT_DEPUTY) else rng.choice(self.deputies[town.id]).deputy,
            is_key=is_key,
            recorded_at=self.diary.within(recorded, self.diary.last),
        )

    def _name(self, theme: Theme, town: TownPlaces) -> str:
        return f"{town.name}{put(self.diary.rng, theme.works, town.villages)}"

    def _office(self, theme: Theme, town: TownPlaces) -> Office:
        return self.diary.rng.choices(
            (town.departments[theme.town], self.places.departments[theme.municipal], town.office), (55, 35, 10)
        )[0]

    def _legs(self, *, is_key: bool) -> list[Leg]:
        rng = self.diary.rng
        parts = rng.randint(2, 4) if is_key else rng.randint(0, 2)
        stage = MilestoneStage
        return [
            Leg(stage.APPROVED, rng.randint(4, 12)),
            Leg(stage.FUNDED, rng.randint(8, 25)),
            Leg(stage.GROUNDBREAKING, rng.randint(10, 25)),
            *(Leg(stage.PROGRESS, rng.randint(15, 32), PROGRESS[i]) for i in range(parts)),
            Leg(stage.COMPLETION, rng.randint(18, 45)),
            Leg(stage.ACCEPTANCE, rng.randint(7, 18)),
            Leg(stage.FEEDBACK, rng.randint(5, 14)),
        ]

    # What happens ------------------------------------------------------------------------------

    def _run(self, book: SiteBook) -> SiteBook:
        for milestone in book.milestones:
            self._reach(book, milestone)
        self._inspect(book)
        return book

    def _reach(self, book: SiteBook, milestone: Milestone) -> None:
        rng, seq = self.diary.rng, milestone.seq
        if chance(rng, SLIPS) and self._slip(book, seq) and chance(rng, SLIPS_AGAIN):
            self._slip(book, seq)
        elif chance(rng, COMES_FORWARD):
            self._come_forward(book, seq)
        told_after = rng.randint(1, 2) if chance(rng, TOLD_LATER) else 0
        if chance(rng, OVERDUE):
            book.finish(seq, book.planned[seq] + timedelta(days=rng.randint(2, 26)), told_after)
        else:
            day = self.diary.workday(book.planned[seq], -rng.randint(0, 3)) if chance(rng, 0.75) else book.planned[seq]
            book.finish(seq, day)

    def _slip(self, book: SiteBook, seq: int) -> bool:
        """Say before the planned day that it will be later, though not later than the next one's plan."""
        rng, old = self.diary.rng, book.planned[seq]
        new = self.diary.forward(old + timedelta(days=rng.randint(5, 15)))
        following = book.next_planned(seq)
        if following is not None and new > following:
            return False
        return book.replan(seq, self.diary.workday(old, -rng.randint(1, 4)), new, rng.choice(REASONS))

    def _come_forward(self, book: SiteBook, seq: int) -> None:
        old = book.planned[seq]
        new = self.diary.workday(old, -2)
        before = book.planned.get(seq - STEP)
        if before is not None and new > before:
            book.replan(seq, self.diary.workday(old, -6), new, EARLIER)

    def _inspect(self, book: SiteBook) -> None:
        """Send the deputy to the site from groundbreaking to acceptance."""
        begun, accepted = book.inspected_between()
        every = KEY_INSPECTED_EVERY if book.project.is_key else INSPECTED_EVERY
        day = self._next_inspection(begun, every)
        while day < accepted - 2 * ONE_DAY:
            book.inspect(day, told_after=1 if chance(self.diary.rng, TOLD_LATER) else 0)
            day = self._next_inspection(day, every)

    def _next_inspection(self, last: date, every: int) -> date:
        rng = self.diary.rng
        late = rng.randint(4, 16) if chance(rng, INSPECTED_LATE) else 0
        gap = every + late if late else rng.randint(every * 6 // 10, every)
        return self.diary.forward(last + timedelta(days=gap))
