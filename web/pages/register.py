"""How does a visit, an opinion raised at it, or a leave get into the record? The reception register and the work log.

The form knows the deputy first, so that it offers the station and the grid where a visit counts. Rules: R3, R4.1, R8.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from intake.commands import record_leave, record_visit, register_petition
from intake.faults import Refused
from rules.facts import Leave, OfficeKind, Petition, PetitionLevel, Visit, VisitForm, VisitKind
from rules.offices import mainland_mobile
from store import audit, facts, idempotency
from store.accounts import Role
from store.views import duty, petitions
from store.views.duty import Choice
from templates.console_texts import term
from web.pages.forms import Problem, Reader, Values, Wrong, faults_as_problems, values_of
from web.pages.frame import Look, asked, asked_page, look_at, looking, not_there, office, towns_of
from web.rendering import Flash, redirect
from web.viewers import require_role, viewer_of

RECORDERS: Final = (Role.OPERATOR, Role.TOWN, Role.STATION, Role.DEPUTY)
SHOWN: Final = 40
LATELY: Final = timedelta(days=90)
#: what the page made for a form, so that sending it twice records it once
TICKET: Final = re.compile(r"[0-9a-f]{24}")
#: what only an opinion has: whoever filled in one of these has heard one
OF_AN_OPINION: Final = ("title", "petitioner", "petitioner_mobile", "confidential")


def routes() -> list[BaseRoute]:
    """Return the addresses."""
    return [
        Route("/register", index, methods=["GET"]),
        Route("/register/opinion", show_opinion, methods=["GET"]),
        Route("/register/opinion", take_opinion, methods=["POST"]),
        Route("/register/{sort:str}", show, methods=["GET"]),
        Route("/register/{sort:str}", take, methods=["POST"]),
    ]


@dataclass(frozen=True, slots=True)
class Member:
    """A deputy for whom somebody may record, with the places where a visit counts."""

    deputy: str
    name: str
    towns: Sequence[str]
    places: Mapping[str, str]  #: id → name of stations and grids of the seats


def index(request: Request) -> Response:
    """Show for whom may be recorded, and what was recorded of late."""
    with looking(request, *RECORDERS) as look:
        search = asked(request, "q")
        found = duty.choices(look.connection, look.scope, look.today, search, SHOWN)
        visits = duty.register(look.connection, look.scope, look.now, look.today - LATELY, asked_page(request))
        names = duty.names_of(look.connection, sorted({visit.deputy for visit in visits.rows}))
        return look.page("register.html.j2", members=_members(look, found), visits=visits, names=names, shown=SHOWN)


def _members(look: Look, found: Sequence[Choice]) -> list[Member]:
    by_deputy: dict[str, list[Choice]] = {}
    for choice in found:
        by_deputy.setdefault(choice.deputy, []).append(choice)
    return [_member(look, seats) for seats in by_deputy.values()]


def _member(look: Look, seats: Sequence[Choice]) -> Member:
    places: dict[str, str] = {}
    for seat in seats:
        for place in (*sorted(look.house.stations_for(seat.station, seat.town)), seat.grid):
            if place:
                places[place] = office(place, look.house)
    return Member(seats[0].deputy, seats[0].name, list(dict.fromkeys(seat.town for seat in seats)), places)


def _find(look: Look, text: str) -> Member | None:
    """Return a deputy by his id, if the viewer may record for him."""
    found = [choice for choice in duty.find_deputies(look.connection, look.scope, text) if choice.deputy == text]
    return _member(look, found) if found else None


# Visits and leaves -------------------------------------------------------------------------

SORTS: Final = ("reception", "log", "leave")


def show(request: Request) -> Response:
    """Show an empty form."""
    with looking(request, *RECORDERS) as look:
        member = _find(look, look.viewer.deputy or asked(request, "deputy"))
        sort = request.path_params["sort"]
        if sort not in SORTS:
            raise not_there()
        if member is None:
            return redirect("/register", Flash("wrong", look.t("请先选择代表", "Please choose a deputy first")))
        values = {
            "ticket": look.services.new_attempt(),
            "date": look.today.isoformat(),
            "number": petitions.next_number(look.connection, look.today.year),
            "level": PetitionLevel.TOWN,
        }
        return _form(look, sort, member, values)


def _form(
    look: Look, sort: str, member: Member, values: Values, problems: Sequence[Problem] = (), status: int = 200
) -> Response:
    return look.page(
        "leave.html.j2" if sort == "leave" else "visit.html.j2",
        status,
        sort=sort,
        member=member,
        values=values,
        problems=problems,
        forms=[(form, term("form", form, look.lang)) for form in VisitForm],
        levels=_levels(look),
        member_towns=[(town, office(town, look.house)) for town in member.towns],
    )


def _levels(look: Look) -> list[tuple[str, str]]:
    return [(level, term("petition_level", level, look.lang)) for level in PetitionLevel]


def take(request: Request) -> Response:
    """Record what a form says, all of it or nothing; a form sent twice is recorded once."""
    viewer, values, sort = viewer_of(request), values_of(request), request.path_params["sort"]
    require_role(viewer, *RECORDERS)
    if sort not in SORTS:
        raise not_there()
    with request.app.state.services.engine.begin() as connection:
        look = look_at(request, viewer, connection)
        member = _find(look, values.get("deputy", ""))
        if member is None:
            raise not_there()
        if _is_taken(look, sort, values.get("ticket", "")):
            # Before anything else: what it asks for is on record by now, its number among them.
            return redirect("/register", Flash("done", _on_record_already(look)))
        try:
            with connection.begin_nested():
                return _take_leave(look, member, values) if sort == "leave" else _take_visit(look, sort, member, values)
        except Wrong as wrong:
            return _form(look, sort, member, values, wrong.problems, 422)
        except Refused as refused:
            return _form(look, sort, member, values, faults_as_problems(refused, look.lang, {"id": "number"}), 409)


def _is_taken(look: Look, sort: str, ticket: str) -> bool:
    table, initial = ("leaves", "L") if sort == "leave" else ("visits", "W")
    return bool(TICKET.fullmatch(ticket)) and duty.is_recorded(look.connection, table, f"{initial}{ticket}")


def _on_record_already(look: Look) -> str:
    return look.t("此表已登记过，没有重复登记", "This form is on record; nothing was recorded twice")


def _ticket(read: Reader) -> str:
    ticket = read.text("ticket") or ""
    if not TICKET.fullmatch(ticket):
        read.wrong("", "页面已过期，请返回重试", "This page has expired: go back and try again")
    return ticket


def _take_visit(look: Look, sort: str, member: Member, values: Values) -> Response:
    read = Reader(look, values)
    ident = f"W{_ticket(read)}"
    day = read.day("date", needed=True)
    if day and day > look.today:
        read.wrong("date", "不能晚于今天", "Not later than today")
    kind, place = _place(look, read, member, values)
    form = VisitForm.RECEPTION if sort == "reception" else read.one_of("form", VisitForm, needed=True)
    voters, opinions = read.count("voters"), read.count("opinions")
    note = read.line("note", longest=500)
    is_raised = sort == "reception" and any(values.get(field) for field in OF_AN_OPINION)
    opinion = _opinion(look, read, member, member.towns, values) if is_raised else None
    if opinion and (opinions or 0) < 1:
        opinions = 1
    if day and not values.get("again") and duty.is_visited(look.connection, member.deputy, day, place):
        read.wrong(
            "again", "此代表当天在此地点已有一条记录；确需再记一条，请再次提交",
            "A visit of this deputy to this place on this day is on record: to add another one, send this again",
        )  # fmt: skip
    read.done()
    assert day is not None  # noqa: S101 - read.done has raised otherwise
    assert form is not None  # noqa: S101 - likewise
    visit = Visit(
        id=ident, deputy=member.deputy, day=day, kind=kind, place=place, form=VisitForm(form), voters=voters,
        opinions=opinions, note=note, recorded_at=look.now.replace(microsecond=0),
    )  # fmt: skip
    record_visit(look.connection, visit, calendar=look.desk.calendar, policy=look.desk.policy)
    _note(look, "visit", f"visit:{ident}", deputy=member.deputy)
    if opinion:
        _register(look, opinion)
    return redirect("/register", Flash("done", _done(look, member, opinion)))


def _done(look: Look, member: Member, opinion: Petition | None) -> str:
    if opinion:
        return look.t(
            f"已登记{member.name}的履职和群众意见{opinion.id}", f"Recorded: {member.name}, and opinion {opinion.id}"
        )
    return look.t(f"已登记{member.name}的履职", f"Recorded: {member.name}")


def _place(look: Look, read: Reader, member: Member, values: Values) -> tuple[VisitKind, str]:
    """Return where the visit went: one of the deputy's own places, or another one named by its id or name."""
    chosen = values.get("place", "")
    if chosen == "other":
        chosen = _named(look, read.line("other", needed=True) or "", member)
        if not chosen:
            read.wrong(
                "other", "没有这个联络站或网格，请填写其编号或全称", "No such station or grid: give its id or full name"
            )
    elif chosen not in member.places:
        read.wrong("place", "请选择地点", "Please choose a place")
    is_station = chosen in look.house.offices
    return (VisitKind.STATION if is_station else VisitKind.GRID), chosen


