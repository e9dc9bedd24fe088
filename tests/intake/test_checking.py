"""Is a record without fault without findings, and does every mistake give exactly one?"""

from pathlib import Path

import pytest

from tests.intake.records import LOOP, PETITION, PLAN, PROJECT, added, checked, findings, places, write

CASES = sorted(folder for folder in (Path(__file__).parents[1] / "cases").iterdir() if folder.is_dir())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_cases_have_no_fault(case):
    outcome = checked(case)
    assert outcome.faults == ()
    assert len(outcome.record.offices) == 11


def test_forty_mistakes_are_forty_findings(tmp_path):
    tables = {
        **added(
            "offices",
            "X1,某局,departement,MUN,",
            "X2,,department,MUN,",
            "X3,某站,station,MUN,",
            "X4,某镇,town,NOWHERE,",
            "X5,某局,department,MUN,central",
            "D1,又一个,department,T1,",
        ),
        **added(
            "contacts",
            "C1,T1,陈,,1380000,,,",
            "C2,T1,陈,,,chen@example,,",
            "C3,T1,陈,,,,pigeon,",
            "C4,T1,陈,,,,,sometimes",
            "C5,TX,陈,,,,,",
        ),
        **added("grids", "G5,五,T1,G5", "G6,六,ST1,"),
        **added("deputies", ",李丙,,,", "DE,李戊,13811110009,da@@example.cn,"),
        **added(
            "seats",
            "S3,DA,village,T1,,,,2026-01-01,",
            "S4,DA,town,T1,,,,2026-01-01,2025-12-31",
            "S5,DA,town,T1,T1,,,2026-01-01,",
        ),
        "leaves": "L1,DA,2026-03-10,2026-03-01,,,\nL2,DA,2026-03-10,,,,\n",
        "visits": (
            "V1,DA,2026-03-32,station,ST1,,,,,\n"
            "V2,DA,2026-03-05,station,G1,,,,,\n"
            "V3,DA,2026-03-05,grid,G1,,-1,,,\n"
            "V4,DA,2026-03-05,grid,G1,,,,,2026-03-04T10:00\n"
            "V5,DA,2026-03-05,grid,G1,singing,,,,\n"
            "V5,DA,2026-03-05,grid,G1,,,,,\n"
        ),
        "petitions": PETITION
        + "P2,T1,DA,2026-03-10,town,修路,,,,2026-03-09T10:00\n"
        + "P3,T1,,,town,,,,,2026-03-09T10:00\n"
        + "P4,T1,,,town,修路,,,,2026-03-09T10:00\n",
        "petition_events": LOOP
        + "P1,2026-04-01T10:00,handled,,,,,,\n"
        + "P4,2026-03-10T10:00,assigned,D9,,,,,\n"
        + "P4,2026-03-11T10:00,accepted,,,,,,\n"
        + "P4,2026-03-12T10:00,extended,,,2026-04-12,,,\n"
        + "P4,2026-03-13T10:00,handled,,,,,ok,\n"
        + "P9,2026-03-13T10:00,handled,,,,,,\n",
        "projects": PROJECT + "J2,桥,T1,ST1,,,,2026-03-01\n",
        "milestones": PLAN + "J1,2,progress,,2026-05-01\n" + "J2,1,completion,,2026-05-01\nJ2,2,approved,,2026-06-01\n",
        "project_events": "J1,2026-03-10T09:00,done,1,2026-03-11,\nJ1,2026-03-11T09:00,replan,2,2026-05-01,\n",
        "acknowledgements": "matter of concern,2026-03-10T09:00,T1\nvisit:S1:2026-02,2026-03-10T09:00,T7\n",
    }
    assert places(write(tmp_path, tables)) == [
        ("offices", 14, "kind"),
        ("offices", 15, "name"),
        ("offices", 16, "parent"),
        ("offices", 17, "parent"),
        ("offices", 18, "station_kind"),
        ("offices", 19, "id"),
        ("contacts", 3, "mobile"),
        ("contacts", 4, "email"),
        ("contacts", 5, "channels"),
        ("contacts", 6, "on_duty"),
        ("contacts", 7, "office"),
        ("grids", 6, "parent"),
        ("grids", 7, "town"),
        ("deputies", 4, "id"),
        ("deputies", 5, "email"),
        ("seats", 4, "level"),
        ("seats", 5, "to"),
        ("seats", 6, "station"),
        ("leaves", 2, "to"),
        ("leaves", 3, "to"),
        ("visits", 2, "date"),
        ("visits", 3, "place"),
        ("visits", 4, "voters"),
        ("visits", 5, "recorded_at"),
        ("visits", 6, "form"),
        ("visits", 7, "id"),
        ("petitions", 3, "found_on"),
        ("petitions", 4, "title"),
        ("petition_events", 7, "event"),
        ("petition_events", 8, "office"),
        ("petition_events", 10, "note"),
        ("petition_events", 11, "result"),
        ("petition_events", 12, "petition"),
        ("projects", 3, "office"),
        ("milestones", 6, "seq"),
        ("milestones", 8, "stage"),
        ("project_events", 2, "date"),
        ("project_events", 3, "reason"),
        ("acknowledgements", 2, "matter"),
        ("acknowledgements", 3, "office"),
    ]
    assert len(findings(tmp_path)) == 40


def test_the_order_of_rows_does_not_change_what_is_wrong(tmp_path):
    offices = "\n".join(
        reversed(["DIR,主,directors,,", "MUN,工委,municipal,DIR,", "T1,镇,town,MUN,", "ST1,站,station,T1,"])
    )
    assert findings(write(tmp_path, {"offices": f"{offices}\n"}, whole=False)) == []


def test_twenty_thousand_faults_are_all_reported(tmp_path):
    visits = "".join(f"V{i},DA{i},2026-03-05,grid,G1,,,,,\n" for i in range(20_000))
    assert len(findings(write(tmp_path, {"visits": visits}))) == 20_000
