"""Who watches the watcher, and what does he see?"""

from contextlib import contextmanager
from datetime import timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families
from redis import Redis
from sqlalchemy import NullPool, create_engine, text
from sqlalchemy.exc import OperationalError
from starlette.testclient import TestClient

from store import findings, gateways, leases, vitals
from store.engine import make_engine
from tests.actors.installations import Installation
from tests.rules.builders import at
from tests.store.databases import with_schema
from tests.web.browsers import BASE, NOW, RESIDENT, RESIDENT_MOBILE, csrf_in
from web.app import make_app
from web.health import READ_ONLY


def ready(client):
    answer = client.get("/readyz")
    return answer.status_code, answer.json()


def numbers(client):
    """Return the metrics: name and values of the labels, by the labels' names → value."""
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    return {
        (sample.name, *(sample.labels[label] for label in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


@pytest.fixture
def broken(house):
    """The application over a database that cannot be reached."""
    house.services.settings = house.services.settings.model_copy(update={"redis_url": None})
    app = make_app(house.services, house.desks)
    with house.engine.begin() as connection:
        for table in ("replies", "installation"):
            connection.execute(text(f"ALTER TABLE {table} RENAME TO gone_{table}"))
    return TestClient(app, base_url=BASE)


def test_the_process_lives_whatever_the_database_does(broken):
    assert (broken.get("/healthz").status_code, broken.get("/healthz").text) == (200, "ok\n")
    assert broken.get("/readyz").status_code == 503
    assert broken.get("/metrics").status_code == 503


def test_no_account_is_needed_and_none_is_looked_up(house, client):
    house.send_due()
    for path in ("/healthz", "/readyz", "/metrics"):
        answer = client.get(path)
        assert answer.status_code == 200
        assert "set-cookie" not in answer.headers


def test_all_is_well(house, client):
    house.send_due()
    status, told = ready(client)
    assert (status, told["ready"], told["reasons"]) == (200, True, [])
    assert (told["database"], told["broker"], told["held"]) == ("ok", "embedded", False)
    assert told["last_round"] == "2026-03-02T09:00:00+08:00"


@pytest.mark.parametrize(
    ("when", "is_late"),
    [
        ("03-03 08:59", False),
        pytest.param("03-03 09:09", False, id="ten minutes are borne with"),
        ("03-03 09:10", True),
        ("03-07 12:00", True),
    ],
)
def test_a_round_that_is_not_held_shows(house, client, when, is_late):
    house.send_due()
    house.clock.instant = at(when)
    status, told = ready(client)
    assert (told["is_round_late"], status) == (is_late, 503 if is_late else 200)


def test_on_a_day_off_no_round_is_missed(house, client):
    house.run("03-06 10:00")
    house.clock.instant = at("03-08 12:00")
    assert ready(client)[0] == 200


def test_a_message_that_waits_too_long_shows(house, client):
    house.clock.instant += timedelta(minutes=20)
    status, told = ready(client)
    assert status == 503
    assert told["oldest_due_s"] > 600
    assert any("due since" in reason for reason in told["reasons"])


def test_what_the_operator_holds_is_no_failure(house, client):
    house.sql("UPDATE installation SET value = 'by hand' WHERE key = 'held'")
    house.sql(
        "INSERT INTO installation (key, value) SELECT 'held', 'by hand' WHERE NOT EXISTS "
        "(SELECT 1 FROM installation WHERE key = 'held')"
    )
    house.clock.instant += timedelta(minutes=20)
    status, told = ready(client)
    assert (status, told["held"]) == (200, True)


def test_a_broker_out_of_reach_shows(house):
    house.services.settings = house.services.settings.model_copy(update={"redis_url": "redis://127.0.0.1:1/0"})
    client = TestClient(make_app(house.services, house.desks), base_url=BASE)
    house.send_due()
    assert ready(client) == (503, ready(client)[1])
    assert ready(client)[1]["reasons"] == ["the broker is out of reach"]


def test_a_broker_within_reach_is_asked(house, valkey_url):
    house.services.settings = house.services.settings.model_copy(update={"redis_url": valkey_url})
    house.send_due()
    client = TestClient(make_app(house.services, house.desks), base_url=BASE)
    assert ready(client)[1]["broker"] == "ok"


@pytest.mark.parametrize(("key", "value"), [("maxmemory", "1"), ("min-replicas-to-write", "1")])
def test_a_broker_that_answers_and_takes_nothing_shows(house, own_valkey, key, value):
    house.services.settings = house.services.settings.model_copy(update={"redis_url": own_valkey.url})
    house.send_due()
    client = TestClient(make_app(house.services, house.desks), base_url=BASE)
    assert ready(client)[1]["reasons"] == []
    with Redis.from_url(own_valkey.url) as redis:
        redis.config_set(key, value)
    status, told = ready(client)
    assert status == 503
    assert told["reasons"][0].startswith("the broker takes no bells")


@pytest.mark.parametrize(("minutes", "is_told"), [(9, False), (11, True), pytest.param(None, False, id="given back")])
def test_a_daemon_that_has_died_shows(house, own_valkey, minutes, is_told):
    house.services.settings = house.services.settings.model_copy(update={"redis_url": own_valkey.url})
    house.send_due()
    with house.engine.begin() as connection:
        now = house.services.lease_now(connection)
        leases.take(connection, leases.CLOCK, "d", now - timedelta(minutes=minutes or 0), 0.0)
        if minutes is None:
            leases.give_back(connection, leases.CLOCK, "d")
    client = TestClient(make_app(house.services, house.desks), base_url=BASE)
    assert any("no clock has run" in reason for reason in ready(client)[1]["reasons"]) == is_told


def test_another_schema_shows(house, client):
    house.sql("UPDATE alembic_version SET version_num = '0001'")
    status, told = ready(client)
    assert (status, told["schema"]) == (503, "0001")


# Metrics -----------------------------------------------------------------------------------


def test_the_numbers_are_those_of_the_database(house, client):
    house.run("03-12 10:00", sends=False)
    with house.engine.begin() as connection:
        findings.note(connection, "test", "x", "text", house.clock.now())
        gateways.note_calls(connection, {"twilio": [(True, "down")] * 9}, house.clock.now())
    told = numbers(client)
    open_ = sum(value for key, value in told.items() if key[0] == "duban_messages_open")
    assert open_ == len([row for row in house.messages() if row.state == "due"]) > 0
    assert told["duban_matters", "petition", "overdue", "T2"] == 1
    assert told["duban_findings_open", "test"] == 1
    assert told["duban_gateway_open", "twilio"] == 1
    assert told["duban_gateway_failures", "twilio"] == 9
    assert told["duban_oldest_due_seconds",] > 0
    assert told["duban_last_round_seconds",] == at("03-12 09:00").timestamp()
    assert told["duban_held",] == 0


def test_the_numbers_hold_no_names(house, client):
    said = client.get("/metrics").text + client.get("/readyz").text
    assert not any(word in said for word in (RESIDENT, RESIDENT_MOBILE, "路灯", "代表", "机构", "139"))


def test_an_empty_installation_has_numbers_too(house, client):
    for table in ("notices", "digests", "attempts", "attachments", "messages", "matters"):
        house.sql(f"DELETE FROM {table}")
    assert numbers(client)["duban_oldest_due_seconds",] == 0


def test_a_database_that_takes_no_writes_shows(postgres_engine):
    house = Installation(postgres_engine, start=NOW.date())
    client = TestClient(make_app(house.services, house.desks), base_url=BASE)
    assert READ_ONLY not in client.get("/readyz").json().values()
    with set_to_read_only(postgres_engine):
        answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["database"] == READ_ONLY
    assert answer.json()["reasons"][0].startswith("the database takes no writes")


@pytest.mark.parametrize("trouble", ["moved", "replaced", "full"])
def test_a_file_that_takes_no_writes_shows(tmp_path, monkeypatch, trouble):
    file = tmp_path / "duban.db"
    with_schema(f"sqlite:///{file}")
    house = Installation(make_engine(f"sqlite:///{file}"), start=NOW.date())
    client = TestClient(make_app(house.services, house.desks), base_url=BASE)
    assert READ_ONLY not in client.get("/readyz").json().values()
    if trouble == "full":
        monkeypatch.setattr(vitals, "ROOM", 2**60)
    else:
        file.rename(tmp_path / "elsewhere.db")
    if trouble == "replaced":
        file.write_bytes((tmp_path / "elsewhere.db").read_bytes())
    answer = client.get("/readyz")
    house.engine.dispose()
    assert answer.status_code == 503
    assert answer.json()["reasons"][0].startswith("the database takes no writes: its ")


@contextmanager
def set_to_read_only(engine):
    """Have all connections that begin meanwhile be of a database that takes no writes."""
    setting = f'ALTER DATABASE "{engine.url.database}" {{}} default_transaction_read_only'
    other = create_engine(engine.url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with other.connect() as connection:
        connection.execute(text(f"{setting.format('SET')} = on"))
        engine.dispose()
        try:
            yield
        finally:
            connection.execute(text(setting.format("RESET")))
            engine.dispose()


def test_what_the_database_could_not_do_is_answered_in_a_line(house, app, monkeypatch):
    def out_of_reach(*_):
        raise OperationalError("SELECT 1", None, Exception("the server has gone away"))

    monkeypatch.setattr("web.signing_in.accounts.password_of", out_of_reach)
    client = TestClient(app, base_url=BASE)
    form = {"csrf": csrf_in(client.get("/sign-in").text), "account": "chen", "password": "x"}
    answer = client.post("/sign-in", data=form)
    assert answer.status_code == 503
    assert "the server" not in answer.text
