"""Does an upgrade under load lose or double nothing, and does the way back keep what an older duban does not know?"""

import threading
import time
from contextlib import contextmanager
from datetime import timedelta

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import insert, inspect, select, text
from sqlalchemy.exc import DBAPIError

from actors.steps import ROUND, Plan, take_step
from config.drill import Drill
from config.services import load_calendar
from daemon import processes
from daemon.processes import working
from rules.facts import midnight
from rules.ladders import Fired
from store import audit, installation, leases, migrating, notices, projection
from store.engine import make_engine
from store.migrating import (
    InUse,
    NotBack,
    WrongSchema,
    current_version,
    giving_way,
    migrate,
    misfit,
    require,
    require_own,
    take_back,
)
from store.schema import messages, metadata
from tests.actors.installations import Installation
from tests.actors.test_live_equals_simulation import (
    CASES,
    ONE_DAY,
    EndingClock,
    _is_over,
    arguments,
    assert_same,
    expected,
    policy_of,
    record_in,
)
from tests.daemon.conftest import opened, typed
from tests.store.matters import matter
from tests.trust.contents import NOW, contents, fill
from tests.trust.next_version import write_next

FLIPS = 2
HEAD = migrating.head_version()
MAIL = {"kind": "operator", "person": "operator", "channel": "email", "at": NOW, "day": NOW.date(), "moved_at": NOW}
MAIL |= {"try_at": NOW, "attempts": 0}


def newer(folder, *, expands=True):
    """The folders of the migrations of a duban that is one version ahead."""
    write_next(folder, expands=expands, colour=", nullable=False")
    return (*migrating.VERSIONS, str(folder))


# A newer schema ------------------------------------------------------------------------------


def test_a_schema_to_which_things_were_only_added_admits_the_version_before(engine, tmp_path):
    with engine.begin() as connection:
        migrate(connection, newer(tmp_path))
    with engine.begin() as connection:
        assert current_version(connection) == "9999"
        migrate(connection)
        require(connection)
        assert current_version(connection) == "9999", "the older duban leaves it as it is"
        with pytest.raises(WrongSchema, match="newer than this duban's"):
            require_own(connection)
        take_back(connection, HEAD, newer(tmp_path))
    with engine.begin() as connection:
        migrate(connection)
        require_own(connection)


def test_a_schema_that_is_not_only_wider_refuses_the_version_before(engine, tmp_path):
    with engine.begin() as connection:
        migrate(connection, newer(tmp_path, expands=False))
    with engine.begin() as connection:
        words = f"the schema is at 9999, this duban knows {HEAD}; start the duban that knows 9999, or have it run"
        assert misfit(connection) == f"{words} duban init --to {HEAD}"
        with pytest.raises(WrongSchema, match=words):
            migrate(connection)
        take_back(connection, HEAD, newer(tmp_path, expands=False))


@contextmanager
def again_and_again(write, pause_s=0.0):
    """Another program, which does something with a pause between; yields what failed."""
    stopping, failed = threading.Event(), []

    def go_on():
        while not stopping.wait(pause_s):
            try:
                write()
            except Exception as err:  # noqa: BLE001 - whatever it is, it is to be told
                failed.append(err)

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield failed
    finally:
        stopping.set()
        thread.join()


def writing(engine):
    """Somebody who writes to the tables that are being changed.

    It leaves the facts alone: in a fast drill the moment by which a change puts a message off is days. Facts change
    during the upgrades of upgrade_run.py, at the speed of life.
    """

    def write():
        with engine.begin() as connection:
            connection.execute(text("UPDATE messages SET subject = subject"))
            connection.execute(text("UPDATE notices SET reason = reason"))

    return again_and_again(write, pause_s=0.05)


def test_a_schema_is_upgraded_and_taken_back_under_load_and_nothing_is_lost_or_doubled(engine, tmp_path):
    case = CASES / "12-climb-and-acknowledge"
    first, last, settings = arguments(case)
    policy = policy_of(settings)
    record = record_in(case, first, policy)
    ends = midnight(last + ONE_DAY) - timedelta(microseconds=1)
    duban = Installation(engine, start=first, policy=policy, calendar=load_calendar())
    duban.keep(record)
    take_step(duban.services, duban.desks, Plan(midnight(first)))
    duban.services.clock = EndingClock(Drill(midnight(first), 1_000_000.0), ends)
    versions, pause = newer(tmp_path), threading.Event()
    with working(duban.services) as desks, writing(engine) as failed:
        for _ in range(FLIPS):
            giving_way(engine, lambda connection: migrate(connection, versions))
            pause.wait(0.05)
            giving_way(engine, lambda connection: take_back(connection, HEAD, versions))
            pause.wait(0.05)
        until = time.monotonic() + 60
        while not _is_over(engine, desks, ends) and time.monotonic() < until:
            pause.wait(0.05)
        assert _is_over(engine, desks, ends)
    assert failed == []
    with engine.begin() as connection:
        take_back(connection, HEAD, versions)
        migrate(connection)
    assert_same(engine, expected(record, first, last, policy))


