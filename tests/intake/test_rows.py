"""Are headings and the cells of one row understood, and is each mistake reported once?"""

import pytest

from intake.columns import TABLES
from tests.intake.records import HEADINGS, PETITION, checked, findings, places, write


def folder_with(tmp_path, table, text):
    folder = write(tmp_path, {})
    (folder / f"{table}.csv").write_text(text, encoding="utf-8")
    return folder


def test_every_heading_of_every_table_is_known_in_both_languages():
    for table in TABLES.values():
        assert ",".join(table.named) == HEADINGS[table.name]
        assert all(column.chinese for column in table.columns)
        names = [name.lower() for column in table.columns for name in column.names]
        assert len(names) == len(set(names))


def test_headings_in_any_order_case_and_language_with_blanks_around(tmp_path):
    text = " Place , 日期,DEPUTY,编号,去向\nST1,2026/3/5,DA,V1,进站\n"
    folder = folder_with(tmp_path, "visits", text)
    assert findings(folder) == []
    visit = checked(folder).record.visits[0]
    assert (visit.id, visit.deputy, visit.place, visit.kind) == ("V1", "DA", "ST1", "station")


@pytest.mark.parametrize(("given", "meant"), [("说明", "note"), ("备注", "note")])
def test_a_note_has_two_chinese_names(tmp_path, given, meant):
    folder = folder_with(tmp_path, "visits", f"id,deputy,date,kind,place,{given}\nV1,DA,2026-03-05,station,ST1,好\n")
    assert findings(folder) == []
    assert getattr(checked(folder).record.visits[0], meant) == "好"


def test_an_unknown_column_is_one_fault_that_names_the_nearest(tmp_path):
    folder = folder_with(tmp_path, "visits", "id,deputy,date,kind,plaec\nV1,DA,2026-03-05,station,ST1\n")
    assert findings(folder) == [
        "visits.csv, row 1, column plaec: 'plaec' is not a column of visits; did you mean 'place'?"
    ]


def test_an_unknown_column_far_from_all_is_told_the_nearest_all_the_same(tmp_path):
    folder = folder_with(tmp_path, "grids", "id,name,town,perimeter_km\nG1,一,T1,3\nG2,二,T1,3\n")
    assert findings(folder) == [
        "grids.csv, row 1, column perimeter_km: 'perimeter_km' is not a column of grids; did you mean 'parent'?"
    ]


def test_a_misspelt_id_column_is_still_read_for_references(tmp_path):
    folder = folder_with(tmp_path, "deputies", "ids,name\nDA,李甲\nDB,李乙\n")
    assert len(findings(folder)) == 1


def test_a_missing_required_column_is_one_fault_however_many_rows(tmp_path):
    folder = folder_with(tmp_path, "visits", "id,deputy,date,kind\nV1,DA,2026-03-05,station\nV2,DB,2026-03-05,grid\n")
    assert findings(folder) == ["visits.csv, row 1, column place: is missing; want a column headed place or 地点"]


def test_a_missing_id_column_makes_no_reference_a_fault(tmp_path):
    folder = folder_with(tmp_path, "deputies", "name\n李甲\n")
    assert findings(folder) == ["deputies.csv, row 1, column id: is missing; want a column headed id or 编号"]


def test_a_column_given_twice_is_one_fault(tmp_path):
    folder = folder_with(tmp_path, "deputies", "id,name,姓名\nDA,李甲,李甲\nDB,李乙,李乙\n")
    assert findings(folder) == [
        "deputies.csv, row 1, column name: '姓名' is the column name once more; 'name' stands for it"
    ]


def test_short_rows_and_empty_cells_beyond_the_headings_are_fine(tmp_path):
    folder = folder_with(
        tmp_path,
        "visits",
        "id,deputy,date,kind,place,note\nV1,DA,2026-03-05,station,ST1\nV2,DA,2026-03-05,station,ST1,,,,\n",
    )
    assert findings(folder) == []


def test_a_row_with_a_cell_too_many_is_one_fault(tmp_path):
    folder = folder_with(tmp_path, "visits", "id,deputy,date,kind,place\nV1,DA,2026-03-05,,station,ST1\n")
    assert findings(folder) == ["visits.csv, row 2: the row has 6 cells, the headings 5; look for a stray comma"]


def test_a_cell_under_an_empty_heading_is_one_fault_of_the_headings(tmp_path):
    folder = folder_with(
        tmp_path,
        "visits",
        "id,deputy,date,kind,place,\nV1,DA,2026-03-05,station,ST1,x\nV2,DA,2026-03-05,station,ST1,y\n",
    )
    assert findings(folder) == ["visits.csv, row 1: cell 6 of the headings is empty, but row 2 has something there"]


def test_the_column_why_is_passed_over(tmp_path):
    folder = folder_with(tmp_path, "visits", "id,deputy,date,kind,place,why\nV1,DA,2026-03-05,station,ST1,mended\n")
    assert findings(folder) == []


