"""What was sent to whom, what became of it, and what can the operator do about it?"""

from datetime import date
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from intake.levers import retry_message, set_held
from rules.deliveries import State
from rules.facts import Channel
from store import outbox
from store.accounts import Role
from store.views import messages
from store.views.messages import MessageFilter, MessageLine
from templates.console_texts import term
from web.pages.exports import Columns, as_file, wanted_format, wanted_part
from web.pages.forms import values_of
from web.pages.frame import (
    SUPERVISORS,
    Look,
    asked,
    asked_day,
    look_at,
    looking,
    not_there,
    path_number,
    who,
)
from web.rendering import Flash, lang_of, redirect
from web.viewers import require_role, viewer_of

READERS: Final = (*SUPERVISORS, Role.DEPUTY)
KINDS: Final = ("notices", "digest", "operator")
AGAIN: Final = (State.FAILED, State.UNKNOWN, State.UNDELIVERABLE)


def routes() -> list[BaseRoute]:
    """Return the addresses."""
    return [
        Route("/messages", index, methods=["GET"]),
        Route("/messages/{message:int}", one, methods=["GET"]),
        Route("/messages/{message:int}/retry", retry, methods=["POST"]),
        Route("/sending", hold_or_release, methods=["POST"]),
    ]


def index(request: Request) -> Response:
    """Show the messages to the people of the viewer's offices and seats."""
    with looking(request, *READERS) as look:
        day: date | None = asked_day(request, "day")
        wanted = MessageFilter(
            state=asked(request, "state", State),
            channel=asked(request, "channel", Channel),
            kind=asked(request, "kind", KINDS),
            person=asked(request, "person"),
            matter=asked(request, "matter"),
            day=day,
        )
        page = messages.list_messages(look.connection, look.scope, wanted, wanted_part(request))
        if wanted_format(request):
            return as_file(request, "messages", _columns(look), page.rows)
        is_operator = look.viewer.role is Role.OPERATOR
        return look.page(
            "messages.html.j2",
            page=page,
            states=list(State),
            channels=list(Channel),
            kinds=KINDS,
            again=AGAIN,
            is_operator=is_operator,
            held=outbox.held_because(look.connection) if is_operator else None,
        )


def _columns(look: Look) -> Columns[MessageLine]:
    t, house, lang = look.t, look.house, look.lang
    return [
        (t("编号", "Number"), lambda row: row.id),
        (t("时间", "At"), lambda row: row.at),
        (t("收件人", "To"), lambda row: who(row.person, house)),
        (t("渠道", "Channel"), lambda row: term("channel", row.channel, lang)),
        (t("种类", "Kind"), lambda row: term("message_kind", row.kind, lang)),
        (t("状态", "State"), lambda row: term("state", row.state, lang)),
        (t("原因", "Reason"), lambda row: row.reason),
        (t("尝试次数", "Attempts"), lambda row: row.attempts),
        (t("发出时间", "Sent"), lambda row: row.sent_at),
        (t("主题", "Subject"), lambda row: row.subject),
        (t("正文", "Text"), lambda row: t("（保密）", "(confidential)") if row.is_shut else row.body),
    ]


def one(request: Request) -> Response:
    """Show one message: its words, what it tells of, each attempt."""
    with looking(request, *READERS) as look:
        message = messages.find_message(look.connection, look.scope, path_number(request, "message"))
        if message is None:
            raise not_there()
        return look.page(
            "message.html.j2",
            message=message,
            items=messages.items_of(look.connection, look.scope, message.id),
            tries=messages.tries_of(look.connection, message.id),
            may_retry=look.viewer.role is Role.OPERATOR and message.state in AGAIN,
        )


# Levers ------------------------------------------------------------------------------------


def retry(request: Request) -> Response:
    """Give a message one more try."""
    viewer, ident = viewer_of(request), path_number(request, "message")
    require_role(viewer, Role.OPERATOR)
    with request.app.state.services.engine.begin() as connection:
        look = look_at(request, viewer, connection)
        is_done = retry_message(connection, ident, actor=viewer.actor, at=look.now)
    said = (
        ("将再试一次", "It will be tried once more")
        if is_done
        else ("这条消息现在不能重发", "It cannot be tried again now")
    )
    return redirect(f"/messages/{ident}", Flash("done" if is_done else "wrong", look.t(*said)))


def hold_or_release(request: Request) -> Response:
    """Stop all sending, or go on."""
    viewer = viewer_of(request)
    require_role(viewer, Role.OPERATOR)
    held = values_of(request).get("held") == "yes"
    services = request.app.state.services
    with services.engine.begin() as connection:
        waiting = set_held(connection, held=held, actor=viewer.actor, at=services.clock.now())
    chinese = f"已暂停全部发送，{waiting}条消息等待" if held else f"已恢复发送，{waiting}条消息待发"
    english = f"All sending is held; {waiting} messages wait" if held else f"Sending goes on; {waiting} messages wait"
    return redirect("/messages", Flash("done", chinese if lang_of(request) == "zh" else english))
