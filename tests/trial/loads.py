"""Which record does a trial run on, and under which policy and settings?

Dense, small and medium: the random records that press on the corners of the rules (tests/oracle/records.py), another
one for each seed. Year: a part of the made-up municipality, one full year, the same for all seeds. Callers: worlds.py.
"""

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from datetime import date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from config.calendars import load_calendar
from config.policies import load_policy
from config.settings import Settings, load_settings
from intake.checking import check
from intake.demo import make_record
from rules.facts import Acknowledgement, Leave, Petition, Project, Record, Row, Visit, midnight
from rules.matters import subject_of
from rules.policy import Policy
from rules.workdays import ONE_DAY
from tests.oracle import records
from tests.oracle.renaming import give_odd_ids
from tests.trial.faults import Chance

TAIL: Final = 3  #: workdays without faults, in which everything must come to rest
LIVE: Final = (
    "leaves", "visits", "petitions", "petition_events", "projects", "milestones", "project_events", "acknowledgements",
)  # fmt: skip
#: notices that the whole made-up municipality gives in a year; see docs/trial.md
NOTICES: Final = 81_000


SIZES: Final = ("dense", "small", "medium", "year")
#: much in few days: opinions in a hurry, so that facts race with messages
records.COUNTS["dense"] = {"towns": 2, "seats": 8, "petitions": 40, "projects": 8, "acks": 20}
records.SPANS["dense"] = tuple(
    (first, (date.fromisoformat(first) + timedelta(days=18)).isoformat()) for first, _ in records.SPANS["small"]
)
#: a whole year of a small municipality, some 350 notices; another twelve months for each seed
records.COUNTS["year"] = {"towns": 1, "seats": 4, "petitions": 15, "projects": 2, "acks": 12}
records.SPANS["year"] = (
    ("2025-01-10", "2026-01-10"), ("2025-07-05", "2026-07-05"), ("2025-11-20", "2026-11-20"),
    ("2024-03-08", "2025-03-08"), ("2023-05-15", "2024-05-15"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Load:
    """What a trial runs on."""

    record: Record
    first: date
    last: date  #: of the faults; the tail follows
    policy: Policy
    settings: Settings

    @property
    def ends(self) -> date:
        return load_calendar().workdays(self.last, TAIL)


def load_of(chance: Chance, size: str, days: int | None = None) -> Load:
    """Return the load of a seed; `size`: of SIZES, or the number of notices in a year; `days`: at most so long."""
    record, first, last, policy = _random(chance.seed, size) if size in SIZES else _year(int(size))
    if days is not None:
        last = min(last, load_calendar().forward(first + days * ONE_DAY))
    record = known_by(record, midnight(last + ONE_DAY))
    return Load(record, first, last, policy.model_copy(update={"start_on": first}), _settings(chance, policy))


@lru_cache(maxsize=4)
def _random(seed: int, size: str) -> tuple[Record, date, date, Policy]:
    with tempfile.TemporaryDirectory() as folder:
        args: dict[str, Any] = records.write_random_record(Path(folder), seed, size)
        if seed % 4 == 0:
            give_odd_ids(Path(folder))
        policy = load_policy(None, [f"{key}={value}" for key, value in args["settings"].items()], {})
        checked = check(Path(folder), calendar=load_calendar(), policy=policy)
    if checked.faults:
        raise ValueError(f"seed {seed}: the record has faults")
    return checked.record, args["from"], args["to"], policy


@lru_cache(maxsize=1)
def _year(wanted: int) -> tuple[Record, date, date, Policy]:
    """Return a year of a part of the municipality: as many deputies, opinions and projects as give so many notices."""
    first, last = date(2026, 1, 1), date(2026, 12, 20)
    record = make_record(year_from=first, year_to=date(2026, 12, 31), calendar=load_calendar())
    return part(record, min(1.0, wanted / NOTICES)), first, last, load_policy(None, (), {})


def known_by(record: Record, end: datetime) -> Record:
    """Return a record without what becomes known after the end; nobody types it."""
    live = [table for table in LIVE if table != "milestones"]
    new = {table: [row for row in getattr(record, table) if known_at(row) < end] for table in live}
    projects = {project.id for project in new["projects"]}
    origins = {project.petition for project in new["projects"]}
    new["petitions"] = [p for p in record.petitions if p.recorded_at < end or p.id in origins]
    new["milestones"] = [row for row in record.milestones if row.project in projects]
    return replace(record, **new)


def part(record: Record, share: float) -> Record:
    """Return a record with a share of its seats, opinions and projects; the organisation stays whole."""

    def some(rows: Iterable[Any]) -> list[Any]:
        return [row for i, row in enumerate(rows) if int((i + 1) * share) > int(i * share)]

    seats, projects = some(record.seats), some(record.projects)
    kept = {"deputy": {s.deputy for s in seats}, "project": {p.id for p in projects}}
    origins = {p.petition for p in projects if p.petition}
    taken = {petition.id for petition in some(record.petitions)}
    petitions = [p for p in record.petitions if p.id in taken or p.id in origins]
    kept["petition"] = {p.id for p in petitions}
    subjects = {("seat", s.id) for s in seats} | {(k, i) for k in ("petition", "project") for i in kept[k]}
    new = {"seats": seats, "projects": projects, "petitions": petitions}
    for table, key in {
        "leaves": "deputy", "visits": "deputy", "petition_events": "petition", "milestones": "project",
        "project_events": "project",
    }.items():  # fmt: skip
        new[table] = [row for row in getattr(record, table) if getattr(row, key) in kept[key]]
    new["acknowledgements"] = [w for w in record.acknowledgements if tuple(map(str, subject_of(w.matter))) in subjects]
    return replace(record, **new)


def _settings(chance: Chance, policy: Policy) -> Settings:
    """Return settings in which the rarer limits bite in some seeds."""
    given: dict[str, object] = {"operator_email": "operator@example.cn", "ping_url": "http://127.0.0.1/alive"}
    if chance.unit("rate") < 0.3:
        given["sms_per_second"] = 0.2 + 3 * chance.unit("per second") ** 2
    if chance.unit("total") < 0.4:
        given["sms_daily_total"] = 1 + int(3 * chance.unit("daily total"))
    return load_settings({}, **given)


# When facts are told -----------------------------------------------------------------------


def known_at(row: Row) -> datetime:
    """Return the instant from which a row of a live table counts."""
    found: datetime = row.recorded_at if isinstance(row, (Visit, Leave, Petition, Project)) else row.at  # type: ignore[union-attr]
    return found


def whose(table: str, row: Any) -> tuple[str, str]:
    """Return whose file a row belongs to: the rows of one file are typed in their order."""
    match table:
        case "leaves" | "visits":
            return "deputy", row.deputy
        case "petitions":
            return "petition", row.id
        case "petition_events":
            return "petition", row.petition
        case "projects":
            return "project", row.id
        case "milestones" | "project_events":
            return "project", row.project
    kind, ident = subject_of(row.matter)
    return str(kind), ident


@dataclass(frozen=True, slots=True)
class Sheet:
    """What is typed at once: rows of one file and one instant, parents first."""

    at: datetime
    of: tuple[str, str]
    rows: tuple[tuple[str, Row], ...]

    @property
    def is_command(self) -> bool:
        """Whether it is one fact, as somebody reports it on the console."""
        _, row = self.rows[0]
        is_word = isinstance(row, Acknowledgement) or getattr(row, "event", None) == "acknowledged"
        return len(self.rows) == 1 and not is_word


def sheets_of(record: Record) -> list[Sheet]:
    """Return all that is typed in the course of a trial, in the order in which it counts."""
    petitions = {petition.id: petition for petition in record.petitions}
    milestones: dict[str, list[tuple[str, Row]]] = {}
    for row in record.milestones:
        milestones.setdefault(row.project, []).append(("milestones", row))
    found: dict[tuple[datetime, tuple[str, str]], list[tuple[str, Row]]] = {}
    for table in LIVE:
        if table == "milestones":
            continue
        for row in getattr(record, table):
            rows = found.setdefault((known_at(row), whose(table, row)), [])
            if isinstance(row, Project) and row.petition:
                rows.append(("petitions", petitions[row.petition]))  # it may be numbered later, but is on record
            rows.append((table, row))
            if isinstance(row, Project):
                rows += milestones.get(row.id, [])
    return [Sheet(at, of, tuple(rows)) for (at, of), rows in sorted(found.items(), key=lambda item: item[0])]


def fields_of(row: Row) -> dict[str, Any]:
    """Return a row's values, without its place in the file."""
    return {f.name: getattr(row, f.name) for f in fields(row) if f.name != "position"}
