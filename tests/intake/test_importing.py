"""Does a record come in whole, or not at all?"""

import csv
from datetime import UTC, date, datetime
from typing import Any

import pytest

from intake.columns import TABLES
from intake.exporting import export_record, write_workbook
from intake.importing import import_record
from rules.facts import Record, VisitKind
from rules.policy import Policy
from rules.workdays import Calendar
from store import facts
from store.engine import make_engine
from store.migrating import migrate
from tests.intake.records import HEADINGS, LOOP, ORGANISATION, PETITION, PLAN, PROJECT, added, checked, write

FULL = {
    "leaves": "L1,DA,2026-03-01,2026-03-10,,,\n",
    "visits": "V1,DA,2026-03-05,station,ST1,reception,3,1,,\nV2,DA,2026-03-06,grid,G1a,,,,=1+1,2026-03-07T08:00\n",
    "petitions": PETITION,
    "petition_events": LOOP,
    "projects": PROJECT,
    "milestones": PLAN,
    "project_events": "J1,2026-03-10T09:00,done,1,,\nJ1,2026-04-01T09:00,replan,2,2026-04-25,下雨\n",
    "acknowledgements": "milestone:J1:2,2026-05-06T09:00,T1\nmilestone:J1:2,2026-05-06T09:00,T1\n",
}


@pytest.fixture
def bring(database):
    def bring(path, **options):
        return import_record(path, database, calendar=Calendar(), policy=Policy(), **options)

    return bring


@pytest.fixture
def stored(database):
    def stored(table):
        with database.begin() as connection:
            return list(facts.load(connection, table))

    return stored


def counts(report):
    return report.added, report.changed, report.same, report.refused, len(report.faults)


def rows_of(tables):
    return sum(body.count("\n") for body in tables.values())


def test_a_good_record_is_on_record_afterwards(tmp_path, bring, stored):
    folder = write(tmp_path / "in", FULL)
    report = bring(folder)
    total = rows_of(ORGANISATION) + rows_of(FULL) - 1  # one acknowledgement is given twice
    assert counts(report) == (total, 0, 0, 0, 0)
    assert report.warnings == ()
    record = checked(folder).record
    for table in TABLES:
        expected = set(getattr(record, table))
        if table == "acknowledgements":
            expected = {row for row in expected if row.position == 0}
        assert set(stored(table)) == expected


def test_importing_again_changes_nothing(tmp_path, bring):
    folder = write(tmp_path / "in", FULL)
    total = bring(folder).added
    assert counts(bring(folder)) == (0, 0, total, 0, 0)


def test_a_part_of_a_record_changes_nothing_either(tmp_path, bring):
    bring(write(tmp_path / "in", FULL))
    part = write(tmp_path / "part", {"petition_events": "".join(LOOP.splitlines(keepends=True)[2:4])}, whole=False)
    assert counts(bring(part)) == (0, 0, 2, 0, 0)


def test_a_changed_row_is_updated(tmp_path, bring, stored):
    bring(write(tmp_path / "in", FULL))
    changed = {"visits": FULL["visits"].replace(",3,1,", ",5,1,")}
    assert counts(bring(write(tmp_path / "new", changed, whole=False))) == (0, 1, 1, 0, 0)
    assert stored("visits")[0].voters == 5


def test_a_fault_anywhere_means_that_nothing_is_written(tmp_path, bring, stored):
    bad = FULL | {"visits": FULL["visits"] + "V3,DX,2026-03-06,grid,G1,,,,,\n"}
    report = bring(write(tmp_path / "in", bad))
    assert [str(f) for f in report.faults] == ["visits.csv, row 4, column deputy: 'DX' is not a deputy"]
    assert counts(report) == (0, 0, 0, 0, 1)
    assert not report.is_written
    assert all(stored(table) == [] for table in TABLES)


def test_a_fault_of_a_name_means_that_nothing_is_written_even_if_bad_rows_are_skipped(tmp_path, bring, stored):
    folder = write(tmp_path / "in", FULL)
    (folder / "visits.csv").write_text("id,deputy,day,kind,place\nV1,DA,2026-03-05,station,ST1\n")
    report = bring(folder, skip_bad=tmp_path / "bad")
    assert len(report.faults) == 1
    assert not report.is_written
    assert stored("offices") == []
    assert not (tmp_path / "bad").exists()


def test_a_file_that_breaks_off_means_that_nothing_is_written(tmp_path, bring, stored):
    folder = write(tmp_path / "in", FULL | {"visits": FULL["visits"] + 'V3,"DA\n'})
    report = bring(folder, skip_bad=tmp_path / "bad")
    assert len(report.faults) == 1
    assert stored("visits") == []
    assert not (tmp_path / "bad" / "visits.csv").exists()


