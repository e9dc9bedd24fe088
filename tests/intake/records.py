"""Which small records do the tests of intake start from? The organisation is that of tests/cases."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from intake.checking import Checked, check
from rules.policy import Policy
from rules.workdays import Calendar

HEADINGS: Final = {
    "offices": "id,name,kind,parent,station_kind",
    "contacts": "id,office,name,title,mobile,email,channels,on_duty",
    "grids": "id,name,town,parent",
    "deputies": "id,name,mobile,email,channels",
    "seats": "id,deputy,level,town,station,grid,basis,from,to",
    "leaves": "id,deputy,from,to,reason,approver,recorded_at",
    "visits": "id,deputy,date,kind,place,form,voters,opinions,note,recorded_at",
    "petitions": "id,town,deputy,found_on,level,title,petitioner,petitioner_mobile,confidential,recorded_at",
    "petition_events": "petition,at,event,office,level,until,proposal,result,note",
    "projects": "id,name,town,office,deputy,petition,key,recorded_at",
    "milestones": "project,seq,stage,name,planned",
    "project_events": "project,at,event,seq,date,reason",
    "acknowledgements": "matter,at,office",
}
ORGANISATION: Final = {
    "offices": """\
DIR,主任会议,directors,,
MUN,代表工委,municipal,DIR,
MD1,市水利局,department,MUN,
T1,桃源镇人大主席团,town,MUN,
ST1,竹蓢联络站,station,T1,village
ST2,旺龙联络站,station,T1,village
STC,桃源中心联络站,station,T1,central
D1,镇农办,department,T1,
D2,镇建办,department,T1,
T2,鹤城镇人大主席团,town,MUN,
ST9,鹤城联络站,station,T2,village
D9,鹤城农办,department,T2,
""",
    "contacts": "CT,T1,陈四,,13800000004,ct@example.cn,,yes\n",
    "grids": "G1,一网格,T1,\nG1a,一之甲微网格,T1,G1\nG2,二网格,T1,\nG9,九网格,T2,\n",
    "deputies": "DA,李甲,13811110001,da@example.cn,\nDB,李乙,13811110002,,sms\n",
    "seats": "S1,DA,town,T1,ST1,G1,district,2026-01-01,\nS2,DB,county,T1,,G2,,2026-01-01,2030-12-31\n",
}
PETITION: Final = "P1,T1,DA,2026-03-08,town,水沟堵塞,司徒霁翀,13970000001,,2026-03-09T10:00\n"
PROJECT: Final = "J1,护栏工程,T1,D1,DA,,no,2026-03-01T10:00\n"
PLAN: Final = """\
J1,1,approved,,2026-03-10
J1,2,groundbreaking,,2026-04-20
J1,3,progress,路基,2026-06-30
J1,4,acceptance,,2026-09-30
"""
LOOP: Final = """\
P1,2026-03-10T10:00,assigned,D1,,,,,
P1,2026-03-11T09:30,accepted,,,,,,
P1,2026-03-19T20:00:00,handled,,,,,,
P1,2026-03-23T19:59:59,verified,,,,,ok,
P1,2026-03-24T10:00,fed_back,,,,,satisfied,
"""


def write(folder: Path, tables: Mapping[str, str], *, encoding: str = "utf-8", whole: bool = True) -> Path:
    """Write tables given as lines below the headings; `whole`: with the organisation where they do not give it."""
    folder.mkdir(parents=True, exist_ok=True)
    for table, body in ({**ORGANISATION, **tables} if whole else tables).items():
        text = f"{HEADINGS[table]}\n{body}"
        (folder / f"{table}.csv").write_text(text, encoding=encoding, newline="")
    return folder


def added(table: str, *lines: str) -> dict[str, str]:
    """Return the organisation's table with more lines."""
    return {table: ORGANISATION[table] + "".join(f"{line}\n" for line in lines)}


def checked(path: Path, policy: Policy | None = None) -> Checked:
    """Check a record under the default policy."""
    return check(path, calendar=Calendar(), policy=policy or Policy())


def findings(path: Path) -> list[str]:
    """Return the faults of a record as people read them."""
    return [str(fault) for fault in checked(path).faults]


def places(path: Path) -> list[tuple[str, int, str]]:
    """Return where the faults of a record stand: table, row, column."""
    return [(fault.table, fault.row, fault.column) for fault in checked(path).faults]
