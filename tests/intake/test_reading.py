"""Which files and sheets are the record's, and what when they cannot be read?"""

import zipfile

import pytest
from openpyxl import Workbook
from openpyxl.styles import Font

from intake import bombs
from intake.encoding import encoding_of
from intake.reading import open_source
from intake.sources import Unopenable
from tests.intake.records import HEADINGS, ORGANISATION, checked, findings, write


def test_utf8_with_and_without_a_mark_and_gb18030_are_told_apart(tmp_path):
    for encoding, told in (("utf-8", "utf-8"), ("utf-8-sig", "utf-8-sig"), ("gb18030", "gb18030")):
        folder = write(tmp_path / encoding, {}, encoding=encoding)
        assert encoding_of(folder / "offices.csv") == told
        record = checked(folder).record
        assert (record.offices[0].name, record.deputies[0].name) == ("主任会议", "李甲")


def test_rare_characters_of_gb18030_are_read(tmp_path):
    folder = write(tmp_path, {"deputies": "DA,㐂𠮷é,,,\n"}, encoding="gb18030")
    assert checked(folder).record.deputies[0].name == "㐂𠮷é"


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"\xff\xfe\x00\x01", "is neither UTF-8 nor GB18030; save it as CSV UTF-8"),
        (
            "DA,甲乙丙丁戊己庚辛壬癸\nDB,".encode() + b"\xff\n",
            "is damaged: line 3 is not UTF-8 while the text before it is",
        ),
        (b"\xef\xbb\xbf", None),
    ],
)
def test_a_file_in_no_encoding_is_one_fault(tmp_path, body, told):
    folder = write(tmp_path, {})
    head = b"" if body.startswith(b"\xef\xbb\xbf") else f"{HEADINGS['deputies']}\n".encode()
    (folder / "deputies.csv").write_bytes(head + body)
    assert [f for f in findings(folder) if "deputies.csv" in f] == ([f"deputies.csv: {told}"] if told else [])
    # Seats refer to deputies that cannot be read: no fault of theirs.
    assert len(findings(folder)) == (1 if told else 2)


def test_tables_are_named_in_english_or_chinese_in_any_case(tmp_path):
    folder = write(tmp_path, {})
    (folder / "offices.csv").rename(folder / "机构.CSV")
    (folder / "deputies.csv").rename(folder / "Deputies.csv")
    assert findings(folder) == []


def test_other_files_are_passed_over(tmp_path):
    folder = write(tmp_path, {})
    (folder / "why.md").write_text("because")
    (folder / "~$visits.csv").write_text("a lock")
    (folder / "._visits.csv").write_text("\0")
    (folder / "rainfall.csv").write_text("mm\n12\n")
    outcome = checked(folder)
    assert outcome.faults == ()
    assert [str(w)[:60] for w in outcome.warnings] == ["rainfall.csv: 'rainfall' is not a table of the record, so it"]


def test_a_file_named_almost_like_a_table_is_a_fault_that_names_it(tmp_path):
    folder = write(tmp_path, {})
    (folder / "deputies.csv").rename(folder / "deputys.csv")
    assert findings(folder) == ["deputys.csv: 'deputys' is not a table of the record; did you mean 'deputies.csv'?"]


def test_a_table_given_twice_is_one_fault(tmp_path):
    folder = write(tmp_path, {"visits": ""})
    (folder / "履职记录.csv").write_text("编号\n")
    assert findings(folder) == ["履职记录.csv: '履职记录' gives the table visits once more; visits.csv has it"]


def test_a_missing_table_is_an_empty_one(tmp_path):
    folder = write(tmp_path, {"offices": "DIR,主任会议,directors,,\n"}, whole=False)
    assert findings(folder) == []


def test_an_empty_file_is_a_warning(tmp_path):
    folder = write(tmp_path, {})
    (folder / "visits.csv").write_text("")
    outcome = checked(folder)
    assert (outcome.faults, [str(w) for w in outcome.warnings]) == (
        (),
        ["visits.csv: is empty: it has not even headings"],
    )


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("nowhere", "does not exist"),
        ("empty", "holds no table of the record"),
        ("record.txt", "is neither a folder of CSV files nor an XLSX workbook"),
        ("record.xlsx", "is not an XLSX workbook"),
    ],
)
def test_what_cannot_be_opened_is_one_fault(tmp_path, name, problem):
    (tmp_path / "empty").mkdir()
    for file in ("record.txt", "record.xlsx"):
        (tmp_path / file).write_text("no workbook")
    with pytest.raises(Unopenable, match=problem):
        open_source(tmp_path / name)
    assert problem in findings(tmp_path / name)[0]


@pytest.mark.parametrize("separator", [";", "\t"])
def test_other_separators_are_one_fault(tmp_path, separator):
    folder = write(tmp_path, {})
    file = folder / "deputies.csv"
    file.write_text(file.read_text().replace(",", separator))
    assert len(findings(folder)) == 1
    assert "want commas" in findings(folder)[0]


