"""Does a look when nothing is due cost the same at any size? Each asks an index, of thousands of rows."""

import json
from dataclasses import astuple
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import Select, event, insert, text

from rules.matters import Subject, SubjectKind
from store import notices, outbox, outcomes, projection, unsettled
from store.ahead import look_ahead
from store.schema import messages, metadata, rungs, stale, subjects
from store.schema import notices as notice_table
from store.schema_service import attempts
from tests.store.deliveries import claim
from tests.store.matters import matter

NOW = datetime(2026, 3, 31, 1, tzinfo=UTC)
MANY = 5000
SMALL = {"installation", "stale"}  #: what is remembered, and marks of changes: next to nothing where nothing is due
LOOKS = {
    "subjects due": lambda c: list(projection.subjects_due(c, NOW, 500)),
    "matters due": lambda c: list(projection.matters_due(c, NOW - timedelta(days=1), NOW, 2000)),
    "what waits for the clock": lambda c: min(look_ahead(c).reckon_at, look_ahead(c).leaves_at),
    "what waits": lambda c: list(notices.leaving(c, NOW, 9)),
    "what is claimed": lambda c: claim(c, now=NOW),
    "what can be claimed": lambda c: outbox.count_claimable(c, NOW, 1000),
    "is the outbox busy": lambda c: outbox.is_busy(c, NOW),
    "what is stranded": lambda c: unsettled.strand(c, "sms", NOW, NOW, NOW),
    "what is unknown": lambda c: unsettled.unknown(c, NOW, 50),
    "what is to be followed": lambda c: unsettled.to_follow(c, 200),
    "what waits for a sweep": lambda c: any(astuple(unsettled.waiting(c, NOW, NOW, ["g"], NOW, 200))),
    "what is silent": lambda c: unsettled.silent(c, "g", NOW, 50),
}
#: the index that holds only what a look is for; others would lead through all that there ever was
OWN = {
    "what waits": "ix_notices_waiting",
    "what is to be followed": "ix_messages_not_followed",
    "what waits for a sweep": "ix_messages_not_followed",
}


#: questions about a few of thousands
QUESTIONS = {
    "matters by id": lambda c: projection.matters_by_id(c, ["visit:S7:2026-03"]),
    "matters of subjects": lambda c: projection.matters_of(c, [Subject(SubjectKind.SEAT, "S7")]),
    "when matters are looked at": lambda c: projection.looks_at(c, ["visit:S7:2026-03"], NOW),
    "subjects": lambda c: projection.subject_rows(c, [Subject(SubjectKind.SEAT, "S7")]),
    "notices in messages": lambda c: notices.in_messages(c, {1: None}),
    "calls made": lambda c: outcomes.tried(c, [1]),
    "what has left": lambda c: outcomes.have_left(c, [1]),
}


def later(number):
    return NOW + timedelta(hours=1 + number)


def _fill(connection):
    """Thousands of each, none of which is due by now."""
    day = date(2026, 3, 31)
    made = [matter(f"visit:S{n}:2026-03") for n in range(MANY)]
    projection.save_matters(connection, [(m, later(n) if n % 2 else None) for n, m in enumerate(made)])
    fired = {"due": day, "rung": "remind-7", "fired_at": NOW - timedelta(hours=3)}
    rows = [fired | {"matter": m.id, "next_at": later(n) if n % 3 else None} for n, m in enumerate(made)]
    connection.execute(insert(rungs), rows)
    connection.execute(
        insert(subjects),
        [
            {"kind": "seat", "id": f"S{n}", "town": "T1", "reckoned_to": NOW, "next_reckon_at": later(n)}
            for n in range(MANY)
        ],
    )
    message = {
        "kind": "notices", "person": "p", "channel": "sms", "day": day, "state": "accepted", "attempts": 1,
        "at": NOW, "moved_at": NOW, "try_at": NOW,
    }  # fmt: skip
    ids = connection.execute(insert(messages).returning(messages.c.id), [message] * MANY).scalars().all()
    connection.execute(insert(messages).values(message | {"state": "due", "at": later(1), "try_at": later(1)}))
    connection.execute(
        insert(attempts),
        [
            {
                "id": f"a{n}", "message": ident, "at": NOW, "gateway": "g", "outcome": "accepted",
                "provider_id": f"p{n}", "status": "delivered", "ended_at": NOW - timedelta(hours=3),
            }
            for n, ident in enumerate(ids)
        ],
    )  # fmt: skip
    notice = {
        "due": day, "rung": "overdue", "to_person": "p", "channel": "sms", "responsible": "p", "town": "T1",
        "verdict": "sent", "rerouted": False, "decided_at": NOW, "leaves_at": NOW,
    }  # fmt: skip
    connection.execute(
        insert(notice_table),
        [
            notice
            | {"matter": m.id, "leaves_at": later(n)}
            | ({"state": "waiting", "message": None} if n < 9 else {"state": "bundled", "message": ids[n]})
            for n, m in enumerate(made)
        ],
    )
    if connection.dialect.name == "postgresql":  # as its autovacuum does; SQLite plans without figures
        connection.execute(text("ANALYZE"))


