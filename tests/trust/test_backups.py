"""Does a backup hold everything, and does a restore bring back all of it or nothing, with nothing sent?"""

import hashlib
import json
import re
import stat
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, insert, select, text

from daemon import backups
from daemon.backups import MANIFEST
from daemon.processes import CLOCK
from store import audit, copying, installation, migrating, outbox
from store.engine import make_engine, reading
from store.schema import audit as trail
from store.schema import messages, metadata
from tests.daemon.conftest import opened, typed
from tests.store.databases import with_schema
from tests.trust.contents import NOW, contents, fill
from tests.trust.next_version import write_next

KEY = "k" * 64
OFFICES = metadata.tables["offices"].columns.keys()
#: what a restore changes on purpose
MOVED = {"state", "reason", "moved_at", "try_at", "claimed_until", "absent_at"}
TOUCHED = {"messages", "installation", "audit", *(table.name for table in copying.PASSING)}


@pytest.fixture(autouse=True)
def duban(monkeypatch, tmp_path) -> Iterator[None]:
    monkeypatch.setenv("DUBAN_AUDIT_KEY", KEY)
    monkeypatch.setenv("DUBAN_DATABASE_URL", f"sqlite:///{tmp_path / 'none.db'}")
    with opened(monkeypatch):
        yield


def address(engine: Engine) -> str:
    return engine.url.render_as_string(hide_password=False)


@pytest.fixture
def source(engine) -> Engine:
    """A database with rows in every table, of either kind."""
    audit.use_key(engine, KEY.encode)
    with engine.begin() as connection:
        fill(connection)
    return engine


@pytest.fixture
def sqlite_source(sqlite_engine) -> Engine:
    """A SQLite file with rows in every table."""
    audit.use_key(sqlite_engine, KEY.encode)
    with sqlite_engine.begin() as connection:
        fill(connection)
    return sqlite_engine


@pytest.fixture
def backup(source, tmp_path, monkeypatch) -> Path:
    """A backup of a database of either kind."""
    return backup_of(source, tmp_path, monkeypatch)


@pytest.fixture
def file(sqlite_source, tmp_path, monkeypatch) -> Path:
    """A backup of a SQLite file."""
    return backup_of(sqlite_source, tmp_path, monkeypatch)


def backup_of(engine, folder, monkeypatch):
    monkeypatch.setenv("DUBAN_DATABASE_URL", address(engine))
    answer = typed("backup", folder / "all.zip")
    assert answer.status == 0, answer.err
    return folder / "all.zip"


@pytest.fixture
def target(empty_url, monkeypatch) -> Iterator[Engine]:
    """An empty database without a schema, of either kind: duban is set to it."""
    monkeypatch.setenv("DUBAN_DATABASE_URL", empty_url)
    engine = make_engine(empty_url)
    yield engine
    engine.dispose()


@pytest.fixture
def sqlite_target(tmp_path, monkeypatch) -> Iterator[Engine]:
    """An empty SQLite file without a schema: duban is set to it."""
    url = f"sqlite:///{tmp_path / 'target.sqlite'}"
    monkeypatch.setenv("DUBAN_DATABASE_URL", url)
    engine = make_engine(url)
    yield engine
    engine.dispose()


def rows_of(engine):
    with reading(engine) as connection:
        return contents(connection)


# What comes back ---------------------------------------------------------------------------


def test_the_source_fills_every_table(source):
    assert all(rows_of(source).values())


def test_everything_comes_back_from_either_kind_into_either(source, backup, target):
    answer = typed("restore", backup)
    assert answer.status == 0, answer.err
    before, after = rows_of(source), rows_of(target)
    for table in metadata.sorted_tables:
        if table.name not in TOUCHED:
            assert after[table.name] == before[table.name], table.name
    assert not any(after[table.name] for table in copying.PASSING)
    assert after["audit"][:3] == before["audit"][:3]
    columns = [at for at, column in enumerate(messages.columns) if column.name not in MOVED]
    kept = [[[row[at] for at in columns] for row in rows["messages"]] for rows in (before, after)]
    assert kept[0] == kept[1]


