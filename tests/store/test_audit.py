"""Is the audit trail only ever added to?"""

from datetime import UTC, datetime

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from store import audit

NOW = datetime(2026, 3, 31, 1, tzinfo=UTC)


@pytest.fixture
def trail(connection):
    """A trail of two entries."""
    audit.append(connection, at=NOW, actor="operator:root", action="hold", subject="sending")
    audit.append(connection, at=NOW, actor="operator:root", action="retry", subject="notice:1", tries=2, why="线路")
    return connection


def entries(connection):
    return [(entry["action"], entry["detail"]) for entry in audit.latest(connection, 9)]


BOTH = [("retry", {"tries": 2, "why": "线路"}), ("hold", {})]


def test_entries_come_back_the_newest_first(trail):
    assert entries(trail) == BOTH
    assert [entry["action"] for entry in audit.latest(trail, 1)] == ["retry"]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET actor = 'nobody'",
        "UPDATE audit SET seq = seq + 9 WHERE action = 'hold'",
        "UPDATE audit SET seq = seq",
        "DELETE FROM audit",
        "DELETE FROM audit WHERE action = 'retry'",
    ],
)
def test_no_entry_is_changed_or_removed(trail, statement):
    with pytest.raises(DBAPIError, match="the audit trail is never changed"), trail.begin_nested():
        trail.execute(text(statement))
    assert entries(trail) == BOTH


OVERWRITE = "INTO audit (seq, at, actor, action, subject, detail) VALUES (2, '2026-03-31', 'x', 'none', 'y', '{}')"


@pytest.mark.parametrize(
    ("kind", "statement"),
    [
        pytest.param("postgresql", "TRUNCATE audit", id="truncate"),
        pytest.param("sqlite", f"INSERT OR REPLACE {OVERWRITE}", id="replace"),
    ],
)
def test_no_entry_is_lost_by_a_statement_that_fires_no_trigger_of_rows(request, kind, statement):
    engine = request.getfixturevalue(f"{'postgres' if kind == 'postgresql' else kind}_engine")
    with engine.begin() as connection:
        audit.append(connection, at=NOW, actor="operator:root", action="hold", subject="sending")
        audit.append(connection, at=NOW, actor="operator:root", action="retry", subject="notice:1")
    with pytest.raises(DBAPIError, match="never changed"), engine.begin() as connection:
        connection.execute(text(statement))
