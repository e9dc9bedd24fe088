"""What if ids look like anything but ids? Gives a record others, which it admits and the rules do not care about.

Callers: tests/actors/test_live_equals_simulation.py, tests/trial/loads.py.
"""

import csv
from pathlib import Path

#: like a day, a period, a matter, a person; what divides words in ids, paths, addresses, patterns and templates
TAILS = (
    "-03-31",
    "-13-45",
    ":assign:1",
    "/../%2e?x=1&y#z",
    " 一 二",
    "-Q9",
    "-H1",
    "'\"\\",
    "%_*",
    "{{ 1 }}<b>",
    "=1+1",
    "𠮷é",
    "--",
)
OWN = ("offices", "contacts", "grids", "deputies", "seats", "leaves", "visits", "petitions", "projects")
#: columns that hold the id of another row
REFERENCES = ("office", "parent", "town", "station", "grid", "deputy", "place", "petition", "project")
ENDS = {"visit": 1, "petition": 2, "milestone": 1, "inspection": 1}  #: what stands after the subject in a matter's id


def give_odd_ids(folder: Path) -> None:
    """Change every id of the tables of a folder, each in its own way, and whatever refers to it."""
    tables = {path: _rows(path) for path in sorted(folder.glob("*.csv"))}
    known = sorted({row["id"] for path, rows in tables.items() if path.stem in OWN for row in rows})
    odd = {ident: ident + TAILS[number % len(TAILS)] for number, ident in enumerate(known)}
    for path, rows in tables.items():
        if rows:
            _write(path, [{name: _renamed(path.stem, name, cell, odd) for name, cell in row.items()} for row in rows])


def _renamed(table: str, name: str, cell: str, odd: dict[str, str]) -> str:
    if name == "matter":
        kind, _, rest = cell.partition(":")
        subject, *ends = rest.rsplit(":", ENDS[kind])
        return ":".join([kind, odd[subject], *ends])
    is_id = name in REFERENCES or (name == "id" and table in OWN)
    return odd[cell] if is_id and cell else cell


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def _write(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