# References and order among what is on record --------------------------------------------


def test_rows_refer_to_what_is_on_record(tmp_path, bring):
    bring(write(tmp_path / "in", {}))
    rest = {table: FULL[table] for table in ("visits", "petitions", "projects", "milestones")}
    assert counts(bring(write(tmp_path / "rest", rest, whole=False)))[4] == 0


def test_events_continue_those_on_record(tmp_path, bring, stored):
    lines = LOOP.splitlines(keepends=True)
    bring(write(tmp_path / "in", {"petitions": PETITION, "petition_events": "".join(lines[:3])}))
    report = bring(write(tmp_path / "more", {"petition_events": "".join(lines[3:])}, whole=False))
    assert counts(report) == (2, 0, 0, 0, 0)
    again = bring(write(tmp_path / "wrong", {"petition_events": "P1,2026-04-01T10:00,handled,,,,,,\n"}, whole=False))
    (fault,) = again.faults
    assert str(fault) == (
        "petition_events.csv, row 2, column event: 'handled' is out of order: "
        "petition P1 is at stage closed since 2026-03-24: it admits nothing more; got handled"
    )
    assert len(stored("petition_events")) == 5


def test_an_event_that_puts_those_on_record_out_of_order_is_refused(tmp_path, bring):
    bring(write(tmp_path / "in", {"petitions": PETITION, "petition_events": LOOP}))
    late = {"petition_events": "P1,2026-03-12T10:00,withdrawn,,,,,,\n"}
    report = bring(write(tmp_path / "late", late, whole=False))
    assert [(f.row, f.column) for f in report.faults] == [(2, "at")]
    assert "makes handled of 2026-03-19 20:00, which is on record, out of order" in str(report.faults[0])


def test_a_petition_whose_change_puts_events_on_record_out_of_order_is_refused(tmp_path, bring):
    bring(write(tmp_path / "in", {"petitions": PETITION, "petition_events": LOOP}))
    report = bring(write(tmp_path / "new", {"petitions": PETITION.replace(",town,", ",self,")}, whole=False))
    assert [(f.table, f.row) for f in report.faults] == [("petitions", 2)]


def test_events_of_one_instant_keep_their_order_over_several_imports(tmp_path, bring, stored):
    instant = "2026-03-10T10:00"
    first = f"P1,{instant},assigned,D1,,,,,\nP1,{instant},accepted,,,,,,\n"
    bring(write(tmp_path / "in", {"petitions": PETITION, "petition_events": first}))
    report = bring(write(tmp_path / "more", {"petition_events": f"P1,{instant},handled,,,,,,\n"}, whole=False))
    assert counts(report) == (1, 0, 0, 0, 0)
    assert [(e.event, e.position) for e in stored("petition_events")] == [
        ("assigned", 0),
        ("accepted", 1),
        ("handled", 2),
    ]


def test_an_office_of_whose_kind_the_record_makes_use_keeps_it(tmp_path, bring):
    bring(write(tmp_path / "in", FULL))
    changed = {"offices": "ST1,竹蓢联络站,department,T1,\n"}
    report = bring(write(tmp_path / "new", changed, whole=False))
    assert [(f.row, f.column) for f in report.faults] == [(2, "kind")]
    assert "on record, seats S1 needs a station" in str(report.faults[0])
    unused = {"offices": "ST2,旺龙联络站,department,T1,\n"}
    assert counts(bring(write(tmp_path / "unused", unused, whole=False))) == (0, 1, 0, 0, 0)


def test_an_office_above_others_on_record_keeps_its_kind(tmp_path, bring):
    bring(write(tmp_path / "in", {}))
    report = bring(write(tmp_path / "new", {"offices": "T2,鹤城农办,department,MUN,\n"}, whole=False))
    assert next((f.row, f.column) for f in report.faults) == (2, "kind")


def test_an_acknowledgement_that_does_not_hold_is_not_written(tmp_path, bring, stored):
    words = "milestone:J1:2,2026-03-06T09:00,T1\nmilestone:J1:2,2026-05-06T09:00,T1\n"
    report = bring(write(tmp_path / "in", FULL | {"acknowledgements": words}))
    assert len(stored("acknowledgements")) == 1
    (warning,) = report.warnings
    assert str(warning) == (
        "acknowledgements.csv, row 2, column matter: 'milestone:J1:2' does not hold, so it is passed over; "
        "want an overdue matter; this one is open"
    )


