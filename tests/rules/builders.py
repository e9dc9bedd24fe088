"""Small made-up records: one house of offices, the facts that a test needs, and what people would receive.

Offices: DIR over MUN over the towns T1 and T2; under T1 the central station C1, the village stations V1 and V2 and
the department DT; under T2, which has no central station, V3 and DT2; under MUN the department DM.
Grids: G1 with its micro-grid G1a with its micro-grid G1aa; G2; in T2, G3. Contacts are named after their office (CT1).
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from config.calendars import load_calendar
from config.policies import load_policy
from replay.engine import Replay, replay
from rules.dockets import Desk, Docket
from rules.dossiers import known
from rules.duties import SeatDocket, seat_docket
from rules.facts import (
    SHANGHAI,
    Acknowledgement,
    Contact,
    Deputy,
    Grid,
    Leave,
    Milestone,
    MilestoneStage,
    Office,
    OfficeKind,
    Petition,
    PetitionEvent,
    PetitionEventKind,
    PetitionLevel,
    Project,
    ProjectEvent,
    ProjectEventKind,
    Record,
    Result,
    Seat,
    SeatLevel,
    StationKind,
    Visit,
    VisitKind,
    midnight,
)
from rules.matters import Matter
from rules.offices import House
from rules.petitions import PetitionDocket
from rules.policy import Policy
from rules.projects import ProjectDocket

CALENDAR = load_calendar()


def day(text: str) -> date:
    """Read a day such as 2026-03-31, or 03-31 of 2026."""
    return date.fromisoformat(text if len(text) > len("03-31") else f"2026-{text}")


def at(text: str) -> datetime:
    """Read a local instant such as `2026-03-31 09:00:00`, or `03-31 09:00` of 2026."""
    days, _, time = text.partition(" ")
    return datetime.fromisoformat(f"{day(days)} {time}").replace(tzinfo=SHANGHAI).astimezone(UTC)


def shown(instant: datetime) -> str:
    """Write an instant as the tables of the tests do: `03-31 09:00`, with seconds where there are any."""
    local = instant.astimezone(SHANGHAI)
    return f"{local:%m-%d %H:%M:%S}" if local.second else f"{local:%m-%d %H:%M}"


# The organisation ----------------------------------------------------------------------------


def office(ident: str, kind: str, parent: str | None = None, station_kind: str | None = None) -> Office:
    sort = StationKind(station_kind) if station_kind else None
    return Office(id=ident, name=f"机构{ident}", kind=OfficeKind(kind), parent=parent, station_kind=sort)


OFFICES = (
    office("DIR", "directors"),
    office("MUN", "municipal", "DIR"),
    office("T1", "town", "MUN"),
    office("T2", "town", "MUN"),
    office("C1", "station", "T1", "central"),
    office("V1", "station", "T1", "village"),
    office("V2", "station", "T1", "village"),
    office("V3", "station", "T2", "village"),
    office("DT", "department", "T1"),
    office("DT2", "department", "T2"),
    office("DM", "department", "MUN"),
)
GRIDS = (
    Grid(id="G1", name="一网格", town="T1"),
    Grid(id="G1a", name="一网格甲", town="T1", parent="G1"),
    Grid(id="G1aa", name="一网格甲一", town="T1", parent="G1a"),
    Grid(id="G2", name="二网格", town="T1"),
    Grid(id="G3", name="三网格", town="T2"),
)


def contact(of: str, ident: str | None = None, **changes: Any) -> Contact:
    cells = {"mobile": "13800000000", "email": f"{of.lower()}@example.cn"} | changes
    return Contact(id=ident or f"C{of}", office=of, name=f"联系人{of}", **cells)


def deputy(ident: str, **changes: Any) -> Deputy:
    cells = {"mobile": "13900000000", "email": f"{ident.lower()}@example.cn"} | changes
    return Deputy(id=ident, name=f"代表{ident}", **cells)


CONTACTS = tuple(contact(o.id) for o in OFFICES if o.kind is not OfficeKind.STATION)
DEPUTIES = (deputy("DA"), deputy("DB"))


def staff(*changed: Contact, without: Iterable[str] = ()) -> tuple[Contact, ...]:
    """Return the contacts of the house with some of them changed, and without those of some offices."""
    table = {c.id: c for c in CONTACTS if c.office not in set(without)}
    return tuple((table | {c.id: c for c in changed}).values())


def house(
    contacts: Iterable[Contact] = CONTACTS,
    deputies: Iterable[Deputy] = DEPUTIES,
    offices: Iterable[Office] = OFFICES,
    grids: Iterable[Grid] = GRIDS,
) -> House:
    return House(offices, contacts, grids, deputies)


def policy(**settings: object) -> Policy:
    """Return the default policy with some settings changed; `__` stands for the dot of a key."""
    return load_policy(assignments=[f"{k.replace('__', '.')}={v}" for k, v in settings.items()], environ={})


def desk(start: str = "2026-01-01", within: House | None = None, **settings: Any) -> Desk:
    return Desk(within or house(), CALENDAR, policy(**settings), day(start))


# Facts ---------------------------------------------------------------------------------------

MARCH_SEAT = Seat(
    id="S1",
    deputy="DA",
    level=SeatLevel.TOWN,
    town="T1",
    station="V1",
    grid="G1",
    begins=day("03-01"),
    ends=None,
)


def seat(**changes: Any) -> Seat:
    """Return a town seat from 1 March 2026 on, at V1 and G1."""
    cells: dict[str, Any] = {k: day(v) if k in ("begins", "ends") and v else v for k, v in changes.items()}
    if "level" in cells:
        cells["level"] = SeatLevel(cells["level"])
    return replace(MARCH_SEAT, **cells)


def visit(when: str, place: str = "V1", recorded: str | None = None, who: str = "DA") -> Visit:
    """Return a visit, recorded at 00:00 of its day unless told otherwise."""
    kind = VisitKind.GRID if place.startswith("G") else VisitKind.STATION
    known_at = at(recorded) if recorded else midnight(day(when))
    return Visit(id=f"{who}-{when}-{place}", deputy=who, day=day(when), kind=kind, place=place, recorded_at=known_at)


def leave(first: str, last: str, recorded: str | None = None, who: str = "DA") -> Leave:
    """Return a leave, recorded at 00:00 of its first day unless told otherwise."""
    known_at = at(recorded) if recorded else midnight(day(first))
    return Leave(id=f"{who}-{first}", deputy=who, begins=day(first), ends=day(last), recorded_at=known_at)


def petition(ident: str = "P1", level: str = "town", recorded: str = "03-09 10:00", who: str | None = "DA") -> Petition:
    return Petition(
        id=ident, town="T1", deputy=who, level=PetitionLevel(level), title="路灯不亮", recorded_at=at(recorded)
    )


def event(when: str, kind: str, ident: str = "P1", **cells: Any) -> PetitionEvent:
    """Return an event of a petition; its cells as in the record."""
    readers: dict[str, Any] = {"level": PetitionLevel, "until": day, "result": Result}
    read: dict[str, Any] = {k: readers[k](v) if k in readers and v else v for k, v in cells.items()}
    return PetitionEvent(petition=ident, at=at(when), event=PetitionEventKind(kind), **read)


def project(ident: str = "J1", recorded: str = "03-02 10:00", **changes: Any) -> Project:
    cells = {"town": "T1", "office": "DT", "deputy": "DA"} | changes
    return Project(id=ident, name=f"项目{ident}", recorded_at=at(recorded), **cells)


def milestone(seq: int, stage: str, planned: str, ident: str = "J1") -> Milestone:
    return Milestone(project=ident, seq=seq, stage=MilestoneStage(stage), planned=day(planned))


def progress(
    when: str, kind: str, seq: int | None = None, date: str | None = None, reason: str | None = None, ident: str = "J1"
) -> ProjectEvent:
    dated = day(date) if date else None
    return ProjectEvent(project=ident, at=at(when), event=ProjectEventKind(kind), seq=seq, day=dated, reason=reason)


def ack(matter: str, when: str, of: str) -> Acknowledgement:
    return Acknowledgement(matter=matter, at=at(when), office=of)


def record(**tables: Any) -> Record:
    """Return a record of the house above with some tables given."""
    base = {"offices": OFFICES, "contacts": CONTACTS, "grids": GRIDS, "deputies": DEPUTIES}
    return Record(**base | tables)


# What becomes of them ------------------------------------------------------------------------


def learnt(docket: Docket, facts: Iterable[Any], until: str) -> None:
    """Let a docket learn facts in the order in which they became known, and then let time pass."""
    end = at(f"{until} 23:59:59")
    instants: dict[datetime, list[Any]] = {}
    for fact in facts:
        instants.setdefault(known(fact), []).append(fact)
    for instant in sorted(i for i in instants if i <= end):
        docket.learn(instant, instants[instant])
    docket.learn(end)


def duties(
    of: Seat, *facts: Visit | Leave, until: str = "06-30", start: str = "2026-01-01", **settings: Any
) -> SeatDocket:
    """Return the docket of a seat as it stands at the end of a day, on the facts known by then."""
    docket = seat_docket(of, desk(start, **settings))
    learnt(docket, facts, until)
    return docket


def handled(of: Petition, *events: PetitionEvent, within: Desk | None = None) -> PetitionDocket:
    """Return the docket of a petition after its events, none of which may be refused."""
    docket = PetitionDocket(of, within or desk())
    docket.learn(of.recorded_at)
    for each in events:
        assert docket.refuse(each) == (), each
        docket.learn(each.at, [each])
    return docket


def built(
    of: Project, milestones: Iterable[Milestone], *events: ProjectEvent, within: Desk | None = None
) -> ProjectDocket:
    """Return the docket of a project after its events, none of which may be refused."""
    docket = ProjectDocket(of, tuple(milestones), within or desk())
    docket.learn(of.recorded_at)
    for each in events:
        assert docket.refuse(each) == (), each
        docket.learn(each.at, [each])
    return docket


def stands(docket: Docket, on: str) -> dict[str, str]:
    """Return how each matter of a docket stands on a day, by what follows the subject in its id."""
    return {brief(m): m.status_on(day(on)).value for m in docket.matters.values()}


def brief(matter: Matter) -> str:
    """Return the part of a matter's id that tells it from others of its subject."""
    return matter.id.split(":", 2)[2]


