"""Does the process live, and can the service do its work?

`/healthz` asks nothing and nobody. `/readyz` asks the database, the broker and the clock, and answers 503 with
reasons. Both are open to all and tell no resident's or official's data; docs/web.md says how to keep them inside.
Callers: web/app.py.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from redis.exceptions import RedisError, ResponseError
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from config.broker import try_to_ring
from config.services import Services
from rules.dockets import Desk
from rules.facts import SHANGHAI, local_day, midnight
from rules.ladders import round_at
from store import installation, leases, migrating, outbox, vitals
from store.ahead import CURSOR
from store.engine import reading
from web.metrics import metrics
from web.sessions import in_real_time

#: as actors/steps.py names it: the instant up to which all is done
LATE: Final = timedelta(minutes=10)
BROKER_TIMEOUT_S: Final = 2.0
READ_ONLY: Final = "read only"

log = structlog.get_logger()


def routes() -> list[BaseRoute]:
    """Return the addresses that watch the service."""
    return [
        Route("/healthz", healthz, methods=["GET"]),
        Route("/readyz", readyz, methods=["GET"]),
        Route("/metrics", metrics, methods=["GET"]),
    ]


def healthz(request: Request) -> Response:
    """Say that the process lives."""
    return PlainTextResponse("ok\n")


@dataclass(slots=True)
class Report:
    """What was looked at, and what is wrong."""

    found: dict[str, Any] = field(default_factory=dict)
    reasons: list[str] = field(default_factory=list)


def readyz(request: Request) -> Response:
    """Say whether the service can do its work."""
    services: Services = request.app.state.services
    report = Report()
    _look_at_broker(services, report)
    try:
        with reading(services.engine) as connection:
            report.found["database"] = "ok"
            _look_at_database(connection, services, request.app.state.desks.of, report)
    except SQLAlchemyError as err:
        log.warning("database_out_of_reach", error=type(err).__name__)
        report.found["database"] = "out of reach"
        report.reasons.append("the database is out of reach, or its schema is another one")
    answer = {"ready": not report.reasons, "reasons": report.reasons, **report.found}
    return JSONResponse(answer, 503 if report.reasons else 200)


def _look_at_broker(services: Services, report: Report) -> None:
    url = services.settings.redis_url
    if url is None:
        report.found["broker"] = "embedded"
        return
    try:
        try_to_ring(url, BROKER_TIMEOUT_S)
        report.found["broker"] = "ok"
    except ResponseError as err:
        report.found["broker"] = "takes no bells"
        report.reasons.append(f"the broker takes no bells: {type(err).__name__}")
    except RedisError:
        report.found["broker"] = "out of reach"
        report.reasons.append("the broker is out of reach")


def _look_at_database(
    connection: Connection, services: Services, desk_of: Callable[[Connection], Desk], report: Report
) -> None:
    report.found["schema"] = migrating.current_version(connection)
    wrong = migrating.misfit(connection)
    if wrong:
        report.reasons.append(wrong)
        return
    no_writes = vitals.no_writes_because(connection)
    if no_writes:
        report.found["database"] = READ_ONLY
        report.reasons.append(f"the database takes no writes: {no_writes}")
    now = services.clock.now()
    report.found["now"] = _shown(now)
    report.found["held"] = outbox.held_because(connection) is not None
    _look_at_clock(connection, services, report)
    _look_at_messages(connection, services, now, report)
    _look_at_rounds(connection, services, desk_of(connection), now, report)


def _look_at_clock(connection: Connection, services: Services, report: Report) -> None:
    """See whether a daemon looks for what is due; one that was stopped in good order has given its lease back."""
    lapsed = leases.lapsed_at(connection, leases.CLOCK) if services.settings.redis_url else None
    if lapsed is not None and services.lease_now(connection) - lapsed > LATE:
        report.reasons.append(f"no clock has run since {_shown(lapsed)}: start duban daemon, or see its log")


def _look_at_messages(connection: Connection, services: Services, now: datetime, report: Report) -> None:
    oldest = vitals.oldest_due(connection, now)
    waited = now - oldest if oldest else timedelta()
    report.found["oldest_due_s"] = round(waited.total_seconds())
    if waited > in_real_time(services, LATE) and not report.found["held"]:
        report.reasons.append(f"a message has been due since {_shown(oldest)}")


def _look_at_rounds(connection: Connection, services: Services, desk: Desk, now: datetime, report: Report) -> None:
    text = installation.get(connection, CURSOR)
    done_to = datetime.fromisoformat(text) if text else None
    report.found["done_to"] = _shown(done_to)
    held, expected = last_round(desk, done_to), last_round(desk, now - in_real_time(services, LATE))
    report.found["last_round"] = _shown(held)
    report.found["is_round_late"] = is_late = expected is not None and (held is None or held < expected)
    if is_late:
        report.reasons.append(f"the round of {_shown(expected)} has not been held")


def last_round(desk: Desk, until: datetime | None) -> datetime | None:
    """Return the last round up to an instant; None if there is none since duban was taken into use."""
    if until is None:
        return None
    day = desk.calendar.back(local_day(until))
    at = round_at(day, desk.policy)
    if at > until:
        at = round_at(desk.calendar.workdays(day, -1), desk.policy)
    return at if at >= midnight(desk.start_on) else None


def _shown(at: datetime | None) -> str | None:
    return at.astimezone(SHANGHAI).isoformat(timespec="seconds") if at else None
