"""Do the matters on record equal a fresh reckoning, and is every difference found and mended?"""

from contextlib import nullcontext

import pytest
from sqlalchemy.exc import OperationalError

from actors.steps import CURSOR
from daemon import helpers, rebuilding
from daemon.rebuilding import rebuild_matters
from store import installation, projection
from store.engine import reading
from tests.actors.installations import Installation
from tests.rules.builders import at, day, event, milestone, petition, progress, project, record, seat, visit

MARCH = "visit:S1:2026-03"


@pytest.fixture
def duban(engine):
    return installed(engine)


def installed(engine):
    """Return an installation with matters of every kind, on 1 April."""
    made = Installation(engine, start=day("03-31"))
    made.keep(
        record(
            seats=(seat(ends="04-30"),),
            visits=(visit("03-10"),),
            petitions=(petition(),),
            petition_events=(event("03-10 10:00", "assigned", office="DT"),),
            projects=(project(),),
            milestones=(milestone(1, "groundbreaking", "03-20"), milestone(2, "acceptance", "06-30")),
            project_events=(progress("03-18 10:00", "done", 1, date="03-18"),),
        )
    )
    made.run("04-01 10:00")
    return made


def rebuild(duban, *, write=False):
    with duban.engine.begin() as connection:
        return list(rebuild_matters(connection, duban.desks, write=write))


def matters(duban):
    with duban.engine.begin() as connection:
        return {one.matter.id: one for one in projection.list_matters(connection, day("04-01"))}


def test_the_matters_of_every_kind_are_as_in_a_fresh_reckoning(duban):
    assert {ident.partition(":")[0] for ident in matters(duban)} == {"visit", "petition", "milestone", "inspection"}
    assert rebuild(duban) == []


def test_what_is_reckoned_while_it_is_compared_is_no_difference(postgres_engine, monkeypatch):
    duban = installed(postgres_engine)

    def cursor(connection, desk):
        found = as_it_is(connection, desk)
        duban.keep(record(petition_events=(event("04-01 10:01", "accepted"),)))
        duban.run("04-01 10:02")
        return found

    as_it_is = rebuilding.cursor
    monkeypatch.setattr(rebuilding, "cursor", cursor)
    with reading(postgres_engine) as connection:
        assert list(rebuild_matters(connection, duban.desks, write=False)) == []
    monkeypatch.undo()
    assert rebuild(duban) == []


@pytest.mark.parametrize(
    ("planted", "found"),
    [
        pytest.param(
            "UPDATE matters SET due = '2026-03-25', town = 'T2' WHERE id = 'visit:S1:2026-03'",
            [f"{MARCH}: town is T2, reckoned T1, due is 2026-03-25, reckoned 2026-03-31"],
            id="changed",
        ),
        pytest.param(
            "DELETE FROM matters WHERE id = 'visit:S1:2026-03'", [f"{MARCH}: is not in the database"], id="removed"
        ),
        pytest.param(
            "UPDATE matters SET id = 'visit:S1:2020-03' WHERE id = 'visit:S1:2026-03'",
            [
                "visit:S1:2020-03: is in the database, but the facts do not lead to it",
                f"{MARCH}: is not in the database",
            ],
            id="another in its place",
        ),
        pytest.param(
            "UPDATE matters SET closed = 'settled', next_rung_at = NULL WHERE kind = 'inspection'",
            ["inspection:J1:1: closed is settled, reckoned None"],
            id="closed",
        ),
        pytest.param(
            "UPDATE matters SET arrivals = '' WHERE id = 'visit:S1:2026-03'",
            [f"{MARCH}: arrivals is (), reckoned (<VisitKind.STATION: 'station'>,)"],
            id="a list",
        ),
    ],
)
def test_a_planted_difference_is_found_and_then_mended(duban, planted, found):
    healthy = matters(duban)
    duban.sql(planted)
    broken = duban.dump()
    assert rebuild(duban) == found
    assert duban.dump() == broken, "a check changes nothing"
    assert rebuild(duban, write=True) == found
    assert rebuild(duban) == []
    assert matters(duban) == healthy