def beginning(engine):
    """A worker that begins on a database that somebody has made: its thread, and what it found or why it ended."""
    house = Installation(engine, start=NOW.date())
    found, stopping = [], threading.Event()

    def begin():
        try:
            found.append(processes._mark(house.services, stopping))
        except WrongSchema as err:
            found.append(str(err))

    thread = threading.Thread(target=begin)
    thread.start()
    return thread, found, stopping


def test_a_worker_waits_for_an_older_schema_to_be_brought_up(engine):
    with engine.begin() as connection:
        installation.put_new(connection, installation.IDENTITY, "0a1b2c3d")
        take_back(connection, "0002")
    thread, found, _ = beginning(engine)
    thread.join(1.5)
    assert found == []
    with engine.begin() as connection:
        migrate(connection)
        mark = installation.mark(connection)
    thread.join(10)
    assert found == [mark]


def test_a_worker_told_to_stop_while_it_waits_for_a_schema_ends(engine):
    with engine.begin() as connection:
        installation.put_new(connection, installation.IDENTITY, "0a1b2c3d")
        take_back(connection, "0002")
    thread, found, stopping = beginning(engine)
    stopping.set()
    thread.join(10)
    assert found == [None]


def test_a_worker_refuses_a_newer_schema_that_does_not_admit_it_and_works_on_one_that_does(engine, tmp_path):
    with engine.begin() as connection:
        installation.put_new(connection, installation.IDENTITY, "0a1b2c3d")
        migrate(connection, newer(tmp_path, expands=False))
    thread, found, _ = beginning(engine)
    thread.join(10)
    words = f"the schema is at 9999, this duban knows {HEAD}; start the duban that knows 9999, or have it run"
    assert found == [f"{words} duban init --to {HEAD}"]
    with engine.begin() as connection:
        take_back(connection, HEAD, newer(tmp_path, expands=False))
        migrate(connection, newer(tmp_path))
    thread, found, _ = beginning(engine)
    thread.join(10)
    assert "0a1b2c3d" in found[0]


# Others at work ------------------------------------------------------------------------------


class Other(threading.Thread):
    """Somebody who holds one table, and wants another after `holds_s`; `failed`: what came of it, if it failed."""

    def __init__(self, engine, holds, wants, holds_s):
        super().__init__()
        self._engine, self._holds, self._wants, self._holds_s = engine, holds, wants, holds_s
        self.began, self.failed = threading.Event(), None

    def run(self):
        try:
            with self._engine.begin() as connection:
                connection.execute(text(f"LOCK TABLE {self._holds} IN ROW EXCLUSIVE MODE"))
                self.began.set()
                threading.Event().wait(self._holds_s)
                connection.execute(text(f"LOCK TABLE {self._wants} IN ROW EXCLUSIVE MODE"))
        except Exception as err:  # noqa: BLE001 - whatever it is, it is to be told
            self.failed = err


