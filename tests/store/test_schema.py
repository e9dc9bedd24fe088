"""What does the database itself refuse, whatever program writes to it?"""

import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import MetaData, Table, insert, inspect, select, text
from sqlalchemy.exc import IntegrityError

from rules.deliveries import State
from store import facts, migrating, outbox, outcomes, unsettled
from store.engine import make_engine
from store.migrating import WrongSchema, current_version, head_version, migrate, require
from store.outcomes import OUTCOMES, Settled
from store.schema import EXPLAINED, FACTS, matters, messages, metadata, notices
from store.schema_service import attempts
from store.triggers import MARKS
from tests.store.matters import matter
from tests.store.rows import FULL, SPARE
from tests.store.saving import cells, save

ROOT = Path(__file__).parents[2]
AT = datetime(2026, 3, 31, 1, tzinfo=UTC)
MESSAGE = {
    "kind": "notices",
    "person": "deputy:DA",
    "channel": "sms",
    "at": AT,
    "day": date(2026, 3, 31),
    "state": "due",
    "attempts": 0,
    "moved_at": AT,
    "try_at": AT,
}
NOTICE = {
    "matter": "visit:S1:2026-03",
    "due": date(2026, 3, 31),
    "rung": "remind-2",
    "to_person": "deputy:DA",
    "channel": "sms",
    "responsible": "deputy:DA",
    "town": "T1",
    "verdict": "sent",
    "rerouted": False,
    "decided_at": AT,
    "leaves_at": AT,
    "state": "waiting",
}


def is_refused(connection, table, values):
    """Does the database refuse the row? The transaction goes on either way."""
    try:
        with connection.begin_nested():
            connection.execute(insert(table).values(values))
    except IntegrityError:
        return True
    return False


@pytest.mark.parametrize(
    ("cells", "refused"),
    [
        ({}, False),
        ({"kind": "digest"}, False),
        ({"kind": "operator"}, False),
        ({"kind": "letter"}, True),
        ({"state": "sent"}, True),
        ({"state": "queued"}, True),
        ({"state": "due", "reason": "because"}, True),
        ({"state": "due", "claimed_until": AT}, True),
        ({"state": "sending"}, True),
        ({"state": "sending", "claimed_until": AT}, False),
        ({"state": "sending", "claimed_until": AT, "reason": "because"}, True),
        ({"state": "accepted"}, False),
        ({"state": "accepted", "reason": "because"}, True),
        ({"state": "accepted", "claimed_until": AT}, True),
        ({"state": "delivered"}, False),
        ({"state": "delivered", "reason": "because"}, True),
        *(({"state": state}, True) for state in EXPLAINED),
        *(({"state": state, "reason": "because"}, False) for state in EXPLAINED),
        *(({"state": state, "reason": "because", "claimed_until": AT}, True) for state in EXPLAINED),
        ({"person": None}, True),
        ({"at": None}, True),
        ({"try_at": None}, True),
        ({"instead_of": 4711}, True),
    ],
)
def test_a_message_in_a_wrong_state_is_refused(connection, cells, refused):
    assert is_refused(connection, messages, MESSAGE | cells) is refused


def test_two_messages_never_share_an_attempt(connection):
    assert not is_refused(connection, messages, MESSAGE | {"attempt": "a"})
    assert is_refused(connection, messages, MESSAGE | {"attempt": "a"})


def test_a_message_has_one_in_its_stead_at_most(connection):
    first = connection.execute(insert(messages).values(MESSAGE).returning(messages.c.id)).scalar_one()
    assert not is_refused(connection, messages, MESSAGE | {"instead_of": first})
    assert is_refused(connection, messages, MESSAGE | {"instead_of": first})


@pytest.mark.parametrize(
    ("cells", "refused"),
    [
        ({}, False),
        *(({"outcome": outcome}, False) for outcome in OUTCOMES),
        ({"outcome": "sent"}, True),
        ({"message": 4711}, True),
        ({"id": "a"}, True),
        pytest.param({"provider_id": "p"}, True, id="the gateway's id of another attempt"),
        pytest.param({"provider_id": "p", "gateway": "another"}, False, id="the same id at another gateway"),
    ],
)
def test_an_attempt_is_one_call_to_one_gateway(connection, cells, refused):
    message = connection.execute(insert(messages).values(MESSAGE).returning(messages.c.id)).scalar_one()
    attempt = {"id": "a", "message": message, "at": AT, "gateway": "g", "provider_id": "p"}
    assert not is_refused(connection, attempts, attempt)
    assert is_refused(connection, attempts, attempt | {"id": "b", "provider_id": None} | cells) is refused


