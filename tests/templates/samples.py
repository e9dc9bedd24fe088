"""Which notices do these tests put into words? A small house, and notices of every sort in it."""

from dataclasses import replace
from datetime import date
from typing import Any

from rules.derivations import Measure, Reckoning
from rules.digests import Counts, DigestKind
from rules.facts import Channel, Contact, Deputy, MilestoneStage, Office, OfficeKind, VisitKind
from rules.matters import Cause, Matter, MatterKind, Status
from rules.notices import Event, Notice, Verdict
from rules.offices import House
from rules.petitions import Stage
from rules.workdays import Calendar
from templates.wording import DigestView, Wording

#: a Friday; 2030 has no notice, so Monday to Friday are workdays
DUE = date(2030, 3, 29)
BEFORE = date(2030, 3, 22)
AFTER = date(2030, 4, 5)  #: 5 workdays after DUE
STATION, GRID = VisitKind.STATION, VisitKind.GRID
BOTH = (STATION, GRID)

HOUSE = House(
    offices=[
        Office(id="ZR", name="鹤山市人大常委会主任会议", kind=OfficeKind.DIRECTORS),
        Office(id="DB", name="鹤山市人大常委会代表工委", kind=OfficeKind.MUNICIPAL, parent="ZR"),
        Office(id="GH", name="共和镇人大主席团", kind=OfficeKind.TOWN, parent="DB"),
        Office(id="SP", name="沙坪街道人大工委", kind=OfficeKind.TOWN, parent="DB"),
        Office(id="GH-NY", name="共和镇农业农村办公室", kind=OfficeKind.DEPARTMENT, parent="GH"),
        Office(id="JT", name="鹤山市交通运输局", kind=OfficeKind.DEPARTMENT, parent="DB"),
    ],
    contacts=[
        Contact(id=f"C-{office}", office=office, name="王五", mobile="13800000001", email="c@example.cn")
        for office in ("ZR", "DB", "GH", "SP", "GH-NY", "JT")
    ],
    deputies=[Deputy(id="D1", name="李志明", mobile="13800000002", email="d@example.cn")],
)
CALENDAR = Calendar()
WORDING = Wording(HOUSE, calendar=CALENDAR)
EITHER = Wording(HOUSE, calendar=CALENDAR, either=True)

DEPUTY = HOUSE.route("deputy:D1", "GH").people[0]


def contact(office: str):
    return HOUSE.staff(office)[0]


def matter(**cells: Any) -> Matter:
    filled: dict[str, Any] = {
        "subject": "X",
        "town": "GH",
        "cause": Cause.RECORDED,
        "opened": date(2030, 1, 1),
        "due": DUE,
        "began": date(2030, 1, 1),
    } | cells
    filled.setdefault("reckoned", Reckoning(Measure.PLANNED, filled["due"]))
    filled.setdefault("ladder", str(filled["kind"]))
    filled.setdefault("id", f"{filled['kind']}:X:1")
    return Matter(**filled)


def visit(arrivals: tuple[VisitKind, ...] = (), owed: tuple[VisitKind, ...] = BOTH, **cells: Any) -> Matter:
    defaults: dict[str, Any] = {"label": "2030-Q1", "responsible": "deputy:D1", "cause": Cause.PERIOD}
    return matter(kind=MatterKind.VISIT, owed=owed, arrivals=arrivals, **defaults | cells)


def petition(stage: Stage, **cells: Any) -> Matter:
    handlers = {Stage.ASSIGN: "office:GH", Stage.ACCEPT: "office:GH-NY", Stage.HANDLE: "office:GH-NY"}
    defaults: dict[str, Any] = {
        "label": "GH2030-0123",
        "responsible": handlers.get(stage, "deputy:D1"),
        "cause": Cause.REGISTERED,
    }
    return matter(kind=MatterKind.PETITION, stage=stage, **defaults | cells)


def milestone(stage: MilestoneStage = MilestoneStage.COMPLETION, **cells: Any) -> Matter:
    defaults: dict[str, Any] = {"label": "旺龙村道安全防护栏项目", "responsible": "office:JT"}
    return matter(kind=MatterKind.MILESTONE, stage=stage, **defaults | cells)


def inspection(**cells: Any) -> Matter:
    defaults: dict[str, Any] = {"label": "旺龙村道安全防护栏项目", "responsible": "deputy:D1"}
    return matter(kind=MatterKind.INSPECTION, **defaults | cells)


def notice(of: Matter, rung: str, person=None, *, rerouted: bool = False, channel: Channel = Channel.SMS) -> Notice:
    """A notice as the rules would address it, unless `person` says to whom it goes."""
    if person is None:
        sort, _, ident = of.responsible.partition(":")
        chain = HOUSE.chain(of.responsible, of.town)
        if rung.startswith("climb-"):
            person = contact(chain[int(rung[-1]) - 1])
        elif rung == Event.REPLANNED:
            person = contact("DB")
        elif rung == Event.SETTLED:
            person = contact(chain[0])
        else:
            person = DEPUTY if sort == "deputy" else contact(ident)
    return Notice(matter=of, rung=rung, person=person, channel=channel, verdict=Verdict.SENT, rerouted=rerouted)


