"""Does what the fast ways of an import write equal what the slow ones would?"""

from dataclasses import fields
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy.dialects import sqlite

from intake.columns import STREAMED, TABLES
from rules.facts import Record
from store.schema import FACTS
from store.types import UtcDateTime
from store.upserts import _processor

INSTANT = datetime(2026, 3, 9, 2, 0, 30, 120, tzinfo=UTC)


@pytest.mark.parametrize("table", STREAMED)
def test_values_that_stream_into_the_database_stand_in_its_order(table):
    names = [f.name for f in fields(Record.TABLES[table])]
    assert list(TABLES[table].fields) == names == [column.name for column in FACTS[table].columns]


@pytest.mark.parametrize(
    "instant", [INSTANT, INSTANT.replace(microsecond=0), INSTANT.astimezone(timezone(timedelta(hours=8))), None]
)
def test_an_instant_is_written_as_sqlalchemy_writes_it(instant):
    dialect = sqlite.dialect()
    usual = UtcDateTime().dialect_impl(dialect).bind_processor(dialect)
    assert _processor(dialect, FACTS["visits"].c.recorded_at)(instant) == usual(instant)


def test_an_instant_without_an_offset_is_refused():
    with pytest.raises(ValueError, match="aware"):
        _processor(sqlite.dialect(), FACTS["visits"].c.recorded_at)(INSTANT.replace(tzinfo=None))