@pytest.mark.parametrize(
    ("cells", "refused"),
    [
        ({}, False),
        ({"state": "bundled"}, False),
        ({"state": "recorded"}, False),
        ({"state": "sent"}, True),
        ({"state": "superseded"}, True),
        ({"state": "superseded", "reason": "settled"}, False),
        ({"state": "waiting", "reason": "settled"}, True),
        ({"message": 4711}, True),
    ],
)
def test_a_notice_in_a_wrong_state_is_refused(connection, cells, refused):
    assert is_refused(connection, notices, NOTICE | cells) is refused


@pytest.mark.parametrize(
    ("cells", "refused"),
    [
        pytest.param({}, True, id="the same"),
        pytest.param({"state": "superseded", "reason": "settled"}, True, id="whatever became of it"),
        pytest.param({"rerouted": True, "office": "T1", "responsible": "office:T1"}, True, id="whatever else it says"),
        pytest.param({"matter": "visit:S1:2026-04"}, False, id="another matter"),
        pytest.param({"due": date(2026, 4, 1)}, False, id="another due date"),
        pytest.param({"rung": "overdue"}, False, id="another rung"),
        pytest.param({"to_person": "deputy:DB"}, False, id="another person"),
        pytest.param({"channel": "email"}, False, id="another channel"),
    ],
)
def test_a_notices_key_is_used_once_for_ever(connection, cells, refused):
    assert not is_refused(connection, notices, NOTICE)
    assert is_refused(connection, notices, NOTICE | cells) is refused


def test_what_nobody_could_be_told_is_unique_too(connection):
    nobody = NOTICE | {"to_person": "", "channel": "", "verdict": "undeliverable"}
    assert not is_refused(connection, notices, nobody)
    assert is_refused(connection, notices, nobody)


@pytest.mark.parametrize(("closed", "rung", "refused"), [(None, AT, False), ("met", None, False), ("met", AT, True)])
def test_a_closed_matter_has_no_rung_to_come(connection, closed, rung, refused):
    row = matter("visit:S1:2026-03")
    other = ("measure", "start", "count", "leave", "closed", "next_rung_at", "holds")
    values = {c.name: getattr(row, c.name) for c in matters.columns if c.name not in other}
    values |= {"measure": "days", "start": row.opened, "count": 1, "leave": 0, "holds": []}
    assert is_refused(connection, matters, values | {"closed": closed, "next_rung_at": rung}) is refused


WRONG = {
    "offices": {"kind": "village"},
    "contacts": {"office": "T404"},
    "grids": {"town": "T404"},
    "deputies": {"name": None},
    "seats": {"level": "national"},
    "leaves": {"deputy": "DX"},
    "visits": {"kind": "home"},
    "petitions": {"level": "county"},
    "petition_events": {"event": "lost"},
    "projects": {"office": "T404"},
    "milestones": {"stage": "dreamt"},
    "project_events": {"event": "begun"},
    "acknowledgements": {"office": "T404"},
}


@pytest.mark.parametrize(("table", "wrong"), WRONG.items())
def test_a_fact_outside_its_enumeration_or_without_its_parent_is_refused(connection, table, wrong):
    save(connection, FULL)
    values = cells(table, SPARE[table])
    assert is_refused(connection, FACTS[table], values | wrong)
    assert not is_refused(connection, FACTS[table], values)
    assert is_refused(connection, FACTS[table], values), "the same key twice"


def test_every_table_of_the_record_has_its_triggers(connection):
    kind = connection.dialect.name
    query = {
        "sqlite": "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'",
        "postgresql": "SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal",
    }[kind]
    found = {name for name, _ in connection.execute(text(query))}
    assert set(FACTS) == set(MARKS)
    assert {f"{table}_{change}_stale" for table in FACTS for change in ("insert", "update", "delete")} <= found


# Migrations ----------------------------------------------------------------------------------


def test_a_database_without_a_schema_is_refused_until_it_is_migrated(empty_url):
    engine = make_engine(empty_url)
    with engine.begin() as connection:
        assert current_version(connection) is None
        with pytest.raises(WrongSchema, match=r"the schema is at nothing, this duban knows .*; run duban init"):
            require(connection)
        migrate(connection)
        require(connection)
        assert current_version(connection) == head_version()
    engine.dispose()