def _named(look: Look, text: str, member: Member) -> str:
    """Return the station or grid that a text names, the deputy's towns first; empty if none or several."""
    stations = {o.id: o for o in look.house.offices.values() if o.kind is OfficeKind.STATION}
    if text in stations or text in look.house.grids:
        return text
    near = [o.id for o in stations.values() if o.name == text and o.parent in member.towns]
    near += [g.id for g in look.house.grids.values() if g.name == text and g.town in member.towns]
    return near[0] if len(near) == 1 else ""


def _take_leave(look: Look, member: Member, values: Values) -> Response:
    read = Reader(look, values)
    ident = f"L{_ticket(read)}"
    begins, ends = read.day("from", needed=True), read.day("to", needed=True)
    # Leave excuses from a duty (R3.7): nobody grants it to himself.
    is_own = look.viewer.role is Role.DEPUTY
    reason, approver = read.line("reason", longest=200), read.line("approver", needed=is_own, longest=50)
    read.done()
    assert begins is not None  # noqa: S101 - read.done has raised otherwise
    assert ends is not None  # noqa: S101 - likewise
    leave = Leave(
        id=ident, deputy=member.deputy, begins=begins, ends=ends, reason=reason, approver=approver,
        recorded_at=look.now.replace(microsecond=0),
    )  # fmt: skip
    record_leave(look.connection, leave, calendar=look.desk.calendar, policy=look.desk.policy)
    _note(look, "leave", f"leave:{ident}", deputy=member.deputy)
    done = look.t(f"已登记{member.name}的请假", f"Recorded the leave of {member.name}")
    return redirect("/register", Flash("done", done))


