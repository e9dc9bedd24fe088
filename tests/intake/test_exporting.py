"""Is export the inverse of import, whatever the texts say?"""

import csv
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook

from intake.csv_folder import MEGABYTE, open_folder
from intake.exporting import write_record, write_workbook
from rules.facts import (
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
    Seat,
    SeatLevel,
    StationKind,
    Visit,
    VisitForm,
    VisitKind,
    midnight,
)
from tests.intake.records import checked

LETTERS = st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff\u2028\u2029")
FORMULAS = st.sampled_from(
    [
        "=1+1",
        "+1",
        "-1",
        "@A1",
        "#REF!",
        "#N/A",
        "=",
        "'=x",
        "''=",
        "'",
        "''",
        "'-1",
        "＝1",
        '"',
        ",",
        "1e5",
        "007",
        "TRUE",
        "_x000D_",
    ]
)
IDS = st.text(LETTERS, min_size=1, max_size=8).map(str.strip).filter(bool) | FORMULAS
TEXTS = (st.text(LETTERS | st.just("\n"), max_size=30).map(str.strip) | FORMULAS).filter(bool)
NOTES = st.none() | TEXTS
DAYS = st.dates(date(1950, 1, 1), date(2199, 12, 30))
INSTANTS = st.datetimes(datetime(1950, 1, 2), datetime(2199, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001 - bounds are naive
PHONES = st.none() | st.integers(13_000_000_000, 19_999_999_999).map(str)
EMAILS = st.none() | st.from_regex(r"[a-z][a-z0-9._]{0,5}[a-z]@[a-z]{2,8}\.cn", fullmatch=True).filter(
    lambda a: ".." not in a
)
CHANNELS = st.lists(st.sampled_from(Channel), unique=True).map(tuple)
TREE = (
    Office(id="DIR", name="主任会议", kind=OfficeKind.DIRECTORS),
    Office(id="MUN", name="代表工委", kind=OfficeKind.MUNICIPAL, parent="DIR"),
    Office(id="T1", name="桃源镇", kind=OfficeKind.TOWN, parent="MUN"),
    Office(id="ST1", name="站", kind=OfficeKind.STATION, parent="T1", station_kind=StationKind.CENTRAL),
    Office(id="D1", name="农办", kind=OfficeKind.DEPARTMENT, parent="T1"),
)


@st.composite
def records(draw: Any) -> Record:
    """Any record that holds."""

    def many(build: Any) -> tuple[Any, ...]:
        return tuple(draw(st.lists(build, max_size=3, unique_by=lambda row: row.id)))

    def one_of(rows: Any) -> Any:
        return st.sampled_from([row.id for row in rows])

    offices = TREE + tuple(
        office
        for office in many(
            st.builds(
                Office,
                id=IDS,
                name=TEXTS,
                kind=st.just(OfficeKind.STATION),
                parent=st.just("T1"),
                station_kind=st.none() | st.sampled_from(StationKind),
            )
        )
        if office.id not in {row.id for row in TREE}
    )
    contacts = many(
        st.builds(
            Contact,
            id=IDS,
            office=one_of(offices),
            name=TEXTS,
            title=NOTES,
            mobile=PHONES,
            email=EMAILS,
            channels=CHANNELS,
            on_duty=st.booleans(),
        )
    )
    grids = (Grid(id="G1", name="一", town="T1"),)
    grids += tuple(
        g for g in many(st.builds(Grid, id=IDS, name=TEXTS, town=st.just("T1"), parent=st.just("G1"))) if g.id != "G1"
    )
    deputies = (Deputy(id="DA", name="李甲"),)
    deputies += tuple(
        d
        for d in many(st.builds(Deputy, id=IDS, name=TEXTS, mobile=PHONES, email=EMAILS, channels=CHANNELS))
        if d.id != "DA"
    )
    seats = many(
        st.builds(
            Seat,
            id=IDS,
            deputy=one_of(deputies),
            level=st.sampled_from(SeatLevel),
            town=st.just("T1"),
            station=st.none() | st.just("ST1"),
            grid=st.none() | one_of(grids),
            basis=st.none() | st.sampled_from(Basis),
            begins=st.just(date(2020, 1, 1)),
            ends=st.none() | st.dates(date(2020, 1, 1), date(2199, 12, 31)),
        )
    )
    leaves = many(
        st.builds(
            lambda begins, days, **rest: Leave(begins=begins, ends=begins + timedelta(days=days), **rest),
            begins=DAYS,
            days=st.integers(0, 1),
            id=IDS,
            deputy=one_of(deputies),
            reason=NOTES,
            approver=NOTES,
            recorded_at=INSTANTS,
        )
    )
    visits = many(
        st.builds(
            lambda day, late, kind, **rest: Visit(
                day=day,
                kind=kind,
                place="ST1" if kind is VisitKind.STATION else "G1",
                recorded_at=midnight(day) + timedelta(microseconds=late),
                **rest,
            ),
            day=DAYS,
            late=st.integers(0, 80_000_000_000) | st.just(0),
            kind=st.sampled_from(VisitKind),
            id=IDS,
            deputy=one_of(deputies),
            form=st.none() | st.sampled_from(VisitForm),
            voters=st.none() | st.integers(0, 2**31 - 1),
            opinions=st.none() | st.integers(0, 9),
            note=NOTES,
        )
    )
    petitions = many(
        st.builds(
            Petition,
            id=IDS,
            town=st.just("T1"),
            deputy=st.none() | one_of(deputies),
            found_on=st.none() | st.just(date(1950, 1, 1)),
            level=st.sampled_from([PetitionLevel.TOWN, PetitionLevel.MUNICIPAL]),
            title=TEXTS,
            petitioner=NOTES,
            petitioner_mobile=PHONES,
            confidential=st.booleans(),
            recorded_at=INSTANTS.filter(lambda at: at.year < 2150),
        )
    )
    projects = many(
        st.builds(
            Project,
            id=IDS,
            name=TEXTS,
            town=st.just("T1"),
            office=st.just("D1"),
            deputy=st.none() | one_of(deputies),
            petition=st.none() | one_of(petitions) if petitions else st.none(),
            is_key=st.booleans(),
            recorded_at=INSTANTS.filter(lambda at: at.year < 2150),
        )
    )
    return Record(
        offices=offices,
        contacts=contacts,
        grids=grids,
        deputies=deputies,
        seats=seats,
        leaves=leaves,
        visits=visits,
        petitions=petitions,
        petition_events=tuple(event for petition in petitions for event in draw(loops(petition))),
        projects=projects,
        milestones=tuple(
            Milestone(project=project.id, seq=seq, stage=stage, name=draw(NOTES), planned=draw(DAYS))
            for project in projects
            for seq, stage in enumerate(MilestoneStage)
        ),
        project_events=tuple(event for project in projects for event in draw(works(project))),
    )


@st.composite
def loops(draw: Any, petition: Petition) -> list[PetitionEvent]:
    """The first events of an opinion, several of them at one instant."""
    kinds = [
        (PetitionEventKind.ASSIGNED, {"office": "D1", "proposal": draw(st.booleans())}),
        (PetitionEventKind.ACCEPTED, {}),
        (PetitionEventKind.HANDLED, {}),
        (PetitionEventKind.VERIFIED, {"result": Result.REWORK}),
        (PetitionEventKind.HANDLED, {}),
        (PetitionEventKind.VERIFIED, {"result": Result.OK}),
        (PetitionEventKind.FED_BACK, {"result": draw(st.sampled_from([Result.SATISFIED, Result.BASICALLY]))}),
    ]
    return numbered(
        [
            PetitionEvent(petition=petition.id, at=at, event=kind, note=draw(NOTES), **cells)
            for at, (kind, cells) in zip(draw(moments(petition.recorded_at)), kinds, strict=False)
        ]
    )


@st.composite
def works(draw: Any, project: Project) -> list[ProjectEvent]:
    """The first milestones that are done."""
    return numbered(
        [
            ProjectEvent(project=project.id, at=at, event=ProjectEventKind.DONE, seq=seq, reason=draw(NOTES))
            for seq, at in enumerate(draw(moments(project.recorded_at)))
        ]
    )


def moments(start: datetime) -> st.SearchStrategy[list[datetime]]:
    """Instants from one on, in order; some are the same."""
    steps = st.lists(st.integers(0, 3).map(lambda n: n * 41), max_size=7)
    return steps.map(lambda hours: [start + timedelta(hours=sum(hours[: i + 1])) for i in range(len(hours))])


def numbered(events: list[Any]) -> list[Any]:
    """Give the events of each instant their positions."""
    from dataclasses import replace

    groups = (list(group) for _, group in groupby(events, key=lambda event: event.at))
    return [replace(event, position=i) for group in groups for i, event in enumerate(group)]


ANY_RECORD = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def same(path: Any, record: Record) -> None:
    outcome = checked(path)
    assert outcome.faults == ()
    assert outcome.record == record


@pytest.mark.parametrize("language", ["en", "zh"])
@ANY_RECORD
@given(record=records())
def test_what_is_written_as_csv_comes_back(record, language, tmp_path_factory):
    folder = tmp_path_factory.mktemp("record")
    write_record(record, folder, language)
    same(folder, record)


@pytest.mark.parametrize("language", ["en", "zh"])
@ANY_RECORD
@given(record=records())
def test_what_is_written_in_gb18030_comes_back(record, language, tmp_path_factory):
    folder = tmp_path_factory.mktemp("record")
    write_record(record, folder, language)
    for file in folder.iterdir():
        file.write_bytes(file.read_bytes().decode("utf-8").encode("gb18030"))
    same(folder, record)


@pytest.mark.parametrize("language", ["en", "zh"])
@ANY_RECORD
@given(record=records())
def test_what_is_written_as_a_workbook_comes_back(record, language, tmp_path_factory):
    path = tmp_path_factory.mktemp("record") / "record.xlsx"
    write_workbook(record, path, language)
    same(path, record)


@pytest.mark.parametrize("text", ["=1+1", "+86", "-1", "@SUM(A1)", "=HYPERLINK(1)", "＝1", "#N/A"])
def test_a_text_is_never_a_formula(tmp_path, text):
    record = Record(offices=TREE, deputies=(Deputy(id="DA", name=text),))
    write_record(record, tmp_path / "csv")
    with (tmp_path / "csv" / "deputies.csv").open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file))[1][1] == (text if text.startswith("#") else f"'{text}")
    same(tmp_path / "csv", record)
    write_workbook(record, tmp_path / "record.xlsx")
    book = load_workbook(tmp_path / "record.xlsx")
    cell = book["deputies"]["B2"]
    assert (cell.value, cell.data_type, cell.quotePrefix) == (text, "s", True)


