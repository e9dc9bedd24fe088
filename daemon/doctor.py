"""Is everything as it should be, from the configuration to the coverage of the grids?

Callers: `duban doctor`.
"""

import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from actors.bells import embedded_broker, hang_bells, redis_broker
from actors.calendar_watch import missing_year
from actors.desks import Desks
from config.letterhead import wording_of
from config.services import Services, open_services
from config.settings import Settings
from daemon.auditing import strange_keys_line
from daemon.looking import as_in_database, require_database
from daemon.rebuilding import rebuild_matters
from rules.coverage import coverage
from rules.derivations import Measure, Reckoning
from rules.facts import Channel, local_day
from rules.matters import Cause, Matter, MatterKind
from rules.notices import Notice, Verdict
from rules.offices import Person
from store import facts, gateways, installation, leases, migrating, outbox, vitals
from store.ahead import CURSOR
from store.engine import reading

#: a clock that stands further behind what is done has jumped back
BACK: Final = timedelta(minutes=2)
SHOWN: Final = 5
REACH_S: Final = 3.0
WAITED: Final = timedelta(minutes=10)
KEEPERS: Final = 2  #: of checkpoints of the audit trail, so that one alone cannot lose them


@dataclass(frozen=True, slots=True)
class Symptom:
    """The outcome of one check: what was looked at, whether it is well, what was found and how to mend it."""

    check: str
    well: bool
    text: str


def _well(check: str, text: str) -> Symptom:
    return Symptom(check, well=True, text=text)


def _look(check: str, text: str) -> Symptom:
    return Symptom(check, well=False, text=text)


def examine() -> list[Symptom]:
    """Return the outcome of every check; a database out of reach is an error of the command."""
    services = open_services(sends=True)
    found = [_well("config", f"clock {'drill' if services.settings.clock else 'machine'}, policy as configured")]
    require_database(services)
    with reading(services.engine) as connection:  # one snapshot: facts come in meanwhile
        found += _with_database(connection, services)
    return found


def _with_database(connection: Connection, services: Services) -> Iterator[Symptom]:
    url = services.engine.url.render_as_string(hide_password=True)
    why = vitals.no_writes_because(connection)
    mend = "name the primary in DUBAN_DATABASE_URL, or mend the disk or the rights"
    yield Symptom("database", why is None, f"{url} takes no writes: {why}; {mend}" if why else url)
    version, known = migrating.current_version(connection), migrating.head_version()
    wrong = migrating.misfit(connection)
    newer = "" if version == known else ", which it admits: an upgrade is under way, or was taken back"
    yield Symptom("schema", wrong is None, wrong or f"at {version}, this duban knows {known}{newer}")
    if wrong:
        return
    as_in_database(connection, services)
    checks: tuple[Callable[[Connection, Services], Symptom], ...] = (
        _matters,
        _broker,
        _gateways,
        _templates,
        _calendar,
        _clock,
        _outbox,
        _trail,
        _coverage,
    )
    for check in checks:
        yield check(connection, services)


def _matters(connection: Connection, services: Services) -> Symptom:
    if installation.get(connection, CURSOR) is None:
        return _well("matters", "none reckoned yet: the clock has never run; see duban up")
    differing = sum(1 for _ in rebuild_matters(connection, Desks(services), write=False))
    if differing:
        return _look("matters", f"{differing} differ from a fresh reckoning; run duban matters --rebuild")
    return _well("matters", "equal a fresh reckoning")


def _broker(connection: Connection, services: Services) -> Symptom:
    url = services.settings.redis_url
    mark = installation.mark(connection) or "no installation yet"
    broker = redis_broker(url, mark) if url else embedded_broker()
    hang_bells(services, Desks(services), broker)
    queues = ", ".join(sorted(broker.get_declared_queues()))
    trouble = _redis_trouble(url) if url else None
    if trouble:
        return _look("broker", f"Redis {trouble}; check DUBAN_REDIS_URL and the server")
    return _well("broker", f"{f'Redis, for {mark}' if url else 'embedded'}, queues {queues}")


def _redis_trouble(url: str) -> str | None:
    import redis

    from config.broker import try_to_ring

    try:
        try_to_ring(url, REACH_S)
    except redis.ResponseError as err:
        return f"takes no bells: {err}"
    except (redis.RedisError, OSError) as err:
        return f"does not answer: {type(err).__name__}"
    return None


def _gateways(connection: Connection, services: Services) -> Symptom:
    text = ", ".join(f"{channel}: {gateway.name}" for channel, gateway in services.gateways.items())
    troubles = [*_out_of_reach(services.settings), *_at_rest(connection, services.clock.now())]
    return _look("gateways", "; ".join([text, *troubles])) if troubles else _well("gateways", text)


