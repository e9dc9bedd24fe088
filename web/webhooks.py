"""What does Twilio tell us: how far a message has come, what somebody has sent back?

Only what is signed with a token of ours for our public address is heard, else 403; without a token or a public
address nothing is. Both are idempotent: Twilio tells twice, and out of order.

Twilio signs names and values run together in one text: `MessageSid=SM12` and `NumMedia=0` have the signature of
`MessageSid=SM12NumMedia0` alone. So whoever has caught one call could cut it otherwise, and give it a new id each
time. Names that Twilio does not write, and ids of another shape, are therefore refused. Callers: web/app.py.
"""

import re
from collections.abc import Mapping
from html import escape
from typing import Final

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from config.gateways import STATUS_PATH
from config.services import Services
from intake.replies import take_reply
from store import outcomes
from web.sessions import has_form

INBOUND_PATH: Final = "/webhooks/twilio/inbound"
SIGNATURE: Final = "x-twilio-signature"
#: as Twilio writes the names of its parameters: a cut within a value would begin a name otherwise
NAME: Final = re.compile(r"[A-Z][A-Za-z]*[0-9]*")
#: Twilio's own have 34 characters, so that none can be lengthened by what stands after it
IDENT: Final = re.compile(r"[A-Z]{2}[0-9A-Za-z]{1,32}")

log = structlog.get_logger()


def routes() -> list[BaseRoute]:
    """Return the addresses that Twilio calls."""
    return [
        Route(STATUS_PATH, status, methods=["POST"]),
        Route(INBOUND_PATH, inbound, methods=["POST"]),
    ]


async def status(request: Request) -> Response:
    """Note how far a message has come; what is unknown is passed over, as Twilio would only tell it again."""
    params = await _signed(request)
    await run_in_threadpool(_note_status, request, params)
    return Response(status_code=204)


async def inbound(request: Request) -> Response:
    """Do what a reply by SMS asks for, and answer it."""
    params = await _signed(request)
    answer = await run_in_threadpool(_take_reply, request, params)
    # Twilio answers STOP, START and HELP itself where it recognises them; a second answer would not arrive.
    said = f"<Message>{escape(answer)}</Message>" if answer and "OptOutType" not in params else ""
    return Response(f'<?xml version="1.0" encoding="UTF-8"?><Response>{said}</Response>', media_type="application/xml")


async def _signed(request: Request) -> Mapping[str, str]:
    """Return the form of a request that is Twilio's; refuse any other."""
    form = await request.form(max_fields=200) if has_form(request) else FormData()
    params = {key: value for key, value in form.multi_items() if isinstance(value, str)}
    is_plain = len(params) == len(form.multi_items()) and all(map(NAME.fullmatch, params))
    if not is_plain or not await run_in_threadpool(_is_signed, request, params):
        log.warning("webhook_refused", path=request.url.path)
        raise HTTPException(403)
    return params


def _is_signed(request: Request, params: Mapping[str, str]) -> bool:
    settings = _services(request).settings
    tokens = [t.get_secret_value() for t in (settings.twilio_auth_token, settings.twilio_auth_token_old) if t]
    if not tokens or settings.public_url is None:
        return False
    from channels.twilio import Signatures  # noqa: PLC0415 - 50 MB that a sandbox does without

    query = f"?{request.url.query}" if request.url.query else ""
    url = f"{settings.public_url}{request.url.path}{query}"
    return Signatures(tokens).hold(url, params, request.headers.get(SIGNATURE))


def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


def _note_status(request: Request, params: Mapping[str, str]) -> None:
    from channels.twilio import status_report  # noqa: PLC0415 - likewise

    services = _services(request)
    report = status_report(params, request.query_params.get("attempt"))
    if report is None:
        return
    with services.engine.begin() as connection:
        is_known = outcomes.apply_report(connection, report, services.clock.now())
    if not is_known:
        log.warning("report_of_unknown_attempt", provider_id=report.provider_id)


def _take_reply(request: Request, params: Mapping[str, str]) -> str | None:
    services = _services(request)
    ident = params.get("MessageSid") or params.get("SmsSid") or ""
    if not IDENT.fullmatch(ident):
        return None
    with services.engine.begin() as connection:
        desk = request.app.state.desks.of(connection)
        sender, text = params.get("From", ""), params.get("Body", "")
        return take_reply(connection, desk, ident=ident, sender=sender, text=text, at=services.clock.now())
