"""Which files would somebody send who wants duban to fall, hang or tell what it should not?

Workbooks are written member by member: no library would write them. All are made anew, none is kept as a file.
"""

import random
import struct
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

MAIN: Final = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATIONS: Final = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE: Final = "http://schemas.openxmlformats.org/package/2006"
TYPE: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml"
HEAD: Final = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'

TYPES: Final = (
    f'{HEAD}<Types xmlns="{PACKAGE}/content-types">'
    '<Default Extension="xml" ContentType="application/xml"/>'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{TYPE}.sheet.main+xml"/>'
    f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{TYPE}.worksheet+xml"/>'
    f'<Override PartName="/xl/sharedStrings.xml" ContentType="{TYPE}.sharedStrings+xml"/></Types>'
)
ROOT_RELATIONS: Final = (
    f'{HEAD}<Relationships xmlns="{PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{RELATIONS}/officeDocument" Target="xl/workbook.xml"/></Relationships>'
)
BOOK: Final = (
    f'{HEAD}<workbook xmlns="{MAIN}" xmlns:r="{RELATIONS}">'
    '<sheets><sheet name="deputies" sheetId="1" r:id="rId1"/></sheets></workbook>'
)
BOOK_RELATIONS: Final = (
    f'{HEAD}<Relationships xmlns="{PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{RELATIONS}/worksheet" Target="worksheets/sheet1.xml"/>'
    f'<Relationship Id="rId2" Type="{RELATIONS}/sharedStrings" Target="sharedStrings.xml"/></Relationships>'
)
NO_STRINGS: Final = f'{HEAD}<sst xmlns="{MAIN}"/>'
MEMBERS: Final = {
    "[Content_Types].xml": TYPES,
    "_rels/.rels": ROOT_RELATIONS,
    "xl/workbook.xml": BOOK,
    "xl/_rels/workbook.xml.rels": BOOK_RELATIONS,
    "xl/sharedStrings.xml": NO_STRINGS,
}
MEGABYTE: Final = 1 << 20
END_OF_ZIP: Final = 22  #: bytes
QUICKLY: Final = 1  #: packs a gigabyte in half the time, and still in a hundredth of its size


def text_cell(text: str) -> str:
    return f'<c t="inlineStr"><is><t>{text}</t></is></c>'


HEADINGS: Final = f"<row>{text_cell('id')}{text_cell('name')}</row>"
ROW: Final = f"<row>{text_cell('D1')}{text_cell('某')}</row>"


def sheet(rows: str, before: str = "") -> str:
    return f'{HEAD}{before}<worksheet xmlns="{MAIN}"><sheetData>{HEADINGS}{rows}</sheetData></worksheet>'


def shorter_by_its_word(file: Path) -> Path:
    """Have the end of a ZIP say that its list of members is short; the record before it, of ZIP64, says the truth."""
    content = file.read_bytes()
    length_at = -END_OF_ZIP + 12
    file.write_bytes(content[:length_at] + struct.pack("<L", 100) + content[length_at + 4 :])
    return file


def workbook(file: Path, parts: dict[str, str | Iterable[str]]) -> Path:
    """Write a workbook; a member given as pieces is written piece by piece."""
    members: dict[str, str | Iterable[str]] = {**MEMBERS, "xl/worksheets/sheet1.xml": sheet(ROW), **parts}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=QUICKLY) as archive:
        for name, content in members.items():
            with archive.open(name, "w", force_zip64=True) as out:
                for piece in [content] if isinstance(content, str) else content:
                    out.write(piece.encode())
    return file


