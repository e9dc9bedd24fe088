"""Does a file that was made to fell duban get one clear line, at once, and without filling the memory?"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.daemon.conftest import typed
from tests.trust import hostile

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from Linux's /proc")
ROOT = Path(__file__).parents[2]
#: seconds of the processor for each file, megabytes of memory for a process that has read them all
LONGEST_S = 1.0
MOST_MB = 150
#: what is said of a workbook, after its name
BOOKS = {
    "a sheet that unpacks to a gigabyte": "is packed more than 100 to 1",
    "a gigabyte of blanks": "is packed more than 100 to 1",
    "texts that unpack to a gigabyte": "is packed more than 100 to 1",
    "texts under another name": "holds too much in xl/media/strings.xml",
    "texts that are packed as no texts are": "is packed more than 30 to 1",
    "a billion laughs in the sheet": "defines entities (xl/worksheets/sheet1.xml)",
    "a billion laughs in the texts": "defines entities (xl/sharedStrings.xml)",
    "a billion laughs in the book": "defines entities (xl/workbook.xml)",
    "a billion laughs in the types": "defines entities ([Content_Types].xml)",
    "one entity, many times": "defines entities",
    "an entity that is a file of this machine": "defines entities",
    "an entity that calls an address": "defines entities",
    "rows as wide as a sheet can be": "goes on to column 16384; want at most 256 columns",
    "a row wider than a sheet can be": "'ZZZZZZ' is not a valid column name",
    "a row far below the last": "lies beyond the last row of a sheet",
    "elements a million deep": "is full of what is no cell",
    "a million elements that are no rows": "is full of what is no cell",
    "a million elements that are no texts": "holds too much in xl/sharedStrings.xml",
    "a hundred thousand styles": "holds too much in xl/styles.xml",
    "a cell of nine megabytes": "more than 4 megabytes without the end of a row",
    "a hundred thousand members": "holds too many files to be a workbook",
    "a list of members that is longer than it says": "holds too many files to be a workbook",
    "a long text in every heading": "is longer than 100 characters; want the name of a column",
    "three thousand sheets in one": "has more than 64 sheets, or one twice",
    "a hundred sheets": "has more than 64 sheets",
    "sixty-four sheets whose rows stand at the very bottom": "holds no table of the record",
    "a sheet with a long name": "holds no table of the record",
    "a cell in a column with a long name": "cannot be read on",
    "a cell whose text is not there": "cannot be read on",
    "margins that nobody knows": "cannot be read on",
    "a view that nobody knows": "cannot be opened as an XLSX workbook",
    "a comment of three megabytes in every row": "is full of what is no cell",
    "a comment of thirty megabytes among the texts": "holds too much in xl/sharedStrings.xml",
    "two hundred thousand merged cells": "is full of what is no cell",
}
#: what is said of deputies.csv
TABLES = {
    "zero bytes": "",
    "a file of zeros": "is longer than 3 megabytes",
    "a line of twenty megabytes": "is longer than 3 megabytes",
    "twenty megabytes of commas": "is longer than 3 megabytes",
    "a cell of two megabytes": "field larger than field limit",
    "a quotation that does not end": "field larger than field limit",
    "a million quotation marks": "",
    "no text at all": "neither UTF-8 nor GB18030",
    "ten thousand columns": "goes on to column 10000; want at most 256 columns",
    "as many headings as a line holds": "goes on to column 900002; want at most 256 columns",
    "as many cells as a line holds": "goes on to column 900001; want at most 256 columns",
    "as many commas as a line holds": "column name: nothing is given",
    "a heading of a megabyte": "is longer than 100 characters; want the name of a column",
}
#: checks each path it is given, and prints what it took; `getrusage` would count what the tests' own process took
CHECKING = """
import json, re, sys, time
from pathlib import Path
from config.calendars import load_calendar
from config.policies import load_policy
from intake.checking import check
calendar, policy = load_calendar(), load_policy(environ={})
for path in sys.argv[1:]:
    began = time.process_time()
    faults = check(Path(path), calendar=calendar, policy=policy).faults
    print(json.dumps({
        "path": path,
        "seconds": time.process_time() - began,
        "megabytes": int(re.search("VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) // 1024,
        "count": len(faults),
        "first": str(faults[0]) if faults else "",
    }))
"""


def checked(*paths):
    """Check each path, one after the other in one process of its own."""
    command = [sys.executable, "-c", CHECKING, *map(str, paths)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=200)
    return {Path(told["path"]): told for told in map(json.loads, done.stdout.splitlines())}


@pytest.fixture(scope="module")
def books(tmp_path_factory):
    folder = tmp_path_factory.mktemp("books")
    files = {
        name: hostile.workbook(folder / f"{number}.xlsx", make())
        for number, (name, make) in enumerate(hostile.BOOKS.items())
    }
    hostile.shorter_by_its_word(files["a list of members that is longer than it says"])
    told = checked(*files.values())
    return {name: told[file] for name, file in files.items()}


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    folders = {}
    for name, make in hostile.TABLES.items():
        folders[name] = tmp_path_factory.mktemp("tables")
        (folders[name] / "deputies.csv").write_bytes(make())
    told = checked(*folders.values())
    return {name: told[folder] for name, folder in folders.items()}


def test_every_hostile_file_is_asked_for():
    assert set(BOOKS) == set(hostile.BOOKS)
    assert set(TABLES) == set(hostile.TABLES)


@pytest.mark.parametrize("name", BOOKS)
def test_a_hostile_workbook_gets_one_clear_line_at_once(books, name):
    told = books[name]
    assert told["count"] == 1
    assert BOOKS[name] in told["first"]
    assert len(told["first"].splitlines()) == 1
    assert len(told["first"]) < 400
    assert "root:" not in told["first"]
    assert told["seconds"] < LONGEST_S
    assert told["megabytes"] < MOST_MB


@pytest.mark.parametrize("name", TABLES)
def test_a_hostile_table_gets_clear_lines_at_once(tables, name):
    told = tables[name]
    assert told["count"] >= 1
    assert TABLES[name] in told["first"]
    assert len(told["first"].splitlines()) == 1
    assert len(told["first"]) < 400
    assert told["seconds"] < LONGEST_S
    assert told["megabytes"] < MOST_MB


def test_ten_thousand_malformed_rows_get_a_line_each(tmp_path):
    (tmp_path / "deputies.csv").write_text(hostile.malformed(10_000), encoding="utf-8")
    told = checked(tmp_path)[tmp_path]
    assert told["count"] == 10_000
    assert told["seconds"] < 5
    assert told["megabytes"] < MOST_MB


def test_a_long_text_that_all_cells_share_is_shown_cut_in_a_line_each(tmp_path):
    file = hostile.workbook(tmp_path / "x.xlsx", hostile.shared_texts(10_000))
    told = checked(file)[file]
    assert told["count"] == 30_000
    assert told["first"].endswith("row 2, column mobile: '…' is longer than 100 characters; want a mobile number")
    assert told["seconds"] < 5
    assert told["megabytes"] < MOST_MB


@pytest.mark.parametrize("command", ["check", "import"])
def test_whoever_has_many_faults_is_told_where_they_are(tmp_path, monkeypatch, command):
    """The last lines on the screen: nobody reads thirty thousand."""
    monkeypatch.setenv("DUBAN_DATABASE_URL", f"sqlite:///{tmp_path / 'duban.db'}")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "deputies.csv").write_text(hostile.malformed(3_000) + "D1,,\n", encoding="utf-8")
    answer = typed(command, tmp_path / "in")
    lines = answer.out.splitlines()
    assert answer.status == 2
    assert len([line for line in lines if line.startswith("deputies.csv, row")]) == 3_002
    told = lines[lines.index("where they are:") + 1 :][:3]
    assert told == [f"{count:>9,} in deputies.csv, column {name}" for count, name in COUNTED]


COUNTED = [(3_000, "mobile"), (1, "id"), (1, "name")]


def test_few_faults_are_not_summed_up(tmp_path):
    (tmp_path / "deputies.csv").write_text(hostile.malformed(20), encoding="utf-8")
    assert "where they are:" not in typed("check", tmp_path).out


def test_a_workbook_in_order_is_read(tmp_path):
    told = checked(hostile.workbook(tmp_path / "x.xlsx", {}))[tmp_path / "x.xlsx"]
    assert told["count"] == 0


def test_cells_that_only_bear_a_format_may_go_to_the_end_of_the_sheet(tmp_path):
    wide = f'<row>{hostile.text_cell("D1")}{hostile.text_cell("某")}<c r="XFD2" s="0"/></row>'
    file = hostile.workbook(tmp_path / "x.xlsx", {hostile.SHEET: hostile.sheet(wide)})
    assert checked(file)[file]["count"] == 0


def test_an_import_writes_nothing_of_a_hostile_file(tmp_path, monkeypatch):
    monkeypatch.setenv("DUBAN_DATABASE_URL", f"sqlite:///{tmp_path / 'duban.db'}")
    file = hostile.workbook(tmp_path / "x.xlsx", hostile.BOOKS["a billion laughs in the sheet"]())
    answer = typed("import", file)
    assert answer.status == 2
    assert "nothing was written" in answer.err