def test_a_stray_quotation_mark_is_one_fault_with_its_line(tmp_path):
    folder = write(tmp_path, {"deputies": 'DA,李甲,,,\nDB,"李乙,,,\n'})
    found = findings(folder)
    assert len(found) == 1
    assert found[0].startswith("deputies.csv, row 3: cannot be read on from line 3")


def test_cells_may_hold_line_breaks_commas_and_quotation_marks(tmp_path):
    folder = write(
        tmp_path, {"visits": 'V1,DA,2026-03-05,station,ST1,,,,"一,\n""二""",\nV2,DA,2026-03-05,station,X,,,,,\n'}
    )
    assert checked(folder).record.visits[0].note == '一,\n"二"'
    # Rows are counted as a spreadsheet shows them: the first one fills two lines.
    assert "row 3" in findings(folder)[0]


def test_blank_lines_are_passed_over_and_counted(tmp_path):
    folder = write(tmp_path, {"visits": "\n ,,,,,,,,,\nV1,DA,2026-03-05,station,X,,,,,\n\n"})
    assert [f.row for f in checked(folder).faults] == [4]


# Workbooks -----------------------------------------------------------------------------


def workbook(path, **sheets):
    book = Workbook()
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


def organisation_sheets():
    return {
        table: [HEADINGS[table].split(","), *(line.split(",") for line in body.splitlines())]
        for table, body in ORGANISATION.items()
    }


def test_a_workbook_has_a_sheet_for_each_table(tmp_path):
    sheets = organisation_sheets()
    sheets["履职记录"] = [["编号", "代表", "日期", "去向", "地点"], [7, "DA", "2026/3/5", "进站", "STX"]]
    sheets["notes"] = [["anything"]]
    outcome = checked(workbook(tmp_path / "record.xlsx", **sheets))
    assert [str(f) for f in outcome.faults] == [
        "record.xlsx, sheet 履职记录, row 2, column 地点: 'STX' is not a station; did you mean 'STC'?"
    ]
    assert "notes" in str(outcome.warnings[0])
    assert len(outcome.warnings) == 1  # the empty sheet of a new workbook says nothing


def test_what_a_spreadsheet_makes_of_cells_is_understood(tmp_path):
    from datetime import UTC, date, datetime

    sheets = organisation_sheets()
    sheets["deputies"] = [
        ["id", "name", "mobile"],
        ["DA", "李甲", 13800000001],
        ["DB", "李乙", 13800000002.0],
        [3, "李丙", None],
    ]
    sheets["visits"] = [
        ["id", "deputy", "date", "kind", "place", "voters", "recorded_at"],
        [1, "DA", date(2026, 3, 5), "station", "ST1", 3.0, datetime(2026, 3, 5, 10, 0, 0, 250_000)],  # noqa: DTZ001 - as a spreadsheet gives it
        [2.0, 3, datetime(2026, 3, 5), "grid", "G1", None, None],  # noqa: DTZ001 - as a spreadsheet gives it
        [None] * 7,
    ]
    outcome = checked(workbook(tmp_path / "record.xlsx", **sheets))
    assert outcome.faults == ()
    first, second = outcome.record.visits
    assert [d.mobile for d in outcome.record.deputies] == ["13800000001", "13800000002", None]
    assert (first.id, first.voters, first.recorded_at) == ("1", 3, datetime(2026, 3, 5, 2, 0, 0, 250_000, tzinfo=UTC))
    assert (second.id, second.deputy, second.day) == ("2", "3", date(2026, 3, 5))


def test_a_formula_counts_as_its_value_and_a_failed_one_as_a_fault(tmp_path):
    path = workbook(
        tmp_path / "record.xlsx", **organisation_sheets(), visits=[["id", "deputy", "date", "kind", "place", "note"]]
    )
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(tmp_path / "new.xlsx", "w") as new:
        sheet = max(name for name in old.namelist() if "worksheets/sheet" in name)
        for name in old.namelist():
            data = old.read(name)
            if name == sheet:
                texts = {"B2": "DA", "C2": "2026-03-05", "D2": "station", "E2": "ST1"}
                cells = "".join(f'<c r="{at}" t="inlineStr"><is><t>{text}</t></is></c>' for at, text in texts.items())
                row = (
                    f'<row r="2"><c r="A2" t="str"><f>"V"&amp;1</f><v>V1</v></c>{cells}'
                    '<c r="F2" t="e"><f>NA()</f><v>#N/A</v></c></row>'
                )
                data = data.replace(b"</sheetData>", row.encode() + b"</sheetData>")
            new.writestr(name, data)
    outcome = checked(tmp_path / "new.xlsx")
    assert [str(f) for f in outcome.faults] == [
        "new.xlsx, sheet visits, row 2, column note: '#N/A' is the error of a formula; mend it in the spreadsheet"
    ]


def workbook_with_note(folder, note):
    """A record with one visit, F2 of whose sheet is the note."""
    visit = ["V1", "DA", "2026-03-05", "station", "ST1", note]
    visits = [["id", "deputy", "date", "kind", "place", "note"], visit]
    return workbook(folder / "record.xlsx", **organisation_sheets(), visits=visits)


