"""Where is the key of the audit trail, and who can read it?"""

import stat
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest

from config.audit_key import audit_key, audit_keys, key_file
from config.layers import WrongSettings
from config.settings import load_settings

NEW = "n" * 32
OLD = "o" * 32


def settings(folder, **environ):
    return load_settings({"DUBAN_DATABASE_URL": f"sqlite:///{folder / 'duban.db'}", **environ})


def test_a_key_is_made_at_first_use_beside_the_database_for_its_owner_alone(tmp_path):
    given = settings(tmp_path)
    assert audit_keys(given) == ()
    assert audit_key(given, lambda: NEW) == NEW.encode()
    assert audit_key(given, lambda: OLD) == NEW.encode()
    assert stat.S_IMODE(key_file(given).stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["duban.audit.key"]


def test_a_key_that_is_set_goes_before_the_file_and_makes_none(tmp_path):
    given = settings(tmp_path, DUBAN_AUDIT_KEY=OLD)
    assert audit_key(given, lambda: NEW) == OLD.encode()
    assert not key_file(given).exists()


def test_of_several_keys_the_last_is_in_use_and_all_verify(tmp_path):
    given = settings(tmp_path)
    key_file(given).write_text(f"{OLD}\n{NEW}\n", encoding="utf-8")
    assert audit_key(given, lambda: "x") == NEW.encode()
    assert audit_keys(given) == (OLD.encode(), NEW.encode())


@pytest.mark.parametrize("words", ["short", f"{NEW} short", ""])
def test_a_short_key_is_refused_without_being_shown(tmp_path, words):
    given = settings(tmp_path)
    key_file(given).write_text(words, encoding="utf-8")
    with pytest.raises(WrongSettings, match="too short") as caught:
        audit_key(given, lambda: NEW)
    assert NEW not in str(caught.value)


def test_processes_that_start_at_once_have_one_key(tmp_path):
    given, numbers = settings(tmp_path), count()
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: audit_key(given, lambda: f"{next(numbers):032}"), range(8)))
    assert len(keys) == 1


def test_a_database_that_is_no_file_has_its_key_under_var():
    given = load_settings({"DUBAN_DATABASE_URL": "postgresql+psycopg://duban@db/duban"})
    assert str(key_file(given)) == "var/audit.key"