def test_the_version_that_is_known_is_the_last_that_alembic_finds():
    assert head_version() == ScriptDirectory(str(ROOT / "store" / "migrations")).get_current_head()


def test_a_schema_that_is_up_to_date_is_used_without_alembic(connection):
    code = "import sys; from store.migrating import head_version; head_version(); sys.exit('alembic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=ROOT).returncode == 0
    assert current_version(connection) == head_version()


def test_a_schema_of_another_version_is_refused(connection):
    connection.execute(text("UPDATE alembic_version SET version_num = 'older'"))
    with pytest.raises(WrongSchema, match="the schema is at older"):
        require(connection)


def test_migrating_twice_changes_nothing(empty_url):
    engine = make_engine(empty_url)
    with engine.begin() as connection:
        migrate(connection)
    with engine.begin() as connection:
        save(connection, FULL)
        before = inspect(connection).get_table_names()
        migrate(connection)
        assert inspect(connection).get_table_names() == before
        assert list(facts.load(connection, "seats")) == list(FULL.seats)
    engine.dispose()


def test_the_migrations_lead_to_the_schema_that_the_statements_know(connection):
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    assert compare_metadata(context, metadata) == []


def fail(_connection):
    raise RuntimeError("the power went")


def test_a_migration_that_fails_leaves_nothing_behind(empty_url, monkeypatch):
    engine = make_engine(empty_url)
    monkeypatch.setattr(migrating, "hang_triggers", fail)
    with pytest.raises(RuntimeError, match="the power went"), engine.begin() as connection:
        migrate(connection)
    monkeypatch.undo()
    with engine.begin() as connection:
        assert set(inspect(connection).get_table_names()) <= {"alembic_version"}
        migrate(connection)
        require(connection)
    engine.dispose()


#: a message of 0001 in each state that it knew; id: state, what else it holds
OLD_MESSAGES = {
    1: ("due", {}),
    2: ("due", {"attempt": "a2", "attempts": 1}),
    3: ("sending", {"attempt": "a3", "attempts": 1, "claimed_until": AT}),
    4: ("accepted", {"attempt": "a4", "attempts": 2, "sent_at": AT, "provider": "sandbox", "provider_id": "p4"}),
    5: ("failed", {"attempt": "a5", "attempts": 1, "provider": "g", "reason": "30007"}),
    6: ("unknown", {"attempt": "a6", "attempts": 1, "reason": "died"}),
    7: ("superseded", {"reason": "settled"}),
    8: ("undeliverable", {"attempt": "a8", "attempts": 1, "reason": "no address"}),
    9: ("accepted", {"kind": "digest", "channel": "email", "subject": "日报", "body": "今日", "html": "<p>今日</p>"}),
}
KEPT = ("id", "kind", "person", "channel", "at", "day", "state", "reason", "attempt", "attempts", "claimed_until")
KEPT += ("sent_at", "subject", "body", "html")


def old_table(connection, name):
    return Table(name, MetaData(), autoload_with=connection)


def fill_old(connection):
    """Make a database of 0001 with something in every table that 0002 touches."""
    migrating.upgrade(connection, "0001")
    old = old_table(connection, "messages")
    plain = {"kind": "notices", "person": "deputy:DA", "channel": "sms", "at": AT, "day": date(2026, 3, 31)}
    for ident, (state, others) in OLD_MESSAGES.items():
        row = plain | {"attempts": 0, "id": ident, "state": state} | others
        connection.execute(insert(old).values(in_database(connection, row)))
    for ident, message in enumerate([*OLD_MESSAGES, None], 1):
        row = NOTICE | {"id": ident, "rung": f"climb-{ident}", "message": message}
        row["state"] = "bundled" if message else "waiting"
        connection.execute(insert(old_table(connection, "notices")).values(in_database(connection, row)))
    digest = {"kind": "daily", "period": "2026-03-31", "office": "T1", "person": "contact:C1", "at": AT}
    digest |= {"due_soon": 1, "overdue": 2, "message": 9}
    connection.execute(insert(old_table(connection, "digests")).values(in_database(connection, digest)))
    finding = {"at": AT, "kind": "unknown", "subject": "message:6", "text": "died"}
    connection.execute(insert(old_table(connection, "findings")).values(in_database(connection, finding)))
    entry = {"seq": 1, "at": AT, "actor": "operator:a", "action": "hold", "subject": "sending", "detail": {"why": "x"}}
    connection.execute(insert(old_table(connection, "audit")).values(in_database(connection, entry)))


