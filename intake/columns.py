"""Which tables and columns does the record have, what are they called, and what may stand in them?

One declaration for reading, checking, writing and the commands. Source: INTERFACES "The record". Where that
page gives a column no Chinese name, it has the one that its English name has in another table.
"""

from dataclasses import dataclass, field
from typing import Final

from intake.values import Cell, Channels, Choice, Count, Day, Email, Id, Instant, Mobile, Reference, Text, YesNo
from rules.facts import (
    Basis,
    MilestoneStage,
    OfficeKind,
    PetitionEventKind,
    PetitionLevel,
    ProjectEventKind,
    Record,
    Result,
    Row,
    SeatLevel,
    StationKind,
    VisitForm,
    VisitKind,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a table."""

    name: str  #: in English
    chinese: tuple[str, ...]  #: the first is the one that is written
    cell: Cell
    field: str  #: of the row's class
    required: bool = False
    empty: object = None  #: what an empty cell says
    secret: bool = False  #: never shown in a message (R5.10)

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that the column answers to."""
        return (self.name, *self.chinese)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table of the record: a CSV file or a sheet."""

    name: str
    chinese: str
    row: type[Row]
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ("id",)  #: fields that no two rows share; empty: rows may be alike
    named: dict[str, Column] = field(init=False, repr=False)  #: by English name
    fields: dict[str, Column] = field(init=False, repr=False)  #: by field of the row's class

    def __post_init__(self) -> None:
        """Index the columns."""
        object.__setattr__(self, "named", {column.name: column for column in self.columns})
        object.__setattr__(self, "fields", {column.field: column for column in self.columns})


OFFICE_KIND: Final = Choice(
    "a kind of office",
    {
        OfficeKind.DIRECTORS: "主任会议",
        OfficeKind.MUNICIPAL: "代表工委",
        OfficeKind.TOWN: "镇街",
        OfficeKind.STATION: "联络站",
        OfficeKind.DEPARTMENT: "承办单位",
    },
)
STATION_KIND: Final = Choice(
    "a kind of station",
    {
        StationKind.CENTRAL: "中心联络站",
        StationKind.VILLAGE: "村居联络站",
        StationKind.INDUSTRY: "产业联络站",
        StationKind.BASE: "实践基地",
    },
)
SEAT_LEVEL: Final = Choice(
    "a level of congress",
    {
        SeatLevel.PROVINCE: "省",
        SeatLevel.PREFECTURE: "江门市",
        SeatLevel.COUNTY: "鹤山市",
        SeatLevel.TOWN: "镇",
    },
)
BASIS: Final = Choice(
    "a basis",
    {
        Basis.RESIDENCE: "居住地",
        Basis.WORKPLACE: "工作地",
        Basis.DISTRICT: "选区",
        Basis.UNIT: "单位",
    },
)
VISIT_KIND: Final = Choice("a kind of visit", {VisitKind.STATION: "进站", VisitKind.GRID: "入网格"})
VISIT_FORM: Final = Choice(
    "a form of visit",
    {
        VisitForm.RECEPTION: "现场接访",
        VisitForm.MEETING: "见面会",
        VisitForm.PATROL: "巡查走访",
        VisitForm.HOUSEHOLD: "入户服务",
        VisitForm.OTHER: "其他",
    },
)
PETITION_LEVEL: Final = Choice(
    "a level of handling",
    {
        PetitionLevel.SELF: "自行解决",
        PetitionLevel.TOWN: "镇街",
        PetitionLevel.MUNICIPAL: "市级",
    },
)
PETITION_EVENT: Final = Choice(
    "an event of an opinion",
    {
        PetitionEventKind.ASSIGNED: "交办",
        PetitionEventKind.ACCEPTED: "签收",
        PetitionEventKind.RETURNED: "退回",
        PetitionEventKind.RAISED: "提级",
        PetitionEventKind.EXTENDED: "延期",
        PetitionEventKind.HANDLED: "办结",
        PetitionEventKind.VERIFIED: "核实",
        PetitionEventKind.FED_BACK: "反馈",
        PetitionEventKind.WITHDRAWN: "撤回",
        PetitionEventKind.ACKNOWLEDGED: "批示",
    },
)
RESULT: Final = Choice(
    "a result",
    {
        Result.OK: "属实",
        Result.REWORK: "重办",
        Result.SATISFIED: "满意",
        Result.BASICALLY: "基本满意",
        Result.DISSATISFIED: "不满意",
    },
)
STAGE: Final = Choice(
    "a stage of a project",
    {
        MilestoneStage.APPROVED: "立项",
        MilestoneStage.FUNDED: "资金落实",
        MilestoneStage.GROUNDBREAKING: "开工",
        MilestoneStage.PROGRESS: "进度",
        MilestoneStage.COMPLETION: "竣工",
        MilestoneStage.ACCEPTANCE: "验收",
        MilestoneStage.FEEDBACK: "结果反馈",
    },
)
PROJECT_EVENT: Final = Choice(
    "an event of a project",
    {
        ProjectEventKind.DONE: "完成",
        ProjectEventKind.REPLAN: "调整",
        ProjectEventKind.INSPECTED: "巡查",
    },
)

ID: Final = Id()
REF: Final = Reference()
MATTER: Final = Id(longest=200)  # an id, its kind, stage and round
TEXT: Final = Text()
DAY: Final = Day()
INSTANT: Final = Instant()
YES_NO: Final = YesNo()
COUNT: Final = Count()
MOBILE: Final = Mobile()
EMAIL: Final = Email()
CHANNELS: Final = Channels()


def _need(name: str, chinese: str, cell: Cell, *, field: str = "", secret: bool = False) -> Column:
    """Return a required column; several Chinese names stand apart by blanks."""
    return Column(
        name=name, chinese=tuple(chinese.split()), cell=cell, field=field or name, required=True, secret=secret
    )


def _may(name: str, chinese: str, cell: Cell, *, field: str = "", empty: object = None, secret: bool = False) -> Column:
    """Return a column that may be absent or empty."""
    return Column(name=name, chinese=tuple(chinese.split()), cell=cell, field=field or name, empty=empty, secret=secret)


_TABLES: Final = (
    Table(
        name="offices",
        chinese="机构",
        row=Record.TABLES["offices"],
        columns=(
            _need("id", "编号", ID),
            _need("name", "名称", TEXT),
            _need("kind", "类别", OFFICE_KIND),
            _may("parent", "上级", REF),
            _may("station_kind", "站类", STATION_KIND),
        ),
    ),
    Table(
        name="contacts",
        chinese="联系人",
        row=Record.TABLES["contacts"],
        columns=(
            _need("id", "编号", ID),
            _need("office", "机构", REF),
            _need("name", "姓名 名称", TEXT),
            _may("title", "职务", TEXT),
            _may("mobile", "手机", MOBILE),
            _may("email", "邮箱", EMAIL),
            _may("channels", "渠道", CHANNELS, empty=()),
            _may("on_duty", "在岗", YES_NO, empty=True),
        ),
    ),
    Table(
        name="grids",
        chinese="网格",
        row=Record.TABLES["grids"],
        columns=(
            _need("id", "编号", ID),
            _need("name", "名称", TEXT),
            _need("town", "镇街", REF),
            _may("parent", "上级网格 上级", REF),
        ),
    ),
    Table(
        name="deputies",
        chinese="代表",
        row=Record.TABLES["deputies"],
        columns=(
            _need("id", "编号", ID),
            _need("name", "姓名 名称", TEXT),
            _may("mobile", "手机", MOBILE),
            _may("email", "邮箱", EMAIL),
            _may("channels", "渠道", CHANNELS, empty=()),
        ),
    ),
    Table(
        name="seats",
        chinese="席位",
        row=Record.TABLES["seats"],
        columns=(
            _need("id", "编号", ID),
            _need("deputy", "代表", REF),
            _need("level", "级别", SEAT_LEVEL),
            _need("town", "镇街", REF),
            _may("station", "联络站", REF),
            _may("grid", "网格", REF),
            _may("basis", "联系依据", BASIS),
            _need("from", "任期起", DAY, field="begins"),
            _may("to", "任期止", DAY, field="ends"),
        ),
    ),
    Table(
        name="leaves",
        chinese="请假",
        row=Record.TABLES["leaves"],
        columns=(
            _need("id", "编号", ID),
            _need("deputy", "代表", REF),
            _need("from", "起", DAY, field="begins"),
            _need("to", "止", DAY, field="ends"),
            _may("reason", "事由 原因", TEXT),
            _may("approver", "批准人", TEXT),
            _may("recorded_at", "登记时间", INSTANT),
        ),
    ),
    Table(
        name="visits",
        chinese="履职记录",
        row=Record.TABLES["visits"],
        columns=(
            _need("id", "编号", ID),
            _need("deputy", "代表", REF),
            _need("date", "日期", DAY, field="day"),
            _need("kind", "去向", VISIT_KIND),
            _need("place", "地点", REF),
            _may("form", "形式", VISIT_FORM),
            _may("voters", "接待选民人次", COUNT),
            _may("opinions", "收集意见条数", COUNT),
            _may("note", "备注 说明", TEXT),
            _may("recorded_at", "登记时间", INSTANT),
        ),
    ),
    Table(
        name="petitions",
        chinese="群众意见",
        row=Record.TABLES["petitions"],
        columns=(
            _need("id", "编号", ID),
            _need("town", "镇街", REF),
            _may("deputy", "代表", REF),
            _may("found_on", "发现日期", DAY),
            _need("level", "层级", PETITION_LEVEL),
            _need("title", "事项", TEXT, secret=True),
            _may("petitioner", "群众姓名", TEXT, secret=True),
            _may("petitioner_mobile", "群众电话", MOBILE),
            _may("confidential", "保密", YES_NO, empty=False),
            _need("recorded_at", "登记时间", INSTANT),
        ),
    ),
    Table(
        name="petition_events",
        chinese="意见办理",
        row=Record.TABLES["petition_events"],
        columns=(
            _need("petition", "编号 意见编号 来源意见", REF),
            _need("at", "时间", INSTANT),
            _need("event", "环节", PETITION_EVENT),
            _may("office", "机构", REF),
            _may("level", "层级", PETITION_LEVEL),
            _may("until", "期限", DAY),
            _may("proposal", "代表建议", YES_NO, empty=False),
            _may("result", "结果", RESULT),
            _may("note", "说明 备注", TEXT, secret=True),
        ),
        key=(),
    ),
    Table(
        name="projects",
        chinese="民生项目",
        row=Record.TABLES["projects"],
        columns=(
            _need("id", "编号", ID),
            _need("name", "项目名称 名称", TEXT),
            _need("town", "镇街", REF),
            _need("office", "责任单位 机构", REF),
            _may("deputy", "跟踪代表 代表", REF),
            _may("petition", "来源意见 意见编号", REF),
            _may("key", "重点督办", YES_NO, field="is_key", empty=False),
            _need("recorded_at", "登记时间", INSTANT),
        ),
    ),
    Table(
        name="milestones",
        chinese="项目节点",
        row=Record.TABLES["milestones"],
        columns=(
            _need("project", "项目", REF),
            _need("seq", "序号", COUNT),
            _need("stage", "阶段", STAGE),
            _may("name", "节点名称 名称", TEXT),
            _need("planned", "计划日期", DAY),
        ),
        key=("project", "seq"),
    ),
    Table(
        name="project_events",
        chinese="项目进展",
        row=Record.TABLES["project_events"],
        columns=(
            _need("project", "项目", REF),
            _need("at", "时间", INSTANT),
            _need("event", "类型", PROJECT_EVENT),
            _may("seq", "序号", COUNT),
            _may("date", "日期", DAY, field="day"),
            _may("reason", "原因 事由", TEXT),
        ),
        key=(),
    ),
    Table(
        name="acknowledgements",
        chinese="批示",
        row=Record.TABLES["acknowledgements"],
        columns=(
            _need("matter", "督办事项", MATTER),
            _need("at", "时间", INSTANT),
            _need("office", "机构", REF),
        ),
        key=(),
    ),
)

TABLES: Final = {table.name: table for table in _TABLES}
#: the tables that can have a million rows: they stream, and nothing refers to their rows
STREAMED: Final = ("leaves", "visits")
#: the column that `--skip-bad` adds; passed over when such a file comes in again
WHY: Final = "why"