def test_what_was_empty_is_empty_again_for_queries_too(backup, target):
    typed("restore", backup)
    with reading(target) as connection:
        query = "SELECT count(*) FROM idempotency WHERE answer IS NULL"
        assert connection.execute(text(query)).scalar() == 1


def test_new_rows_are_numbered_after_those_that_came_back(backup, target):
    typed("restore", backup)
    with target.begin() as connection:
        at = {"at": NOW, "moved_at": NOW, "try_at": NOW, "day": NOW.date()}
        row = {"kind": "digest", "person": "deputy:D1", "channel": "sms", "state": "due", **at}
        assert connection.execute(insert(messages).values(row).returning(messages.c.id)).scalar_one() == 8


def test_the_trail_goes_on_sealed_after_a_restore(backup, target):
    typed("restore", backup)
    with reading(target) as connection:
        verdict = audit.verify(connection, [KEY.encode()])
        last = audit.latest(connection, 1)[0]
    assert verdict.is_sound, [*map(str, verdict.findings), *verdict.doubts]
    assert verdict.sealed == 4
    assert (last["action"], last["subject"]) == ("restore", "all.zip")


# Nothing leaves ----------------------------------------------------------------------------


def test_sending_is_held_and_what_was_on_its_way_is_unknown(backup, target):
    typed("restore", backup)
    with reading(target) as connection:
        states = dict(connection.execute(select(messages.c.id, messages.c.state)).all())
        reason = outbox.held_because(connection)
    assert states == {7: "unknown", 3: "held"}
    assert reason is not None
    assert reason.startswith("restored from a backup of ")


def test_what_was_held_before_is_held_because_it_was_restored(sqlite_source, sqlite_target, tmp_path, monkeypatch):
    with sqlite_source.begin() as connection:
        outbox.hold(connection, "the operator looks", NOW)
    held = backup_of(sqlite_source, tmp_path, monkeypatch)
    monkeypatch.setenv("DUBAN_DATABASE_URL", address(sqlite_target))
    typed("restore", held)
    with reading(sqlite_target) as connection:
        assert outbox.held_because(connection).startswith("restored from a backup of ")


def test_an_operator_releases_it(file, sqlite_target):
    typed("restore", file)
    answer = typed("release")
    assert answer.status == 0, answer.err
    with reading(sqlite_target) as connection:
        assert outbox.held_because(connection) is None


@pytest.mark.parametrize(("words", "clock"), [(["--drill"], "drill"), ([], None)])
def test_a_drill_is_known_for_one(file, sqlite_target, words, clock):
    typed("restore", file, *words)
    with reading(sqlite_target) as connection:
        assert installation.get(connection, CLOCK) == clock


# The file ----------------------------------------------------------------------------------


def test_a_backup_is_for_its_owner_alone_and_leaves_nothing_else_behind(file):
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert not list(file.parent.glob(".*.part"))


def test_a_backup_is_in_the_trail(sqlite_source, file):
    with reading(sqlite_source) as connection:
        entry = audit.latest(connection, 1)[0]
    assert (entry["action"], entry["subject"]) == ("backup", "all.zip")
    assert len(entry["detail"]["sha256"]) == 64


def test_a_backup_that_fails_half_way_leaves_nothing(sqlite_source, tmp_path, monkeypatch):
    def full_disk(connection, table):
        raise OSError(28, "No space left on device")

    monkeypatch.setenv("DUBAN_DATABASE_URL", address(sqlite_source))
    monkeypatch.setattr(copying, "dump", full_disk)
    assert typed("backup", tmp_path / "folder" / "all.zip").status == 2
    assert not list((tmp_path / "folder").iterdir())


def test_a_file_that_is_there_is_not_overwritten(file):
    before = file.read_bytes()
    answer = typed("backup", file)
    assert answer.status == 2
    assert "is there already" in answer.err
    assert file.read_bytes() == before