def wanting(*tables):
    """A change of whole tables, one after the other, by a duban that gives way."""

    def change(connection):
        migrating._queue(connection)
        for table in tables:
            connection.execute(text(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE"))
            threading.Event().wait(0.2)
        return connection.execute(text("SELECT 'changed'")).scalar()

    return change


def test_a_migration_gives_way_to_whoever_would_wait_for_it_in_a_circle_and_is_made_again(postgres_engine):
    other = Other(postgres_engine, "notices", "messages", 0.5)
    other.start()
    other.began.wait()
    # It has `messages` and waits for `notices`, whose holder waits for `messages`.
    assert giving_way(postgres_engine, wanting("messages", "notices")) == "changed"
    other.join()
    assert other.failed is None, "the other is not undone"


def test_a_deadlock_that_undoes_the_migration_has_it_made_again(postgres_engine, monkeypatch):
    monkeypatch.setattr(migrating, "WAITS_MS", 60_000)
    times = []

    def change(connection):
        connection.execute(text("SET LOCAL deadlock_timeout = '100ms'"))  # so that PostgreSQL undoes this one
        times.append(1)
        return wanting("messages", "notices")(connection)

    other = Other(postgres_engine, "notices", "messages", 0.1)
    other.start()
    other.began.wait()
    assert giving_way(postgres_engine, change) == "changed"
    other.join()
    assert (len(times) > 1, other.failed) == (True, None)


def test_a_migration_waits_for_a_long_import_and_others_do_not_wait_behind_it(postgres_engine):
    other = Other(postgres_engine, "messages", "notices", 3.0)
    other.start()
    other.began.wait()
    changing = threading.Thread(target=giving_way, args=(postgres_engine, wanting("messages")))
    changing.start()
    waited = []
    while other.is_alive():
        began = time.monotonic()
        with postgres_engine.begin() as connection:
            connection.execute(text("UPDATE messages SET subject = subject"))
        waited.append(time.monotonic() - began)
        time.sleep(0.05)
    changing.join()
    assert max(waited) < 2.0, "never as long as the import"
    assert other.failed is None


def test_a_migration_that_others_never_let_in_says_so_and_changes_nothing(postgres_engine):
    other = Other(postgres_engine, "messages", "notices", 2.0)
    other.start()
    other.began.wait()
    with pytest.raises(InUse, match="others use the tables without a break"):
        giving_way(postgres_engine, wanting("messages"), patience_s=0.1)
    other.join()


def busy_office(engine):
    """Somebody who looks at the offices and writes of petitions, one transaction behind the other."""

    def write():
        with engine.begin() as connection:
            connection.execute(text("SELECT id FROM offices")).all()
            time.sleep(0.05)
            connection.execute(text("UPDATE petitions SET title = title"))

    return again_and_again(write)


def test_a_migration_is_let_in_by_an_office_that_writes_without_a_pause(postgres_engine, tmp_path):
    versions = newer(tmp_path)
    with busy_office(postgres_engine) as failed:
        # It changes petitions, and then hangs triggers on offices too.
        giving_way(postgres_engine, lambda connection: migrate(connection, versions), patience_s=5.0)
        giving_way(postgres_engine, lambda connection: take_back(connection, HEAD, versions), patience_s=5.0)
    assert failed == []


def test_what_fails_for_another_reason_is_not_tried_again(engine):
    times = []

    def change(connection):
        times.append(1)
        connection.execute(text("SELECT nothing FROM nowhere"))

    with pytest.raises(DBAPIError):
        giving_way(engine, change)
    assert times == [1]


# The way back --------------------------------------------------------------------------------


@pytest.fixture
def filled(empty_url):
    """A database with something in every table and column, and messages in every state."""
    engine = make_engine(empty_url)
    audit.use_key(engine, lambda: b"k" * 32)
    with engine.begin() as connection:
        migrate(connection)
        fill(connection)
        for ident, state in enumerate(("due", "delivered", "expired", "held", "sending"), 20):
            row = {"id": ident, "state": state, "reason": "why" if state in ("expired", "held") else None}
            row["claimed_until"] = NOW if state == "sending" else None
            connection.execute(insert(messages).values(MAIL | row))
            connection.execute(insert(messages).values(MAIL | row | {"id": ident + 10, "kind": "notices"}))
    yield engine
    engine.dispose()


def without_bookkeeping(found):
    """All rows but what the migrations note; when a matter is looked at next they move from one table to another."""
    passing = (migrating.HUNG, migrating.ADMITTED)
    kept = [row for row in found["installation"] if row[0] not in passing]
    return found | {"installation": kept, "rungs": [row[:-1] for row in found["rungs"]]}


def schema(connection):
    """What the schema consists of: columns, keys, references, checks, indexes of all tables."""
    look = inspect(connection)
    parts = (look.get_columns, look.get_pk_constraint, look.get_foreign_keys, look.get_unique_constraints)
    parts += (look.get_check_constraints, look.get_indexes)
    return {name: [plain(part(name)) for part in parts] for name in look.get_table_names()}


def plain(found):
    """What an inspector found, in words that can be compared; the order of columns and constraints does not count."""
    if isinstance(found, dict):
        return str(sorted((key, plain(value)) for key, value in found.items()))
    if isinstance(found, list) and all(isinstance(one, dict) for one in found):
        return str(sorted(map(plain, found)))
    return str(found)


@pytest.mark.parametrize("version", ["0001", "0002"])
def test_what_is_taken_back_and_brought_forward_again_is_as_it_was(filled, version):
    with filled.begin() as connection:
        before, shape = without_bookkeeping(contents(connection)), schema(connection)
        take_back(connection, version)
        assert current_version(connection) == version
    with filled.begin() as connection:
        migrate(connection)
    with filled.begin() as connection:
        assert without_bookkeeping(contents(connection)) == before
        assert schema(connection) == shape
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
        assert audit.verify(connection, [b"k" * 32]).is_sound


def test_an_older_duban_and_then_the_newer_look_at_what_would_have_been_looked_at(empty_url):
    engine = make_engine(empty_url)
    one_day = timedelta(days=1)
    past, coming, settled = (matter(f"visit:S{n}:2026-03") for n in range(3))
    with engine.begin() as connection:
        migrate(connection)
        for at in (NOW - one_day, NOW):
            leases.do_once(connection, ROUND, at.isoformat(), at)
        projection.save_matters(connection, [(past, NOW), (coming, NOW + one_day), (settled, NOW)])
        fired = [
            (past, "remind-7", NOW + 3 * one_day),
            (past, "remind-2", NOW + 2 * one_day),
            (settled, "overdue", None),
        ]
        notices.record_fired(connection, [(m.id, Fired(m.due, rung), at) for m, rung, at in fired], NOW)
        looks = projection.looks_at(connection, [past.id, coming.id, settled.id], NOW)
        take_back(connection, "0003")
        rows = connection.execute(text("SELECT id FROM matters WHERE next_rung_at IS NOT NULL ORDER BY next_rung_at"))
        assert rows.scalars().all() == [coming.id, past.id]
        migrate(connection)
        assert projection.looks_at(connection, list(looks), NOW) == looks | {past.id: {NOW + 2 * one_day}}
    engine.dispose()


def test_the_schema_of_the_first_version_is_the_same_made_or_taken_back_to(filled, empty_url):
    with filled.begin() as connection:
        take_back(connection, "0001")
        taken_back = {name: part for name, part in schema(connection).items() if not name.startswith("kept_")}
        states = dict(connection.execute(text("SELECT id, state FROM messages WHERE id >= 20")).all())
        migrate(connection)
    assert states == {
        20: "failed", 21: "accepted", 22: "superseded", 23: "failed", 24: "failed",
        30: "due", 31: "accepted", 32: "superseded", 33: "failed", 34: "sending",
    }  # fmt: skip
    with filled.begin() as connection:
        metadata.drop_all(connection)
        connection.execute(text("DROP TABLE alembic_version"))
        migrating.upgrade(connection, "0001")
        assert schema(connection) == taken_back


def test_what_the_older_version_made_of_a_message_stands(filled):
    with filled.begin() as connection:
        take_back(connection, "0001")
        connection.execute(text("UPDATE messages SET state = 'accepted', attempts = 1 WHERE id = 30"))
    with filled.begin() as connection:
        migrate(connection)
        assert connection.execute(select(messages.c.state).where(messages.c.id == 30)).scalar() == "accepted"


def test_the_way_back_says_what_the_older_version_does_not_know_and_waits_for_a_word(filled, monkeypatch):
    monkeypatch.setenv("DUBAN_DATABASE_URL", filled.url.render_as_string(hide_password=False))
    monkeypatch.setenv("DUBAN_AUDIT_KEY", "6b" * 32)
    with opened(monkeypatch):
        refused = typed("init", "--to", "0001")
        assert refused.status == 2
        assert "2 optouts" in refused.err
        assert "3 seals of the audit trail" in refused.err
        with filled.begin() as connection:
            assert current_version(connection) == HEAD
        assert typed("init", "--to", "0002").status == 0, "indexes alone need no word"
        assert "cannot be taken back to 0003" in typed("init", "--to", "0003").err
        done = typed("init", "--to", "0001", "--anyway")
        assert (done.status, done.out.splitlines()[-1]) == (0, "the schema is at 0001; start the duban that knows it")
    with filled.begin() as connection:
        actions = connection.execute(text("SELECT action, subject FROM audit ORDER BY seq")).all()
        assert [tuple(row) for row in actions[3:]] == [("schema", "0002"), ("schema", "0001")]


def test_a_version_that_nobody_knows_is_refused(filled):
    with (
        filled.begin() as connection,
        pytest.raises(NotBack, match="taken back to 0000; this duban knows 0001"),
    ):
        take_back(connection, "0000")
