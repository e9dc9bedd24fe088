"""How does somebody get in: the first operator, signing in and out, a password of one's own?

Tries are limited by account and by address: the peer's, or what a proxy that the settings name says of it.
Rules of passwords: store/accounts.py. Callers: web/app.py.
"""

from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from sqlalchemy import Connection
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from config.services import Services
from store import accounts, audit, installation, sessions
from store.accounts import Account, Role
from store.engine import reading
from store.keys import hash_of, is_same, new_secret
from store.sessions import IDLE
from templates.entrance import said
from templates.texts import clean
from web.origins import origin_of
from web.rendering import Flash, lang_of, redirect, render
from web.sessions import form_of, in_real_time, sign_in, sign_out
from web.viewers import session_of, viewer_of

#: failed tries within WINDOW after which no more are heard
TRIES_PER_ACCOUNT: Final = 10
TRIES_PER_ADDRESS: Final = 50
WINDOW: Final = timedelta(minutes=15)
#: hash of the one-time address for the first operator; empty once it has been used
FIRST: Final = "first_operator"


def routes() -> list[BaseRoute]:
    """Return the addresses for getting in and out."""
    return [
        Route("/sign-in", show_sign_in, methods=["GET"]),
        Route("/sign-in", do_sign_in, methods=["POST"]),
        Route("/sign-out", do_sign_out, methods=["POST"]),
        Route("/first", show_first, methods=["GET"]),
        Route("/first", do_first, methods=["POST"]),
        Route("/password", show_password, methods=["GET"]),
        Route("/password", do_password, methods=["POST"]),
    ]


def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


def _text(request: Request, field: str) -> str:
    value = form_of(request).get(field)
    return value if isinstance(value, str) else ""


def _page(request: Request, template: str, problem: str = "", status: int = 200, **values: str) -> Response:
    lang = lang_of(request)
    words = said(lang)
    return render(request, template, status, words=words, problem=words[problem] if problem else "", values=values)


# Signing in and out ------------------------------------------------------------------------


def safe_next(text: str) -> str:
    """Return where to go after signing in: a page of ours, else the first one.

    >>> safe_next("/petitions?q=1"), safe_next("https://example.com/")
    ('/petitions?q=1', '/')
    >>> safe_next("//example.com"), safe_next("///example.com")  # to a browser both are another host
    ('/', '/')
    """
    is_path = text.startswith("/") and text.isprintable() and not set(text) & {"\\", " "}
    parts = urlsplit(text) if is_path and not text.startswith("//") else None
    return text if parts and not parts.netloc and not parts.scheme else "/"


def show_sign_in(request: Request) -> Response:
    """Show the form."""
    return _page(request, "sign_in.html.j2", next=safe_next(request.query_params.get("next", "/")), account="")


def do_sign_in(request: Request) -> Response:
    """Let somebody in who knows the password; an unknown account takes as long and reads alike."""
    services = _services(request)
    account = accounts.as_id(_text(request, "account"))
    onward = safe_next(_text(request, "next"))
    problem, known = _disbelieved(request, account, _text(request, "password"))
    with services.engine.begin() as connection:
        if not problem and not accounts.is_still(connection, account, known):
            problem = "wrong"
        if problem:
            status = 429 if problem == "too_many" else 401
            return _page(request, "sign_in.html.j2", problem, status, next=onward, account=account)
        secret = _begin(connection, request, account, services.clock.now())
    response = redirect(onward)
    sign_in(response, secret, services)
    return response


def _disbelieved(request: Request, account: str, password: str) -> tuple[str, str | None]:
    """Return why a password lets nobody in, "wrong" or "too_many" tries before it; an empty text if it does.

    With it what is kept of the account's password: by the time of acting on it another may have been put in its place.
    """
    services = _services(request)
    keys = (f"account:{hash_of(account)}", f"address:{origin_of(request, services.settings.proxies())}")
    now = services.clock.now()
    since = now - in_real_time(services, WINDOW)
    # Committed before anybody counts: of tries that come all at once each sees all the others.
    with services.engine.begin() as connection:
        noted = sessions.note_try(connection, keys, now, since)
    with services.engine.begin() as connection:
        is_too_many = _is_too_many(connection, keys, since)
        if is_too_many:
            sessions.forget_tries(connection, noted)
        known = accounts.password_of(connection, account)
    if is_too_many:
        return "too_many", known
    if not accounts.holds(known, password):
        return "wrong", known
    with services.engine.begin() as connection:
        sessions.forget_tries(connection, noted)
        sessions.forget_tries_for(connection, keys[0])
    return "", known


