"""What does somebody see while the database is out of reach, or busy?"""

from contextlib import closing

from sqlalchemy import create_engine, text
from sqlalchemy.exc import ProgrammingError
from starlette.testclient import TestClient

from store import locks, sessions
from store.engine import make_engine
from store.locks import Lock, alone
from tests.actors.installations import Installation
from tests.rules.builders import at
from tests.web.browsers import BASE, NOW, Browser, small_record
from tests.web.test_api import VISIT, Program
from tests.web.test_pages import RECEPTION
from web.app import make_app
from web.outages import BUSY, OUT_OF_REACH
from web.sessions import SESSION

NOBODY = "postgresql+psycopg://duban@127.0.0.1:1/duban"


def told(answer):
    """What an answer says, and when to come again."""
    return answer.status_code, answer.text, answer.headers.get("retry-after")


def told_of_api(answer):
    """Likewise, of the API."""
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["detail"], answer.headers.get("retry-after")


def in_english(said):
    return said.splitlines()[1]


def test_who_is_signed_in_or_has_a_token_is_told_that_the_database_is_out_of_reach(house, app, browser):
    somebody, program = browser(), Program(house, app)
    house.services.engine = make_engine(NOBODY)
    for answer in (somebody.get("/petitions"), somebody.post("/register/reception", RECEPTION)):
        assert told(answer) == (503, OUT_OF_REACH, "30")
        assert "content-security-policy" in answer.headers
    for answer in (program.get("/visits"), program.post("/visits", VISIT)):
        assert told_of_api(answer) == (503, in_english(OUT_OF_REACH), "30")


def test_where_all_connections_wait_for_somebody_the_others_are_told_so(house, app, browser):
    somebody, program = browser(), Program(house, app)
    house.services.engine = create_engine(house.engine.url, pool_size=1, max_overflow=0, pool_timeout=0.1)
    with closing(house.services.engine.connect()):
        assert told(somebody.get("/petitions")) == (503, BUSY, "30")
        assert told_of_api(program.get("/visits")) == (503, in_english(BUSY), "30")
    house.services.engine.dispose()


def test_who_records_something_during_a_long_import_is_told_so_soon(postgres_engine, monkeypatch):
    monkeypatch.setattr(locks, "_PATIENCE", text("SET LOCAL lock_timeout = '200ms'"))
    house = Installation(postgres_engine, start=NOW.date())
    house.clock.instant = at(f"{NOW:%Y-%m-%d %H:%M}")
    house.keep(small_record())
    app = make_app(house.services, house.desks)
    somebody, program = Browser(house, app, "operator", account="one"), Program(house, app)
    before = house.dump()["visits"]
    with postgres_engine.begin() as connection:
        alone(connection, Lock.RECORDING)
        assert told(somebody.post("/register/reception", RECEPTION)) == (503, BUSY, "30")
        assert told_of_api(program.post("/visits", VISIT)) == (503, in_english(BUSY), "30")
        assert somebody.get("/petitions").status_code == 200, "who looks does not wait"
    assert house.dump()["visits"] == before
    assert somebody.post("/register/reception", RECEPTION).status_code == 303
    assert program.post("/visits", VISIT).status_code == 201


def test_a_fault_of_ours_is_not_taken_for_an_outage(house, app, monkeypatch):
    def fail(*_):
        raise ProgrammingError("a statement", {}, Exception("there is no such column"))

    monkeypatch.setattr(sessions, "of_secret", fail)
    client = TestClient(app, base_url=BASE, cookies={SESSION: "a secret"}, raise_server_exceptions=False)
    answer = client.get("/petitions")
    assert (answer.status_code, "column" in answer.text) == (500, False)


def test_what_asks_no_database_is_answered_without_one(house, app):
    house.services.engine = make_engine(NOBODY)
    assert TestClient(app, base_url=BASE).get("/healthz").status_code == 200