def test_a_folder_keeps_the_newest(sqlite_engine, tmp_path, monkeypatch):
    monkeypatch.setenv("DUBAN_DATABASE_URL", address(sqlite_engine))
    folder = tmp_path / "backups"
    folder.mkdir()
    for day in ("20260101", "20260102"):
        (folder / f"duban-{day}-000000.duban.zip").write_text("old")
    (folder / "other.zip").write_text("not ours")
    answer = typed("backup", folder, "--keep", 2, "--json")
    assert answer.status == 0, answer.err
    made = Path(answer.facts["file"]).name
    assert {file.name for file in folder.iterdir()} == {"duban-20260102-000000.duban.zip", made, "other.zip"}


def test_folders_that_are_not_there_are_made(sqlite_engine, tmp_path, monkeypatch):
    monkeypatch.setenv("DUBAN_DATABASE_URL", address(sqlite_engine))
    answer = typed("backup", tmp_path / "var" / "backups" / "today.zip")
    assert answer.status == 0, answer.err
    assert (tmp_path / "var" / "backups" / "today.zip").is_file()


def test_a_name_that_ends_in_a_slash_is_a_folder(sqlite_engine, tmp_path, monkeypatch):
    monkeypatch.setenv("DUBAN_DATABASE_URL", address(sqlite_engine))
    answer = typed("backup", f"{tmp_path}/nightly/", "--keep", 2, "--json")
    assert answer.status == 0, answer.err
    assert [str(file) for file in (tmp_path / "nightly").iterdir()] == [answer.facts["file"]]


def test_keep_wants_a_folder(sqlite_engine, tmp_path, monkeypatch):
    monkeypatch.setenv("DUBAN_DATABASE_URL", address(sqlite_engine))
    answer = typed("backup", tmp_path / "one.zip", "--keep", 2)
    assert answer.status == 2
    assert not (tmp_path / "one.zip").exists()


def test_a_backup_is_of_one_instant(sqlite_engine, tmp_path, monkeypatch):
    """What is written while the copy is made is either in all tables or in none."""
    monkeypatch.setenv("DUBAN_DATABASE_URL", address(sqlite_engine))
    with sqlite_engine.begin() as connection:
        fill(connection)
    dump = copying.dump

    def meddling(connection, table):
        if table.name == "offices":
            with sqlite_engine.begin() as other:
                audit.append(other, at=NOW + timedelta(days=1), actor="a", action="late", subject="c")
        yield from dump(connection, table)

    monkeypatch.setattr(copying, "dump", meddling)
    answer = typed("backup", tmp_path / "one.zip", "--json")
    assert answer.facts["rows"]["audit"] == 3


# What is refused ---------------------------------------------------------------------------


def refused(file, target, words):
    answer = typed("restore", file)
    assert answer.status == 2
    assert words in answer.err
    assert len(answer.err.strip().splitlines()) == 1
    with target.connect() as connection:
        names = metadata.tables if target.dialect.has_table(connection, "offices") else ()
        assert not any(connection.execute(select(metadata.tables[name])).first() for name in names)


def rewritten(file, change) -> Path:
    """Return a copy of a backup with some members changed: name → bytes → bytes."""
    copy: Path = file.with_name("rewritten.zip")
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(copy, "w") as new:
        for name in old.namelist():
            new.writestr(name, change.get(name, lambda data: data)(old.read(name)))
    return copy


def manifest_with(**values):
    return {MANIFEST: lambda data: json.dumps(json.loads(data) | values).encode()}


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_torn_file_is_refused(file, sqlite_target, share):
    torn = file.with_name("torn.zip")
    torn.write_bytes(file.read_bytes()[: int(file.stat().st_size * share)])
    refused(torn, sqlite_target, "is torn or is no backup")


