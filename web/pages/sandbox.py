"""What would a phone and a mailbox show? The sandbox keeps what it would have sent.

A letter stands in a frame of its own that may do nothing: no script, no form, no address but this. For operators.
"""

from typing import Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from rules.facts import Channel
from store.accounts import Role
from store.views import messages
from web.pages.frame import asked, asked_number, asked_page, looking, not_there, path_number

LETTER_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox; frame-ancestors 'self'; "
    "base-uri 'none'; form-action 'none'"
)
RECENT: Final = 500
OWNERS: Final = 30


def routes() -> list[BaseRoute]:
    """Return the addresses."""
    return [
        Route("/sandbox", show, methods=["GET"]),
        Route("/sandbox/letters/{letter:int}", letter, methods=["GET"]),
    ]


def show(request: Request) -> Response:
    """Show one person's phone and mailbox, or everybody's."""
    with looking(request, Role.OPERATOR) as look:
        person = asked(request, "person")
        texts = messages.kept(look.connection, Channel.SMS, person, asked_page(request))
        letters = messages.kept(look.connection, Channel.EMAIL, person, asked_page(request))
        chosen = asked_number(request, "letter", letters.rows[0].id if letters.rows else 0)
        return look.page(
            "sandbox.html.j2",
            texts=texts,
            letters=letters,
            letter=messages.kept_letter(look.connection, chosen),
            person=person,
            phones=messages.owners(look.connection, Channel.SMS, RECENT, OWNERS),
            mailboxes=messages.owners(look.connection, Channel.EMAIL, RECENT, OWNERS),
            is_sandbox=(look.services.settings.sms, look.services.settings.email),
        )


def letter(request: Request) -> Response:
    """Answer with a letter as a mail program would show it, for a frame."""
    with looking(request, Role.OPERATOR) as look:
        found = messages.kept_letter(look.connection, path_number(request, "letter"))
    if found is None or not found.html:
        raise not_there()
    headers = {"Content-Security-Policy": LETTER_POLICY, "X-Frame-Options": "SAMEORIGIN"}
    return HTMLResponse(found.html, headers=headers)
