"""Is an instant the same in every database, and is one without an offset refused?"""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.exc import StatementError

from rules.facts import SHANGHAI
from store.schema import findings, matters, subjects
from store.types import Words

NOON = datetime(2026, 3, 31, 12, tzinfo=SHANGHAI)


def subject(ident, at):
    return {"kind": "seat", "id": ident, "town": "T1", "reckoned_to": at, "next_reckon_at": None}


@pytest.mark.parametrize(
    "at",
    [
        pytest.param(NOON, id="Shanghai"),
        pytest.param(NOON.astimezone(UTC), id="UTC"),
        pytest.param(NOON.astimezone(timezone(timedelta(hours=-9, minutes=-30))), id="the Marquesas"),
        pytest.param(NOON.replace(microsecond=1), id="a microsecond later"),
        pytest.param(datetime(2026, 4, 1, tzinfo=SHANGHAI), id="midnight"),
        pytest.param(datetime(2022, 11, 30, 23, 59, 59, 999_999, tzinfo=UTC), id="before midnight"),
        pytest.param(datetime(1991, 4, 14, 3, 30, tzinfo=SHANGHAI), id="in China's summer time"),
    ],
)
def test_an_instant_comes_back_as_the_same_instant_in_utc(connection, at):
    connection.execute(insert(subjects).values(subject("S1", at)))
    found = connection.execute(select(subjects.c.reckoned_to)).scalar_one()
    assert found == at
    assert found.tzinfo is UTC or found.utcoffset() == timedelta(0)


def test_instants_sort_by_time_whatever_their_offset_was(connection):
    texts = ["2026-03-31T09:00:00+08:00", "2026-03-31T02:30:00+00:00", "2026-03-30T22:00:00-05:00"]
    for number, text in enumerate(reversed(texts)):
        connection.execute(insert(subjects).values(subject(f"S{number}", datetime.fromisoformat(text))))
    query = select(subjects.c.reckoned_to).order_by(subjects.c.reckoned_to)
    assert list(connection.execute(query).scalars()) == [datetime.fromisoformat(text) for text in texts]


def test_an_instant_is_compared_as_an_instant(connection):
    connection.execute(insert(subjects).values(subject("S1", NOON)))
    for at, found in ((NOON, True), (NOON.astimezone(UTC), True), (NOON - timedelta(microseconds=1), False)):
        query = select(subjects.c.id).where(subjects.c.reckoned_to <= at)
        assert (connection.execute(query).first() is not None) is found


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param(
            insert(findings).values(at=NOON.replace(tzinfo=None), kind="k", subject="s", text="t"), id="insert"
        ),
        pytest.param(update(subjects).values(reckoned_to=NOON.replace(tzinfo=None)), id="update"),
        pytest.param(select(matters).where(matters.c.next_rung_at <= NOON.replace(tzinfo=None)), id="compare"),
    ],
)
def test_an_instant_without_an_offset_is_refused(connection, statement):
    with pytest.raises(StatementError, match="has no offset; instants are aware"):
        connection.execute(statement)


@pytest.mark.parametrize(("words", "kept"), [((), ""), (None, ""), (("sms",), "sms"), (("email", "sms"), "email,sms")])
def test_a_short_list_of_words_keeps_its_order(connection, words, kept):
    assert Words().process_bind_param(words, connection.dialect) == kept
    assert Words().process_result_value(kept, connection.dialect) == (words or ())