@pytest.fixture(scope="module")
def filled_sqlite(sqlite_with_schema, tmp_path_factory):
    import shutil

    from store.engine import make_engine

    file = tmp_path_factory.mktemp("filled") / "duban.sqlite"
    shutil.copy(sqlite_with_schema, file)
    engine = make_engine(f"sqlite:///{file}")
    with engine.begin() as connection:
        _fill(connection)
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def filled_postgres(postgres_server):
    from store.engine import make_engine
    from tests.store.databases import with_schema

    with postgres_server.database() as url:
        with_schema(url)
        engine = make_engine(url)
        with engine.begin() as connection:
            _fill(connection)
        yield engine
        engine.dispose()


@pytest.fixture(params=["sqlite", "postgres"])
def filled(request):
    """A database with thousands of rows of which none is due."""
    engine = request.getfixturevalue(f"filled_{request.param}")
    with engine.connect() as connection, connection.begin() as transaction:
        yield connection
        transaction.rollback()


def plan_of(connection, look):
    """How does the database go about the statements of a look? One line for each step that reads a table."""
    seen = []

    def note(_connection, _cursor, statement, parameters, _context, _many):
        seen.append((statement, parameters))

    event.listen(connection, "before_cursor_execute", note)
    look(connection)
    event.remove(connection, "before_cursor_execute", note)
    steps = []
    for statement, parameters in seen:
        if statement.startswith(("SELECT installation", "SELECT value")) or " FROM installation" in statement:
            continue  # a look at one row by its key
        explain = "EXPLAIN QUERY PLAN " if connection.dialect.name == "sqlite" else "EXPLAIN (FORMAT JSON) "
        rows = connection.exec_driver_sql(explain + statement, parameters).fetchall()
        if connection.dialect.name == "sqlite":
            steps += [row[3] for row in rows]
        else:
            plan = rows[0][0] if not isinstance(rows[0][0], str) else json.loads(rows[0][0])
            steps += list(_nodes(plan[0]["Plan"]))
    return steps


def _nodes(node):
    yield f"{node['Node Type']} {node.get('Relation Name', '')} {node.get('Index Name', '')}".strip()
    for child in node.get("Plans", ()):
        yield from _nodes(child)


def reads_all(step):
    """Does a step of a plan read a whole table? A few rows that were found before may be read through."""
    scanned = step.removeprefix("SCAN ").removeprefix("Seq Scan ").split()[0]
    return scanned in set(metadata.tables) - SMALL and "INDEX" not in step


@pytest.mark.parametrize("look", LOOKS)
def test_a_look_asks_an_index(filled, look):
    steps = plan_of(filled, LOOKS[look])
    assert any("ix_" in step for step in steps), steps
    assert not any(reads_all(step) for step in steps), steps


@pytest.mark.parametrize("look", OWN)
def test_a_look_passes_over_what_is_done_with(filled, look):
    assert any(OWN[look] in step for step in plan_of(filled, LOOKS[look])), plan_of(filled, LOOKS[look])


def test_a_claim_does_not_go_through_all_that_is_due(filled_sqlite):
    with filled_sqlite.connect() as connection:
        steps = plan_of(connection, LOOKS["what is claimed"])
    assert steps[0].startswith("SEARCH messages USING INTEGER PRIMARY KEY"), steps


def test_what_is_overdue_in_a_town_is_not_sought_in_what_is_closed(filled_sqlite):
    with filled_sqlite.connect() as connection:
        steps = plan_of(connection, lambda c: projection.list_matters(c, NOW.date(), statuses=["overdue"], town="T1"))
    assert any("ix_matters_live" in step or "ix_matters_standing" in step for step in steps), steps


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_about_a_few_asks_an_index(filled, question):
    steps = plan_of(filled, QUESTIONS[question])
    assert not any(reads_all(step) for step in steps), steps
    assert not any(step.startswith("SCAN attempts") for step in steps), steps


@pytest.mark.parametrize("look", LOOKS)
def test_a_look_finds_nothing_due(filled, look):
    found = LOOKS[look](filled)
    assert not found if not isinstance(found, datetime) else found > NOW


def test_a_plan_that_reads_a_whole_table_is_seen(filled):
    query: Select = subjects.select().where(subjects.c.town == "T1")
    assert any(reads_all(step) for step in plan_of(filled, lambda c: c.execute(query).all()))


def test_whether_anything_is_marked_is_one_row(filled):
    assert not look_ahead(filled).is_stale
    filled.execute(insert(stale), [{"kind": "deputy", "id": f"D{n}", "mark": 1} for n in range(3)])
    assert look_ahead(filled).is_stale
    assert len(projection.take_stale(filled, 2)) == 2
