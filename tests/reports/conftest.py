"""What do the tests of the reports share? duban on a database, as the tests of the commands have it."""

from tests.daemon.conftest import (  # noqa: F401 - fixtures are found by their names
    database,
    duban,
    imported,
    imported_record,
    only_our_settings,
    run_to,
)