def repeated(before: str, piece: str, size: int, after: str) -> Iterable[str]:
    """Yield a text of about `size` bytes in pieces of a megabyte."""
    block = piece * (MEGABYTE // len(piece.encode()))
    yield before
    yield from (block for _ in range(size // MEGABYTE))
    yield after


def noise(size: int, ratio: int) -> str:
    """Return about `size` letters that are packed a little less than `ratio` to 1."""
    chance = random.Random(1)
    block = 40_000
    drawn = int(block / ratio * 1.7)
    return "".join("".join(chance.choices("abcdefgh", k=drawn)) + "x" * (block - drawn) for _ in range(size // block))


def laughs(name: str, depth: int = 10) -> str:
    """Return a DTD in which ten entities stand for ten each of the one before, down to a word."""
    lines = [f'<!ENTITY {name}0 "ha">']
    lines += [f'<!ENTITY {name}{n} "{f"&{name}{n - 1};" * 10}">' for n in range(1, depth)]
    return f"<!DOCTYPE lolz [{''.join(lines)}]>"


COMMENT: Final = noise(3 * MEGABYTE, 90)
SHEET: Final = "xl/worksheets/sheet1.xml"
STRINGS: Final = "xl/sharedStrings.xml"
SHEET_PARTS: Final = (sheet("\0").split("\0")[0], sheet("\0").split("\0")[1])
STRING_PARTS: Final = (f'{HEAD}<sst xmlns="{MAIN}">', "</sst>")

#: a text of one and a half megabytes that any number of cells may share
LONG_TEXT: Final = f'{HEAD}<sst xmlns="{MAIN}"><si><t>{"".join(map(str, range(280_000)))}</t></si></sst>'
SHARED_CELL: Final = '<c t="s"><v>0</v></c>'
LOW_SHEET: Final = (
    f'{HEAD}<worksheet xmlns="{MAIN}"><sheetData>'
    f'<row r="1048576"><c r="A1048576" t="n"><v>1</v></c></row></sheetData></worksheet>'
)


def sheets(count: int, target: str) -> dict[str, str | Iterable[str]]:
    """Return the parts that name so many sheets; `target` takes the number of each."""
    numbers = range(1, count + 1)
    named = "".join(f'<sheet name="{n}" sheetId="{n}" r:id="r{n}"/>' for n in numbers)
    related = "".join(
        f'<Relationship Id="r{n}" Type="{RELATIONS}/worksheet" Target="{target.format(n)}"/>' for n in numbers
    )
    typed = "".join(
        f'<Override PartName="/xl/{part}" ContentType="{TYPE}.worksheet+xml"/>'
        for part in {target.format(n) for n in numbers} - {"worksheets/sheet1.xml"}
    )
    return {
        "[Content_Types].xml": TYPES.replace("</Types>", f"{typed}</Types>"),
        "xl/workbook.xml": f'{HEAD}<workbook xmlns="{MAIN}" xmlns:r="{RELATIONS}"><sheets>{named}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'{HEAD}<Relationships xmlns="{PACKAGE}/relationships">{related}</Relationships>',
    }


#: name → what the workbook's members are instead; none is larger than a few megabytes as a file
BOOKS: Final[dict[str, Callable[[], dict[str, str | Iterable[str]]]]] = {
    "a sheet that unpacks to a gigabyte": lambda: {
        SHEET: repeated(SHEET_PARTS[0], ROW, 1 << 30, SHEET_PARTS[1]),
    },
    "a gigabyte of blanks": lambda: {SHEET: repeated(SHEET_PARTS[0], " ", 1 << 30, SHEET_PARTS[1])},
    "texts that unpack to a gigabyte": lambda: {
        STRINGS: repeated(STRING_PARTS[0], "<si><t>x</t></si>", 1 << 30, STRING_PARTS[1]),
    },
    "texts under another name": lambda: {
        "[Content_Types].xml": TYPES.replace("/xl/sharedStrings.xml", "/xl/media/strings.xml"),
        "xl/media/strings.xml": repeated(STRING_PARTS[0], "<x/>", 3 * MEGABYTE, STRING_PARTS[1]),
    },
    "texts that are packed as no texts are": lambda: {
        STRINGS: repeated(STRING_PARTS[0], "<si><t>x</t></si>", 9 * MEGABYTE, STRING_PARTS[1]),
    },
    "a billion laughs in the sheet": lambda: {
        SHEET: sheet(f"<row>{text_cell('&a9;')}</row>", laughs("a")),
    },
    "a billion laughs in the texts": lambda: {
        STRINGS: f'{HEAD}{laughs("a")}<sst xmlns="{MAIN}"><si><t>&a9;</t></si></sst>',
    },
    "a billion laughs in the book": lambda: {
        "xl/workbook.xml": BOOK.replace(HEAD, HEAD + laughs("a")).replace("deputies", "&a9;"),
    },
    "a billion laughs in the types": lambda: {
        "[Content_Types].xml": TYPES.replace(HEAD, HEAD + laughs("a")).replace("<Default", "&a9;<Default", 1),
    },
    "one entity, many times": lambda: {
        SHEET: sheet(
            f"<row>{text_cell('&a;' * 50_000)}</row>",
            f'<!DOCTYPE x [<!ENTITY a "{"a" * 50_000}">]>',
        ),
    },
    "an entity that is a file of this machine": lambda: {
        SHEET: sheet(
            f"<row>{text_cell('&x;')}{text_cell('n')}</row>", '<!DOCTYPE x [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
        ),
    },
    "an entity that calls an address": lambda: {
        SHEET: sheet(ROW, '<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">'),
    },
    "rows as wide as a sheet can be": lambda: {
        SHEET: repeated(SHEET_PARTS[0], '<row><c r="XFD2" t="n"><v>1</v></c></row>', 5 * MEGABYTE, SHEET_PARTS[1]),
    },
    "a row wider than a sheet can be": lambda: {
        SHEET: sheet('<row><c r="ZZZZZZ2" t="n"><v>1</v></c></row>'),
    },
    "a row far below the last": lambda: {
        SHEET: sheet('<row r="2000000000"><c r="A2000000000" t="n"><v>1</v></c></row>'),
    },
    "elements a million deep": lambda: {SHEET: sheet("<x>" * 1_000_000 + "</x>" * 1_000_000)},
    "a million elements that are no rows": lambda: {
        SHEET: repeated(SHEET_PARTS[0], "<x/>", 9 * MEGABYTE, SHEET_PARTS[1]),
    },
    "a million elements that are no texts": lambda: {
        STRINGS: repeated(STRING_PARTS[0], "<x/>", 3 * MEGABYTE, STRING_PARTS[1]),
    },
    "a hundred thousand styles": lambda: {
        "xl/styles.xml": f'{HEAD}<styleSheet xmlns="{MAIN}"><cellXfs>{"<xf/>" * 100_000}</cellXfs></styleSheet>',
    },
    "a cell of nine megabytes": lambda: {
        SHEET: repeated(
            f"{SHEET_PARTS[0]}<row><c t='inlineStr'><is><t>",
            "长",
            9 * MEGABYTE,
            f"</t></is></c></row>{SHEET_PARTS[1]}",
        ),
    },
    "a hundred thousand members": lambda: {f"x/{n}": "" for n in range(100_000)},
    "a long text in every heading": lambda: {
        STRINGS: LONG_TEXT,
        SHEET: f'{HEAD}<worksheet xmlns="{MAIN}"><sheetData><row>{SHARED_CELL * 250}</row></sheetData></worksheet>',
    },
    "three thousand sheets in one": lambda: sheets(3_000, "worksheets/sheet1.xml") | {SHEET: LOW_SHEET},
    "a hundred sheets": lambda: (
        sheets(100, "worksheets/sheet{0}.xml")
        | {f"xl/worksheets/sheet{number}.xml": LOW_SHEET for number in range(1, 101)}
    ),
    "sixty-four sheets whose rows stand at the very bottom": lambda: (
        sheets(64, "worksheets/sheet{0}.xml")
        | {f"xl/worksheets/sheet{number}.xml": LOW_SHEET for number in range(1, 65)}
    ),
    "a list of members that is longer than it says": lambda: {f"x/{n}": "" for n in range(100_000)},
    "a sheet with a long name": lambda: {"xl/workbook.xml": BOOK.replace("deputies", "d" * 3 * MEGABYTE)},
    "a cell in a column with a long name": lambda: {
        SHEET: sheet(f'<row><c r="{"Z" * MEGABYTE}2" t="n"><v>1</v></c></row>'),
    },
    "a cell whose text is not there": lambda: {SHEET: sheet('<row><c t="s"><v>99999999</v></c></row>')},
    "margins that nobody knows": lambda: {
        SHEET: sheet(ROW).replace("</worksheet>", '<pageMargins x="1"/></worksheet>')
    },
    "a view that nobody knows": lambda: {
        "xl/workbook.xml": BOOK.replace("<sheets>", '<bookViews><workbookView x="1"/></bookViews><sheets>'),
    },
    "a comment of three megabytes in every row": lambda: {
        SHEET: sheet("".join(f"<row><!--{COMMENT}-->{text_cell(f'D{n}')}{text_cell('某')}</row>" for n in range(24))),
    },
    "a comment of thirty megabytes among the texts": lambda: {
        STRINGS: f"{STRING_PARTS[0]}<!--{noise(30 * MEGABYTE, 25)}-->{STRING_PARTS[1]}",
    },
    "two hundred thousand merged cells": lambda: {
        SHEET: sheet(ROW).replace("</worksheet>", "<mergeCell ref='A1:B1'/>" * 200_000 + "</worksheet>"),
    },
}


def shared_texts(rows: int) -> dict[str, str | Iterable[str]]:
    """Return a table of deputies that all have one long text for number, address and channels."""
    headings = "".join(map(text_cell, ("id", "name", "mobile", "email", "channels")))
    body = "".join(f"<row>{text_cell(f'D{n}')}{text_cell('某')}{SHARED_CELL * 3}</row>" for n in range(rows))
    return {
        STRINGS: LONG_TEXT,
        SHEET: f'{HEAD}<worksheet xmlns="{MAIN}"><sheetData><row>{headings}</row>{body}</sheetData></worksheet>',
    }


DEPUTIES: Final = "id,name,mobile\n"


def pieces(before: bytes, piece: bytes, times: int) -> bytes:
    return before + piece * times


#: name → the bytes of deputies.csv
TABLES: Final[dict[str, Callable[[], bytes]]] = {
    "zero bytes": lambda: b"id,name\nD\x001,\x00\x00\n",
    "a file of zeros": lambda: bytes(20 * MEGABYTE),
    "a line of twenty megabytes": lambda: pieces(b"id,name\nD1,", b"x", 20 * MEGABYTE),
    "twenty megabytes of commas": lambda: pieces(b"id,name\nD1", b",", 20 * MEGABYTE),
    "a cell of two megabytes": lambda: pieces(b"id,name\nD1,", b"x", 2 * MEGABYTE),
    "a quotation that does not end": lambda: pieces(b'id,name\nD1,"', b"x\n", 5 * MEGABYTE),
    "a million quotation marks": lambda: pieces(b"id,name\nD1,", b'"', 1_000_001),
    "no text at all": lambda: pieces(b"id,name\n", b"\xff\xfe\x81", 100_000),
    "ten thousand columns": lambda: b",".join(b"c%d" % n for n in range(10_000)) + b"\n",
    "as many headings as a line holds": lambda: pieces(b"id,name", b",ab", 900_000),
    "as many cells as a line holds": lambda: pieces(b"id,name\nD1", b",ab", 900_000),
    "as many commas as a line holds": lambda: pieces(b"id,name\nD1", b",", 2_900_000),
    "a heading of a megabyte": lambda: pieces(b"id,", b"name", MEGABYTE // 5),
}


def malformed(rows: int) -> str:
    """Return a table of deputies of which every row has a wrong mobile number."""
    return DEPUTIES + "".join(f"D{number},某,12{number}\n" for number in range(rows))
