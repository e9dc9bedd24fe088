"""What does every page of the console need: who looks, at what moment, in which words; and how is it shown?

A page reads one snapshot of the database. Callers: web/pages/.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import Any, Final
from urllib.parse import quote, urlencode

from jinja2 import pass_context
from jinja2.runtime import Context
from sqlalchemy import Connection
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from config.services import Services
from intake.faults import mask_phone
from rules.dockets import Desk
from rules.facts import SHANGHAI, OfficeKind, local_day
from rules.offices import House
from store.accounts import Role
from store.engine import reading
from store.scoping import Scope
from store.views.paging import Slice
from templates.console_texts import rank_in_words, rung_in_words, term
from web.rendering import Lang, environment, lang_of, render
from web.viewers import Viewer, require_role, viewer_of

LONGEST_SEARCH: Final = 100
EVERYBODY: Final = tuple(Role)
SUPERVISORS: Final = (Role.OPERATOR, Role.MUNICIPAL, Role.TOWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One look at the console: by whom, at which moment, at which snapshot."""

    request: Request
    viewer: Viewer
    services: Services
    connection: Connection
    desk: Desk
    now: datetime
    lang: Lang

    @property
    def today(self) -> date:
        """The day in Shanghai."""
        return local_day(self.now)

    @property
    def scope(self) -> Scope:
        """What the viewer may see."""
        return self.viewer.scope

    @property
    def house(self) -> House:
        """The organisation."""
        return self.desk.house

    @property
    def soon(self) -> date:
        """The last day that counts as due soon (R7.1)."""
        return self.desk.calendar.workdays(self.today, self.desk.policy.soon_days)

    def t(self, chinese: str, english: str) -> str:
        """Return the words in the viewer's language."""
        return chinese if self.lang == "zh" else english

    def page(self, template: str, status: int = 200, **context: Any) -> Response:
        """Show a page."""
        given = {"house": self.house, "today": self.today, "nav": NAV, "towns": towns_of(self)}
        return render(self.request, template, status, **given, **context)


@contextmanager
def looking(request: Request, *roles: Role) -> Iterator[Look]:
    """Lend a look at one snapshot of the database; whoever is in none of the roles is refused."""
    viewer = viewer_of(request)
    require_role(viewer, *(roles or EVERYBODY))
    services: Services = request.app.state.services
    with reading(services.engine) as connection:
        yield look_at(request, viewer, connection)


def look_at(request: Request, viewer: Viewer, connection: Connection) -> Look:
    """Return a look over a connection."""
    services: Services = request.app.state.services
    return Look(
        request=request,
        viewer=viewer,
        services=services,
        connection=connection,
        desk=request.app.state.desks.of(connection),
        now=services.clock.now(),
        lang=lang_of(request),
    )


def not_there() -> HTTPException:
    """Return the refusal of what is not there, or not for the viewer to know of: both look alike."""
    return HTTPException(404)


# What stands in the address ----------------------------------------------------------------


def asked(request: Request, name: str, admitted: object = None) -> str:
    """Return a word of the address's query; one that is not admitted counts as not given."""
    word = request.query_params.get(name, "").strip()[:LONGEST_SEARCH].replace("\x00", "")
    return word if admitted is None or word in set(map(str, admitted)) else ""  # type: ignore[call-overload]


def asked_number(request: Request, name: str, default: int = 1) -> int:
    """Return a whole number of the query, within bounds that any database takes."""
    word = request.query_params.get(name, "")
    return min(int(word), 1_000_000) if word.isascii() and word.isdecimal() and len(word) < 10 else default  # noqa: PLR2004


def asked_day(request: Request, name: str) -> date | None:
    """Return a day of the query, if it is one."""
    try:
        return date.fromisoformat(request.query_params.get(name, ""))
    except ValueError:
        return None


def asked_page(request: Request) -> Slice:
    """Return which page is wanted."""
    return Slice(asked_number(request, "page"))


def path_number(request: Request, name: str) -> int:
    """Return a number of the path; one beyond what a database takes is not there."""
    number = int(request.path_params[name])
    if number >= 1 << 31:
        raise not_there()
    return number


def towns_of(look: Look) -> list[tuple[str, str]]:
    """Return the towns that the viewer may choose among: id and name."""
    towns = [o for o in look.house.offices.values() if o.kind is OfficeKind.TOWN]
    scope = look.scope
    is_seen = scope.everything or scope.climbed_only
    return [(town.id, town.name) for town in towns if is_seen or town.id in scope.towns]


