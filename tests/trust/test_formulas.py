"""Can a name make somebody's spreadsheet compute? Not in any file that leaves duban.

The console's own lists: tests/web/test_pages_hostile.py. The record: tests/intake/test_exporting.py.
"""

import csv
import io
from dataclasses import replace

import pytest
from openpyxl import load_workbook

from intake.exporting import write_record, write_workbook
from rules.facts import Deputy, Office, OfficeKind, Record
from templates.digest_sheets import digest_workbook
from templates.letters import DigestLine
from templates.report_xlsx import as_xlsx
from templates.reports import view_of
from templates.texts import LOOKS_LIKE_CODE, inert
from tests.daemon.conftest import typed
from tests.reports.spring import SPRING, reported
from tests.rules.builders import day, house
from tests.templates.samples import VIEW

FORMULA = '=cmd|"/c calc"!A1'
WORDS = [FORMULA, "+1", "-1", "@SUM(A1)", "\t=1", "＝1", "'=1"]


def assert_nothing_computes(book, words):
    cells = [cell for sheet in load_workbook(io.BytesIO(book)) for row in sheet.iter_rows() for cell in row]
    assert not [cell.value for cell in cells if cell.data_type in ("f", "e")]
    texts = [cell for cell in cells if isinstance(cell.value, str)]
    assert all(cell.quotePrefix for cell in texts if cell.value.startswith(LOOKS_LIKE_CODE))
    assert [word for word in words if any(cell.value.startswith(word) for cell in texts)] == words


def test_in_the_workbook_of_a_digest_names_stay_names():
    lines = [DigestLine(name=word, office=word, due=day("03-31"), late=1) for word in WORDS]
    view = replace(VIEW, office=FORMULA, towns=tuple((word, VIEW.counts) for word in WORDS), worst=tuple(lines))
    assert_nothing_computes(digest_workbook(view, lines, "+人大"), WORDS)


def test_in_the_workbook_of_a_report_names_stay_names():
    names = iter([FORMULA, "+1"])
    offices = tuple(replace(o, name=next(names)) if o.kind is OfficeKind.TOWN else o for o in SPRING.offices)
    of = replace(SPRING, offices=offices)
    view = view_of(reported(of=of), house(of.contacts, of.deputies, of.offices, of.grids), "@人大")
    assert_nothing_computes(as_xlsx(view), [FORMULA, "+1", "@人大"])


# Rows that are saved apart -----------------------------------------------------------------

BAD = Record(
    offices=(
        Office(id="DIR", name="主任会议", kind=OfficeKind.DIRECTORS),
        Office(id="MUN", name="代表工委", kind=OfficeKind.MUNICIPAL, parent="DIR"),
    ),
    deputies=tuple(Deputy(id=f"D{i}", name=f"{word}名", mobile="12") for i, word in enumerate(WORDS)),
)


def names_in(file):
    with file.open(encoding="utf-8", newline="") as text:
        return [row["name"] for row in csv.DictReader(text)]


@pytest.mark.parametrize("form", ["in", "in.xlsx"])
def test_rows_that_are_saved_apart_compute_nothing_and_come_back_as_they_were(form, tmp_path, monkeypatch):
    monkeypatch.setenv("DUBAN_DATABASE_URL", f"sqlite:///{tmp_path / 'duban.db'}")
    (write_workbook if form.endswith("xlsx") else write_record)(BAD, tmp_path / form)
    answer = typed("import", tmp_path / form, "--skip-bad", tmp_path / "bad")
    assert f"{len(WORDS)} rows refused" in answer.out
    saved = tmp_path / "bad" / "deputies.csv"
    text = saved.read_text(encoding="utf-8")
    cells = [cell for row in csv.reader(io.StringIO(text, newline="")) for cell in row]
    assert not [cell for cell in cells if cell.startswith(LOOKS_LIKE_CODE)]

    saved.write_text(text.replace(",12,", ",13800000001,"), encoding="utf-8")
    mended = typed("import", saved.parent)
    assert mended.status == 0, mended.out
    assert typed("export", tmp_path / "out").status == 0
    assert names_in(tmp_path / "out" / "deputies.csv") == [inert(d.name.strip()) for d in BAD.deputies]