def test_a_matter_whose_subject_is_not_on_record_is_found(duban):
    duban.sql("UPDATE matters SET id = 'visit:S7:2026-03', subject = 'S7' WHERE id = 'visit:S1:2026-03'")
    assert "visit:S7:2026-03: is in the database, but the facts do not lead to it" in rebuild(duban)


def test_a_matter_that_waits_for_no_rung_though_one_is_to_come_is_found(duban):
    duban.sql("UPDATE matters SET next_rung_at = NULL WHERE id = 'visit:S1:2026-03'")
    duban.sql("UPDATE rungs SET next_at = NULL WHERE matter = 'visit:S1:2026-03'")
    assert [line.partition(":")[0] for line in rebuild(duban)] == ["visit"]


def test_what_is_mended_does_not_repeat_what_was_told(duban):
    told = duban.told()
    duban.sql("DELETE FROM matters")
    rebuild(duban, write=True)
    duban.run_to(at("04-01 16:00"))
    assert {line[2] for line in duban.told() if line not in told} <= {"event-assigned"}


@pytest.mark.parametrize(
    ("write", "outcome"),
    [(True, pytest.raises(OperationalError, match="lock timeout")), (False, nullcontext())],
    ids=["writing", "checking"],
)
def test_no_step_is_taken_while_a_rebuild_writes(postgres_engine, write, outcome):
    duban = installed(postgres_engine)
    duban.sql("DELETE FROM matters")
    with duban.engine.begin() as rebuilding, duban.engine.connect() as step:
        next(rebuild_matters(rebuilding, duban.desks, write=write))
        step.exec_driver_sql("SET lock_timeout = '100ms'")
        before = installation.get(step, CURSOR)
        with outcome:
            assert installation.swap(step, CURSOR, before, before)


@pytest.fixture
def helped(monkeypatch):
    """Two helpers, though there are but few subjects."""
    monkeypatch.setattr(rebuilding, "LOT", 1)
    monkeypatch.setattr(rebuilding, "FEW", 2)
    monkeypatch.setattr(helpers, "cores", lambda: 2)


def test_helpers_find_and_mend_what_one_process_does(duban, helped):
    healthy = matters(duban)
    duban.sql("UPDATE matters SET town = 'T2' WHERE kind <> 'visit'")
    duban.sql("UPDATE matters SET id = 'visit:S7:2026-03', subject = 'S7' WHERE id = 'visit:S1:2026-03'")
    broken = duban.dump()
    found = rebuild(duban)
    assert {line.partition(":")[0] for line in found} == {"visit", "petition", "milestone", "inspection"}
    assert duban.dump() == broken, "a check changes nothing"
    assert rebuild(duban, write=True) == found
    assert matters(duban) == healthy
    assert rebuild(duban) == []


def test_a_rebuild_of_which_one_helper_fails_changes_nothing(duban, helped):
    duban.sql("DELETE FROM matters WHERE kind <> 'visit'")
    duban.sql("UPDATE matters SET cause = 'no cause' WHERE kind = 'visit'")
    broken = duban.dump()
    with pytest.raises(ValueError, match="'no cause' is not a valid Cause"):
        rebuild(duban, write=True)
    assert duban.dump() == broken


def test_helpers_know_the_micro_grids_to_which_somebody_has_been(duban, helped):
    duban.keep(record(visits=(visit("03-12", "G1aa"),)))
    duban.run("04-01 16:00")
    assert matters(duban)[MARCH].matter.closed == "met"
    assert rebuild(duban) == []


def test_helpers_reckon_what_nobody_has_kept(duban, helped):
    healthy = matters(duban)
    for table in ("matters", "subjects"):
        duban.sql(f"DELETE FROM {table}")
    assert len(rebuild(duban, write=True)) == len(healthy)
    assert matters(duban) == healthy


def test_who_heard_of_a_matter_is_told_that_it_is_settled_though_nothing_of_it_was_kept(duban):
    duban.run("04-15 10:00")
    duban.keep(record(visits=(visit("04-02", "V1"), visit("04-02", "G1"))))
    for table in ("matters", "subjects", "stale"):
        duban.sql(f"DELETE FROM {table}")
    told = duban.told()
    rebuild(duban, write=True)
    duban.send_due()
    duban.run("04-16 10:00")
    assert {line[2] for line in duban.told() if line not in told and "2026-03" in line[1]} == {"event-settled"}