def _is_too_many(connection: Connection, keys: tuple[str, str], since: datetime) -> bool:
    limits = zip(keys, (TRIES_PER_ACCOUNT, TRIES_PER_ADDRESS), strict=True)
    return any(sessions.tries(connection, key, since) > most for key, most in limits)


def _begin(connection: Connection, request: Request, account: str, now: datetime) -> str:
    """Begin a session with a new secret; the one that the browser held before ends."""
    before = session_of(request)
    if before:
        sessions.end(connection, before)
    secret = sessions.begin(connection, account, at=now, lives=in_real_time(_services(request), IDLE))
    audit.append(connection, at=now, actor=f"account:{account}", action="signed-in", subject=f"account:{account}")
    return secret


def do_sign_out(request: Request) -> Response:
    """End the session."""
    services, session = _services(request), session_of(request)
    if session:
        with services.engine.begin() as connection:
            sessions.end(connection, session)
    response = redirect("/sign-in")
    sign_out(response, services)
    return response


# The first operator ------------------------------------------------------------------------


def offer_first(connection: Connection) -> str | None:
    """Return the path and query of a one-time address for the first operator; None if there are accounts.

    An address that was offered before is void from now on.
    """
    if accounts.are_there(connection):
        return None
    token = new_secret()
    installation.put(connection, FIRST, hash_of(token))
    return f"/first?token={token}"


def _holds_first(connection: Connection, token: str) -> bool:
    known = installation.get(connection, FIRST)
    return bool(known) and is_same(known or "", hash_of(token)) and not accounts.are_there(connection)


def show_first(request: Request) -> Response:
    """Show the form in which the first operator names himself; only at the one-time address."""
    token = request.query_params.get("token", "")
    with reading(_services(request).engine) as connection:
        if not _holds_first(connection, token):
            raise HTTPException(404)
    return _page(request, "first.html.j2", token=token, account="", name="")


def do_first(request: Request) -> Response:
    """Make the first account, which is an operator's, and sign it in; the address is void from then on."""
    services = _services(request)
    token, name = _text(request, "token"), clean(_text(request, "name"), accounts.LONGEST_NAME)
    account, password = accounts.as_id(_text(request, "account")), _text(request, "password")
    now = services.clock.now()
    problem = "" if accounts.is_id(account) and name else "bad_name"
    problem = problem or _problem_of(password, _text(request, "again"), account)
    with services.engine.begin() as connection:
        installation.hold(connection, FIRST)  # of two at once the second finds it void
        if not _holds_first(connection, token):
            raise HTTPException(404)
        if problem:
            return _page(request, "first.html.j2", problem, 422, token=token, account=account, name=name)
        made = Account(id=account, name=name, role=Role.OPERATOR, created_at=now)
        accounts.add(connection, made, password, actor=f"account:{account}")
        installation.put(connection, FIRST, "")
        secret = _begin(connection, request, account, now)
    response = redirect("/", Flash("done", said(lang_of(request))["welcome"]))
    sign_in(response, secret, services)
    return response


def _problem_of(password: str, again: str, account: str) -> str:
    """Return what is wrong with a new password: a key of the words, or an empty text."""
    if not accounts.SHORTEST_PASSWORD <= len(password) <= accounts.LONGEST_PASSWORD:
        return "bad_length"
    if account in password.lower():
        return "holds_name"
    return "" if password == again else "not_same"


# One's own password ------------------------------------------------------------------------


def show_password(request: Request) -> Response:
    """Show the form."""
    viewer_of(request)
    return _page(request, "password.html.j2")


def do_password(request: Request) -> Response:
    """Change one's own password; all sessions of the account end, and a new one begins."""
    services, viewer = _services(request), viewer_of(request)
    password = _text(request, "password")
    present = _text(request, "present")
    # Whoever finds a browser open, or has stolen its cookie, has no more tries than at the door.
    problem, known = _disbelieved(request, viewer.account, present)
    if problem == "too_many":
        return _page(request, "password.html.j2", problem, 429)
    problem = "wrong_present" if problem else _problem_of(password, _text(request, "again"), viewer.account)
    if not problem and password == present:
        problem = "same_as_before"
    if problem:
        return _page(request, "password.html.j2", problem, 422)
    now = services.clock.now()
    with services.engine.begin() as connection:
        if not accounts.is_still(connection, viewer.account, known):
            return _page(request, "password.html.j2", "wrong_present", 422)
        accounts.set_password(connection, viewer.account, password, must_change=False, at=now, actor=viewer.actor)
        secret = _begin(connection, request, viewer.account, now)
    response = redirect("/", Flash("done", said(lang_of(request))["changed"]))
    sign_in(response, secret, services)
    return response
