"""How far is each livelihood project, from groundbreaking to acceptance, and what slipped? Rules: R4b."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from intake.commands import report_project_event
from intake.explaining import case_of
from intake.faults import Refused
from rules.facts import Milestone, Project, ProjectEvent, ProjectEventKind
from rules.matters import Matter, MatterKind, Status, Subject, SubjectKind
from rules.projects import ProjectDocket, disordered
from store import audit, facts
from store.accounts import Role
from store.views import projects
from store.views.projects import ProjectFilter, ProjectLine
from templates.console_texts import term
from web.pages.exports import Columns, as_file, wanted_format, wanted_part
from web.pages.forms import Problem, Reader, Values, Wrong, faults_as_problems, values_of
from web.pages.frame import Look, asked, look_at, looking, not_there, office, towns_of
from web.rendering import Flash, redirect
from web.viewers import viewer_of

Kind = ProjectEventKind
STANDINGS: Final = ("open", "overdue", "slipped", "done")
#: who may report which progress
MAY: Final = {
    Role.OPERATOR: (Kind.DONE, Kind.REPLAN, Kind.INSPECTED),
    Role.MUNICIPAL: (Kind.DONE, Kind.REPLAN),
    Role.TOWN: (Kind.DONE, Kind.REPLAN, Kind.INSPECTED),
    Role.STATION: (Kind.INSPECTED,),
    Role.DEPUTY: (Kind.INSPECTED,),
}


def routes() -> list[BaseRoute]:
    """Return the addresses."""
    return [
        Route("/projects", index, methods=["GET"]),
        Route("/projects/{project:path}/events", report, methods=["POST"]),
        Route("/projects/{project:path}", one, methods=["GET"]),
    ]


def index(request: Request) -> Response:
    """Show the projects that the viewer may see."""
    with looking(request) as look:
        wanted = ProjectFilter(
            search=asked(request, "q"),
            town=asked(request, "town", [town for town, _ in towns_of(look)]),
            status=asked(request, "status", STANDINGS),
            key=asked(request, "key", ["yes"]) == "yes",
        )
        page = projects.list_projects(look.connection, look.scope, look.now, wanted, wanted_part(request))
        if wanted_format(request):
            return as_file(request, "projects", _columns(look), page.rows)
        return look.page("projects.html.j2", page=page, standings=STANDINGS)


def _columns(look: Look) -> Columns[ProjectLine]:
    t, house = look.t, look.house
    return [
        (t("编号", "Number"), lambda row: row.id),
        (t("项目名称", "Project"), lambda row: row.name),
        (t("重点督办", "Key"), lambda row: t("是", "yes") if row.is_key else ""),
        (t("镇街", "Town"), lambda row: office(row.town, house)),
        (t("责任单位", "Office"), lambda row: office(row.office, house)),
        (t("节点", "Milestones"), lambda row: row.milestones),
        (t("已完成节点", "Done"), lambda row: row.done),
        (t("逾期事项", "Overdue"), lambda row: row.overdue),
        (t("延后次数", "Slips"), lambda row: row.slips),
        (t("下一期限", "Next due"), lambda row: row.next_due),
    ]


# One ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Slip:
    """A milestone's move to another day."""

    old: date
    new: date
    reason: str

    @property
    def is_later(self) -> bool:
        """Whether it counts as a slip (R4b.2)."""
        return self.new > self.old


@dataclass(frozen=True, slots=True)
class Point:
    """A milestone on the time line."""

    milestone: Milestone
    matter: Matter
    planned: date
    done: date | None
    slips: Sequence[Slip]
    state: str


def one(request: Request) -> Response:
    """Show one project."""
    with looking(request) as look:
        return _show(look, request.path_params["project"])


def _show(
    look: Look, ident: str, problems: Sequence[Problem] = (), values: Values | None = None, status: int = 200
) -> Response:
    project, docket = _seen(look, ident)
    inspections = [m for m in docket.matters.values() if m.kind is MatterKind.INSPECTION]
    points = _points(docket, look.today)
    left = [point for point in points if point.done is None]
    return look.page(
        "project.html.j2",
        status,
        project=project,
        points=points,
        inspections=inspections[::-1],
        left=left,
        next_point=left[0] if left else None,
        acts=_acts(look, left, inspections),
        deputy=look.house.deputies.get(project.deputy or ""),
        problems=problems,
        values=values or {},
        soon=look.soon,
    )