def test_a_formula_that_a_program_has_written_and_nobody_computed_is_a_fault_of_its_cell(tmp_path):
    path = workbook_with_note(tmp_path, '="雨"&"天"')
    (fault,) = map(str, checked(path).faults)
    assert fault == (
        'record.xlsx, sheet visits, row 2, column note: \'="雨"&"天"\' is a formula that was never computed; '
        "open the workbook in a spreadsheet and save it"
    )


def test_a_formula_whose_result_is_an_empty_text_counts_as_empty(tmp_path):
    path = workbook_with_note(tmp_path, '=""')
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(tmp_path / "new.xlsx", "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name).replace(b'<c r="F2"><f>', b'<c r="F2" t="str"><f>'))
    outcome = checked(tmp_path / "new.xlsx")
    assert ([*outcome.faults], outcome.record.visits[0].note) == ([], None)


def test_a_workbook_that_unpacks_to_too_much_is_refused_before_it_is_unpacked(tmp_path):
    bomb = tmp_path / "bomb.xlsx"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b" " * 30_000_000)
    with pytest.raises(Unopenable, match="packed more than 100 to 1"):
        open_source(bomb)


def test_a_workbook_cut_short_is_one_fault(tmp_path):
    whole = workbook(tmp_path / "record.xlsx", **organisation_sheets())
    (tmp_path / "cut.xlsx").write_bytes(whole.read_bytes()[:-200])
    assert len(findings(tmp_path / "cut.xlsx")) == 1


def test_a_sheet_whose_declared_size_is_wrong_is_read_whole(tmp_path):
    path = workbook(tmp_path / "record.xlsx", **organisation_sheets())
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(tmp_path / "new.xlsx", "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name).replace(b'<dimension ref="A1:E', b'<dimension ref="A1:A1" x="'))
    assert len(checked(path).record.offices) == 12


def blank_above(path, blank, name="deputies"):
    book = Workbook()
    sheet = book.create_sheet(name)
    for column, heading in enumerate(HEADINGS["deputies"].split(","), 1):
        sheet.cell(blank + 1, column, heading)
    sheet.cell(blank + 2, 1, "DX")
    workbook = organisation_sheets()
    for table in workbook.keys() - {"deputies"}:
        other = book.create_sheet(table)
        for row in workbook[table]:
            other.append(row)
    book.save(path)
    return path


def test_headings_below_blank_rows_are_found(tmp_path):
    assert "row 1001, column name" in findings(blank_above(tmp_path / "x.xlsx", 999))[0]


def test_headings_are_not_looked_for_at_the_end_of_the_sheet(tmp_path):
    """Sheets of a few bytes can leave out a million rows each."""
    found = findings(blank_above(tmp_path / "x.xlsx", 1_000))
    # Seats refer to deputies that cannot be read: no fault of theirs.
    assert found == ["x.xlsx, sheet deputies: its first 1,000 rows are blank; want the headings at the top"]


def test_another_sheet_that_begins_far_below_is_passed_over(tmp_path):
    outcome = checked(blank_above(tmp_path / "x.xlsx", 1_000, "rainfall"))
    assert "its first 1,000 rows" not in "".join(map(str, outcome.faults))
    assert "'rainfall' is not a table of the record, so it is passed over" in str(outcome.warnings[0])


def test_a_row_may_have_blank_cells_to_the_end_of_the_sheet_and_no_others(tmp_path):
    blank, given = "," * 300, "," * 300 + "x"
    assert findings(write(tmp_path / "blank", {"deputies": f"DA,李甲,,,{blank}\nDB,李乙,,,\n"})) == []
    found = findings(write(tmp_path / "given", {"deputies": f"DA,李甲,,,\nDC,李丙,,,{given}\n"}))
    assert found == ["deputies.csv, row 3: goes on to column 305; want at most 256 columns"]


def deputies_with_formats_to_the_end(file, rows):
    """A workbook in whose first rows an empty cell far to the right bears a format."""
    book = Workbook()
    sheet = book.active
    sheet.title = "deputies"
    sheet.append(["id", "name"])
    for number in range(1, rows + 1):
        sheet.append([f"D{number}", "某"])
        sheet.cell(number + 1, 1_000).font = Font(bold=True)
    book.save(file)
    return file


@pytest.mark.parametrize(("most", "count"), [(3, 0), (2, 1)])
def test_rows_of_empty_cells_to_the_end_of_the_sheet_are_read_up_to_a_number(tmp_path, monkeypatch, most, count):
    monkeypatch.setattr(bombs, "MOST_WIDE_ROWS", most)
    found = checked(deputies_with_formats_to_the_end(tmp_path / "x.xlsx", 3)).faults
    assert len([fault for fault in found if "want at most 256 columns" in str(fault)]) == count


def test_a_workbook_that_says_how_much_it_unpacks_to_is_believed(tmp_path, monkeypatch):
    monkeypatch.setattr(bombs, "LARGEST_WORKBOOK", 1_000)
    file = deputies_with_formats_to_the_end(tmp_path / "x.xlsx", 1)
    with pytest.raises(Unopenable, match=r"unpacks to [0-9,]+ bytes; want at most 1,000"):
        open_source(file)