def test_faults_name_columns_as_the_file_does(tmp_path):
    folder = folder_with(tmp_path, "visits", "编号,代表,日期,去向,地点\nV1,DA,三月五日,进站,ST1\n")
    assert findings(folder) == [
        "visits.csv, row 2, column 日期: '三月五日' is not a date; want 2026-03-31 or 2026/3/31"
    ]
    fault = checked(folder).faults[0]
    assert (fault.column, fault.as_json()["column"], fault.as_json()["value"]) == ("date", "date", "三月五日")


@pytest.mark.parametrize(
    ("row", "column", "problem"),
    [
        (",DA,2026-03-05,station,ST1,,,,,", "id", "nothing is given; want an id"),
        ("V1,,2026-03-05,station,ST1,,,,,", "deputy", "nothing is given; want an id"),
        ("V1,DA,2026-03-05,bus,ST1,,,,,", "kind", "'bus' is not a kind of visit: want station, grid"),
        ("V1,DA,2026-03-05,进车,ST1,,,,,", "kind", "'进车' is not a kind of visit: want 进站, 入网格"),
        ("V1,DA,2026-03-05,station,ST1,,-1,,,", "voters", "'-1' is not a whole number from 0 to 2147483647"),
        (
            "V1,DA,2026-03-05,station,ST1,,,,,2026-03-04T23:59",
            "recorded_at",
            "'2026-03-04T23:59' is before the day of the visit, 2026-03-05",
        ),
    ],
)
def test_a_wrong_cell_of_a_visit(tmp_path, row, column, problem):
    folder = write(tmp_path, {"visits": f"{row}\n"})
    assert findings(folder) == [f"visits.csv, row 2, column {column}: {problem}"]


@pytest.mark.parametrize(
    ("table", "row", "column"),
    [
        ("leaves", "L1,DA,2026-03-10,2026-03-09,,,", "to"),
        ("seats", "S1,DA,town,T1,ST1,G1,,2026-03-10,2026-03-09", "to"),
        ("petitions", "P1,T1,DA,2026-03-10,town,修路,,,,2026-03-09T23:59", "found_on"),
        ("offices", "X,某局,department,MUN,central", "station_kind"),
        ("contacts", "C1,T1,陈四,,1380000,,,", "mobile"),
        ("contacts", "C1,T1,陈四,,,chen@example,,", "email"),
        ("contacts", "C1,T1,陈四,,,,wechat,", "channels"),
        ("petitions", "P1,T1,DA,,town,修路,,1380000,,2026-03-09T23:59", "petitioner_mobile"),
    ],
)
def test_a_wrong_cell_of_another_table(tmp_path, table, row, column):
    tables = {table: f"{row}\n"}
    if table == "offices":
        from tests.intake.records import added

        tables = added("offices", row)
    folder = write(tmp_path, tables)
    assert [(t, c) for t, _, c in places(folder)] == [(table, column)]


@pytest.mark.parametrize(
    ("table", "row"),
    [
        ("leaves", "L1,DA,2026-03-10,2026-03-10,,,2026-01-01T00:00"),
        ("visits", "V1,DA,2026-03-05,station,ST1,,,,,2026-03-05T00:00"),
        ("petitions", "P1,T1,DA,2026-03-10,town,修路,,,,2026-03-10T00:00"),
        ("petitions", "P1,T1,,,self,修路,,,是,2026-03-10"),
    ],
)
def test_the_last_that_is_still_right(tmp_path, table, row):
    assert findings(write(tmp_path, {table: f"{row}\n"})) == []


def test_recorded_at_left_empty_is_midnight_of_the_day(tmp_path):
    folder = write(
        tmp_path, {"visits": "V1,DA,2026-03-05,station,ST1,,,,,\n", "leaves": "L1,DA,2026-03-01,2026-03-02,,,\n"}
    )
    record = checked(folder).record
    assert record.visits[0].recorded_at.isoformat() == "2026-03-04T16:00:00+00:00"
    assert record.leaves[0].recorded_at.isoformat() == "2026-02-28T16:00:00+00:00"


def test_several_wrong_cells_of_a_row_are_as_many_faults(tmp_path):
    folder = write(tmp_path, {"visits": "V1,DX,someday,bus,ST1,dance,x,y,,\n"})
    assert [column for _, _, column in places(folder)] == ["deputy", "date", "kind", "form", "voters", "opinions"]


def test_nothing_of_a_petitioner_is_shown(tmp_path):
    secret = "P4,T1,DA,,town,秘密事项\x07,司徒\x07,1397000,maybe,2026-03-09T10:00\n"
    shifted = "P2,T1,DA,,town,秘密,事项,司徒,13970000001,,2026-03-09T10:00\n"
    swapped = "P3,T1,DA,,town,修路,司徒霁翀,+86139700000017,,2026-03-09T10:00\n"
    found = "\n".join(findings(write(tmp_path, {"petitions": PETITION + secret + shifted + swapped})))
    assert found.count("\n") == 5
    assert not any(word in found for word in ("秘密", "事项", "司徒", "1397000", "97000"))
    assert "'…' holds the control character U+0007" in found
    assert "'139****0017' is not a mainland mobile number" in found
