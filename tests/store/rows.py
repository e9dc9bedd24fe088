"""Which rows fill every table and every column? Some of each kind with all cells given, and one that nothing refers to.

Texts hold what breaks careless SQL: quotes, percent signs, colons, line breaks, characters beyond the BMP.
"""

from datetime import date, datetime
from typing import Any, Final

from rules.facts import (
    SHANGHAI,
    Acknowledgement,
    Basis,
    Channel,
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
    Row,
    Seat,
    SeatLevel,
    StationKind,
    Visit,
    VisitForm,
    VisitKind,
)

TEXT: Final = '沙坪街道 O\'Brien "甲" 100%:x\n𠮷 \\'


def at(day: int, hour: int = 10, micro: int = 0) -> datetime:
    """Return an instant of March 2026 in Shanghai."""
    return datetime(2026, 3, day, hour, 30, 15, micro, tzinfo=SHANGHAI)


def event(kind: PetitionEventKind, day: int, **cells: Any) -> PetitionEvent:
    return PetitionEvent(petition="P1", at=at(day), event=kind, **cells)


#: all columns of all tables are given in some row
FULL: Final = Record(
    offices=(
        Office(id="DIR", name="主任会议", kind=OfficeKind.DIRECTORS),
        Office(id="MUN", name="代表工委", kind=OfficeKind.MUNICIPAL, parent="DIR"),
        Office(id="T1", name=TEXT, kind=OfficeKind.TOWN, parent="MUN"),
        Office(id="ST1", name="站", kind=OfficeKind.STATION, parent="T1", station_kind=StationKind.CENTRAL),
        Office(id="D1", name="办", kind=OfficeKind.DEPARTMENT, parent="T1"),
    ),
    contacts=(
        Contact(id="C1", office="T1", name="陈四"),
        Contact(
            id="C2",
            office="T1",
            name=TEXT,
            title=TEXT,
            mobile="+86 138 0000 0001",
            email="c2@example.cn",
            channels=(Channel.EMAIL, Channel.SMS),
            on_duty=False,
        ),
    ),
    grids=(Grid(id="G1", name="一网格", town="T1"), Grid(id="G1a", name="微网格", town="T1", parent="G1")),
    deputies=(
        Deputy(id="DA", name="李甲"),
        Deputy(id="DB", name="李乙", mobile="13800000002", email="db@example.cn", channels=(Channel.SMS,)),
    ),
    seats=(
        Seat(id="S1", deputy="DA", level=SeatLevel.TOWN, town="T1", begins=date(2026, 1, 1)),
        Seat(
            id="S2",
            deputy="DB",
            level=SeatLevel.PREFECTURE,
            town="T1",
            station="ST1",
            grid="G1a",
            basis=Basis.WORKPLACE,
            begins=date(2026, 1, 1),
            ends=date(2030, 12, 31),
        ),
    ),
    leaves=(
        Leave(id="L1", deputy="DA", begins=date(2026, 3, 1), ends=date(2026, 3, 9), recorded_at=at(1)),
        Leave(
            id="L2",
            deputy="DB",
            begins=date(2026, 3, 1),
            ends=date(2026, 3, 1),
            reason=TEXT,
            approver="王五",
            recorded_at=at(1, micro=1),
        ),
    ),
    visits=(
        Visit(id="V1", deputy="DA", day=date(2026, 3, 5), kind=VisitKind.STATION, place="ST1", recorded_at=at(5)),
        Visit(
            id="V2",
            deputy="DB",
            day=date(2026, 3, 5),
            kind=VisitKind.GRID,
            place="G1a",
            form=VisitForm.HOUSEHOLD,
            voters=0,
            opinions=12,
            note=TEXT,
            recorded_at=at(5, micro=999_999),
        ),
    ),
    petitions=(
        Petition(id="P1", town="T1", level=PetitionLevel.TOWN, title="水沟", recorded_at=at(9)),
        Petition(
            id="P:2",
            town="T1",
            deputy="DA",
            found_on=date(2026, 3, 8),
            level=PetitionLevel.SELF,
            title=TEXT,
            petitioner="司徒霁翀",
            petitioner_mobile="13970000001",
            confidential=True,
            recorded_at=at(9),
        ),
    ),
    petition_events=(
        event(PetitionEventKind.RAISED, 10, level=PetitionLevel.MUNICIPAL),
        event(PetitionEventKind.ASSIGNED, 11, office="D1", until=date(2026, 4, 1), note=TEXT, position=7),
        event(PetitionEventKind.RETURNED, 12),
        event(PetitionEventKind.ASSIGNED, 13, office="D1", proposal=True),
        event(PetitionEventKind.HANDLED, 14),
        event(PetitionEventKind.VERIFIED, 15, result=Result.REWORK),
    ),
    projects=(
        Project(id="J1", name="护栏", town="T1", office="D1", recorded_at=at(2)),
        Project(id="J2", name=TEXT, town="T1", office="D1", deputy="DA", petition="P1", is_key=True, recorded_at=at(2)),
    ),
    milestones=(
        Milestone(project="J1", seq=1, stage=MilestoneStage.GROUNDBREAKING, planned=date(2026, 4, 20)),
        Milestone(project="J1", seq=5, stage=MilestoneStage.PROGRESS, name=TEXT, planned=date(2026, 6, 30)),
    ),
    project_events=(
        ProjectEvent(
            project="J1",
            at=at(20),
            event=ProjectEventKind.REPLAN,
            seq=1,
            day=date(2026, 5, 1),
            reason=TEXT,
            position=3,
        ),
        ProjectEvent(project="J1", at=at(21), event=ProjectEventKind.INSPECTED),
    ),
    acknowledgements=(
        Acknowledgement(matter="petition:P:2:handle:1", at=at(30), office="T1"),
        Acknowledgement(matter="visit:S1:2026-03", at=at(30), office="MUN", position=4),
    ),
)

#: one row of each table that can go without any other
SPARE: Final[dict[str, Row]] = {
    "offices": Office(id="D9", name="办", kind=OfficeKind.DEPARTMENT, parent="T1"),
    "contacts": Contact(id="C9", office="T1", name="赵六"),
    "grids": Grid(id="G9", name="九网格", town="T1"),
    "deputies": Deputy(id="D9", name="李九"),
    "seats": Seat(id="S9", deputy="DB", level=SeatLevel.TOWN, town="T1", begins=date(2026, 1, 1)),
    "leaves": Leave(id="L9", deputy="DB", begins=date(2026, 3, 1), ends=date(2026, 3, 9), recorded_at=at(1)),
    "visits": Visit(id="V9", deputy="DB", day=date(2026, 3, 5), kind=VisitKind.GRID, place="G1", recorded_at=at(5)),
    "petitions": Petition(id="P9", town="T1", level=PetitionLevel.TOWN, title="路灯", recorded_at=at(9)),
    "petition_events": PetitionEvent(petition="P:2", at=at(19), event=PetitionEventKind.WITHDRAWN),
    "projects": Project(id="J9", name="桥", town="T1", office="D1", recorded_at=at(2)),
    "milestones": Milestone(project="J2", seq=9, stage=MilestoneStage.FEEDBACK, planned=date(2026, 9, 1)),
    "project_events": ProjectEvent(project="J2", at=at(22), event=ProjectEventKind.INSPECTED),
    "acknowledgements": Acknowledgement(matter="milestone:J2:9", at=at(31), office="MUN"),
}
