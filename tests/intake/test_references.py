"""Does what a row refers to exist, is it of the right kind, and is the tree a tree?"""

import pytest

from tests.intake.records import LOOP, ORGANISATION, PETITION, PLAN, PROJECT, added, findings, places, write

BASE = {"petitions": PETITION, "projects": PROJECT, "milestones": PLAN}


@pytest.mark.parametrize(
    ("table", "row", "column"),
    [
        ("contacts", "C9,TX,陈,,,,,", "office"),
        ("grids", "G8,八,TX,", "town"),
        ("grids", "G8,八,ST1,", "town"),
        ("grids", "G8,八,T1,GX", "parent"),
        ("seats", "S9,DX,town,T1,,,,2026-01-01,", "deputy"),
        ("seats", "S9,DA,town,MUN,,,,2026-01-01,", "town"),
        ("seats", "S9,DA,town,T1,D1,,,2026-01-01,", "station"),
        ("seats", "S9,DA,town,T1,G1,,,2026-01-01,", "station"),
        ("seats", "S9,DA,town,T1,,ST1,,2026-01-01,", "grid"),
        ("leaves", "L9,DX,2026-01-01,2026-01-02,,,", "deputy"),
        ("visits", "V9,DX,2026-01-01,grid,G1,,,,,", "deputy"),
        ("visits", "V9,DA,2026-01-01,grid,ST1,,,,,", "place"),
        ("visits", "V9,DA,2026-01-01,station,G1,,,,,", "place"),
        ("visits", "V9,DA,2026-01-01,station,T1,,,,,", "place"),
        ("petitions", "P9,ST1,,,town,修路,,,,2026-01-01", "town"),
        ("petitions", "P9,T1,DX,,town,修路,,,,2026-01-01", "deputy"),
        ("petition_events", "PX,2026-03-10T10:00,assigned,D1,,,,,", "petition"),
        ("petition_events", "P1,2026-03-10T10:00,assigned,DX,,,,,", "office"),
        ("projects", "J9,桥,TX,D1,,,,2026-01-01", "town"),
        ("projects", "J9,桥,T1,ST1,,,,2026-01-01", "office"),
        ("projects", "J9,桥,T1,DIR,,,,2026-01-01", "office"),
        ("projects", "J9,桥,T1,D1,DX,,,2026-01-01", "deputy"),
        ("projects", "J9,桥,T1,D1,,PX,,2026-01-01", "petition"),
        ("milestones", "JX,1,approved,,2026-01-01", "project"),
        ("project_events", "JX,2026-04-01T10:00,done,1,,", "project"),
        ("project_events", "J1,2026-04-01T10:00,done,9,,", "seq"),
        ("acknowledgements", "petition:P1:assign:1,2026-04-01T10:00,TX", "office"),
        ("acknowledgements", "petition:PX:assign:1,2026-04-01T10:00,T1", "matter"),
        ("acknowledgements", "petition:P1:closed:1,2026-04-01T10:00,T1", "matter"),
        ("acknowledgements", "petition:P1:assign:0,2026-04-01T10:00,T1", "matter"),
        ("acknowledgements", "petition:P1:assign,2026-04-01T10:00,T1", "matter"),
        ("acknowledgements", "visit:SX:2026-03,2026-04-01T10:00,T1", "matter"),
        ("acknowledgements", "visit:S1:2026-13,2026-04-01T10:00,T1", "matter"),
        ("acknowledgements", "visit:S1:2026-H3,2026-04-01T10:00,T1", "matter"),
        ("acknowledgements", "milestone:J1:9,2026-04-01T10:00,T1", "matter"),
        ("acknowledgements", "milestone:JX:1,2026-04-01T10:00,T1", "matter"),
        ("acknowledgements", "inspection:J1:x,2026-04-01T10:00,T1", "matter"),
        ("acknowledgements", "J1,2026-04-01T10:00,T1", "matter"),
    ],
)
def test_a_reference_that_leads_nowhere_is_one_fault(tmp_path, table, row, column):
    base = {**ORGANISATION, **BASE}
    folder = write(tmp_path, BASE | {table: base.get(table, "") + f"{row}\n"})
    assert [(t, c) for t, _, c in places(folder)] == [(table, column)]


@pytest.mark.parametrize(
    ("table", "row"),
    [
        ("visits", "V9,DA,2026-01-01,station,ST9,,,,,"),
        ("visits", "V9,DB,2026-01-01,grid,G1a,,,,,"),
        ("projects", "J9,桥,T1,MD1,,P1,,2026-01-01"),
        ("projects", "J9,桥,T1,T1,,,,2026-01-01"),
        ("projects", "J9,桥,T1,MUN,,,,2026-01-01"),
        ("acknowledgements", "inspection:J1:7,2026-04-01T10:00,T1"),
        ("acknowledgements", "visit:S1:2026-03-09,2026-04-01T10:00,T1"),
    ],
)
def test_a_reference_that_holds_is_none(tmp_path, table, row):
    base = {**ORGANISATION, **BASE}
    assert findings(write(tmp_path, BASE | {table: base.get(table, "") + f"{row}\n"})) == []


def test_the_nearest_id_is_hinted_at(tmp_path):
    folder = write(tmp_path, added("grids", "G190,百九,T1,") | {"visits": "V1,DA,2026-03-05,grid,G19O,,,,,\n"})
    assert findings(folder) == ["visits.csv, row 2, column place: 'G19O' is not a grid; did you mean 'G190'?"]