def test_an_acknowledgement_is_judged_by_facts_on_record(tmp_path, bring):
    bring(write(tmp_path / "in", {}))
    word = {"acknowledgements": "visit:S1:2026-02,2026-03-05T09:00,T1\n"}
    assert bring(write(tmp_path / "one", word, whole=False)).added == 1
    visits = {"visits": "V1,DA,2026-02-05,station,ST1,,,,,\nV2,DA,2026-02-05,grid,G1,,,,,\n"}
    bring(write(tmp_path / "visits", visits, whole=False))
    report = bring(write(tmp_path / "again", word, whole=False))
    assert "this one is met" in str(report.warnings[0])


# Skipping bad rows ----------------------------------------------------------------------


def saved(folder):
    return {file.stem: list(csv.reader(file.read_text(encoding="utf-8").splitlines())) for file in folder.iterdir()}


def test_the_good_rows_come_in_and_the_others_are_saved_with_the_reason(tmp_path, bring, stored):
    bad = (
        FULL
        | added("deputies", "DC,李丙,123,,", "DD,李丁,,,")
        | {
            "visits": FULL["visits"]
            + "V3,DX,2026-03-06,grid,G1,,,,,\nV4,DC,2026-03-06,grid,G1,,,,,\nV5,DD,2026-03-06,grid,G1,,,,,\n"
        }
    )
    report = bring(write(tmp_path / "in", bad), skip_bad=tmp_path / "bad")
    assert report.is_written
    assert report.refused == 3
    assert [(f.table, f.row, f.column) for f in report.faults] == [("deputies", 4, "mobile"), ("visits", 4, "deputy")]
    assert {row.id for row in stored("deputies")} == {"DA", "DB", "DD"}
    assert {row.id for row in stored("visits")} == {"V1", "V2", "V5"}
    files = saved(tmp_path / "bad")
    assert files["deputies"][0] == [*HEADINGS["deputies"].split(","), "why"]
    assert files["deputies"][1][:5] == ["DC", "李丙", "123", "", ""]
    assert files["deputies"][1][5].startswith("mobile: '…' is not a mainland mobile number")
    assert [row[0] for row in files["visits"][1:]] == ["V3", "V4"]
    assert files["visits"][1][-1] == "deputy: 'DX' is not a deputy"
    assert files["visits"][2][-1] == "deputy: 'DC' refers to a refused row: it is not a deputy"


def test_rows_mended_in_what_was_saved_come_in(tmp_path, bring, stored):
    bad = FULL | added("deputies", "DC,李丙,123,,") | {"visits": FULL["visits"] + "V4,DC,2026-03-06,grid,G1,,,,,\n"}
    bring(write(tmp_path / "in", bad), skip_bad=tmp_path / "bad")
    file = tmp_path / "bad" / "deputies.csv"
    file.write_text(file.read_text(encoding="utf-8").replace(",123,", ",13800000009,"), encoding="utf-8")
    assert counts(bring(tmp_path / "bad")) == (2, 0, 0, 0, 0)
    assert {row.id for row in stored("visits")} == {"V1", "V2", "V4"}


def test_what_depends_on_a_refused_row_is_refused_to_the_end_of_the_chain(tmp_path, bring, stored):
    bad = (
        FULL
        | added("offices", "T3,雅瑶镇人大主席团,town,NOWHERE,", "D3,雅瑶农办,department,T3,")
        | {
            "petitions": PETITION + "P2,T3,,,town,修路,,,,2026-03-09T10:00\n",
            "petition_events": LOOP + "P2,2026-03-10T10:00,assigned,D3,,,,,\nP2,2026-03-11T10:00,accepted,,,,,,\n",
        }
    )
    report = bring(write(tmp_path / "in", bad), skip_bad=tmp_path / "bad")
    assert [(f.table, f.row) for f in report.faults] == [("offices", 14)]
    assert {table: len(rows) - 1 for table, rows in saved(tmp_path / "bad").items()} == {
        "offices": 2,
        "petitions": 1,
        "petition_events": 2,
    }
    assert {row.id for row in stored("petitions")} == {"P1"}
    assert all("refers to a refused row" in row[-1] for row in saved(tmp_path / "bad")["petition_events"][1:])


def test_events_after_a_refused_one_are_refused_with_it(tmp_path, bring, stored):
    bad = FULL | {"petition_events": LOOP.replace("assigned,D1", "assigned,DX")}
    report = bring(write(tmp_path / "in", bad), skip_bad=tmp_path / "bad")
    assert len(report.faults) == 1
    assert report.refused == 5
    assert stored("petition_events") == []