def _out_of_reach(settings: Settings) -> Iterator[str]:
    """Open and close a connection to each gateway; nothing is said over it."""
    for name, host, port in settings.gateway_addresses():
        try:
            socket.create_connection((host, port), REACH_S).close()
        except OSError as err:
            yield f"{name} at {host}:{port} is out of reach: {err.strerror or type(err).__name__}"


def _at_rest(connection: Connection, now: datetime) -> Iterator[str]:
    for name, health in gateways.health(connection).items():
        if health.open_until is not None and health.open_until > now:
            yield f"{name} was ill {health.failures} times in a row, and rests until {health.open_until}"


def _templates(connection: Connection, services: Services) -> Symptom:
    """Put a made-up notice into words on both channels."""
    desk = Desks(services).of(connection)
    wording = wording_of(desk, services.settings)
    day = local_day(services.clock.now())
    person = Person("deputy:doctor", "某", "", None, (Channel.SMS, Channel.EMAIL), "13800000000", "x@example.cn")
    matter = Matter(
        id="petition:0:handle:1",
        kind=MatterKind.PETITION,
        subject="0",
        town="",
        responsible="deputy:doctor",
        ladder="petition",
        stage="handle",
        cause=Cause.REGISTERED,
        opened=day,
        due=day,
        reckoned=Reckoning(Measure.GIVEN, day),
        began=day,
        label="0",
    )
    notice = Notice(matter=matter, rung="overdue", person=person, channel=Channel.SMS, verdict=Verdict.SENT)
    text = wording.sms([notice], day)
    return Symptom(
        "templates", bool(text and wording.email([notice], day).html), f"signed 【{services.settings.signature}】"
    )


def _calendar(connection: Connection, services: Services) -> Symptom:
    missing = missing_year(services.calendar, local_day(services.clock.now()))
    last = max(services.calendar.noticed_years, default=0)
    if missing is None:
        return _well("calendar", f"holiday notices up to {last}")
    return _look("calendar", f"the holiday notice of {missing} is missing; lay its table in the folder `calendar`")


def _clock(connection: Connection, services: Services) -> Symptom:
    text = installation.get(connection, CURSOR)
    now = services.clock.now()
    if text and now < datetime.fromisoformat(text) - BACK and not services.settings.clock:
        return _look("clock", f"it is {now}, but all is done up to {text}: set the machine's clock")
    lapsed = leases.lapsed_at(connection, leases.CLOCK) if services.settings.redis_url else None
    if lapsed is not None and services.lease_now(connection) - lapsed > WAITED:
        return _look("clock", f"none has run since {lapsed}: start duban daemon, or see its log")
    return _well("clock", f"it is {now.isoformat(timespec='seconds')}; done up to {text or 'nothing yet'}")


def _outbox(connection: Connection, services: Services) -> Symptom:
    counts = outbox.count_by_state(connection)
    oldest = outbox.oldest_due(connection)
    late = oldest is not None and services.clock.now() - oldest > WAITED
    bad = {state: n for state, n in counts.items() if state in ("failed", "unknown", "undeliverable")}
    if outbox.held_because(connection) is not None:
        return _look("outbox", "sending is held; run duban release")
    if bad or late:
        waits = f"the oldest due since {oldest}" if late else ""
        return _look("outbox", ", ".join([*(f"{n} {s}" for s, n in bad.items()), waits]).strip(", "))
    return _well("outbox", ", ".join(f"{n} {s}" for s, n in counts.items()) or "empty")


def _trail(connection: Connection, services: Services) -> Symptom:
    """See to it that the trail's keys are here, and its checkpoint goes where whoever runs duban does not reach."""
    strange = strange_keys_line(connection, services)
    if strange:
        return _look("trail", strange)
    keepers = services.settings.operator_addresses()
    text = f"its checkpoint goes to {len(keepers)}"
    if services.settings.email == "sandbox":
        return _well("trail", f"{text}; the sandbox keeps all e-mail here")
    if len(keepers) < KEEPERS:
        return _look("trail", f"{text}; name two people who do not run duban: DUBAN_OPERATOR_EMAIL=a@b.cn,c@d.cn")
    return _well("trail", text)


def _coverage(connection: Connection, services: Services) -> Symptom:
    desk = Desks(services).of(connection)
    day: date = local_day(services.clock.now())
    gaps = coverage(desk.house, facts.load(connection, "seats"), day)
    if not gaps:
        return _well("coverage", "every deputy in a grid, every grid with a deputy, every office in reach")
    some = ", ".join(f"{gap.gap} {gap.subject}" for gap in gaps[:SHOWN])
    more = f" and {len(gaps) - SHOWN} more; all are in duban report month {day:%Y-%m}" if len(gaps) > SHOWN else ""
    return _look("coverage", f"{some}{more}")