def test_a_flipped_bit_is_refused(file, sqlite_target):
    data = bytearray(file.read_bytes())
    data[len(data) // 3] ^= 1
    flipped = file.with_name("flipped.zip")
    flipped.write_bytes(data)
    refused(flipped, sqlite_target, "")


def test_rows_that_were_changed_are_refused_whatever_the_table(file, sqlite_target):
    for table in copying.carried():
        changed = rewritten(file, {f"{table.name}.jsonl": lambda data: data.replace(b"1", b"9", 1) + b"\n"})
        refused(changed, sqlite_target, f"the rows of {table.name} are not those that the manifest vouches for")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (manifest_with(format=2), "format 2; this duban reads 1"),
        (manifest_with(schema_version="0001"), "has schema 0001"),
        (manifest_with(tables={}), "does not hold the tables of this duban"),
        (manifest_with(made_at="yesterday"), "its manifest cannot be read"),
        (manifest_with(made_at="9999-12-31T23:59:59-12:00"), "its manifest cannot be read"),
        (manifest_with(made_at="0001-01-01T00:00:00+12:00"), "its manifest cannot be read"),
        (manifest_with(duban="0\nnothing is wrong"), "its manifest cannot be read"),
        ({MANIFEST: lambda _: b"[" * 100_000}, "its manifest cannot be read"),
        ({MANIFEST: lambda data: data + b" " * (1 << 20)}, "its manifest has 1,0"),
    ],
    ids=["format", "schema", "tables", "manifest", "last day", "first day", "two lines", "depth", "size"],
)
def test_another_manifest_is_refused(file, sqlite_target, change, words):
    refused(rewritten(file, change), sqlite_target, words)


def told_otherwise(table, **told):
    """Have the manifest say something else of a table."""

    def manifest(data):
        said = json.loads(data)
        said["tables"][table] |= told
        return json.dumps(said).encode()

    return {MANIFEST: manifest}


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"rows": 99}, "rows, by the manifest 99"),
        ({"columns": [*OFFICES[:-1], "colour"]}, "offices has other columns than this duban's"),
    ],
    ids=["rows", "columns"],
)
def test_a_table_of_which_the_manifest_tells_otherwise_is_refused(file, sqlite_target, told, words):
    refused(rewritten(file, told_otherwise("offices", **told)), sqlite_target, words)


def vouched(file, table, change) -> Path:
    """Return a copy of a backup in which a table's lines are others, and the manifest vouches for them."""
    lines = change(zipfile.ZipFile(file).read(f"{table}.jsonl").splitlines(keepends=True))
    told = {"rows": len(lines), "sha256": hashlib.sha256(b"".join(lines)).hexdigest()}
    return rewritten(file, {f"{table}.jsonl": lambda _: b"".join(lines), **told_otherwise(table, **told)})


def first_cell(lines, value):
    return [json.dumps([value, *json.loads(lines[0])[1:]]).encode() + b"\n", *lines[1:]]


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("offices", lambda lines: [*lines, b"[" * 100_000 + b"\n"]),
        ("offices", lambda lines: [*lines, b"1\n"]),
        ("offices", lambda lines: [*lines, b"\xff\n"]),
        ("offices", lambda lines: [*lines, lines[0]]),
        ("offices", lambda lines: first_cell(lines, {"id": "T1"})),
        ("deputies", lambda lines: lines[1:]),
        ("messages", lambda lines: first_cell(lines, 1 << 64)),
        ("messages", lambda lines: first_cell(lines, "seven")),
        ("audit", lambda lines: [re.sub(rb'"2026-[^"]*"', b'"0001-01-01T00:00:00+12:00"', line) for line in lines]),
    ],
    ids=["depth", "no row", "no text", "twice", "object", "no parent", "64 bits", "no number", "instant"],
)
def test_rows_that_cannot_be_are_refused(file, target, table, change):
    refused(vouched(file, table, change), target, f"a row of {'' if table == 'deputies' else table}")


def test_rows_after_which_no_number_is_left_are_refused(file, sqlite_target):
    changed = vouched(file, "audit", lambda lines: first_cell(lines, (1 << 63) - 1))
    refused(changed, sqlite_target, "its rows are numbered up to the last number that there is")


def test_a_row_without_end_is_refused(file, sqlite_target, monkeypatch):
    monkeypatch.setattr(backups, "LONGEST_ROW", 1_000)
    changed = vouched(file, "offices", lambda lines: [b" " * 1_001 + lines[0], *lines[1:]])
    refused(changed, sqlite_target, "a row of offices cannot be taken (it has more than")


