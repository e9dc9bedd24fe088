"""What is due and overdue, and why does one matter stand as it does? Every kind of matter in one list."""

from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from intake.commands import acknowledge
from intake.explaining import NoSuchMatter, explain
from intake.faults import Refused
from rules.facts import Acknowledgement
from rules.matters import Matter, MatterKind, Status
from store import audit
from store.accounts import Role
from store.views import matters, messages, petitions
from store.views.matters import MatterFilter, MatterLine
from templates.console_texts import rank_in_words, term
from templates.reasons import reason_of
from web.pages.exports import Columns, as_file, wanted_format, wanted_part
from web.pages.forms import Problem, Reader, Wrong, faults_as_problems, values_of
from web.pages.frame import Look, asked, asked_day, look_at, looking, not_there, office, towns_of, who
from web.rendering import Flash, redirect
from web.viewers import viewer_of

RANKS: Final = ("-1", "0", "1", "2", "3")
MOST_TELLINGS: Final = 200


def routes() -> list[BaseRoute]:
    """Return the addresses."""
    return [
        Route("/matters", index, methods=["GET"]),
        Route("/matters/{matter:path}/acknowledge", say_acknowledged, methods=["POST"]),
        Route("/matters/{matter:path}", one, methods=["GET"]),
    ]


def index(request: Request) -> Response:
    """Show the matters that the viewer may see."""
    with looking(request) as look:
        rank = asked(request, "rank", RANKS)
        wanted = MatterFilter(
            kind=asked(request, "kind", MatterKind),
            town=asked(request, "town", [town for town, _ in towns_of(look)]),
            status=asked(request, "status", Status) or (Status.OVERDUE if rank else ""),
            rank=int(rank) if rank else None,
            soon=asked_day(request, "soon"),
            search=asked(request, "q"),
            with_silent=asked(request, "before", ["yes"]) == "yes",
        )
        page = matters.list_lines(look.connection, look.scope, look.today, wanted, wanted_part(request))
        if wanted_format(request):
            return as_file(request, "matters", _columns(look), page.rows)
        ranks = [(rank, rank_in_words(int(rank), look.lang)) for rank in RANKS]
        statuses = list(Status)
        return look.page(
            "matters.html.j2", page=page, kinds=list(MatterKind), statuses=statuses, ranks=ranks, soon=look.soon
        )


def _columns(look: Look) -> Columns[MatterLine]:
    t, house, lang = look.t, look.house, look.lang
    return [
        (t("督办事项", "Matter"), lambda row: row.id),
        (t("类别", "Kind"), lambda row: term("kind", row.kind, lang)),
        (t("名称", "Name"), lambda row: row.label),
        (t("镇街", "Town"), lambda row: office(row.town, house)),
        (t("责任方", "Responsible"), lambda row: who(row.responsible, house)),
        (t("立项日", "Opened"), lambda row: row.opened),
        (t("期限", "Due"), lambda row: row.due),
        (t("状态", "Status"), lambda row: term("status", row.status_on(look.today), lang)),
        (t("督办进度", "Climbed"), lambda row: rank_in_words(row.rank, lang)),
    ]


# One ---------------------------------------------------------------------------------------


def one(request: Request) -> Response:
    """Show why a matter stands as it does."""
    with looking(request) as look:
        return _show(look, request.path_params["matter"])


def _show(look: Look, ident: str, problems: Sequence[Problem] = (), status: int = 200) -> Response:
    if not matters.may_see(look.connection, look.scope, ident):
        raise not_there()
    try:
        found = explain(look.connection, look.desk, ident, look.now)
    except NoSuchMatter as err:
        raise not_there() from err
    matter = found.matter
    return look.page(
        "matter.html.j2",
        status,
        found=found,
        matter=matter,
        standing=matter.status_on(look.today),
        chain=look.house.chain(matter.responsible, matter.town),
        reason=reason_of(matter.reckoned, look.desk.calendar, look.lang),
        tellings=messages.tellings(look.connection, [ident], MOST_TELLINGS),
        has_page=_has_page(look, matter),
        acknowledgers=[(one, office(one, look.house)) for one in acknowledgers(look, matter)],
        problems=problems,
        values={},
        soon=look.soon,
    )


def _has_page(look: Look, matter: Matter) -> bool:
    """Say whether the viewer may see the page of what the matter is about."""
    if matter.kind is MatterKind.PETITION:
        admitted = petitions.admit(look.connection, look.scope, matter.subject)
        return admitted is not None
    return True


def acknowledgers(look: Look, matter: Matter) -> list[str]:
    """Return the offices of the matter's chain in whose name the viewer may acknowledge it now (R5.4)."""
    if matter.status_on(look.today) is not Status.OVERDUE:
        return []
    done = {hold.office for hold in matter.holds if hold.due == matter.due}  # an office's first counts
    chain = [one for one in look.house.chain(matter.responsible, matter.town) if one not in done]
    match look.viewer.role:
        case Role.OPERATOR:
            return chain
        case Role.MUNICIPAL:
            return [one for one in chain if one in (look.house.municipal, look.house.directors)]
        case Role.TOWN:
            return [one for one in chain if one == look.viewer.office]
        case _:
            return []


def say_acknowledged(request: Request) -> Response:
    """Acknowledge an overdue matter in an office's name."""
    viewer, ident, values = viewer_of(request), request.path_params["matter"], values_of(request)
    with request.app.state.services.engine.begin() as connection:
        look = look_at(request, viewer, connection)
        if not matters.may_see(connection, look.scope, ident):
            raise not_there()
        try:
            matter = explain(connection, look.desk, ident, look.now).matter
            read = Reader(look, values)
            by = read.one_of("office", acknowledgers(look, matter), needed=True)
            read.done()
            word = Acknowledgement(matter=ident, at=look.now.replace(microsecond=0), office=by or "")
            with connection.begin_nested():
                acknowledge(connection, word, calendar=look.desk.calendar, policy=look.desk.policy)
        except NoSuchMatter as err:
            raise not_there() from err
        except Wrong as wrong:
            return _show(look, ident, wrong.problems, 422)
        except Refused as refused:
            return _show(look, ident, faults_as_problems(refused, look.lang, {"matter": ""}), 409)
        audit.append(connection, at=look.now, actor=viewer.actor, action="acknowledge", subject=ident, office=by)
    return redirect(
        f"/matters/{quote(ident, safe='')}", Flash("done", look.t("已记录批示", "The acknowledgement is recorded"))
    )
