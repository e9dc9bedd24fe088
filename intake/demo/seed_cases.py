"""Which cases can a visitor look up by their number, and how does each go?

Four stories in kind: a child-care class in the holidays, e-bikes charged in stairwells, sewage in the fields,
and a guard rail on a village road, from a deputies' proposal to the project's acceptance. Rules: R4, R4b.
Caller: municipality.py; the numbers are also for docs and tests.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Final

from intake.demo.diary import Diary
from intake.demo.handling import Case
from intake.demo.opinions import Opinion
from intake.demo.places import Places
from intake.demo.works import Leg, SiteBook
from rules.facts import MilestoneStage, PetitionLevel, Project, Result, local_day

CHILD_CARE: Final = "GH-TG01"
E_BIKES: Final = "GH-CD01"
SEWAGE: Final = "GH-WS01"
GUARD_RAIL: Final = "GH-HL01"
GUARD_RAIL_PROJECT: Final = "MS-HL01"


@dataclass(frozen=True, slots=True)
class Story:
    """How a seed case is registered: in which town, and about how long after the year's beginning."""

    id: str
    town: str
    after_days: int
    level: PetitionLevel
    title: str


STORIES: Final = (
    Story(GUARD_RAIL, "440784104", 8, PetitionLevel.TOWN, "旺龙村道临水路段无安全防护栏，群众出行有隐患"),
    Story(E_BIKES, "440784102", 40, PetitionLevel.TOWN, "雅瑶新村小区楼道电动车飞线充电，存在火灾隐患"),
    Story(SEWAGE, "440784107", 70, PetitionLevel.TOWN, "址山下坑村污水倒灌农田，影响春耕"),
    Story(CHILD_CARE, "440784001", 125, PetitionLevel.TOWN, "双职工家庭孩子暑假无人照看，建议开办假期托管班"),
)


def take_over(opinions: Sequence[Opinion], first: date) -> tuple[list[Opinion], dict[str, Opinion]]:
    """Return the other opinions, and by number those that the stories are told of.

    A story takes the first opinion of its town that was registered after its day, else the town's last one.
    """
    others, told = list(opinions), {}
    for story in STORIES:
        fit = [opinion for opinion in others if opinion.town.id == story.town and opinion.petition.deputy]
        day = first + timedelta(days=story.after_days)
        chosen = next((opinion for opinion in fit if local_day(opinion.petition.recorded_at) >= day), None)
        if chosen is None and fit:
            chosen = fit[-1]
        if chosen is not None:
            others.remove(chosen)
            told[story.id] = _retold(chosen, story)
    return others, told


def _retold(opinion: Opinion, story: Story) -> Opinion:
    petition = replace(opinion.petition, id=story.id, level=story.level, title=story.title, confidential=False)
    return replace(opinion, petition=petition)


def tell(diary: Diary, places: Places, told: dict[str, Opinion]) -> tuple[list[Case], list[SiteBook]]:
    """Return what became of the seed cases, and the guard rail's project."""
    cases: list[Case] = []
    books: list[SiteBook] = []
    plain = {CHILD_CARE: _child_care, E_BIKES: _e_bikes, SEWAGE: _sewage}
    for ident, opinion in told.items():
        case = Case(diary, opinion.petition)
        if ident in plain:
            plain[ident](case, places, opinion)
        else:
            books.append(_guard_rail(diary, case, opinion))
        cases.append(case)
    return cases, books


def _child_care(case: Case, places: Places, opinion: Opinion) -> None:
    """Beyond the street's means: raised to the municipality, opened in time, everybody pleased."""
    case.assign(1, opinion.town.departments["services"])
    case.accept(1)
    case.lift(2, PetitionLevel.MUNICIPAL, "需统筹学校场地与师资，提请市级协调")
    case.assign(1, places.departments["schools"], note="请会同团委、妇联研究")
    case.accept(1)
    case.handle(13, "全市开设假期公益托管班，已接受报名")
    case.verify(3, Result.OK)
    case.feed_back(1, Result.SATISFIED, "家长表示满意")


