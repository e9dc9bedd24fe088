"""Does `duban up`, a real process, send what a simulation says, stop when told, and lose or double nothing?"""

import errno
import fcntl
import json
import os
import re
import signal
import socket
import sqlite3
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from io import StringIO
from pathlib import Path
from typing import Any, Final, TypeVar

import pytest
from rich.console import Console
from sqlalchemy.exc import OperationalError

from actors.desks import Desks
from config.services import open_services
from daemon import up
from daemon.processes import WrongClock
from daemon.serving import Address
from daemon.up import _begin, _show
from daemon.view import StepLog, look
from tests.daemon.conftest import Answer, opened, typed

DUBAN: Final = Path(sys.executable).with_name("duban")
DAY: Final = "2026-03-31"
PETITIONS: Final = 30
WAIT_S: Final = 60.0
STOP_S: Final = 20.0
FILES: Final = 40
TOO_MANY: Final = "out of system resource"
Found = TypeVar("Found")

OFFICES: Final = "\n".join(
    [
        "DIR,主任会议,directors,,",
        "MUN,代表工委,municipal,DIR,",
        "T1,桃源镇人大主席团,town,MUN,",
        *(f"D{n},第{n}办,department,T1," for n in range(PETITIONS)),
    ]
)
CONTACTS: Final = "\n".join(
    [
        "CD,DIR,陈一,,13800000001,cd@example.cn,,yes",
        "CM,MUN,陈二,,13800000002,cm@example.cn,,yes",
        "CT,T1,陈四,,13800000004,ct@example.cn,,yes",
        *(f"C{n},D{n},何{n},,138000001{n:02},c{n}@example.cn,,yes" for n in range(PETITIONS)),
    ]
)
# Handle is due on 30 March, so overdue on the 31st: an SMS and an e-mail to each department.
OLD: Final = "\n".join(f"P{n},T1,DA,,town,事项{n},某,13970000001,,2026-03-18T10:00" for n in range(PETITIONS))
OLD_EVENTS: Final = "\n".join(
    f"P{n},2026-03-19T10:00,assigned,D{n},,,,,\nP{n},2026-03-19T11:00,accepted,,,,,," for n in range(PETITIONS)
)
# On the day itself: two come in after the round.
NEW: Final = """\
PA,T1,DA,,town,水沟,某,13970000001,,2026-03-31T09:00:30
PB,T1,DA,,town,路灯,某,13970000001,,2026-03-31T09:02:00
"""
NEW_EVENTS: Final = "PA,2026-03-31T09:02:00,assigned,D1,,,,,\n"
RECORD: Final = {
    "offices": f"id,name,kind,parent,station_kind\n{OFFICES}\n",
    "contacts": f"id,office,name,title,mobile,email,channels,on_duty\n{CONTACTS}\n",
    "deputies": "id,name,mobile,email,channels\nDA,李甲,13811110001,da@example.cn,\n",
    "petitions": "id,town,deputy,found_on,level,title,petitioner,petitioner_mobile,confidential,recorded_at\n"
    f"{OLD}\n{NEW}",
    "petition_events": f"petition,at,event,office,level,until,proposal,result,note\n{OLD_EVENTS}\n{NEW_EVENTS}",
}


@pytest.fixture(scope="module")
def record(tmp_path_factory) -> Path:
    folder: Path = tmp_path_factory.mktemp("record")
    for table, text in RECORD.items():
        (folder / f"{table}.csv").write_text(text, encoding="utf-8")
    return folder


Key = tuple[str, ...]
FIELDS: Final = ("matter", "rung", "due", "to", "channel", "at")


def key(line: dict[str, Any]) -> Key:
    return tuple(str(line[field]) for field in FIELDS)


@pytest.fixture
def expected(record, duban, tmp_path) -> set[Key]:
    """What a simulation of that day would have sent."""
    told = duban("simulate", record, "--from", DAY, "--to", DAY, "--out", tmp_path / "simulated")
    assert told.status == 0, told.err
    text = (tmp_path / "simulated" / "notices.jsonl").read_text(encoding="utf-8")
    found = {key(json.loads(line)) for line in text.splitlines()}
    assert len(found) == 2 * PETITIONS + 3
    return found


@pytest.fixture
def ready(record, duban, database, monkeypatch) -> Path:
    """A database with the record; ten seconds before the round of that day, twenty times as fast."""
    monkeypatch.setenv("DUBAN_CLOCK", f"{DAY}T08:59:50+08:00@20")
    assert duban("import", record).status == 0
    return Path(database)


