"""Do rows arrive lot by lot as they would one by one, on either database?"""

from dataclasses import replace
from datetime import UTC, datetime
from operator import attrgetter

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from store import facts, upserts
from store.facts import Tally
from store.lots import insert_lot
from store.many import is_one_of
from store.schema import findings
from store.schema_service import attempts
from store.turns import beside
from tests.store.rows import FULL, SPARE
from tests.store.saving import save

NOW = datetime(2026, 3, 31, 1, tzinfo=UTC)
PATTERN = SPARE["visits"]
VISITS = [replace(PATTERN, id=f"N{i}", voters=i) for i in range(11)]


@pytest.fixture(autouse=True)
def many(engine, monkeypatch):
    """The record without its visits; four rows are many, and two are looked up at a time."""
    monkeypatch.setattr(upserts, "LOT", 4)
    monkeypatch.setattr(upserts, "ASKED", 2)
    with engine.begin() as connection:
        save(connection, replace(FULL, visits=[]))


def put(engine, visits):
    with engine.begin() as connection:
        return facts.upsert(connection, "visits", visits)


def kept(engine):
    with engine.begin() as connection:
        return sorted(facts.load(connection, "visits"), key=attrgetter("voters"))


@pytest.mark.parametrize("there", [0, 1, 4, 11])
def test_new_changed_and_same_rows_are_told_apart_whatever_was_there(engine, there):
    put(engine, [replace(visit, note="before") if visit.voters == 2 else visit for visit in VISITS[:there]])
    changed = int(there > 2)
    assert put(engine, VISITS) == Tally(added=11 - there, changed=changed, same=there - changed)
    assert kept(engine) == VISITS


def test_rows_that_cannot_be_read_on_leave_nothing_and_the_error_is_told(engine):
    def broken():
        yield from VISITS
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        put(engine, broken())
    assert kept(engine) == []


@pytest.mark.parametrize("at", [0, 5, 10], ids=["first lot", "second lot", "last lot"])
def test_a_row_that_the_database_refuses_leaves_nothing_and_the_error_is_told(engine, at):
    with pytest.raises(IntegrityError):
        put(engine, [replace(visit, deputy="nobody") if visit.voters == at else visit for visit in VISITS])
    assert kept(engine) == []


ODD = ["", " ", "NULL", "null", '"', "\\", '\\"', "a,b", "{a}", "'", "一\n二", "%s", "a\tb"]


def test_texts_of_a_lot_arrive_and_are_found_whatever_is_in_them(engine):
    rows = [{"at": NOW, "kind": "k", "subject": word, "text": word, "closed_by": word or None} for word in ODD]
    with engine.begin() as connection:
        insert_lot(connection, findings, rows)
        columns = (findings.c.subject, findings.c.text, findings.c.closed_by)
        query = select(*columns).where(is_one_of(findings.c.subject, "words"))
        assert set(connection.execute(query, {"words": ODD})) == {(word, word, word or None) for word in ODD}
        assert len(connection.execute(query, {"words": ODD[-1:]}).all()) == 1
        assert connection.execute(query, {"words": []}).all() == []


MANY = [{"at": NOW, "kind": "k", "subject": f"{word}{n}", "text": word} for n in range(20) for word in ODD]


@pytest.mark.parametrize("there", [[], MANY[3:5], MANY], ids=["none", "some", "all"])
@pytest.mark.parametrize("twice", [[], MANY[:1]], ids=["each once", "one twice"])
def test_of_many_rows_those_whose_key_is_there_stay_as_they_are(engine, there, twice):
    before = [row | {"text": "before"} for row in there]
    with engine.begin() as connection:
        insert_lot(connection, findings, before)
        insert_lot(connection, findings, [*MANY, *twice])
    expected = {row["subject"]: row["text"] for row in [*MANY, *before]}
    with engine.begin() as connection:
        insert_lot(connection, findings, MANY)
        kept = connection.execute(select(findings.c.subject, findings.c.text)).all()
    assert sorted(kept) == sorted(expected.items())


def test_many_rows_that_refer_to_nothing_are_refused_and_the_transaction_may_go_on(engine):
    rows = [{"id": f"a{n}", "message": -1, "at": NOW, "gateway": "sandbox"} for n in range(len(MANY))]
    with engine.begin() as connection:
        insert_lot(connection, findings, MANY)
        with pytest.raises(IntegrityError), connection.begin_nested():
            insert_lot(connection, attempts, rows)
        assert len(connection.execute(select(findings.c.subject)).all()) == len(MANY)


def test_what_fails_beside_is_told_and_what_it_brings_is_lent(engine):
    with engine.begin() as connection:
        with beside(connection, lambda: connection.execute(select(1)).scalar()) as coming:
            pass
        assert coming.result() == 1
        with pytest.raises(ZeroDivisionError), beside(connection, lambda: 1 // 0):
            pass
