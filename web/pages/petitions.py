"""Where does each resident's opinion stand, why is it due then, and what may be done about it now?

Rules: R4, R5.10. The resident's name and number are shown after a look that is written into the audit trail.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from intake.commands import report_petition_event
from intake.explaining import Case, Explanation, case_of, explained
from intake.faults import Refused, mask_phone
from rules.dockets import Change
from rules.facts import OfficeKind, Petition, PetitionEvent, PetitionEventKind, PetitionLevel, Result, local_day
from rules.matters import Matter, Status, Subject, SubjectKind
from rules.petitions import CELLS, LEVELS, NEEDED, RESULTS, PetitionDocket, Stage
from store import audit, facts
from store.accounts import Role
from store.views import messages, petitions
from store.views.petitions import CLOSED, WITHDRAWN, PetitionFilter, PetitionLine
from templates.console_texts import rank_in_words, term
from templates.reasons import reason_of
from web.pages.exports import Columns, as_file, wanted_format, wanted_part
from web.pages.forms import Problem, Reader, Values, Wrong, faults_as_problems, values_of
from web.pages.frame import Look, asked, look_at, looking, not_there, office, towns_of, who
from web.pages.matters import acknowledgers
from web.rendering import Flash, redirect
from web.viewers import viewer_of

Kind = PetitionEventKind
STANDINGS: Final = ("open", "overdue", "closed")
MOST_TELLINGS: Final = 200
#: what a deputy and the station's staff, who help him, report of a stage that is the deputy's
BY_DEPUTY: Final = (Kind.HANDLED, Kind.RAISED, Kind.EXTENDED, Kind.VERIFIED, Kind.FED_BACK)


def routes() -> list[BaseRoute]:
    """Return the addresses."""
    return [
        Route("/petitions", index, methods=["GET"]),
        Route("/petitions/{petition:path}/events", report, methods=["POST"]),
        Route("/petitions/{petition:path}/resident", show_resident, methods=["POST"]),
        Route("/petitions/{petition:path}", one, methods=["GET"]),
    ]


# All ---------------------------------------------------------------------------------------


def index(request: Request) -> Response:
    """Show the opinions that the viewer may know of."""
    with looking(request) as look:
        wanted = PetitionFilter(
            search=asked(request, "q"),
            town=asked(request, "town", [town for town, _ in towns_of(look)]),
            level=asked(request, "level", PetitionLevel),
            stage=asked(request, "stage", Stage),
            status=asked(request, "status", STANDINGS),
            deputy=asked(request, "deputy"),
        )
        page = petitions.list_petitions(look.connection, look.scope, look.now, wanted, wanted_part(request))
        if wanted_format(request):
            return as_file(request, "petitions", _columns(look), page.rows)
        return look.page(
            "petitions.html.j2",
            page=page,
            soon=look.soon,
            levels=list(PetitionLevel),
            stages=list(Stage),
            standings=STANDINGS,
        )


def _columns(look: Look) -> Columns[PetitionLine]:
    t, house, lang = look.t, look.house, look.lang
    return [
        (t("编号", "Number"), lambda row: row.id),
        (t("镇街", "Town"), lambda row: office(row.town, house) if row.is_open else ""),
        (t("事项", "Subject"), lambda row: row.title if row.is_open else t("（保密）", "(confidential)")),
        (t("层级", "Level"), lambda row: term("petition_level", row.level, lang) if row.level else ""),
        (t("代表", "Deputy"), lambda row: row.deputy_name),
        (t("登记时间", "Registered"), lambda row: row.recorded_at),
        (t("环节", "Stage"), lambda row: term("stage", row.stage or row.status, lang) if row.is_open else ""),
        (t("责任方", "Responsible"), lambda row: who(row.responsible, house)),
        (t("期限", "Due"), lambda row: row.due),
        (t("状态", "Status"), lambda row: term("status", row.status, lang) if row.is_open else ""),
        (
            t("督办进度", "Climbed"),
            lambda row: rank_in_words(row.rank or 0, lang) if row.status == Status.OVERDUE else "",
        ),
    ]


# One ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LoopStep:
    """One of the six steps of the closed loop."""

    name: str
    state: str  #: done, now, late, skipped, or empty: to come
    note: str


@dataclass(frozen=True, slots=True)
class Moment:
    """What happened at one instant, and what it opened."""

    at: datetime
    events: Sequence[PetitionEvent]
    opened: Sequence[Matter]
    moved: Sequence[Matter]  #: other due dates


@dataclass(frozen=True, slots=True)
class Seen:
    """An opinion that somebody may read."""

    petition: Petition
    case: Case
    docket: PetitionDocket

    @property
    def open_matter(self) -> Matter | None:
        """The matter of the present stage."""
        return None if self.docket.stage is Stage.CLOSED else self.docket.open_matter

    @property
    def ended(self) -> str:
        """How an opinion has ended of which no stage is open."""
        last = next(reversed(self.docket.matters.values()), None)
        return WITHDRAWN if last is not None and last.closed is Status.CANCELLED else CLOSED


def one(request: Request) -> Response:
    """Show one opinion."""
    with looking(request) as look:
        return _show(look, request.path_params["petition"])


def _show(
    look: Look,
    ident: str,
    problems: Sequence[Problem] = (),
    values: Values | None = None,
    status: int = 200,
    *,
    with_resident: bool = False,
) -> Response:
    admitted = petitions.admit(look.connection, look.scope, ident)
    if admitted is None:
        raise not_there()
    if not admitted.is_open:
        return look.page("petition_closed_to_you.html.j2", ident=ident)
    seen = _seen(look, ident)
    found = _open_explanation(look, seen)
    return look.page(
        "petition.html.j2",
        status,
        petition=seen.petition,
        docket=seen.docket,
        loop=_loop(look, seen),
        moments=_moments(seen, look.now),
        matters=list(seen.docket.matters.values()),
        found=found,
        ended=seen.ended,
        reason=reason_of(found.matter.reckoned, look.desk.calendar, look.lang) if found else None,
        tellings=messages.tellings(look.connection, list(seen.docket.matters), MOST_TELLINGS),
        acts=acts_for(look, seen),
        choices=_choices(look, seen),
        cells=CELLS,
        needed=NEEDED,
        problems=problems,
        values=values or {},
        with_resident=with_resident,
        masked=mask_phone(seen.petition.petitioner_mobile) if seen.petition.petitioner_mobile else "",
        soon=look.soon,
    )


def _seen(look: Look, ident: str) -> Seen:
    case = case_of(look.connection, look.desk, Subject(SubjectKind.PETITION, ident), look.now)
    if case is None or not isinstance(case.docket, PetitionDocket):
        raise not_there()
    return Seen(facts.petitions(look.connection, [ident])[0], case, case.docket)


def _open_explanation(look: Look, seen: Seen) -> Explanation | None:
    matter = seen.open_matter
    return explained(look.connection, look.desk, seen.case, matter.id, look.now) if matter else None


def _loop(look: Look, seen: Seen) -> list[LoopStep]:
    """Return the six steps as they stand."""
    t, docket, petition = look.t, seen.docket, seen.petition
    names = (
        t("任务分办", "Assignment"),
        t("协同处置", "Handling"),
        t("跟踪监督", "Follow-up"),
        t("结果反馈", "Feedback"),
    )
    stages: tuple[tuple[Stage, ...], ...] = (
        (Stage.ASSIGN, Stage.ACCEPT), (Stage.HANDLE,), (Stage.VERIFY,), (Stage.FEEDBACK,),
    )  # fmt: skip
    registered = local_day(petition.recorded_at).isoformat()
    found_on = petition.found_on.isoformat() if petition.found_on else ""
    found = [
        LoopStep(t("问题发现", "Discovery"), "done", found_on),
        LoopStep(t("信息收集", "Registration"), "done", registered),
    ]
    here = next((i for i, some in enumerate(stages) if docket.stage in some), len(stages))
    for i, (name, some) in enumerate(zip(names, stages, strict=True)):
        mine = [m for m in docket.matters.values() if m.stage in some]
        found.append(LoopStep(name, *_step(look, i - here, mine, docket.stage is Stage.CLOSED)))
    return found


def _step(look: Look, ahead: int, mine: Sequence[Matter], is_closed: bool) -> tuple[str, str]:  # noqa: FBT001
    last = mine[-1] if mine else None
    if ahead == 0 and last is not None and not is_closed:
        status = last.status_on(look.today)
        return ("late" if status is Status.OVERDUE else "now"), look.t(f"期限 {last.due}", f"due {last.due}")
    if ahead < 0 and last is None:
        return "skipped", look.t("不需要", "not needed")
    if ahead < 0 and last is not None:
        how = "skipped" if last.closed is Status.CANCELLED else "done"
        return how, f"{term('status', last.closed, look.lang)} {last.settled or ''}".strip()
    return "", ""


def _moments(seen: Seen, now: datetime) -> list[Moment]:
    """Return what happened, the last first."""
    events: dict[datetime, list[PetitionEvent]] = defaultdict(list)
    for fact in seen.case.dossier.facts:
        if isinstance(fact, PetitionEvent):
            events[fact.at].append(fact)
    changes: dict[datetime, list[Change]] = defaultdict(list)
    for happened in seen.case.happened:
        changes[happened.at].append(happened.change)
    instants = sorted({seen.petition.recorded_at, *(at for at in (*events, *changes) if at <= now)}, reverse=True)
    return [
        Moment(
            at,
            events[at],
            [c.after for c in changes[at] if c.after and c.before is None],
            [c.after for c in changes[at] if c.after and c.before and c.after.due != c.before.due],
        )
        for at in instants
    ]


# What may be done --------------------------------------------------------------------------


def acts_for(look: Look, seen: Seen) -> list[PetitionEventKind]:
    """Return the events that the present stage admits and the viewer may report."""
    matter = seen.open_matter
    if matter is None:
        return []
    admitted = list(seen.docket.admitted())
    if acknowledgers(look, matter):
        admitted.append(Kind.ACKNOWLEDGED)
    return [kind for kind in admitted if kind is Kind.ACKNOWLEDGED or _is_for(look, seen, matter, kind)]


def _is_for(look: Look, seen: Seen, matter: Matter, kind: PetitionEventKind) -> bool:
    """Say whether the viewer may report an event of the present stage."""
    match look.viewer.role:
        case Role.OPERATOR | Role.MUNICIPAL:
            return True
        case Role.TOWN:
            return seen.docket.is_for_town(kind)
        case _:
            return matter.responsible.startswith("deputy:") and kind in BY_DEPUTY


def _choices(look: Look, seen: Seen) -> Mapping[str, Sequence[tuple[str, str]]]:
    """Return what may be chosen in the fields of the forms."""
    house, matter = look.house, seen.open_matter
    over = (seen.petition.town, house.municipal)
    departments = [o for o in house.offices.values() if o.kind is OfficeKind.DEPARTMENT and o.parent in over]
    higher = LEVELS[LEVELS.index(seen.docket.level) + 1 :]
    return {
        "departments": [(o.id, o.name) for o in sorted(departments, key=lambda o: (o.parent != over[0], o.id))],
        "levels": [(level, term("petition_level", level, look.lang)) for level in higher],
        "verified": [(r, term("result", r, look.lang)) for r in RESULTS[Kind.VERIFIED]],
        "fed_back": [(r, term("result", r, look.lang)) for r in RESULTS[Kind.FED_BACK]],
        "acknowledgers": [(one, office(one, house)) for one in (acknowledgers(look, matter) if matter else ())],
    }


def report(request: Request) -> Response:
    """Report an event; one that is refused comes back with the reason and all that was typed.

    So does one whose form shows a stage that somebody else has ended: it would act on a round that nobody has seen.
    """
    viewer, ident, values = viewer_of(request), request.path_params["petition"], values_of(request)
    with request.app.state.services.engine.begin() as connection:
        look = look_at(request, viewer, connection)
        admitted = petitions.admit(connection, look.scope, ident)
        if admitted is None or not admitted.is_open:
            raise not_there()
        seen = _seen(look, ident)
        if _is_overtaken(seen, values):
            return _show(look, ident, [Problem("", _what_is_new(look, seen))], values, 409)
        if values.get("event") in set(seen.docket.admitted()) - set(acts_for(look, seen)):
            return _show(look, ident, [Problem("", _not_yours(look, values))], values, 403)
        try:
            event = _event(look, seen, values)
            with connection.begin_nested():
                report_petition_event(connection, event, calendar=look.desk.calendar, policy=look.desk.policy)
        except Wrong as wrong:
            return _show(look, ident, wrong.problems, values, 422)
        except Refused as refused:
            return _show(
                look, ident, faults_as_problems(refused, look.lang, {"event": "", "petition": ""}), values, 409
            )
        # Operators read the trail, and may not know at which stage a confidential one is (R5.10).
        detail = {} if seen.petition.confidential else {"event": str(event.event)}
        audit.append(
            connection, at=look.now, actor=viewer.actor, action="petition-event", subject=f"petition:{ident}", **detail
        )
    done = look.t(f"已记录：{term('event', event.event, 'zh')}", f"Recorded: {term('event', event.event, 'en')}")
    return redirect(f"/petitions/{quote(ident, safe='')}", Flash("done", done))


def _is_overtaken(seen: Seen, values: Values) -> bool:
    """Say whether the form shows another matter than the present one, or its event is out of order (R4.3)."""
    present = seen.open_matter.id if seen.open_matter else ""
    kind = values.get("event")
    is_in_order = kind == Kind.ACKNOWLEDGED or kind in seen.docket.admitted()
    return values.get("matter", present) != present or (kind in set(Kind) and not is_in_order)


def _what_is_new(look: Look, seen: Seen) -> str:
    ident, stage = seen.petition.id, term("stage", seen.docket.stage, look.lang)
    admitted = look.t("、", ", ").join(term("event", kind, look.lang) for kind in seen.docket.admitted())
    return look.t(
        f"{ident} 已有新进展：现处于“{stage}”环节，可办：{admitted or '无'}",
        f"{ident} has moved on: it is at the stage {stage}, which admits: {admitted or 'nothing more'}",
    )


def _not_yours(look: Look, values: Values) -> str:
    act = term("event", values["event"], look.lang)
    return look.t(f"此环节的“{act}”不由您办理", f"{act}: at this stage that is not for you to report")


def _event(look: Look, seen: Seen, values: Values) -> PetitionEvent:
    read = Reader(look, values)
    kind = Kind(read.one_of("event", acts_for(look, seen), needed=True) or Kind.ACKNOWLEDGED)
    cells = CELLS.get(kind, ())
    must = NEEDED.get(kind, ())
    choices = _choices(look, seen)
    offices = choices["acknowledgers" if kind is Kind.ACKNOWLEDGED else "departments"]
    office_id = read.one_of("office", [i for i, _ in offices], needed=True) if "office" in cells else None
    level = read.one_of("level", [i for i, _ in choices["levels"]], needed=True) if "level" in cells else None
    result = read.one_of("result", RESULTS[kind], needed=True) if "result" in cells else None
    until = read.day("until", needed="until" in must) if "until" in cells else None
    note = read.text("note", needed="note" in must)
    at = read.instant("at")
    read.done()
    return PetitionEvent(
        petition=seen.petition.id,
        at=at,
        event=kind,
        office=office_id,
        level=PetitionLevel(level) if level else None,
        until=until,
        proposal="proposal" in cells and bool(values.get("proposal")),
        result=Result(result) if result else None,
        note=note,
    )


# The resident ------------------------------------------------------------------------------


def show_resident(request: Request) -> Response:
    """Show who the resident is; the look is in the audit trail before anything is shown."""
    viewer, ident = viewer_of(request), request.path_params["petition"]
    with request.app.state.services.engine.begin() as connection:
        look = look_at(request, viewer, connection)
        admitted = petitions.admit(connection, look.scope, ident)
        if admitted is None or not admitted.is_open:
            raise not_there()
        audit.append(connection, at=look.now, actor=viewer.actor, action="look", subject=f"petition:{ident}")
    with looking(request) as look:
        return _show(look, ident, with_resident=True)