@contextmanager
def running(*words: str, stdout: int = subprocess.PIPE) -> Iterator[subprocess.Popen[str]]:
    """`duban up` as a process of its own, without a terminal; it ends with the test. `words`: started by these."""
    process = subprocess.Popen(words or [DUBAN, "up"], stdout=stdout, stderr=subprocess.STDOUT, text=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


def soon(ask: Callable[[], Found], process: subprocess.Popen[str], wait_s: float = WAIT_S) -> Found:
    """Return the first answer that is true."""
    give_up = time.monotonic() + wait_s
    while time.monotonic() < give_up:
        if answer := ask():
            return answer
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.02)
    pytest.fail(f"not within {wait_s:g} s")


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    out, _ = process.communicate(timeout=STOP_S)
    return process.returncode, out


def rows(file: Path, question: str) -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=30)
    try:
        return connection.execute(question).fetchall()
    finally:
        connection.close()


def arrived(file: Path, at_least: int) -> bool:
    """Whether so many notices are in messages that have arrived."""
    question = (
        "select count(*) from notices join messages on messages.id = notices.message where messages.state = 'accepted'"
    )
    return bool(rows(file, question)[0][0] >= at_least)


def in_the_sandbox(file: Path) -> list[tuple[Any, ...]]:
    return rows(file, "select message, person, channel, body from sandbox order by id")


def nothing_twice(file: Path) -> None:
    kept = in_the_sandbox(file)
    assert len({row[0] for row in kept}) == len(kept)


def noticed(answer: Answer) -> set[Key]:
    return {key(line) for line in answer.facts}


# ------------------------------------------------------------------------------------------


def test_up_sends_what_a_simulation_of_the_day_says_and_goes_on_after_a_stop(expected, ready):
    with running() as process:
        soon(lambda: arrived(ready, 2 * PETITIONS), process)
        process.send_signal(signal.SIGINT)
        status, out = ended(process)
    assert status == 0
    assert "Traceback" not in out
    before = in_the_sandbox(ready)

    with running() as process:
        soon(lambda: arrived(ready, len(expected)), process)
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGTERM)
        status, out = ended(process)
    assert status == 0
    assert "Traceback" not in out

    told = typed("notices", "--limit", "1000", "--json")
    assert noticed(told) == expected
    assert len(told.facts) == len(expected)
    assert {line["message_state"] for line in told.facts} == {"accepted"}
    assert in_the_sandbox(ready)[: len(before)] == before
    nothing_twice(ready)


def test_killed_in_the_middle_of_sending_no_notice_is_lost_and_none_goes_twice(expected, ready):
    with running() as process:
        soon(lambda: rows(ready, "select 1 from notices where message is not null"), process)
        process.kill()
        process.communicate()
    unsettled = rows(ready, "select id from messages where state in ('due', 'sending')")

    with running() as process:
        settled = "select 1 from messages where state in ('due', 'sending')"
        soon(lambda: len(rows(ready, "select 1 from notices")) == len(expected) and not rows(ready, settled), process)
        process.send_signal(signal.SIGTERM)
        assert ended(process)[0] == 0

    told = typed("notices", "--limit", "1000", "--json")
    assert noticed(told) == expected
    assert len(told.facts) == len(expected)
    nothing_twice(ready)
    # What was on its way when the process died may have left: it is not sent blindly again, and not hidden.
    unknown = {line["message"] for line in told.facts if line["message_state"] == "unknown"}
    assert {line["message_state"] for line in told.facts} <= {"accepted", "unknown"}
    assert unknown <= {row[0] for row in unsettled}
    assert {line["message"] for line in told.facts} - unknown <= {row[0] for row in in_the_sandbox(ready)}


def test_stopped_before_anything_was_due_nothing_is_sent(ready, monkeypatch):
    monkeypatch.setenv("DUBAN_CLOCK", f"{DAY}T06:00:00+08:00")
    with running() as process:
        soon(lambda: rows(ready, "select 1 from installation where key = 'cursor'"), process)
        process.send_signal(signal.SIGINT)
        assert ended(process)[0] == 0
    assert in_the_sandbox(ready) == []


def test_without_a_terminal_each_line_stays_whole(ready):
    with running() as process:
        soon(lambda: arrived(ready, 2 * PETITIONS), process)
        process.send_signal(signal.SIGINT)
        _, out = ended(process)
    assert out.splitlines()[-1] == f"stopped; all is kept in sqlite:///{ready}"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no full device here")
def test_what_it_shows_fills_the_disk_and_stops_nothing(expected, ready):
    with Path("/dev/full").open("w") as full, running(stdout=full.fileno()) as process:
        soon(lambda: arrived(ready, len(expected)), process)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=STOP_S)


def test_connections_beyond_what_may_be_open_do_not_fill_the_log(ready):
    with ExitStack() as stack:
        process = stack.enter_context(running("sh", "-c", f"ulimit -n {FILES}; exec {DUBAN} up"))
        soon(lambda: arrived(ready, 2 * PETITIONS), process)
        assert process.stdout is not None
        port = next(found[1] for line in process.stdout if (found := re.search(r"127\.0\.0\.1:(\d+)/", line)))
        for _ in range(FILES):
            stack.enter_context(socket.create_connection(("127.0.0.1", int(port))))
        assert any(TOO_MANY in line for line in process.stdout)
        process.send_signal(signal.SIGINT)
        status, out = ended(process)
    assert status == 0
    assert out.count(TOO_MANY) < FILES


