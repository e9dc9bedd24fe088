"""How is everything put into one file, and brought back from it?

A ZIP with a table's rows as lines of JSON, and a manifest that says how many there are and what they hash to; the
same for SQLite and PostgreSQL, and from one to the other. A restore takes all or nothing, into an empty database,
and holds all sending: what left after the backup was made would leave once more. Callers: daemon/commands (backup,
restore).
"""

import getpass
import hashlib
import os
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from io import BufferedReader
from pathlib import Path
from typing import IO, Annotated, Any, Final, cast

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy import Connection, Table
from sqlalchemy.exc import OperationalError, StatementError

from config.services import Services, open_services
from daemon.looking import require_database
from daemon.processes import CLOCK
from daemon.saying import Mendable
from intake.bombs import LARGEST_DIRECTORY, length_of_directory
from intake.faults import shorten
from rules.facts import SHANGHAI
from store import audit, copying, installation, migrating, outbox
from store.engine import reading

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
SUFFIX: Final = ".duban.zip"
CHUNK: Final = 1 << 20
LARGEST_MANIFEST: Final = 1 << 20  #: bytes; it has some twenty thousand
LONGEST_ROW: Final = 64 << 20  #: bytes; an attachment is the longest that there is
LONGEST_REASON: Final = 200
ENCRYPTED: Final = 1  #: among a ZIP member's flags
PACKINGS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
#: what a backup says of itself is shown: on one line, and on days that every calendar has
Word = Annotated[str, Field(pattern=r"^[\w.+-]{0,100}$")]
Instant = Annotated[AwareDatetime, Field(ge=datetime(2000, 1, 1, tzinfo=UTC), lt=datetime(2200, 1, 1, tzinfo=UTC))]
ON_ITS_WAY: Final = "it was on its way when the backup was made"


class BadBackup(Mendable):
    """A file that cannot be restored, or a place that cannot take it."""


class Section(BaseModel):
    """What a backup says of one table."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    columns: tuple[str, ...]
    rows: int
    sha256: str


class Manifest(BaseModel):
    """What a backup says of itself."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: int
    duban: Word
    schema_version: Word
    database: Word
    made_at: Instant
    tables: dict[Word, Section]

    @property
    def rows(self) -> int:
        """How many rows there are in all tables."""
        return sum(section.rows for section in self.tables.values())


@dataclass(frozen=True, slots=True)
class Backup:
    """A file, and what it holds."""

    file: Path
    manifest: Manifest
    sha256: str  #: of the whole file


# Writing ------------------------------------------------------------------------------------


def back_up(path: Path, keep: int | None = None, *, is_folder: bool = False) -> Backup:
    """Write everything into a new file; in a folder the file is named by the instant. Raises BadBackup.

    What `path` lies in is made; `is_folder`: so is `path` itself. `keep`: so many of a folder's backups stay, the
    newest ones.
    """
    services = open_services()
    require_database(services)
    now = services.clock.now()
    (path if is_folder else path.parent).mkdir(parents=True, exist_ok=True)
    file = path / f"duban-{now.astimezone(SHANGHAI):%Y%m%d-%H%M%S}{SUFFIX}" if path.is_dir() else path
    if file.exists():
        raise BadBackup(f"{file} is there already; name another file")
    if keep is not None and not path.is_dir():
        raise BadBackup(f"--keep thins out a folder, and {path} is none; write {path}/ to have it made")
    with _whole(file) as out:
        _write(services, out, now)
    backup = read_backup(file)
    with services.engine.begin() as connection:
        _note(connection, services, "backup", file.name, backup)
    if keep is not None:
        _thin_out(path, keep)
    return backup


@contextmanager
def _whole(file: Path) -> Iterator[IO[bytes]]:
    """Lend a file for its owner alone that takes its name only when it is whole and on the disk."""
    part = file.with_name(f".{file.name}.part")
    descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "w+b") as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        part.rename(file)
    finally:
        part.unlink(missing_ok=True)


