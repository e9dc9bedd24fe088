"""Who has done what? The audit trail, for operators and the municipality."""

import json
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from store.accounts import Role
from store.views import work
from store.views.work import AuditFilter, AuditLine
from templates.console_texts import TERMS, term
from web.pages.exports import Columns, as_file, wanted_format, wanted_part
from web.pages.frame import Look, asked, looking


def routes() -> list[BaseRoute]:
    """Return the addresses."""
    return [Route("/audit", index, methods=["GET"])]


def index(request: Request) -> Response:
    """Show the trail."""
    with looking(request, Role.OPERATOR, Role.MUNICIPAL) as look:
        wanted = AuditFilter(
            actor=asked(request, "actor"), action=asked(request, "action"), subject=asked(request, "subject")
        )
        page = work.list_audit(look.connection, look.scope, wanted, wanted_part(request))
        if wanted_format(request):
            return as_file(request, "audit", _columns(look), page.rows)
        return look.page("audit.html.j2", page=page, actions=sorted(TERMS["audit"]), in_words=in_words)


def _columns(look: Look) -> Columns[AuditLine]:
    t = look.t
    return [
        (t("序号", "Number"), lambda row: row.seq),
        (t("时间", "At"), lambda row: row.at),
        (t("操作人", "Who"), lambda row: row.actor),
        (t("操作", "What"), lambda row: term("audit", row.action, look.lang)),
        (t("对象", "Subject"), lambda row: row.subject),
        (t("详情", "Detail"), lambda row: in_words(row.detail)),
    ]


def in_words(detail: Mapping[str, Any]) -> str:
    """Return an entry's detail on one line.

    >>> in_words({"event": "assigned", "seq": None})
    'event=assigned'
    """
    said = {
        k: v if isinstance(v, str) else json.dumps(v, ensure_ascii=False) for k, v in detail.items() if v is not None
    }
    return " · ".join(f"{name}={value}" for name, value in said.items())
