"""What does `duban report` say and write, on a database?"""

import pytest
from openpyxl import load_workbook

from daemon import reporting

MARCH = ("report", "month", "2026-03")
NOON = "2026-03-24T12:00:00+08:00"


def one_line(text):
    assert text.count("\n") == 1, text
    return text.strip()


@pytest.fixture
def on_24_march(run_to):
    """Every round held up to then: climb-2 has told of one opinion, overdue since the 12th."""
    run_to(NOON)


def test_without_a_file_it_is_markdown_on_the_screen(imported, duban):
    told = duban(*MARCH)
    assert (told.status, told.err) == (0, "")
    assert told.out.startswith("# 鹤山市人大常委会代表工委督办月报\n\n**2026年3月**")
    assert "| 桃源镇人大主席团 |" in told.out


def test_the_rungs_are_those_that_have_been_fired(on_24_march, duban):
    told = duban(*MARCH, "--json").facts
    assert told["closing_day"] == "2026-03-24"
    assert told["overdue"]["all"] == {"climb-2": 1}
    assert told["overdue"]["towns"] == {"T1": {"climb-2": 1}, "T2": {}}
    assert told["petitions"]["all"]["registered"] == 1


@pytest.mark.parametrize(
    ("at", "rungs"),
    [
        ("2026-03-12T08:59:59", {"none": 1}),
        ("2026-03-12T09:00:00", {"overdue": 1}),
        ("2026-03-24T08:59:59", {"climb-1": 1}),
    ],
)
def test_as_it_stood_earlier(on_24_march, duban, at, rungs):
    told = duban(*MARCH, "--at", at, "--json").facts
    assert told["overdue"]["all"] == rungs
    assert told["made_at"] == f"{at}+08:00"


def test_an_instant_to_come_is_refused_by_the_clock_that_the_database_is_run_on(on_24_march, duban):
    assert duban(*MARCH, "--at", NOON).status == 0
    told = duban(*MARCH, "--at", "2026-03-25T12:00:00")
    assert (told.status, told.out) == (2, "")
    assert one_line(told.err).startswith(
        "duban: --at 2026-03-25T12:00:00+08:00 is yet to come: it is 2026-03-24T12:00:"
    )


def test_the_year_has_the_month_in_it(on_24_march, duban):
    month, year = (duban("report", *words, "--json").facts for words in (("month", "2026-03"), ("year", "2026")))
    assert year["period"] == "2026"
    assert year["by_month"]["months"]["2026-03"] == month["headline"]["all"]
    assert list(month["by_month"]["months"]) == ["2026-03"]


@pytest.mark.parametrize(
    ("ending", "begins"),
    [("xlsx", b"PK"), ("html", b"<!doctype html>"), ("pdf", b"%PDF-"), ("md", "# 鹤山市".encode()), ("XLSX", b"PK")],
)
def test_the_ending_of_the_file_says_which_form(imported, duban, tmp_path, ending, begins):
    file = tmp_path / f"三月.{ending}"
    file.write_text("the report before")
    told = duban(*MARCH, "--out", file)
    assert (told.status, one_line(told.out)) == (0, f"the report on 2026-03 is in {file}")
    assert file.read_bytes().strip().startswith(begins)
    assert [path.name for path in tmp_path.iterdir() if "三月" in path.name] == [file.name]


def test_folders_that_are_not_there_are_made(imported, duban, tmp_path):
    file = tmp_path / "reports" / "2026" / "march.md"
    assert duban(*MARCH, "--out", file).status == 0
    assert [path.name for path in file.parent.iterdir()] == ["march.md"]


def test_a_file_and_its_figures_at_once(imported, duban, tmp_path):
    file = tmp_path / "r.xlsx"
    told = duban(*MARCH, "--out", file, "--json")
    assert told.facts["period"] == "2026-03"
    book = load_workbook(file)
    assert book["群众意见"]["B2"].value == told.facts["petitions"]["towns"]["T1"]["registered"] == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("month", "2026-13"), "'2026-13' is not a month"),
        (("month", "2026"), "'2026' is not a month"),
        (("year", "2026-03"), "'2026-03' is not a year"),
        (
            ("month", "2026-03", "--out", "r.docx"),
            "'.docx' is not a form of report; want one of .xlsx, .html, .pdf, .md",
        ),
        (("month", "2026-03", "--out", "report"), "'no ending' is not a form of report"),
        (("month", "2026-03", "--out", "duban.db/r.pdf"), "duban.db: File exists"),
        (("month", "2098-03"), "2098-03 has not begun on"),
        (("month", "2026-03", "--at", "2026-02-28"), "2026-03 has not begun on 2026-02-28"),
    ],
)
def test_a_wrong_word_is_one_line_and_status_2(imported, duban, tmp_path, monkeypatch, words, said):
    monkeypatch.chdir(tmp_path)
    told = duban("report", *words)
    assert (told.status, told.out) == (2, "")
    assert said in one_line(told.err)


def test_without_a_database_it_is_out_of_reach(duban):
    told = duban(*MARCH)
    assert told.status == 3
    assert "duban init" in one_line(told.err)


def test_a_failure_while_writing_leaves_the_old_file(tmp_path, monkeypatch):
    file = tmp_path / "r.pdf"
    file.write_text("the report before")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(type(file), "replace", full)
    with pytest.raises(OSError, match="No space"):
        reporting._write_whole(file, b"%PDF")
    assert file.read_text() == "the report before"
    assert list(tmp_path.iterdir()) == [file]


def test_nothing_in_the_database_is_changed(on_24_march, duban, database):
    before = duban("matters", "--rebuild", "--check")
    duban(*MARCH)
    assert duban("matters", "--rebuild", "--check") == before
    assert before.status == 0
