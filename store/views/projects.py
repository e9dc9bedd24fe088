"""Which projects are there, and how far is each? Rules: R4b. Callers: web/pages/projects.py."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, exists, func, or_, select

from rules.facts import local_day
from rules.matters import MatterKind, Status
from store.schema import FACTS, matters
from store.scoping import Scope, projects_in
from store.views.matters import standing
from store.views.paging import Page, Slice, like, read_page

projects = FACTS["projects"]
KINDS = (MatterKind.MILESTONE, MatterKind.INSPECTION)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectFilter:
    """What is looked for among the projects; `status`: open, overdue, slipped or done."""

    search: str = ""
    town: str = ""
    status: str = ""
    key: bool = False


@dataclass(frozen=True, slots=True)
class ProjectLine:
    """A project as a list shows it."""

    id: str
    name: str
    town: str
    office: str
    is_key: bool
    milestones: int
    done: int
    overdue: int
    slips: int
    next_due: date | None


def _of_it() -> ColumnElement[bool]:
    return and_(matters.c.kind.in_(KINDS), matters.c.subject == projects.c.id)


def list_projects(
    connection: Connection, scope: Scope, now: datetime, wanted: ProjectFilter, part: Slice
) -> Page[ProjectLine]:
    """Return the projects that are known by now and that somebody may see, the key ones first, then by number."""
    day = local_day(now)
    page = (
        select(projects.c.id, projects.c.name, projects.c.town, projects.c.office, projects.c.is_key)
        .where(projects.c.recorded_at <= now, projects_in(scope), *_conditions(day, wanted))
        .order_by(projects.c.is_key.desc(), projects.c.id)
    )
    found = read_page(connection, page, part, tuple)
    counts = _counts(connection, day, [row[0] for row in found.rows])
    none = (0, 0, 0, 0, None)
    return Page([ProjectLine(*row, *counts.get(row[0], none)) for row in found.rows], found.number, found.has_next)


def _conditions(day: date, wanted: ProjectFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.search:
        pattern = like(wanted.search)
        found.append(or_(projects.c.id.like(pattern, escape="\\"), projects.c.name.like(pattern, escape="\\")))
    if wanted.town:
        found.append(projects.c.town == wanted.town)
    if wanted.key:
        found.append(projects.c.is_key)
    milestone_open = exists().where(_of_it(), matters.c.kind == MatterKind.MILESTONE, matters.c.closed.is_(None))
    match wanted.status:
        case "open":
            found.append(milestone_open)
        case "done":
            found.append(~milestone_open)
        case "overdue":
            found.append(exists().where(_of_it(), standing(Status.OVERDUE, day)))
        case "slipped":
            found.append(exists().where(_of_it(), matters.c.slips > 0))
    return found


def _counts(connection: Connection, day: date, ids: list[str]) -> dict[str, tuple[Any, ...]]:
    """Return milestones, those done, what is overdue, slips, and the next due date of some projects."""
    milestone = matters.c.kind == MatterKind.MILESTONE
    query = (
        select(
            matters.c.subject,
            func.sum(case((milestone, 1), else_=0)),
            func.sum(case((and_(milestone, matters.c.closed.is_not(None)), 1), else_=0)),
            func.sum(case((standing(Status.OVERDUE, day), 1), else_=0)),
            func.sum(matters.c.slips),
            func.min(case((matters.c.closed.is_(None), matters.c.due), else_=None)),
        )
        .where(matters.c.kind.in_(KINDS), matters.c.subject.in_(ids))
        .group_by(matters.c.subject)
    )
    return {row[0]: tuple(row[1:]) for row in connection.execute(query)} if ids else {}


def may_see(connection: Connection, scope: Scope, project: str) -> bool:
    """Say whether a project is there and somebody may see it."""
    query = select(projects.c.id).where(projects.c.id == project, projects_in(scope))
    return connection.execute(query).first() is not None