@pytest.mark.parametrize("before", [MEGABYTE - 2, MEGABYTE - 1, MEGABYTE])
def test_a_mark_is_seen_where_two_chunks_meet(tmp_path, before):
    filler = "D0,".ljust(before - len("id,name\n") - len("D1,") - 1, "x")
    text = f"id,name\n{filler}\nD1,'=1+1\n"
    assert text.index("'") == before
    (tmp_path / "deputies.csv").write_text(text, encoding="utf-8")
    assert [row for _, row in open_folder(tmp_path).sheets["deputies"].rows()][1] == ["D1", "=1+1"]


def test_a_workbook_holds_real_dates_and_numbers(tmp_path):
    visit = Visit(
        id="1",
        deputy="DA",
        day=date(2026, 3, 5),
        kind=VisitKind.STATION,
        place="ST1",
        voters=3,
        recorded_at=datetime(2026, 3, 5, 2, 30, tzinfo=UTC),
    )
    write_workbook(Record(visits=(visit,)), tmp_path / "record.xlsx", "zh")
    sheet = load_workbook(tmp_path / "record.xlsx")["履职记录"]
    assert [sheet[c].value for c in ("A1", "A2", "C2", "D2", "G2", "J2")] == [
        "编号",
        "1",
        datetime(2026, 3, 5),  # noqa: DTZ001 - local, as people see it
        "进站",
        3,
        datetime(2026, 3, 5, 10, 30),  # noqa: DTZ001 - likewise
    ]


def test_every_table_is_written_even_if_it_is_empty(tmp_path):
    write_record(Record(), tmp_path)
    assert len(list(tmp_path.iterdir())) == 13
    assert (tmp_path / "acknowledgements.csv").read_text() == "matter,at,office\n"