def _e_bikes(case: Case, places: Places, opinion: Opinion) -> None:
    """Charging points take longer than planned, and the first attempt is not enough."""
    del places
    case.assign(1, opinion.town.departments["order"])
    case.accept(1)
    case.extend(4, case.due + timedelta(days=21), "充电桩选址需征求业主意见，申请延期")
    case.handle(14, "已清理飞线，设置集中充电点一处")
    case.verify(3, Result.REWORK, "东侧楼道仍有飞线充电")
    case.handle(6, "增设集中充电点，加装楼道阻车系统")
    case.verify(2, Result.OK)
    case.feed_back(1, Result.SATISFIED)


def _sewage(case: Case, places: Places, opinion: Opinion) -> None:
    """Given back at first, then overdue until the town answers for it, and done twice."""
    del places
    departments = opinion.town.departments
    case.assign(2, departments["farming"])
    case.give_back(1, "涉及排污管网，建议转生态环保办")
    case.assign(1, departments["environment"])
    case.accept(2)
    case.acknowledge(case.workdays_until_overdue(4), opinion.town.id, "已现场督办，限一周内疏通")
    case.handle(4, "已疏通管网并设临时截污")
    case.verify(3, Result.OK)
    case.feed_back(2, Result.DISSATISFIED, "雨后仍有倒灌")
    case.handle(8, "更换破损管段，加装止回阀")
    case.verify(2, Result.OK)
    case.feed_back(2, Result.BASICALLY)


def _guard_rail(diary: Diary, case: Case, opinion: Opinion) -> SiteBook:
    """A formal proposal becomes a key project; it is handled when the rail has been accepted."""
    case.assign(2, opinion.town.departments["building"], proposal=True, note="列为代表建议办理")
    case.accept(1)
    book = _guard_rail_project(diary, case, opinion)
    case.extend(40, diary.forward(case.due + timedelta(days=50)), "已立项建设，按工程进度办理")
    case.handle(0, "防护栏已完工并通过验收", at=_after_acceptance(diary, book))
    case.verify(2, Result.OK, "现场查看，防护栏牢固")
    case.feed_back(2, Result.SATISFIED)
    return book


def _guard_rail_project(diary: Diary, case: Case, opinion: Opinion) -> SiteBook:
    stage = MilestoneStage
    project = Project(
        id=GUARD_RAIL_PROJECT,
        name="旺龙村道安全防护栏项目",
        town=opinion.town.id,
        office=opinion.town.departments["building"].id,
        deputy=opinion.petition.deputy,
        petition=case.petition.id,
        is_key=True,
        recorded_at=diary.later(case.now, 5),
    )
    legs = (
        Leg(stage.APPROVED, 4),
        Leg(stage.FUNDED, 14),
        Leg(stage.GROUNDBREAKING, 10),
        Leg(stage.PROGRESS, 20, "护栏基础施工"),
        Leg(stage.PROGRESS, 20, "护栏安装"),
        Leg(stage.COMPLETION, 12),
        Leg(stage.ACCEPTANCE, 8),
        Leg(stage.FEEDBACK, 7),
    )
    book = SiteBook(diary, project, legs)
    for milestone in book.milestones:
        if milestone.stage is stage.COMPLETION:
            later = diary.forward(milestone.planned + timedelta(days=5))
            book.replan(milestone.seq, diary.workday(milestone.planned, -3), later, "连续降雨影响施工")
        book.finish(milestone.seq, book.planned[milestone.seq])
    _inspect_every_fortnight(diary, book)
    return book


def _inspect_every_fortnight(diary: Diary, book: SiteBook) -> None:
    begun, accepted = book.inspected_between()
    day = diary.forward(begun + timedelta(days=12))
    while day < accepted:
        book.inspect(day)
        day = diary.forward(day + timedelta(days=13))


def _after_acceptance(diary: Diary, book: SiteBook) -> datetime:
    return diary.later(book.told[book.seq_of(MilestoneStage.ACCEPTANCE)], 1)