def _seen(look: Look, ident: str) -> tuple[Project, ProjectDocket]:
    if not projects.may_see(look.connection, look.scope, ident):
        raise not_there()
    case = case_of(look.connection, look.desk, Subject(SubjectKind.PROJECT, ident), look.now)
    if case is None or not isinstance(case.docket, ProjectDocket):
        raise not_there()
    return facts.projects(look.connection, [ident])[0], case.docket


def _points(docket: ProjectDocket, today: date) -> list[Point]:
    found = []
    for seq, milestone in docket.milestones.items():
        matter = docket.matters[f"milestone:{docket.project.id}:{seq}"]
        slips = [Slip(old, new, reason) for of, old, new, reason in docket.replans if of == seq]
        done = docket.done.get(seq)
        state = "done" if done else "late" if matter.status_on(today) is Status.OVERDUE else ""
        found.append(Point(milestone, matter, docket.planned[seq], done, slips, state))
    return found


def _acts(look: Look, left: Sequence[Point], inspections: Sequence[Matter]) -> list[ProjectEventKind]:
    admitted = {
        Kind.DONE: bool(left),
        Kind.REPLAN: bool(left),
        Kind.INSPECTED: any(matter.closed is None for matter in inspections),
    }
    return [kind for kind in MAY[look.viewer.role] if admitted[kind]]


def report(request: Request) -> Response:
    """Report progress; what is refused comes back with the reason and all that was typed."""
    viewer, ident, values = viewer_of(request), request.path_params["project"], values_of(request)
    with request.app.state.services.engine.begin() as connection:
        look = look_at(request, viewer, connection)
        _, docket = _seen(look, ident)
        try:
            event = _event(look, ident, docket, values)
            with connection.begin_nested():
                report_project_event(connection, event, calendar=look.desk.calendar, policy=look.desk.policy)
        except Wrong as wrong:
            return _show(look, ident, wrong.problems, values, 422)
        except Refused as refused:
            return _show(look, ident, faults_as_problems(refused, look.lang, {"event": "", "project": ""}), values, 409)
        audit.append(
            connection, at=look.now, actor=viewer.actor, action="project-event", subject=f"project:{ident}",
            event=str(event.event), seq=event.seq,
        )  # fmt: skip
    done = look.t(f"已记录：{term('event', event.event, 'zh')}", f"Recorded: {term('event', event.event, 'en')}")
    return redirect(f"/projects/{quote(ident, safe='')}", Flash("done", f"{done}{_disorder(look, docket, event)}"))


def _disorder(look: Look, docket: ProjectDocket, event: ProjectEvent) -> str:
    """Return a warning if a replan has put the planned days out of the order of the milestones (R4b.2)."""
    if event.event is not Kind.REPLAN or event.seq is None or event.day is None:
        return ""
    found = disordered(docket.planned | {event.seq: event.day}, event.seq)
    said = [look.t(f"节点{b}的计划日期早于节点{a}", f"milestone {b} is planned before milestone {a}") for a, b in found]
    return f"{look.t('。请核对：', '. Look again: ')}{'; '.join(said)}" if said else ""


def _event(look: Look, ident: str, docket: ProjectDocket, values: Values) -> ProjectEvent:
    read = Reader(look, values)
    kind = Kind(read.one_of("event", MAY[look.viewer.role], needed=True) or Kind.INSPECTED)
    has_seq = kind is not Kind.INSPECTED
    seq = read.one_of("seq", docket.milestones, needed=True) if has_seq else None
    day = read.day("date", needed=kind is Kind.REPLAN)
    reason = read.line("reason", needed=kind is Kind.REPLAN, longest=500)
    read.done()
    return ProjectEvent(
        project=ident,
        at=look.now.replace(microsecond=0),
        event=kind,
        seq=int(seq) if seq else None,
        day=day,
        reason=reason,
    )