def _write(services: Services, out: IO[bytes], now: datetime) -> None:
    with reading(services.engine) as connection, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        migrating.require_own(connection)
        manifest = Manifest(
            format=FORMAT,
            duban=version("duban"),
            schema_version=migrating.current_version(connection) or "",
            database=connection.dialect.name,
            made_at=now,
            tables={table.name: _write_table(connection, archive, table) for table in copying.carried()},
        )
        archive.writestr(MANIFEST, manifest.model_dump_json(indent=1))


def _write_table(connection: Connection, archive: zipfile.ZipFile, table: Table) -> Section:
    rows, digest = 0, hashlib.sha256()
    with archive.open(_member(table.name), "w", force_zip64=True) as out:
        for line in copying.dump(connection, table):
            out.write(line)
            digest.update(line)
            rows += 1
    return Section(columns=tuple(table.columns.keys()), rows=rows, sha256=digest.hexdigest())


def _member(table: str) -> str:
    return f"{table}.jsonl"


def _thin_out(folder: Path, keep: int) -> None:
    for old in sorted(folder.glob(f"duban-*{SUFFIX}"))[:-keep]:
        old.unlink()


# Reading ------------------------------------------------------------------------------------


def read_backup(file: Path) -> Backup:
    """Return what a file holds, every byte of it read and held against its hash. Raises BadBackup."""
    try:
        _refuse_endless(file)
        with zipfile.ZipFile(file) as archive:
            _refuse_foreign(archive)
            manifest = _manifest(file, archive)
            for name, section in manifest.tables.items():
                _check_table(file, archive, name, section)
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, ValueError, NotImplementedError) as err:
        raise BadBackup(f"{file} is torn or is no backup ({_reason(err)}); take another one") from err
    return Backup(file, manifest, _sha256_of(file))


def _refuse_endless(file: Path) -> None:
    if length_of_directory(file) > LARGEST_DIRECTORY:
        raise zipfile.BadZipFile("it holds too many files")


def _refuse_foreign(archive: zipfile.ZipFile) -> None:
    """Refuse what no backup is: encrypted, packed in another way, or with a manifest that fills the memory."""
    for member in archive.infolist():
        if member.flag_bits & ENCRYPTED or member.compress_type not in PACKINGS:
            raise zipfile.BadZipFile(f"{member.filename!r} is encrypted, or packed as no backup is")
        if member.filename == MANIFEST and member.file_size > LARGEST_MANIFEST:
            raise zipfile.BadZipFile(f"its manifest has {member.file_size:,} bytes")


def _reason(err: Exception) -> str:
    """Return what a library says, on one line."""
    said = str(err.orig or err) if isinstance(err, StatementError) else str(err)
    return shorten(" ".join(said.split()) or type(err).__name__, LONGEST_REASON)


def _manifest(file: Path, archive: zipfile.ZipFile) -> Manifest:
    try:
        manifest = Manifest.model_validate_json(archive.read(MANIFEST))
    except ValidationError as err:
        raise BadBackup(f"{file}: its manifest cannot be read; it was made by another duban, or is no backup") from err
    if manifest.format != FORMAT:
        raise BadBackup(f"{file} has format {manifest.format}; this duban reads {FORMAT}")
    return manifest


def _check_table(file: Path, archive: zipfile.ZipFile, name: str, section: Section) -> None:
    digest = hashlib.sha256()
    with archive.open(_member(name)) as member:
        while chunk := member.read(CHUNK):
            digest.update(chunk)
    if digest.hexdigest() != section.sha256:
        raise BadBackup(f"{file}: the rows of {name} are not those that the manifest vouches for; take another backup")


def _sha256_of(file: Path) -> str:
    with file.open("rb") as raw:
        return hashlib.file_digest(raw, "sha256").hexdigest()


# Restoring ----------------------------------------------------------------------------------


