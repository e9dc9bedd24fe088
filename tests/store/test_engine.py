"""Who can read a database of ours, and what do its errors say?

An error says which rule was broken, never by which row: errors go into logs.
"""

import stat

import pytest
from sqlalchemy import insert, text
from sqlalchemy.exc import DBAPIError

from store.engine import make_engine
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


def test_a_new_file_and_those_beside_it_are_for_its_owner_alone(tmp_path):
    engine = make_engine(f"sqlite:///{tmp_path / 'duban.db'}")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE one (id INTEGER)"))
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
    engine.dispose()
    assert modes == dict.fromkeys(("duban.db", "duban.db-shm", "duban.db-wal"), 0o600)


def test_a_folder_that_is_not_there_is_an_error_of_the_database(tmp_path):
    engine = make_engine(f"sqlite:///{tmp_path / 'none' / 'duban.db'}")
    with pytest.raises(DBAPIError, match="unable to open"), engine.begin():
        pass