def test_a_refused_change_leaves_what_is_on_record(tmp_path, bring, stored):
    bring(write(tmp_path / "in", FULL))
    new = {"deputies": "DA,李甲,123,,\n", "visits": "V9,DA,2026-03-06,grid,G1,,,,,\n"}
    report = bring(write(tmp_path / "new", new, whole=False), skip_bad=tmp_path / "bad")
    assert (report.refused, report.added) == (1, 1)
    assert stored("deputies")[0].mobile == "13811110001"


def test_a_folder_with_saved_rows_is_not_written_over(tmp_path, bring):
    bad = write(tmp_path / "in", FULL | {"visits": "V3,DX,2026-03-06,grid,G1,,,,,\n"})
    bring(bad, skip_bad=tmp_path / "bad")
    report = bring(bad, skip_bad=tmp_path / "bad")
    assert str(report.faults[0]).startswith(f"{tmp_path / 'bad'}: holds tables already, and no refused rows are laid")


@pytest.mark.parametrize("visits", ["visits", "履职记录"])
def test_refused_rows_are_not_laid_into_a_record_s_own_folder(tmp_path, bring, stored, visits):
    folder = write(tmp_path / "in", FULL | {"visits": "V3,DX,2026-03-06,grid,G1,,,,,\n"})
    (folder / "visits.csv").rename(folder / f"{visits}.csv")
    before = {file: file.read_bytes() for file in folder.iterdir()}
    report = bring(folder, skip_bad=folder)
    assert len(report.faults) == 2
    assert (
        f"name another folder (offices.csv, contacts.csv, grids.csv, deputies.csv, seats.csv, leaves.csv, {visits}"
        in (str(report.faults[0]))
    )
    assert (report.is_written, stored("deputies")) == (False, [])
    assert {file: file.read_bytes() for file in folder.iterdir()} == before


def test_where_nothing_is_refused_the_folder_does_not_matter(tmp_path, bring):
    folder = write(tmp_path / "in", FULL)
    report = bring(folder, skip_bad=folder)
    assert (report.faults, report.refused) == ((), 0)
    assert report.is_written


def test_rows_of_a_workbook_are_saved_as_csv(tmp_path, bring):
    record = checked(write(tmp_path / "in", FULL)).record
    visit = type(record.visits[0])(
        id="V3",
        deputy="DX",
        day=date(2026, 3, 6),
        kind=VisitKind.GRID,
        place="G1",
        recorded_at=datetime(2026, 3, 6, tzinfo=UTC),
    )
    rows = {table: getattr(record, table) for table in TABLES} | {"visits": (*record.visits, visit)}
    write_workbook(Record(**rows), tmp_path / "record.xlsx", language="zh")
    report = bring(tmp_path / "record.xlsx", skip_bad=tmp_path / "bad")
    assert report.refused == 1
    assert saved(tmp_path / "bad")["visits"][1][:5] == ["V3", "DX", "2026-03-06", "入网格", "G1"]


# Going out ------------------------------------------------------------------------------


def test_what_is_exported_comes_in_as_the_same(tmp_path, bring, database):
    bring(write(tmp_path / "in", FULL))
    with database.begin() as connection:
        export_record(connection, tmp_path / "out")
    report = bring(tmp_path / "out")
    assert (report.added, report.changed, len(report.faults), len(report.warnings)) == (0, 0, 0, 0)


def test_progress_is_told(tmp_path, bring):
    told = []
    visits = "".join(f"V{i},DA,2026-03-05,station,ST1,,,,,\n" for i in range(12_000))
    folder = write(tmp_path / "in", {"visits": visits})
    bring(folder, progress=lambda *state: told.append(state))
    assert [(table, rows) for table, rows, _, _ in told if table == "visits"] == [
        ("visits", 5_000),
        ("visits", 10_000),
        ("visits", 12_000),
    ]
    done = [read for _, _, read, _ in told]
    assert done == sorted(done)
    assert done[-1] == told[-1][3] == sum(file.stat().st_size for file in folder.iterdir())


@pytest.fixture
def postgresql(fresh_postgres_url):
    engine = make_engine(fresh_postgres_url)
    with engine.begin() as connection:
        migrate(connection)
    yield engine
    engine.dispose()


def test_postgresql_keeps_the_same_record(tmp_path, postgresql):
    folder = write(tmp_path / "in", FULL)
    terms: dict[str, Any] = {"calendar": Calendar(), "policy": Policy()}
    total = import_record(folder, postgresql, **terms).added
    assert counts(import_record(folder, postgresql, **terms)) == (0, 0, total, 0, 0)
    with postgresql.begin() as connection:
        export_record(connection, tmp_path / "out", "zh")
    assert counts(import_record(tmp_path / "out", postgresql, **terms)) == (0, 0, total, 0, 0)