def test_a_list_of_members_without_end_is_refused(file, sqlite_target, monkeypatch):
    monkeypatch.setattr(backups, "LARGEST_DIRECTORY", 1_000)
    refused(file, sqlite_target, "it holds too many files")


def test_an_encrypted_file_is_refused(file, sqlite_target):
    content = file.read_bytes()
    # The flags stand six bytes into a member's own record, and eight into that of the list.
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = content.find(mark) + at
        content = content[:place] + bytes([content[place] | 1]) + content[place + 1 :]
    file.with_name("encrypted.zip").write_bytes(content)
    refused(file.with_name("encrypted.zip"), sqlite_target, "is encrypted, or packed as no backup is")


def test_a_file_that_is_packed_in_another_way_is_refused(file, sqlite_target):
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(file.with_name("other.zip"), "w", zipfile.ZIP_BZIP2) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    refused(file.with_name("other.zip"), sqlite_target, "is encrypted, or packed as no backup is")


@pytest.mark.parametrize("words", [("backup", "newer.zip"), ("restore", "all.zip")])
def test_a_schema_with_more_than_this_duban_knows_is_neither_backed_up_nor_filled(
    file, tmp_path, sqlite_target, monkeypatch, words
):
    """It would leave out a column, or leave it empty, without a word."""
    write_next(tmp_path)
    with sqlite_target.begin() as connection:
        migrating.migrate(connection, (*migrating.VERSIONS, str(tmp_path)))
    monkeypatch.chdir(tmp_path)
    answer = typed(*words)
    assert answer.status == 3
    assert "newer than this duban's" in answer.err
    assert not (tmp_path / "newer.zip").exists()
    assert not rows_of(sqlite_target)["offices"]


def test_a_file_without_a_manifest_is_refused(tmp_path, sqlite_target):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("a.txt", "a")
    refused(tmp_path / "x.zip", sqlite_target, "is torn or is no backup")


def test_a_database_with_rows_is_refused_and_stays_as_it_was(sqlite_source, file):
    before = rows_of(sqlite_source)
    answer = typed("restore", file)
    assert answer.status == 2
    assert "the database is not empty" in answer.err
    assert rows_of(sqlite_source) == before


def test_a_database_that_was_only_made_takes_a_backup(file, sqlite_target):
    assert typed("init").status == 0
    answer = typed("restore", file)
    assert answer.status == 0, answer.err


def test_a_restore_that_fails_half_way_leaves_nothing(file, target, monkeypatch):
    with_schema(address(target))

    def full_disk(connection):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(copying, "move_numbers_on", full_disk)
    answer = typed("restore", file)
    assert answer.status == 2
    assert not any(rows for table, rows in rows_of(target).items() if table != "installation")


def test_a_trail_with_a_checkpoint_is_verified_on_the_command_line(sqlite_source, file):
    mailed = typed("audit", "checkpoint").out.strip()
    assert mailed.startswith("duban-audit:4:4:")
    assert typed("audit", "verify", "--checkpoint", f"kept: {mailed}.").status == 0
    with sqlite_source.begin() as connection:
        row = {"seq": 5, "at": NOW, "actor": "a", "action": "b", "subject": "c", "detail": {}}
        connection.execute(insert(trail).values(row))
    answer = typed("audit", "verify", "--json")
    assert answer.status == 1
    assert answer.facts["findings"] == [{"problem": audit.UNSEALED, "first": 5, "last": 5}]
    assert typed("audit", "verify", "--checkpoint", "none").status == 2


def test_the_command_line_holds_the_trail_against_all_keys_and_every_checkpoint(sqlite_source, file, monkeypatch):
    mailed = typed("audit", "checkpoint").out.strip()
    monkeypatch.setenv("DUBAN_AUDIT_KEY", f"{KEY} {'n' * 64}")
    assert typed("audit", "verify", "--checkpoint", mailed).status == 0
    cut_off = mailed.replace("duban-audit:4:4:", "duban-audit:5:5:")
    answer = typed("audit", "verify", "--checkpoint", mailed, "--checkpoint", cut_off)
    assert answer.status == 1
    assert "entry 5 of the checkpoint is not there" in answer.out
