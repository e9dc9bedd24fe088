"""What must somebody look at, and who has done what? Findings, undeliverable notices, the audit trail.

Callers: web/pages/findings.py, web/pages/audit.py, web/pages/overview.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select, update

from rules.facts import Seat
from store import facts
from store.schema import audit, findings
from store.scoping import Scope
from store.views.paging import Page, Slice, like, read_page


@dataclass(frozen=True, slots=True)
class FindingLine:
    """Something for the operator to look at."""

    id: int
    at: datetime
    kind: str
    subject: str
    text: str
    closed_at: datetime | None
    closed_by: str | None


COLUMNS = (
    findings.c.id, findings.c.at, findings.c.kind, findings.c.subject, findings.c.text, findings.c.closed_at,
    findings.c.closed_by,
)  # fmt: skip


def list_findings(connection: Connection, part: Slice, *, kind: str = "", closed: bool = False) -> Page[FindingLine]:
    """Return the findings that are to be looked at, or those that have been, the latest first."""
    query = select(*COLUMNS).where(findings.c.closed_at.is_not(None) if closed else findings.c.closed_at.is_(None))
    if kind:
        query = query.where(findings.c.kind == kind)
    return read_page(connection, query.order_by(findings.c.id.desc()), part, lambda row: FindingLine(*row))


def count_findings(connection: Connection) -> Mapping[str, int]:
    """Return how many findings are to be looked at, by kind."""
    query = select(findings.c.kind, func.count()).where(findings.c.closed_at.is_(None)).group_by(findings.c.kind)
    return dict(connection.execute(query).all())


def find_finding(connection: Connection, ident: int) -> FindingLine | None:
    """Return one finding."""
    row = connection.execute(select(*COLUMNS).where(findings.c.id == ident)).first()
    return FindingLine(*row) if row else None


def close_finding(connection: Connection, ident: int, by: str, at: datetime) -> bool:
    """Note that somebody has dealt with a finding; False if somebody had before."""
    statement = update(findings).where(findings.c.id == ident, findings.c.closed_at.is_(None))
    return connection.execute(statement.values(closed_at=at, closed_by=by)).rowcount == 1


def all_seats(connection: Connection) -> list[Seat]:
    """Return every seat, for coverage."""
    return list(facts.load(connection, "seats"))


@dataclass(frozen=True, slots=True)
class AuditLine:
    """An entry of the audit trail."""

    seq: int
    at: datetime
    actor: str
    action: str
    subject: str
    detail: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """What is looked for in the trail."""

    actor: str = ""
    action: str = ""
    subject: str = ""


def list_audit(connection: Connection, scope: Scope, wanted: AuditFilter, part: Slice) -> Page[AuditLine]:
    """Return entries of the trail, the latest first; for operators and the municipality."""
    if not (scope.everything or scope.climbed_only):
        return Page((), 1, has_next=False)
    query = select(audit.c.seq, audit.c.at, audit.c.actor, audit.c.action, audit.c.subject, audit.c.detail)
    if wanted.actor:
        query = query.where(audit.c.actor.like(like(wanted.actor), escape="\\"))
    if wanted.action:
        query = query.where(audit.c.action == wanted.action)
    if wanted.subject:
        query = query.where(audit.c.subject.like(like(wanted.subject), escape="\\"))
    return read_page(connection, query.order_by(audit.c.seq.desc()), part, lambda row: AuditLine(*row))
