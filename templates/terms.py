"""Which Chinese word stands for which term of the rules?

The words that several templates share. Caller: templates/wording.py.
"""

from datetime import date
from functools import lru_cache
from typing import Final, NamedTuple

from rules.digests import DigestKind
from rules.facts import MilestoneStage, VisitKind
from rules.ladders import RungKind
from rules.matters import Cause, MatterKind, Status
from rules.notices import Event
from rules.petitions import Stage

KINDS: Final = {
    MatterKind.VISIT: "代表履职",
    MatterKind.PETITION: "群众意见",
    MatterKind.MILESTONE: "民生项目节点",
    MatterKind.INSPECTION: "项目现场巡查",
}

#: what a notice is called, by kind of matter for reminders, else by rung or event
REMINDERS: Final = {
    MatterKind.VISIT: "履职提醒",
    MatterKind.PETITION: "办理提醒",
    MatterKind.MILESTONE: "项目提醒",
    MatterKind.INSPECTION: "巡查提醒",
}
HEADINGS: Final[dict[str, str]] = {
    RungKind.OVERDUE: "逾期提醒",
    RungKind.CLIMB: "督办提醒",
    Event.ASSIGN: "分办通知",
    Event.ASSIGNED: "签收通知",
    Event.HANDLED: "核实通知",
    Event.REOPENED: "重办通知",
    Event.REPLANNED: "项目调整",
    Event.SETTLED: "督办结果",
}


class Act(NamedTuple):
    """What a stage of an opinion asks for, and what it is called once done."""

    act: str
    done: str
    doer: str  #: whoever must act, where there is no room for a name


PETITION_ACTS: Final[dict[str, Act]] = {
    Stage.ASSIGN: Act("分办", "分办", "责任单位"),
    Stage.ACCEPT: Act("签收", "签收", "承办单位"),
    Stage.HANDLE: Act("办理", "办结", "承办单位"),
    Stage.VERIFY: Act("核实", "核实", "责任单位"),
    Stage.FEEDBACK: Act("反馈", "反馈", "责任单位"),
}


class Point(NamedTuple):
    """A milestone's stage, as a name and as something to do."""

    name: str
    doing: str


POINTS: Final[dict[str, Point]] = {
    MilestoneStage.APPROVED: Point("立项", "立项"),
    MilestoneStage.FUNDED: Point("资金落实", "落实资金"),
    MilestoneStage.GROUNDBREAKING: Point("开工", "开工"),
    MilestoneStage.PROGRESS: Point("进度", "完成进度节点"),
    MilestoneStage.COMPLETION: Point("竣工", "竣工"),
    MilestoneStage.ACCEPTANCE: Point("验收", "验收"),
    MilestoneStage.FEEDBACK: Point("结果反馈", "反馈结果"),
}


class Arrival(NamedTuple):
    """One of the two arrivals, and where it is made."""

    name: str
    place: str


ARRIVALS: Final = {
    VisitKind.STATION: Arrival("进站", "联络站"),
    VisitKind.GRID: Arrival("入网格", "联系网格"),
}

#: why an opinion is handled again: by which step, never in whose words
REOPENED_BY: Final = {Cause.REWORK: "经核实", Cause.DISSATISFIED: "经反馈"}

CLOSED: Final = {
    Status.MET: "已补齐登记",
    Status.LATE: "已补齐",
    Status.SETTLED: "已办结",
    Status.CANCELLED: "已取消",
    Status.EXCUSED: "已核准请假",
}

DIGESTS: Final = {DigestKind.DAILY: "督办日报", DigestKind.WEEKLY: "督办周报", DigestKind.MONTHLY: "督办月报"}

QUARTERS: Final = dict(zip("1234", "一二三四", strict=True))
HALVES: Final = {"1": "上半年", "2": "下半年"}


@lru_cache(maxsize=4096)
def short_date(day: date) -> str:
    """Return a day as an SMS has it.

    >>> short_date(date(2026, 3, 31))
    '3月31日'
    """
    return f"{day.month}月{day.day}日"


@lru_cache(maxsize=4096)
def long_date(day: date) -> str:
    """Return a day as an e-mail has it.

    >>> long_date(date(2026, 3, 31))
    '2026年3月31日'
    """
    return f"{day.year}年{day.month}月{day.day}日"


@lru_cache(maxsize=4096)
def period(label: str) -> str:
    """Return a visit period in words, without its year; a rolling cycle has no name of its own.

    >>> [period(label) for label in ("2026-H1", "2026-Q4", "2026-11", "2026-03-09")]
    ['上半年', '第四季度', '11月', '本周期']
    """
    _, _, part = label.partition("-")
    if part[:1] == "H":
        return HALVES.get(part[1:], part)
    if part[:1] == "Q":
        return f"第{QUARTERS.get(part[1:], part)}季度"
    return "本周期" if "-" in part or not part.isdecimal() else f"{int(part)}月"


@lru_cache(maxsize=4096)
def current_period(label: str) -> str:
    """Return a visit period in words for somebody who is still in it.

    >>> current_period("2026-Q4"), current_period("2026-11")
    ('本季度', '11月')
    """
    return "本季度" if "-Q" in label else period(label)


@lru_cache(maxsize=4096)
def full_period(label: str) -> str:
    """Return a visit period in words with its year; a rolling cycle with its first day.

    >>> full_period("2026-Q4"), full_period("2026-03-09")
    ('2026年第四季度', '2026年3月9日起的周期')
    """
    year, _, part = label.partition("-")
    if "-" in part:
        return f"{long_date(date.fromisoformat(label))}起的周期"
    return f"{year}年{period(label)}"


def rung_name(rung: str) -> str:
    """Return a rung as a table names it.

    >>> rung_name("overdue"), rung_name("climb-2")
    ('已提示责任方', '已上报第2级')
    """
    kind, _, number = rung.partition("-")
    match kind:
        case RungKind.OVERDUE:
            return "已提示责任方"
        case RungKind.CLIMB:
            return f"已上报第{number}级"
        case _:
            return "尚未提示"


def digest_period(kind: DigestKind, label: str) -> str:
    """Return a digest's period in words.

    >>> digest_period(DigestKind.WEEKLY, "2026-W14"), digest_period(DigestKind.MONTHLY, "2026-03")
    ('2026年第14周', '2026年3月')
    """
    year, _, part = label.partition("-")
    match kind:
        case DigestKind.DAILY:
            return long_date(date.fromisoformat(label))
        case DigestKind.WEEKLY:
            return f"{year}年第{int(part[1:])}周"
        case DigestKind.MONTHLY:
            return f"{year}年{int(part)}月"
