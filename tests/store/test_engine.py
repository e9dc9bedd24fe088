"""What does an error of the database say? Which rule was broken, never by which row: errors go into logs."""

import pytest
from sqlalchemy import insert
from sqlalchemy.exc import DBAPIError

from store.schema import FACTS
from tests.rules.builders import at

ROW = {"id": "P1", "town": "T1", "level": "town", "title": "康霁翀\nHINT: 家门前", "recorded_at": at("03-02 09:00")}


@pytest.mark.parametrize("wrong", [{"level": "康霁翀"}, {"confidential": None}])
def test_an_error_quotes_no_row_and_no_parameter(connection, wrong):
    with pytest.raises(DBAPIError) as caught:
        connection.execute(insert(FACTS["petitions"]).values(ROW | {"confidential": False} | wrong))
    for said in (str(caught.value), str(caught.value.orig), repr(caught.value), repr(caught.value.orig)):
        assert "petitions" in said
        assert not [word for word in ("康霁翀", "家门前", "HINT", "DETAIL") if word in said]