def restore(file: Path, *, drill: bool) -> Backup:
    """Bring a backup into an empty database, all of it or nothing, and hold all sending. Raises BadBackup.

    The schema is made where there is none. `drill`: the database is run on a drill's clock from then on, which no
    gateway that leads off this machine goes with.
    """
    backup = read_backup(file)
    services = open_services()
    with services.engine.begin() as connection:
        _require_fit(connection, backup)
        with zipfile.ZipFile(file) as archive:
            for table in copying.carried():
                _load_table(connection, archive, backup, table)
        try:
            copying.move_numbers_on(connection)
            _come_to_rest(connection, services, backup, drill=drill)
        except OverflowError as err:
            raise BadBackup(f"{file}: its rows are numbered up to the last number that there is") from err
    return backup


def _require_fit(connection: Connection, backup: Backup) -> None:
    made_by, known = backup.manifest.schema_version, migrating.head_version()
    if made_by != known:
        raise BadBackup(
            f"{backup.file} has schema {made_by}, this duban {known}: restore it with duban {backup.manifest.duban}, "
            "then run this one's duban init"
        )
    if migrating.current_version(connection) is None:
        migrating.migrate(connection)
    migrating.require_own(connection)
    filled = copying.filled(connection)
    if filled:
        raise BadBackup(f"the database is not empty: {filled} has rows; name an empty one in DUBAN_DATABASE_URL")
    if set(backup.manifest.tables) != {table.name for table in copying.carried()}:
        raise BadBackup(f"{backup.file} does not hold the tables of this duban; take another backup")


def _load_table(connection: Connection, archive: zipfile.ZipFile, backup: Backup, table: Table) -> None:
    section = backup.manifest.tables[table.name]
    if set(section.columns) != set(table.columns.keys()):
        raise BadBackup(f"{backup.file}: {table.name} has other columns than this duban's; take another backup")
    with archive.open(_member(table.name)) as member:
        # Buffered: a ZIP's own readline is slow.
        lines = _lines(BufferedReader(cast("Any", member), CHUNK))
        try:
            rows = copying.load(connection, table, section.columns, lines)
        except OperationalError:
            raise  # the database is out of reach, or full
        except (StatementError, ValueError, TypeError, OverflowError, RecursionError) as err:
            raise BadBackup(f"{backup.file}: a row of {table.name} cannot be taken ({_reason(err)})") from err
    if rows != section.rows:
        raise BadBackup(f"{backup.file}: {table.name} has {rows} rows, by the manifest {section.rows}")


def _lines(raw: BufferedReader) -> Iterator[bytes]:
    while line := raw.readline(LONGEST_ROW + 1):
        if len(line) > LONGEST_ROW:
            raise ValueError(f"it has more than {LONGEST_ROW >> 20} megabytes")
        yield line


def _come_to_rest(connection: Connection, services: Services, backup: Backup, *, drill: bool) -> None:
    """Have nothing leave before an operator has looked; what was on its way may have arrived."""
    now = services.clock.now()
    made_at = f"{backup.manifest.made_at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}"
    reason = f"restored from a backup of {made_at}: what left after it would leave once more"
    copying.leave_open(connection, ON_ITS_WAY, now)
    outbox.hold(connection, reason, now)
    installation.put(connection, outbox.HELD, reason)
    if drill:
        installation.put(connection, CLOCK, "drill")
    _note(connection, services, "restore", backup.file.name, backup, drill=drill)


def _note(
    connection: Connection, services: Services, action: str, subject: str, backup: Backup, **detail: object
) -> None:
    audit.append(
        connection,
        at=services.clock.now(),
        actor=f"operator:{getpass.getuser()}",
        action=action,
        subject=subject,
        sha256=backup.sha256,
        rows=backup.manifest.rows,
        **detail,
    )


def backup_facts(backup: Backup) -> dict[str, Any]:
    """Return for programs what a backup holds."""
    return {
        "file": str(backup.file),
        "sha256": backup.sha256,
        "made_at": backup.manifest.made_at.isoformat(),
        "duban": backup.manifest.duban,
        "schema": backup.manifest.schema_version,
        "rows": {name: section.rows for name, section in backup.manifest.tables.items()},
    }
