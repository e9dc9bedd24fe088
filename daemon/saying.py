"""How does a command print facts and errors?

Facts go to stdout, for people or as JSON. An error is one line on stderr: what, and how to mend it.
Callers: daemon/cli, daemon/commands.
"""

import codecs
import errno
import json
import sys
from collections.abc import Iterable
from io import TextIOWrapper
from typing import Any, Final, NoReturn

import click
from click.exceptions import NoArgsIsHelpError

FINDING: Final = 1
BAD_INPUT: Final = 2
OUT_OF_REACH: Final = 3


class Mendable(Exception):
    """What a user can mend: its text says what is wrong, and how."""

    status = BAD_INPUT  #: with which the command ends


RIGHTS: Final = "mend the rights of the file that DUBAN_DATABASE_URL names, and of its folder"
DAMAGED: Final = "check DUBAN_DATABASE_URL; if that file is damaged, move it away and restore a backup"
#: SQLite's code → what to do where `duban init` mends nothing; in numbers: only what failed has to load sqlite3
MENDS: Final = {
    3: RIGHTS,  # SQLITE_PERM
    5: "another process has been writing for a minute; try again later",  # SQLITE_BUSY
    8: RIGHTS,  # SQLITE_READONLY
    10: "see whether the disk is full, or failing",  # SQLITE_IOERR
    11: DAMAGED,  # SQLITE_CORRUPT
    13: "make room on the disk",  # SQLITE_FULL
    14: RIGHTS,  # SQLITE_CANTOPEN
    26: DAMAGED,  # SQLITE_NOTADB
}
LATER: Final = "try again in a moment"
CONNECT: Final = "check DUBAN_DATABASE_URL, and that the server runs"
INIT: Final = "check DUBAN_DATABASE_URL and run duban init"
#: beginning of PostgreSQL's code → likewise; the longest counts. Source: its manual, appendix A
POSTGRES_MENDS: Final = {
    "08": CONNECT,
    "25006": "the server takes no writes: name the one that does in DUBAN_DATABASE_URL, or wait until this one does",
    "40": LATER,
    "42501": "use the role that owns the tables, or grant this one what it lacks; see deploy/postgres-roles.sql",
    "53100": "make room on the server's disk",
    "53200": "give the server more memory",
    "53300": "raise the server's max_connections, or stop who holds so many",
    "55P03": "somebody holds a lock; try again later",
    "57": "the server, or who runs it, has broken this off; try again later",
    "58": "look into the server's log",
    "XX": "look into the server's log; if it is damaged, restore a backup",
}
SQLITE_PRIMARY: Final = 0xFF  #: the rest of a code says more than is asked here
SURROGATES: Final = "surrogates not allowed"  #: as Python says of bytes that were typed and are not UTF-8


def print_what_can_be_printed() -> None:
    """Have a question mark stand for what the terminal's characters lack: GB2312 knows neither `·` nor all names."""
    if isinstance(sys.stdout, TextIOWrapper) and codecs.lookup(sys.stdout.encoding).name != "utf-8":
        sys.stdout.reconfigure(errors="replace")


def fail(message: str, status: int) -> NoReturn:
    """Say what failed on stderr, and end with a status."""
    click.echo(f"duban: {message}", err=True)
    sys.exit(status)


def say(lines: Iterable[str], facts: Any, *, as_json: bool, err: bool = False) -> None:
    """Print facts, as lines for people or as JSON for programs."""
    if as_json:
        click.echo(json.dumps(facts, ensure_ascii=False, default=str))
        return
    for line in lines:
        click.echo(line, err=err)


def many(count: int, what: str) -> str:
    """Return how many of something there are, such as `no faults` or `1 fault`."""
    return f"{count or 'no'} {what}{'' if count == 1 else 's'}"


class Commands(click.Group):
    """The commands in the order of a day's work; what can go wrong in one becomes one clear line."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order in which they were written."""
        return list(self.commands)

    def make_context(self, *given: Any, **more: Any) -> click.Context:
        """Read the options before the command; what is wrong with them is one line."""
        try:
            return super().make_context(*given, **more)
        except click.UsageError as err:
            _refuse(err)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command, and turn what a user can mend into one line and a status."""
        try:
            return super().invoke(ctx)
        except click.UsageError as err:
            _refuse(err)
        except Exception as err:
            message, status = explained(err)
            if not message:
                raise
            fail(message, status)


def _refuse(err: click.UsageError) -> NoReturn:
    """Say in one line what was typed wrongly; who typed no command at all is shown those that there are."""
    if isinstance(err, NoArgsIsHelpError):
        raise err
    said = " ".join(err.format_message().split()).rstrip(".")
    command = err.ctx.command_path if err.ctx else "duban"
    fail(f"{said}; see {command} --help", BAD_INPUT)


def explained(err: Exception) -> tuple[str, int]:
    """Return one line and the status for an error that a user can mend; an empty line for a fault of duban."""
    # Imported when something failed: a command that works need not wait for the database library.
    from sqlalchemy.exc import SQLAlchemyError

    from config.layers import WrongSettings
    from intake.explaining import NoSuchMatter
    from store.migrating import InUse, NotBack, WrongSchema

    if isinstance(err, Mendable):
        return str(err), err.status
    if isinstance(err, (WrongSettings, NotBack, NoSuchMatter, WrongSchema, InUse)):
        return str(err), OUT_OF_REACH if isinstance(err, (WrongSchema, InUse)) else BAD_INPUT
    if isinstance(err, UnicodeEncodeError) and err.reason == SURROGATES:
        typed = err.object.encode("utf-8", "surrogateescape")
        return f"{typed!r} is not UTF-8; type it again, in a terminal that is set to UTF-8", BAD_INPUT
    if isinstance(err, OSError) and err.strerror and not isinstance(err, BrokenPipeError):  # `| head` has seen enough
        mend = "make room on the disk" if err.errno == errno.ENOSPC else "name another place, or mend the rights"
        return f"{err.filename or 'what is printed'}: {err.strerror}; {mend}", BAD_INPUT
    if isinstance(err, SQLAlchemyError):
        return f"the database: {_reason(err)}", OUT_OF_REACH
    return "", 0


def _reason(err: Exception) -> str:
    """Return what the database said, and how to mend it."""
    from sqlalchemy.exc import DBAPIError

    if not isinstance(err, DBAPIError):
        return f"{str(err).splitlines()[0]}; check DUBAN_DATABASE_URL"
    return f"{str(err.orig).strip().splitlines()[0]}; {_mend(err.orig)}"


def _mend(err: Any) -> str:
    """Return what to do about an error of the driver."""
    if hasattr(err, "sqlite_errorcode"):
        return MENDS.get(err.sqlite_errorcode & SQLITE_PRIMARY, INIT)
    if not hasattr(err, "sqlstate"):
        return INIT
    if err.sqlstate is None:  # no session came about: the server or the network says why
        return CONNECT
    return max(
        ((len(code), mend) for code, mend in POSTGRES_MENDS.items() if err.sqlstate.startswith(code)),
        default=(0, INIT),
    )[1]
