"""What does a monitoring system see?

Prometheus' text, reckoned from the database at each scrape: it tells the truth whichever process is asked, and
whenever that one was started. Labels are states, channels, kinds and ids of towns. Callers: web/health.py.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

import structlog
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from config.services import Services
from rules.facts import local_day
from store import gateways, installation, leases, outbox, replies, vitals
from store.ahead import CURSOR
from store.engine import reading

MEDIA_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
#: as actors/steps.py names them
ROUND: Final = "round"

log = structlog.get_logger()


def metrics(request: Request) -> Response:
    """Answer a scrape."""
    services: Services = request.app.state.services
    try:
        with reading(services.engine) as connection:
            text = text_of(connection, services)
    except SQLAlchemyError as err:
        log.warning("database_out_of_reach", error=type(err).__name__)
        return PlainTextResponse("the database is out of reach\n", 503)
    return Response(text, media_type=MEDIA_TYPE)


def text_of(connection: Connection, services: Services) -> bytes:
    """Return all numbers as Prometheus reads them."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Once(_families(connection, services)))
    return generate_latest(registry)


class _Once(Collector):
    """Hands over what was collected."""

    def __init__(self, families: Iterable[GaugeMetricFamily]) -> None:
        self._families = list(families)

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Nothing is described before it is collected."""
        return []

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Return the families."""
        return self._families


def _families(connection: Connection, services: Services) -> Iterator[GaugeMetricFamily]:
    now = services.clock.now()
    day = local_day(now)
    oldest = vitals.oldest_due(connection, now)
    yield _labelled(
        "messages_open", "Messages that are not through", ("state", "channel"), vitals.open_messages(connection)
    )
    yield _labelled(
        "messages_today", "Messages of today", ("state", "channel"), vitals.messages_of_day(connection, day)
    )
    waited = (now - oldest).total_seconds() if oldest else 0.0
    yield _plain("oldest_due_seconds", "How long the oldest message that may leave has been waiting", waited)
    yield _plain("notices_waiting", "Notices that wait for their time", vitals.waiting_notices(connection))
    yield _labelled(
        "matters", "Matters that are open or overdue", ("town", "kind", "status"), vitals.live_matters(connection, day)
    )
    yield _labelled(
        "findings_open", "What an operator must look at", ("kind",), _keyed(vitals.open_findings(connection))
    )
    yield _labelled("replies", "SMS that came in", ("kind", "outcome"), replies.count_by_kind(connection))
    yield _plain("sms_claimed_today", "SMS claimed of the daily total", gateways.used(connection, day))
    yield _plain("held", "1 while all sending is held", float(outbox.held_because(connection) is not None))
    yield from _clock(connection, now)
    yield from _gateways(connection, now)


def _clock(connection: Connection, now: datetime) -> Iterator[GaugeMetricFamily]:
    text = installation.get(connection, CURSOR)
    done_to = datetime.fromisoformat(text).timestamp() if text else 0.0
    held = leases.last_done(connection, ROUND)
    yield _plain("clock_seconds", "The instant by duban's clock, which is another in a drill", now.timestamp())
    yield _plain("done_to_seconds", "The instant up to which all is done", done_to)
    yield _plain("last_round_seconds", "When the last round was held", held.timestamp() if held else 0.0)


def _gateways(connection: Connection, now: datetime) -> Iterator[GaugeMetricFamily]:
    health = gateways.health(connection)
    is_open = {name: float(bool(one.open_until and one.open_until > now)) for name, one in health.items()}
    failures = {name: float(one.failures) for name, one in health.items()}
    yield _labelled(
        "gateway_open", "1 while a gateway's circuit is open: nothing is sent", ("gateway",), _keyed(is_open)
    )
    yield _labelled("gateway_failures", "Failures of a gateway in a row", ("gateway",), _keyed(failures))


def _keyed(counts: Mapping[str, float]) -> dict[tuple[str, ...], float]:
    return {(key,): count for key, count in counts.items()}


def _plain(name: str, says: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"duban_{name}", says, value=value)


def _labelled(name: str, says: str, labels: tuple[str, ...], counts: Mapping[Any, float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"duban_{name}", says, labels=labels)
    for values, count in sorted(counts.items()):
        family.add_metric([str(value) for value in values], count)
    return family