def test_a_database_of_a_drill_is_refused_to_the_machines_clock(ready, monkeypatch):
    with running() as process:
        soon(lambda: rows(ready, "select 1 from installation where key = 'clock'"), process)
        process.send_signal(signal.SIGINT)
        ended(process)
    monkeypatch.delenv("DUBAN_CLOCK")
    with running() as process:
        status, out = ended(process)
    assert status == 2
    assert out == "duban: this database was run on a drill clock; set DUBAN_CLOCK, or name another DUBAN_DATABASE_URL\n"


# The demo ---------------------------------------------------------------------------------


@pytest.fixture
def demo_begins(database, monkeypatch) -> Iterator[Callable[[], None]]:
    """All that `duban up --demo` does before the clock and the workers run."""
    with opened(monkeypatch):
        yield lambda: _begin(open_services(), Console(quiet=True), demo=True)


def test_a_record_whose_clock_never_ran_is_no_demos(imported, demo_begins, capsys):
    before = rows(imported, "select * from installation order by key")
    with pytest.raises(SystemExit) as ended:
        demo_begins()
    assert ended.value.code == 2
    assert capsys.readouterr().err == (
        f"duban: sqlite:///{imported} holds a record that no demo made up, and --demo fills an empty database; "
        "leave --demo out, or name another DUBAN_DATABASE_URL\n"
    )
    assert rows(imported, "select * from installation order by key") == before


def test_a_database_on_the_machines_clock_is_not_filled_by_a_demo(database, demo_begins, monkeypatch):
    with opened(monkeypatch):
        _begin(open_services(), Console(quiet=True), demo=False)
    with pytest.raises(WrongClock):
        demo_begins()
    assert rows(database, "select count(*) from offices") == [(0,)]


def test_a_demo_goes_on_with_what_it_made_up(database, demo_begins):
    demo_begins()
    before = rows(database, "select * from visits order by id")
    assert before
    demo_begins()
    assert rows(database, "select * from visits order by id") == before


# In a terminal ----------------------------------------------------------------------------

TOWNS: Final = ["沙坪", "龙口", "雅瑶", "古劳", "桃源", "鹤城", "共和", "址山", "宅梧", "双合"]
#: so that Ctrl-C of the terminal reaches duban, as in a shell
IN_THE_TERMINAL: Final = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
)


def screen(master: int, heard: bytearray) -> str:
    """What the terminal has been told so far, without its codes."""
    try:
        heard += os.read(master, 65536)
    except BlockingIOError:
        pass
    except OSError as gone:
        # A process that ends leaves its terminal a moment before it can be waited for.
        if gone.errno != errno.EIO:
            raise
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", heard.decode("utf-8", "ignore"))


def test_the_demo_shows_the_ten_towns_in_a_terminal_and_ends_with_ctrl_c(tmp_path):
    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    os.set_blocking(master, False)
    heard = bytearray()
    process = subprocess.Popen(
        [sys.executable, "-c", IN_THE_TERMINAL, DUBAN, "up", "--demo"],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        cwd=tmp_path,
        env={**os.environ, "TERM": "xterm-256color"},
        start_new_session=True,
        text=True,
    )
    os.close(slave)
    try:
        soon(lambda: all(town in screen(master, heard) for town in TOWNS), process)
        assert "督办 duban" in screen(master, heard)
        os.write(master, b"\x03")
        give_up = time.monotonic() + STOP_S
        while process.poll() is None and time.monotonic() < give_up:
            screen(master, heard)
            time.sleep(0.02)
        assert process.poll() == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        os.close(master)
    assert (tmp_path / "var" / "demo.db").is_file()


def test_a_database_that_is_away_for_a_moment_does_not_end_what_a_terminal_shows(database, monkeypatch):
    stopping = threading.Event()
    looks = []

    def look_in_vain_first(*given):
        looks.append(given)
        if len(looks) == 1:
            raise OperationalError("SELECT", None, Exception("the database is starting up"))
        stopping.set()
        return look(*given)

    monkeypatch.setattr(up, "look", look_in_vain_first)
    monkeypatch.setattr(up, "FRAME_S", 0.0)
    console = Console(file=StringIO(), force_terminal=True, width=120, height=40)
    with opened(monkeypatch):
        services = open_services()
        _begin(services, console, demo=False)
        _show(services, Desks(services), StepLog(), console, stopping, Address("http://here", None))
    said = console.file.getvalue()
    assert said.index("OperationalError") < said.index("http://here")