def test_a_place_of_neither_kind_is_found_even_if_the_kind_cannot_be_read(tmp_path):
    folder = write(tmp_path, {"visits": "V1,DA,2026-03-05,bus,G-1,,,,,\nV2,DA,2026-03-05,bus,G1,,,,,\n"})
    assert places(folder) == [("visits", 2, "kind"), ("visits", 2, "place"), ("visits", 3, "kind")]


def test_a_reference_to_an_id_on_a_faulty_row_is_no_second_fault(tmp_path):
    broken = {
        "offices": ORGANISATION["offices"].replace("T1,桃源镇人大主席团,town,MUN,", "T1,,twon,NOWHERE,"),
        "deputies": "DA,李甲,123,,\nDB,李乙,,nobody,carrier pigeon\n",
        "grids": ORGANISATION["grids"].replace("G1,一网格,T1,", "G1,,T1,"),
        "visits": "V1,DA,2026-03-05,station,ST1,,,,,\nV2,DB,2026-03-05,grid,G1,,,,,\n",
        "petitions": PETITION.replace("2026-03-09T10:00", "soon"),
        "petition_events": LOOP,
        "projects": PROJECT.replace(",no,", ",perhaps,"),
        "milestones": PLAN,
    }
    assert places(write(tmp_path, broken)) == [
        ("offices", 5, "name"),
        ("offices", 5, "kind"),
        ("offices", 5, "parent"),
        ("grids", 2, "name"),
        ("deputies", 2, "mobile"),
        ("deputies", 3, "email"),
        ("deputies", 3, "channels"),
        ("petitions", 2, "recorded_at"),
        ("projects", 2, "key"),
    ]


def test_ids_given_twice(tmp_path):
    twice = {
        **added("offices", "T2,又一个,town,MUN,"),
        "visits": "".join(f"V1,DA,2026-03-0{day},station,ST1,,,,,\n" for day in (5, 6, 7)),
        "projects": PROJECT,
        "milestones": PLAN + "J1,3,progress,路面,2026-07-30\n",
    }
    assert findings(write(tmp_path, twice)) == [
        "offices.csv, row 14, column id: 'T2' is given twice: row 11 has it",
        "visits.csv, row 3, column id: 'V1' is given twice: row 2 has it",
        "visits.csv, row 4, column id: 'V1' is given twice: row 2 has it",
        "milestones.csv, row 6, column seq: '3' is given twice in project J1: row 4 has it",
    ]


# The tree (R2.1) ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "column", "problem"),
    [
        ("X,某,directors,,", "kind", "is given twice: DIR is the directors office, and there is only one"),
        ("X,某,municipal,DIR,", "kind", "is given twice: MUN is the municipal office"),
        ("X,某,town,DIR,", "parent", "'DIR' is the directors office; a town office hangs under the municipal office"),
        ("X,某,town,,", "parent", "nothing is given; a town office hangs under the municipal office"),
        ("X,某,station,MUN,", "parent", "'MUN' is the municipal office; a station hangs under a town office"),
        ("X,某,department,DIR,", "parent", "a department hangs under a town office or the municipal office"),
        ("X,某,department,D1,", "parent", "'D1' is a department; a department hangs under"),
        ("X,某,department,X,", "parent", "'X' is a department"),
        ("X,某,station,T3,", "parent", "'T3' is not an office"),
    ],
)
def test_an_office_out_of_the_tree_is_one_fault(tmp_path, row, column, problem):
    folder = write(tmp_path, added("offices", row))
    assert places(folder) == [("offices", 14, column)]
    assert problem in findings(folder)[0]


def test_the_directors_office_hangs_under_nothing(tmp_path):
    folder = write(tmp_path, {"offices": ORGANISATION["offices"].replace("directors,,", "directors,MUN,")})
    assert places(folder) == [("offices", 2, "parent")]


@pytest.mark.parametrize(
    ("good", "bad", "column"),
    [
        ("T1,桃源镇人大主席团,town,MUN,", "T1,桃源镇人大主席团,station,MUN,", "parent"),
        ("T1,桃源镇人大主席团,town,MUN,", "T1,桃源镇人大主席团,town,ST1,", "parent"),
        ("MUN,代表工委,municipal,DIR,", "MUN,代表工委,town,DIR,", "parent"),
        ("MUN,代表工委,municipal,DIR,", "MUN,代表工委,municipal,,", "parent"),
        ("DIR,主任会议,directors,,", "DIR,主任会议,municipal,,", "parent"),
    ],
)
def test_an_office_high_up_that_is_wrong_is_one_fault_and_not_one_of_each_below(tmp_path, good, bad, column):
    folder = write(tmp_path, BASE | {"offices": ORGANISATION["offices"].replace(good, bad), "petition_events": LOOP})
    assert [(t, c) for t, _, c in places(folder)] == [("offices", column)]


@pytest.mark.parametrize(
    ("grids", "row"),
    [
        ("G1,一,T1,G1\nG2,二,T1,\n", 2),
        ("G1,一,T1,G2\nG2,二,T1,G1\n", 2),
        ("G2,二,T1,\nG1,一,T1,G1b\nG1a,一甲,T1,G1\nG1b,一乙,T1,G1a\nG1c,一丙,T1,G1b\n", 3),
    ],
)
def test_a_circle_of_grids_is_one_fault(tmp_path, grids, row):
    assert places(write(tmp_path, {"grids": grids})) == [("grids", row, "parent")]


def test_grids_hang_under_each_other_at_any_depth(tmp_path):
    grids = "G1,一,T1,\n" + "".join(f"G{i + 1},网,T1,G{i}\n" for i in range(1, 2_000))
    assert findings(write(tmp_path, {"grids": grids})) == []