# Words and places in templates -------------------------------------------------------------

#: path, Chinese, English, for whom
NAV: Final = (
    ("/", "总览", "Overview", SUPERVISORS),
    ("/duty", "631履职", "631 duty", EVERYBODY),
    ("/petitions", "群众意见", "Opinions", EVERYBODY),
    ("/projects", "民生项目", "Projects", EVERYBODY),
    ("/register", "登记", "Register", (Role.OPERATOR, Role.TOWN, Role.STATION, Role.DEPUTY)),
    ("/messages", "消息", "Messages", (*SUPERVISORS, Role.DEPUTY)),
    ("/findings", "核查清单", "Findings", SUPERVISORS),
    ("/report", "月报", "Report", (Role.OPERATOR, Role.MUNICIPAL)),
    ("/policy", "规则", "Policy", (Role.OPERATOR, Role.MUNICIPAL)),
    ("/audit", "审计", "Audit", (Role.OPERATOR, Role.MUNICIPAL)),
    ("/sandbox", "沙盒", "Sandbox", (Role.OPERATOR,)),
)


@pass_context
def _t(context: Context, chinese: str, english: str) -> str:
    return chinese if context["lang"] == "zh" else english


@pass_context
def _term(context: Context, value: object, group: str) -> str:
    return term(group, value, context["lang"])


@pass_context
def _rung(context: Context, value: str) -> str:
    return rung_in_words(value, context["lang"])


@pass_context
def _rank(context: Context, value: int) -> str:
    return rank_in_words(value, context["lang"])


def moment(instant: datetime | None, form: str = "%Y-%m-%d %H:%M") -> str:
    """Return an instant as people in Shanghai read it."""
    return instant.astimezone(SHANGHAI).strftime(form) if instant else ""


@pass_context
def _day(context: Context, day: date | None) -> str:
    """Return a day with its weekday."""
    if day is None:
        return ""
    weekday = term("weekday", day.weekday(), context["lang"])
    return f"{day.isoformat()} {'周' if context['lang'] == 'zh' else ''}{weekday}"


def who(responsible: str | None, house: House) -> str:
    """Return the name of whoever is meant by `office:T1`, `deputy:D1` or `contact:C1`."""
    kind, _, ident = (responsible or "").partition(":")
    if kind == "office":
        return office(ident, house)
    person = house.person(responsible or "")
    if person is None:
        return ident
    return f"{person.name}（{office(person.office, house)}）" if person.office else person.name


def office(ident: str | None, house: House) -> str:
    """Return the name of an office or a grid."""
    found = house.offices.get(ident or "") or house.grids.get(ident or "")
    return found.name if found else ident or ""


def short_name(town: str) -> str:
    """Return a town's or street's own name, without that of its People's Congress office.

    >>> short_name("龙口镇人大主席团"), short_name("沙坪人大街道工委")
    ('龙口镇', '沙坪街道')
    """
    return town.removesuffix("人大主席团").replace("人大街道工委", "街道")


def subject_path(kind: str, subject: str) -> str:
    """Return the page of the seat, petition or project that a matter is about."""
    folder = {"visit": "duty", "petition": "petitions"}.get(kind, "projects")
    return f"/{folder}/{quote(subject, safe='')}"


@pass_context
def _link(context: Context, path: str | None = None, **changes: object) -> str:
    """Return an address with this page's query and some changes; None or empty takes a part away."""
    request: Request = context["request"]
    query = {k: v for k, v in request.query_params.items() if k not in ("lang", *changes)}
    query |= {k: str(v) for k, v in changes.items() if v not in (None, "")}
    return (path or request.url.path) + (f"?{urlencode(query)}" if query else "")


GLOBALS: Final[Mapping[str, Callable[..., Any]]] = {"t": _t, "link": _link}
FILTERS: Final[Mapping[str, Callable[..., Any]]] = {
    "term": _term,
    "rung": _rung,
    "rank": _rank,
    "moment": moment,
    "clock": partial(moment, form="%H:%M"),
    "day": _day,
    "who": who,
    "office": office,
    "masked": mask_phone,
    "short": short_name,
    "subject_path": subject_path,
    "segment": partial(quote, safe=""),
}


def furnish() -> None:
    """Give the templates their words and places."""
    environment().globals.update(GLOBALS)
    environment().filters.update(FILTERS)