# Opinions ----------------------------------------------------------------------------------

#: the request for which a ticket is taken
OPINION: Final = "/register/opinion"


def show_opinion(request: Request) -> Response:
    """Show the form of an opinion that was not raised at a visit."""
    with looking(request, *RECORDERS) as look:
        values = {
            "ticket": look.services.new_attempt(),
            "number": petitions.next_number(look.connection, look.today.year),
            "found_on": look.today.isoformat(),
            "deputy": look.viewer.deputy or asked(request, "deputy"),
            "level": PetitionLevel.TOWN,
        }
        return _opinion_form(look, values)


def _opinion_form(look: Look, values: Values, problems: Sequence[Problem] = (), status: int = 200) -> Response:
    chosen = _find(look, values.get("deputy", ""))
    return look.page(
        "opinion.html.j2",
        status,
        values=values,
        problems=problems,
        levels=_levels(look),
        open_towns=_open_towns(look, chosen),
        chosen=chosen,
    )


def _open_towns(look: Look, chosen: Member | None) -> list[tuple[str, str]]:
    """Return the towns in which the viewer may register an opinion."""
    if look.viewer.role in (Role.OPERATOR, Role.TOWN):
        return towns_of(look)
    mine = chosen.towns if chosen else []
    if look.viewer.role is Role.STATION:
        mine = [*mine, *([town] if (town := look.house.town_of(look.viewer.office or "")) else [])]
    return [(town, office(town, look.house)) for town in dict.fromkeys(mine)]


def take_opinion(request: Request) -> Response:
    """Register an opinion; a form sent twice is registered once."""
    viewer, values = viewer_of(request), values_of(request)
    require_role(viewer, *RECORDERS)
    with request.app.state.services.engine.begin() as connection:
        look = look_at(request, viewer, connection)
        try:
            with connection.begin_nested():
                return _take_opinion(look, values)
        except Wrong as wrong:
            return _opinion_form(look, values, wrong.problems, 422)
        except Refused as refused:
            return _opinion_form(look, values, faults_as_problems(refused, look.lang, {"id": "number"}), 409)