def matter_of(docket: Docket, name: str) -> Matter:
    """Return the matter of a docket whose id ends in `name`."""
    return next(m for m in docket.matters.values() if brief(m) == name)


def run(of: Record, first: str, last: str, **settings: object) -> Replay:
    """Replay a record; the system is taken into use on `first`."""
    within = House(of.offices, of.contacts, of.grids, of.deputies)
    return replay(of, desk(day(first).isoformat(), within, **settings), day(last))


Told = tuple[str, str, str, str, str]


def told(of: Record, first: str, last: str, **settings: object) -> list[Told]:
    """Return what people receive: when, matter, rung, to whom, on which channel (`!` before what is rerouted)."""
    lines = []
    for sent in run(of, first, last, **settings).sent:
        notice = sent.notice
        who = notice.person.id.partition(":")[2] if notice.person else notice.verdict.value
        channel = notice.channel.value if notice.channel else ""
        mark = "!" if notice.rerouted else "" if notice.verdict != "skipped" else "skipped "
        lines.append((shown(sent.at), notice.matter.id, notice.rung, f"{mark}{who}", channel))
    return sorted(lines)


def rungs(lines: Iterable[Told], of: str = "") -> list[tuple[str, str, str]]:
    """Return when, which rung and to whom, each once whatever the channel; of one matter where it is named."""
    return sorted({(when, rung, who) for when, matter, rung, who, _ in lines if matter.endswith(of)})
