"""What would another policy have sent, and how is one adopted?

A change is tried on the past year in a process of its own; the page looks again until it is done. Then it can be
adopted, with the day from which it holds and a reason.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Final, Protocol

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from config.layers import WrongSettings
from config.policies import as_changes, with_changes
from intake.adopting import adopt_changes
from rules.facts import Record
from rules.policy import Policy
from store import facts, policies
from store.accounts import Role
from store.keys import new_secret
from web.pages.frame import Look, look_at, looking, not_there
from web.rendering import Flash, redirect
from web.sessions import form_of
from web.viewers import require_role, viewer_of

YEAR: Final = timedelta(days=365)
LONGEST: Final = 200
LOOKS_AGAIN_S: Final = 2
MOST_KEPT: Final = 20
KEY_LENGTH: Final = 16
#: what was tried of late, by the name of the trial
_tried: Final[OrderedDict[str, dict[str, str]]] = OrderedDict()


class Rehearsed(Protocol):
    """How a change came out, next to the policy in force."""

    @property
    def first(self) -> date:
        """The first day that was replayed."""

    @property
    def last(self) -> date:
        """The last day that was replayed."""

    def rows(self) -> Iterable[tuple[str, float, float]]:
        """Return the figures side by side."""


class Rehearser(Protocol):
    """Tries changes of the policy on the past."""

    def begin(self, key: str, record: Record, days: tuple[date, date], now: Policy, then: Policy) -> None:
        """Begin to try a change."""

    def is_known(self, key: str) -> bool:
        """Say whether it was begun."""

    def has_broken_off(self, key: str) -> bool:
        """Say whether it ended without an outcome."""

    def outcome(self, key: str) -> Rehearsed | None:
        """Return how it came out, or None while it runs."""


def routes() -> list[BaseRoute]:
    """Return the addresses."""
    return [
        Route("/policy", index, methods=["GET"]),
        Route("/policy/try", try_change, methods=["POST"]),
        Route("/policy/tried/{key:str}", tried, methods=["GET"]),
        Route("/policy/adopt", adopt, methods=["POST"]),
    ]


def index(request: Request) -> Response:
    """Show the policy in force, key by key, and what has been adopted."""
    with looking(request, Role.OPERATOR, Role.MUNICIPAL) as look:
        return _page(look, {}, [])


def _page(look: Look, values: Mapping[str, str], problems: list[str], status: int = 200) -> Response:
    known = as_changes(look.desk.policy)
    known.pop("start_on")
    return look.page(
        "workshop.html.j2",
        status,
        known=known,
        values={key: values.get(key, known[key]) for key in known},
        first=values.get("first", (look.today - YEAR).isoformat()),
        last=values.get("last", (look.today - timedelta(days=1)).isoformat()),
        problems=problems,
        adoptions=policies.adoptions(look.connection),
    )


def _changes(look: Look, form: Mapping[str, object]) -> dict[str, str]:
    """Return the keys whose value in the form is not that of the policy in force."""
    known = as_changes(look.desk.policy)
    wanted = {key: str(form.get(key, known[key])).strip()[:LONGEST] for key in known if key != "start_on"}
    return {key: value for key, value in wanted.items() if value != known[key]}


def try_change(request: Request) -> Response:
    """Begin to try a change on the past."""
    with looking(request, Role.OPERATOR, Role.MUNICIPAL) as look:
        form = form_of(request)
        changes = _changes(look, form)
        days = _days(form)
        try:
            if not changes or days is None:
                words = ("请至少修改一项规则，并填写起止日期。", "Change at least one rule, and name both days.")
                return _page(look, {k: str(v) for k, v in form.items()}, [look.t(*words)], 422)
            then = with_changes(look.desk.policy, changes)
        except WrongSettings as err:
            return _page(look, {k: str(v) for k, v in form.items()}, err.lines, 422)
        rehearser: Rehearser | None = request.app.state.rehearser
        if rehearser is None:
            raise not_there()
        # Each try is of the record and the policy as they are now: another one has another key.
        key = new_secret()[:KEY_LENGTH]
        record = Record(**{table: tuple(facts.load(look.connection, table)) for table in Record.TABLES})
        rehearser.begin(key, record, days, look.desk.policy, then)
        _tried[key] = changes
        while len(_tried) > MOST_KEPT:
            _tried.popitem(last=False)
        return redirect(f"/policy/tried/{key}")


def _days(form: Mapping[str, object]) -> tuple[date, date] | None:
    first, last = (asked_day_of(str(form.get(name, ""))) for name in ("first", "last"))
    return (first, last) if first and last and first <= last else None


def tried(request: Request) -> Response:
    """Show how a change came out next to the policy in force, or that it is still being tried."""
    with looking(request, Role.OPERATOR, Role.MUNICIPAL) as look:
        key = request.path_params["key"]
        rehearser: Rehearser | None = request.app.state.rehearser
        if rehearser is None or key not in _tried or not rehearser.is_known(key):
            raise not_there()
        if rehearser.has_broken_off(key):
            broken = look.t("试算中断，没有结果；请再试一次", "The trial broke off without a result; try once more")
            return redirect("/policy", Flash("wrong", broken))
        outcome = rehearser.outcome(key)
        response = look.page(
            "rehearsal.html.j2",
            key=key,
            changes=_tried[key],
            known=as_changes(look.desk.policy),
            outcome=outcome,
            rows=[row for row in outcome.rows() if row[1] or row[2]] if outcome else [],
            tomorrow=(look.today + timedelta(days=1)).isoformat(),
            is_operator=look.viewer.role is Role.OPERATOR,
        )
        if outcome is None:
            response.headers["Refresh"] = str(LOOKS_AGAIN_S)
        return response


def adopt(request: Request) -> Response:
    """Adopt a change that was tried."""
    viewer, form = viewer_of(request), form_of(request)
    require_role(viewer, Role.OPERATOR)
    key = str(form.get("key", ""))
    if key not in _tried:
        raise not_there()
    begins = asked_day_of(str(form.get("begins", "")))
    services = request.app.state.services
    with services.engine.begin() as connection:
        look = look_at(request, viewer, connection)
        if begins is None:
            return redirect(
                f"/policy/tried/{key}", Flash("wrong", look.t("请填写生效日期。", "Name the day from which it holds."))
            )
        try:
            adopt_changes(
                connection,
                services.policy,
                _tried[key],
                begins=begins,
                reason=str(form.get("reason", "")),
                actor=viewer.actor,
                at=look.now,
            )
        except WrongSettings as err:
            return redirect(f"/policy/tried/{key}", Flash("wrong", "; ".join(err.lines)))
    return redirect(
        "/policy", Flash("done", look.t(f"已采纳，自{begins}起执行。", f"Adopted: it holds from {begins} on."))
    )


def asked_day_of(text: str) -> date | None:
    """Return the day that a form names, if it is one."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
