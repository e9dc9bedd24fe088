"""Can duban do all its work in a role that can do nothing to the audit trail but add to it?

deploy/postgres-roles.sql, applied to a real PostgreSQL.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from starlette.testclient import TestClient

from daemon.processes import prepare
from store import audit
from store.engine import make_engine, reading
from store.migrating import WrongSchema, head_version
from store.schema import metadata
from tests.actors.installations import Installation
from tests.daemon.conftest import CASES, opened, typed
from tests.web.browsers import BASE, NOW, Browser, small_record
from tests.web.test_api import VISIT, Program
from tests.web.test_webhooks import Twilio, give_numbers
from web.app import make_app

KEY = "k" * 32


@contextmanager
def sealing(url) -> Iterator[Engine]:
    engine = make_engine(url)
    audit.use_key(engine, KEY.encode)
    yield engine
    engine.dispose()


@pytest.fixture
def as_service(service_url) -> Iterator[Engine]:
    with sealing(service_url) as engine:
        yield engine


@pytest.fixture
def as_beginner(begun_by_services_url) -> Iterator[Engine]:
    with sealing(begun_by_services_url) as engine:
        yield engine


def verdict_of(engine):
    with reading(engine) as connection:
        return audit.verify(connection, [KEY.encode()])


# What the role cannot do -------------------------------------------------------------------

#: by what it would be: each is tried, and each is refused by the database itself
FORBIDDEN = [
    "UPDATE audit SET actor = 'nobody'",
    "DELETE FROM audit",
    "TRUNCATE audit",
    "MERGE INTO audit USING (VALUES (1)) AS one (seq) ON audit.seq = one.seq WHEN MATCHED THEN DELETE",
    "INSERT INTO audit SELECT * FROM audit ON CONFLICT (seq) DO UPDATE SET actor = 'nobody'",
    "SELECT * FROM audit FOR UPDATE",
    "LOCK TABLE audit IN ACCESS EXCLUSIVE MODE",
    "DROP TRIGGER audit_unchanged ON audit",
    "CREATE TRIGGER mine BEFORE INSERT ON audit EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "CREATE RULE mine AS ON INSERT TO audit DO INSTEAD NOTHING",
    "ALTER TABLE audit DISABLE TRIGGER ALL",
    "ALTER TABLE audit RENAME TO audit_before",
    "ALTER TABLE audit OWNER TO duban",
    "DROP FUNCTION audit_unchanged() CASCADE",
    "CREATE OR REPLACE FUNCTION audit_unchanged() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
    "DROP TABLE audit",
    "SET session_replication_role = replica",
    "UPDATE alembic_version SET version_num = '0000'",
    "CREATE TABLE public.audit2 (seq int)",
    "CREATE SCHEMA mine",
    "SET ROLE duban_owner",
    "SET SESSION AUTHORIZATION duban_owner",
    "ALTER ROLE duban SUPERUSER",
    "COPY audit TO PROGRAM 'cat'",
    "COPY audit TO '/tmp/audit'",
]
REFUSED = r"permission denied|must be owner|must have|grant options|not a superuser|attribute may"


def refuses_everything(engine):
    with engine.begin() as connection:
        audit.append(connection, at=datetime(2026, 3, 31, tzinfo=UTC), actor="a", action="retry", subject="notice:1")
    for statement in FORBIDDEN:
        with engine.begin() as connection, pytest.raises(DBAPIError, match=REFUSED):
            connection.execute(text(statement))
    verdict = verdict_of(engine)
    return (verdict.is_sound, verdict.sealed) == (True, 1)


def test_the_role_can_do_nothing_to_the_trail_but_add_to_it(as_service):
    assert refuses_everything(as_service)


def test_a_role_that_had_made_the_database_keeps_nothing_of_it(as_beginner):
    """Many an office begins with one role that owns all. Whoever owns the database or the schema can drop the trail."""
    assert refuses_everything(as_beginner)


def test_the_role_owns_nothing_gives_itself_nothing_and_lacks_no_table(as_service):
    with as_service.begin() as connection:
        connection.execute(text("GRANT ALL ON audit TO duban"))  # PostgreSQL warns that it grants nothing
    with reading(as_service) as connection:
        owned = connection.execute(
            text("SELECT count(*) FROM pg_class WHERE relowner = 'duban'::regrole"),
        ).scalar()
        granted = (
            connection.execute(
                text(
                    "SELECT privilege_type FROM information_schema.role_table_grants "
                    "WHERE table_name = 'audit' AND grantee IN ('duban', 'PUBLIC') ORDER BY 1"
                )
            )
            .scalars()
            .all()
        )
        may = "SELECT has_table_privilege('duban', :table, 'INSERT'), has_table_privilege('duban', :table, 'SELECT')"
        for table in metadata.sorted_tables:
            assert connection.execute(text(may), {"table": table.name}).one() == (True, True), table.name
    assert (owned, granted) == (0, ["INSERT", "SELECT"])


# What the role can do: all of duban's work ---------------------------------------------------


@pytest.fixture
def duban(service_url, tmp_path, monkeypatch):
    """The commands, in the role of the services."""
    monkeypatch.setenv("DUBAN_DATABASE_URL", service_url)
    monkeypatch.setenv("DUBAN_AUDIT_KEY", KEY)
    with opened(monkeypatch):
        yield lambda *words: done(typed(*words), words)


def done(answer, words):
    assert answer.status == 0, (words, answer.out, answer.err)
    return answer.out


def test_every_command_runs_in_the_role_of_the_services(duban, as_service, tmp_path):
    duban("import", CASES / "12-climb-and-acknowledge")
    duban("import", CASES / "12-climb-and-acknowledge")
    assert "exported" not in duban("export", tmp_path / "out")
    duban("hold")
    duban("release")
    duban("account", "add", "li.ming", "--role", "operator")
    duban("account", "reset", "li.ming")
    duban("account", "disable", "li.ming")
    duban("token", "add", "system", "--scope", "write")
    duban("token", "revoke", "system")
    duban("policy", "adopt", "--set", "sms_per_day=2", "--begins", "2027-01-01", "--reason", "试行")
    for words in (["status"], ["matters"], ["notices"], ["report", "month", "2026-03"], ["audit", "checkpoint"]):
        duban(*words)
    duban("backup", tmp_path / "duban.backup")
    assert "nothing amiss" in duban("audit", "verify")


@pytest.mark.parametrize(
    ("was", "found"),
    [("UPDATE alembic_version SET version_num = '0002'", "0002"), ("DELETE FROM installation", head_version())],
    ids=["an older schema", "triggers of another duban"],
)
def test_a_role_that_may_not_bring_the_schema_up_says_who_must(as_service, service_url, was, found):
    owner = make_engine(make_url(service_url).set(username="postgres").render_as_string(hide_password=False))
    with owner.begin() as connection:
        connection.execute(text(was))
    owner.dispose()
    house = Installation(as_service, start=NOW.date())
    with pytest.raises(WrongSchema, match=f"at {found} and not as .* run duban init in the role that owns the tables"):
        prepare(house.services)


def test_daemon_worker_and_web_run_in_the_role_of_the_services(as_service):
    house = Installation(as_service, start=NOW.date())
    prepare(house.services)  # what each process does when it begins
    house.keep(small_record())
    house.run("03-02 09:59")
    give_numbers(house)
    house.run("03-03 10:00")
    assert house.sandbox()
    assert house.digests()
    house.sweep()

    app = make_app(house.services, house.desks)
    operator = Browser(house, app, "operator", account="chen")
    assert operator.post("/petitions/P2/events", {"event": "assigned", "office": "DT2"}).status_code == 303
    assert operator.post("/sending", {"held": "yes"}).status_code == 303
    assert operator.post("/sending", {"held": "no"}).status_code == 303
    assert operator.post("/messages/1/retry").status_code == 303
    assert operator.post("/sign-out").status_code == 303
    assert Program(house, app).post("/visits", VISIT, key="k").status_code == 201
    assert Twilio(house).sends_in("到站").startswith("已登记")
    assert TestClient(app, base_url=BASE).get("/metrics").status_code == 200
    verdict = verdict_of(as_service)
    assert verdict.is_sound
    assert verdict.sealed >= 5