def ended(of: Matter, closed: Status, settled: date | None = None) -> Matter:
    return replace(of, closed=closed, settled=settled)


STAGES = [stage for stage in Stage if stage is not Stage.CLOSED]
MATTERS = [
    visit(),
    visit((STATION,)),
    visit((GRID,)),
    visit(owed=(GRID,)),
    visit(owed=(STATION,)),
    visit(BOTH),
    visit(label="2030-03"),
    visit(label="2030-H1"),
    visit(label="2030-03-09"),
    *(petition(stage) for stage in STAGES),
    petition(Stage.HANDLE, responsible="deputy:D1"),
    petition(Stage.VERIFY, responsible="office:GH"),
    petition(Stage.FEEDBACK, responsible="office:SP", town="SP"),
    *(milestone(stage) for stage in MilestoneStage),
    milestone(responsible="office:GH"),
    inspection(),
    inspection(responsible="office:GH"),
]
LADDER = ("remind-2", "overdue", "climb-1", "climb-2")
EVENTS = [
    notice(petition(Stage.ASSIGN), Event.ASSIGN),
    notice(petition(Stage.ASSIGN, cause=Cause.RETURNED), Event.ASSIGN),
    notice(petition(Stage.ASSIGN, cause=Cause.RAISED, responsible="office:DB"), Event.ASSIGN),
    notice(petition(Stage.ACCEPT), Event.ASSIGNED),
    notice(petition(Stage.VERIFY), Event.HANDLED),
    notice(petition(Stage.VERIFY, responsible="office:GH"), Event.HANDLED),
    notice(petition(Stage.HANDLE, cause=Cause.REWORK), Event.REOPENED),
    notice(petition(Stage.HANDLE, cause=Cause.DISSATISFIED), Event.REOPENED),
    notice(petition(Stage.HANDLE, cause=Cause.DISSATISFIED, responsible="deputy:D1"), Event.REOPENED),
    notice(petition(Stage.HANDLE, cause=Cause.REWORK), Event.REOPENED, contact("GH")),
    notice(petition(Stage.HANDLE, cause=Cause.DISSATISFIED, responsible="deputy:D1"), Event.REOPENED, contact("GH")),
    notice(milestone(slips=2), Event.REPLANNED),
    notice(ended(petition(Stage.HANDLE), Status.SETTLED, AFTER), Event.SETTLED),
    notice(ended(petition(Stage.HANDLE), Status.CANCELLED, AFTER), Event.SETTLED),
    notice(ended(visit(BOTH), Status.LATE, AFTER), Event.SETTLED),
    notice(ended(visit(BOTH), Status.MET, AFTER), Event.SETTLED),
    notice(ended(visit(), Status.EXCUSED), Event.SETTLED),
    notice(ended(milestone(), Status.SETTLED, AFTER), Event.SETTLED),
    notice(ended(inspection(), Status.CANCELLED, AFTER), Event.SETTLED),
]
REROUTED = [
    notice(visit(), "remind-5", contact("GH"), rerouted=True),
    notice(visit((STATION,)), "overdue", contact("GH"), rerouted=True),
    notice(visit(), "climb-1", contact("DB"), rerouted=True),
    notice(petition(Stage.VERIFY), "remind-2", contact("GH"), rerouted=True),
    notice(petition(Stage.HANDLE), "overdue", contact("GH"), rerouted=True),
    notice(petition(Stage.VERIFY), Event.HANDLED, contact("GH"), rerouted=True),
    notice(petition(Stage.HANDLE, cause=Cause.REWORK), Event.REOPENED, contact("DB"), rerouted=True),
    notice(milestone(), "remind-5", contact("DB"), rerouted=True),
    notice(inspection(), "remind-3", contact("GH"), rerouted=True),
]
NOTICES = [notice(each, rung) for each in MATTERS for rung in LADDER] + EVENTS + REROUTED

VIEW = DigestView(
    kind=DigestKind.WEEKLY,
    period="2030-W14",
    office="鹤山市人大常委会代表工委",
    day=AFTER,
    counts=Counts(due_soon=5, overdue=3),
    rungs=(("overdue", 2), ("climb-1", 1)),
    towns=(("共和镇人大主席团", Counts(5, 1)), ("沙坪街道人大工委", Counts(0, 2))),
    worst=WORDING.lines(MATTERS, AFTER, most=3),
    findings=("席位S9没有网格",),
)


def day_of(each: Notice) -> date:
    return BEFORE if each.rung.startswith(("remind", "event")) and each.matter.closed is None else AFTER