def in_database(connection, row):
    """A row as the tables of a database, read from itself, take it: SQLite's instants are naive there."""
    if connection.dialect.name != "sqlite":
        return row
    return {name: value.replace(tzinfo=None) if isinstance(value, datetime) else value for name, value in row.items()}


def kept(connection):
    """What must not be lost, whatever the version of the schema."""
    found = {}
    for name in ("messages", "notices", "digests", "findings", "audit"):
        table = old_table(connection, name)
        columns = [c for c in table.columns if name != "messages" or c.name in KEPT]
        columns = [c for c in columns if c.name not in ("closed_at", "closed_by", "mac")]
        found[name] = sorted((tuple(row) for row in connection.execute(select(*columns))), key=repr)
    return found


@pytest.fixture
def old_database(empty_url):
    """A database of 0001 in use."""
    engine = make_engine(empty_url)
    with engine.begin() as connection:
        fill_old(connection)
    yield engine
    engine.dispose()


def test_a_database_of_the_first_version_loses_nothing(old_database):
    with old_database.begin() as connection:
        before = kept(connection)
    with old_database.begin() as connection:
        migrate(connection)
    with old_database.begin() as connection:
        require(connection)
        assert kept(connection) == before
        assert {name: len(rows) for name, rows in before.items()} == {
            "messages": 9, "notices": 10, "digests": 1, "findings": 1, "audit": 1,
        }  # fmt: skip
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
        assert is_refused(connection, messages, MESSAGE | {"state": "sent"})
        assert is_refused(connection, notices, NOTICE | {"message": 4711, "rung": "overdue"})


def test_the_attempts_of_the_first_version_are_known_still(old_database):
    with old_database.begin() as connection:
        migrate(connection)
        rows = connection.execute(select(attempts).order_by(attempts.c.message)).all()
    assert [(row.id, row.message, row.gateway, row.outcome, row.provider_id, row.reason) for row in rows] == [
        ("a2", 2, "sandbox", None, None, None),
        ("a3", 3, "sandbox", None, None, None),
        ("a4", 4, "sandbox", "accepted", "p4", None),
        ("a5", 5, "g", "refused", None, "30007"),
        ("a6", 6, "sandbox", "unknown", None, "died"),
        ("a8", 8, "sandbox", None, None, "no address"),
    ]
    assert {row.at for row in rows} == {AT}
    assert rows[2].ended_at == AT


def test_what_was_on_its_way_in_the_first_version_goes_on(old_database):
    later = AT + timedelta(hours=1)
    with old_database.begin() as connection:
        migrate(connection)
        claimed = outbox.claim(connection, channels=["sms"], now=later, attempt="b", until=later, limit=9)
        assert [message.id for message in claimed] == [1, 2]
        assert unsettled.to_follow(connection, 9) == [], "what failed before is known: no storm of e-mails"
        assert unsettled.strand(connection, "sms", later, later, later) == 1
        assert {u.message.id for u in unsettled.unknown(connection, later, 9)} == {3, 6}
        failed = [
            Settled(message=m.id, attempt=m.attempt, state=State.FAILED, at=later, reason="30007") for m in claimed
        ]
        outcomes.settle(connection, failed)
        assert [message.id for message in unsettled.to_follow(connection, 9)] == [1, 2], "what fails now is told"


def test_an_upgrade_that_fails_leaves_the_first_version_as_it_was(old_database, monkeypatch):
    with old_database.begin() as connection:
        before = kept(connection)
    monkeypatch.setattr(migrating, "hang_triggers", fail)
    with pytest.raises(RuntimeError, match="the power went"), old_database.begin() as connection:
        migrate(connection)
    with old_database.begin() as connection:
        assert current_version(connection) == "0001"
        assert kept(connection) == before


MIGRATE = """
import sys
from store.engine import make_engine
from store.migrating import migrate
engine = make_engine(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
with engine.begin() as connection:
    migrate(connection)
"""


def test_two_processes_that_migrate_at_once_both_find_the_schema_made(empty_url):
    program = [sys.executable, "-c", MIGRATE, empty_url]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    starting = [subprocess.Popen(program, cwd=ROOT, **pipes) for _ in range(2)]
    for process in starting:
        assert process.stdout.readline() == "ready\n"
    for process in starting:
        process.stdin.write("go\n")
        process.stdin.flush()
    told = [process.communicate(timeout=60)[1] for process in starting]
    engine = make_engine(empty_url)
    with engine.begin() as connection:
        require(connection)
    engine.dispose()
    assert [process.returncode for process in starting] == [0, 0], told
