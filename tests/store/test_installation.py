"""What tells one installation from all others on the same servers?"""

from store import installation
from store.engine import SILENT, make_engine
from store.migrating import migrate


def marked(url: str, identity: str | None) -> str | None:
    engine = make_engine(url)
    with engine.begin() as connection:
        migrate(connection)
        if identity is not None:
            installation.put_new(connection, installation.IDENTITY, identity)
        mark = installation.mark(connection)
    engine.dispose()
    return mark


def test_a_database_that_is_not_made_yet_has_no_mark(empty_url):
    engine = make_engine(empty_url)
    with engine.begin() as connection:
        assert installation.mark(connection) is None
    engine.dispose()
    assert marked(empty_url, None) is None


def test_the_mark_stays_as_it_is(empty_url):
    mark = marked(empty_url, "a1b2")
    assert mark is not None
    assert mark.endswith("a1b2")
    assert marked(empty_url, "c3d4") == mark


def test_a_restored_copy_on_the_same_server_has_another_mark(postgres_server):
    with postgres_server.database() as original, postgres_server.database() as copy:
        assert marked(original, "a1b2") != marked(copy, "a1b2")


def test_what_a_url_says_of_the_network_goes_before_ours(postgres_url):
    for own, expected in (("", SILENT["tcp_user_timeout"]), ("&tcp_user_timeout=7000", 7000)):
        engine = make_engine(postgres_url + own)
        with engine.connect() as connection:
            told = connection.connection.driver_connection.info.get_parameters()
        engine.dispose()
        assert told["tcp_user_timeout"] == str(expected)