def _take_opinion(look: Look, values: Values) -> Response:
    read = Reader(look, values)
    key = (look.viewer.actor, _ticket(read))
    read.done()  # nothing but a ticket of ours is a key
    # Where it is refused the ticket is given back with all else.
    if told := idempotency.take(look.connection, *key, OPINION, look.now):
        return _opinion_page(look, told.answer["id"], _on_record_already(look))
    member = _deputy_of_opinion(look, read, values)
    towns = [town for town, _ in _open_towns(look, member)]
    opinion = _opinion(look, read, member, towns, values)
    read.done()
    idempotency.keep(look.connection, *key, HTTPStatus.SEE_OTHER, {"id": opinion.id})
    _register(look, opinion)
    return _opinion_page(look, opinion.id, look.t(f"已登记群众意见{opinion.id}", f"Registered opinion {opinion.id}"))


def _opinion_page(look: Look, number: str, done: str) -> Response:
    # A central station registers opinions of deputies of other stations, and does not see what becomes of them.
    is_seen = petitions.admit(look.connection, look.scope, number)
    return redirect(f"/petitions/{quote(number, safe='')}" if is_seen else "/register", Flash("done", done))


def _deputy_of_opinion(look: Look, read: Reader, values: Values) -> Member | None:
    """Return the deputy named, by id or by a name that only one has; a deputy registers for himself."""
    text = look.viewer.deputy or values.get("deputy", "")
    needed = look.viewer.role in (Role.STATION, Role.DEPUTY)
    if not text:
        if needed:
            read.wrong("deputy", "请填写代表", "Please name the deputy")
        return None
    found = duty.find_deputies(look.connection, look.scope, text)
    if len({choice.deputy for choice in found}) == 1:
        return _member(look, found)
    if found:
        read.wrong("deputy", "有同名代表，请填写代表编号", "Several have this name: give the deputy's id")
    else:
        read.wrong("deputy", "没有这位代表", "There is no such deputy")
    return None


def _opinion(look: Look, read: Reader, member: Member | None, towns: Sequence[str], values: Values) -> Petition:
    """Return the opinion that a form holds; `towns`: where it may be registered."""
    number = read.line("number", needed=True, longest=60) or ""
    if number and not number.isprintable():
        read.wrong("number", "编号含有不能使用的字符", "The number holds letters that cannot be used")
    if number in (".", ".."):
        # As the last part of an address it would lead elsewhere.
        read.wrong("number", "编号不能只有点", "A number is more than dots")
    town = read.one_of("town", towns, needed=True) if len(towns) != 1 else towns[0]
    level = read.one_of("level", PetitionLevel, needed=True)
    found_on = read.day("found_on") or read.day("date")
    title = read.line("title", needed=True, longest=200)
    petitioner = read.line("petitioner", longest=50)
    mobile = read.line("petitioner_mobile", longest=30)
    if mobile and mainland_mobile(mobile) is None:
        read.wrong("petitioner_mobile", "应为11位手机号", "A mainland mobile of 11 digits")
    if facts.is_on_record(look.connection, "petitions", number):
        free = petitions.next_number(look.connection, look.today.year)
        read.wrong("number", f"此编号已被使用，可改用{free}", f"This number is taken; {free} is free")
    read.done()
    return Petition(
        id=number,
        town=town or "",
        deputy=member.deputy if member else None,
        found_on=found_on,
        level=PetitionLevel(level or PetitionLevel.TOWN),
        title=title or "",
        petitioner=petitioner,
        petitioner_mobile=mobile,
        confidential=bool(values.get("confidential")),
        recorded_at=look.now.replace(microsecond=0),
    )


def _register(look: Look, opinion: Petition) -> None:
    register_petition(look.connection, opinion, calendar=look.desk.calendar, policy=look.desk.policy, is_new=True)
    # Operators read the trail, and may know no more of a confidential one than its number (R5.10).
    _note(look, "petition", f"petition:{opinion.id}", **({} if opinion.confidential else {"town": opinion.town}))


def _note(look: Look, action: str, subject: str, **detail: str) -> None:
    audit.append(look.connection, at=look.now, actor=look.viewer.actor, action=action, subject=subject, **detail)
