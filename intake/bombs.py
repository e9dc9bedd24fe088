"""Would this file, small as it is, fill the memory or the day?

A workbook is a ZIP of XML, and openpyxl keeps what it does not know: so whatever it reads as a whole is held to a
size that people reach, and a sheet is watched while it is read. Caller: workbook.py.
"""

import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from itertools import repeat
from pathlib import Path
from typing import IO, Any, Final, Self

from openpyxl import Workbook
from openpyxl.cell.read_only import EMPTY_CELL
from openpyxl.cell.text import Text
from openpyxl.reader.excel import ExcelReader
from openpyxl.utils.exceptions import InvalidFileException
from openpyxl.worksheet._read_only import ReadOnlyWorksheet
from openpyxl.worksheet._reader import FORMULA_TAG, WorkSheetParser
from openpyxl.xml.constants import SHARED_STRINGS, SHEET_MAIN_NS
from openpyxl.xml.functions import iterparse

from intake.faults import shorten
from intake.sources import WIDEST_ROW, unopenable
from intake.values import FORMULA, LONGEST_ID, LONGEST_TEXT

MEGABYTE: Final = 1 << 20
LARGEST_DIRECTORY: Final = MEGABYTE  #: of a ZIP's list of members; ten thousand take so much
LARGEST_WORKBOOK: Final = 2 << 30  #: bytes, unpacked
LARGEST_RATIO: Final = 100  #: of a sheet; those that people fill are packed 10 to 1, and rarely 50 to 1
SMALL_SHEET: Final = 10 * MEGABYTE  #: below it a high ratio does no harm
LARGEST_TEXT_RATIO: Final = 30  #: of the list of texts, in which none stands twice
SMALL_TEXTS: Final = 4 * MEGABYTE
MOST_TEXTS: Final = 5_000_000
#: what is read as a whole: styles, the list of sheets, and the like; fifty thousand styles take openpyxl a second
LARGEST_WHOLE: Final = 4 * MEGABYTE
MOST_WHOLE_TAGS: Final = 50_000
#: of XML that is no cell and no text: openpyxl keeps each element and what stands after it
MOST_IDLE_TAGS: Final = 75_000
MOST_IDLE_BYTES: Final = 64 * MEGABYTE
TAGS_A_CELL: Final = 12  #: of a large one, with a formula or rich text in it
BYTES_A_CELL: Final = 300  #: of a long one; longer ones are some, not all
LONGEST_ROW: Final = 4 * MEGABYTE  #: of XML from one row, or text, to the next
#: read at a time: expat before 2.6 begins a comment or tag anew with each piece, which takes the square of its length
PIECE: Final = 256 << 10
MOST_WIDE_ROWS: Final = 500  #: of empty cells that bear a format from one end of the sheet to the other
PROLOGUE: Final = 4096  #: bytes of a sheet in which its dimension stands, where it has one
TEXT_TAG: Final = f"{{{SHEET_MAIN_NS}}}si"
DIMENSION: Final = re.compile(rb'<(?:\w+:)?dimension ref="[A-Z]{1,3}\d+:[A-Z]{1,3}(\d{1,7})"')
LONGEST_REASON: Final = 200  #: of what openpyxl says, which may quote a whole cell
MOST_SHEETS: Final = 64  #: a record has thirteen
#: what the reading of a workbook may end in: openpyxl leaves it to its reader whether a part is as it should be
UNREADABLE: Final = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    ArithmeticError,
    RuntimeError,
)


# Workbooks ----------------------------------------------------------------------------------


class _TooMuch(ValueError):
    """A workbook holds what none holds that people fill."""


def open_watched(path: Path) -> Workbook:
    """Open a workbook to be read row by row, unless it would fill the memory. Raises Unopenable."""
    try:
        _refuse_bomb(path)
        reader = _Reader(path)
    except (zipfile.BadZipFile, InvalidFileException, OSError) as err:
        raise unopenable(path, "is not an XLSX workbook; open it in a spreadsheet and save it as XLSX") from err
    except _TooMuch as err:
        raise unopenable(path, f"{err}; copy the tables into a new workbook") from err
    try:
        reader.read()
    except UNREADABLE as err:
        reader.archive.close()
        if isinstance(err.__cause__, _TooMuch):
            raise unopenable(path, f"{err.__cause__}; copy the tables into a new workbook") from err
        reason = str(err.__cause__ or err).splitlines()[0] if str(err) else type(err).__name__
        reason = shorten(reason, LONGEST_REASON)
        raise unopenable(path, f"cannot be opened as an XLSX workbook ({reason}); save it anew as XLSX") from err
    book: Workbook = reader.wb
    return book


def _refuse_bomb(path: Path) -> None:
    """Refuse a file whose declared contents would fill the memory, before any of it is unpacked."""
    if length_of_directory(path) > LARGEST_DIRECTORY:
        raise _TooMuch("holds too many files to be a workbook")
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
    total = sum(member.file_size for member in members)
    if total > LARGEST_WORKBOOK:
        raise _TooMuch(f"unpacks to {total:,} bytes; want at most {LARGEST_WORKBOOK:,}")
    for member in members:
        _refuse_packed(member, SMALL_SHEET, LARGEST_RATIO)


def length_of_directory(path: Path) -> int:
    """Return how long a ZIP's list of members says that it is: `zipfile` reads it all at once. Raises BadZipFile."""
    untyped: Any = zipfile
    with path.open("rb") as raw:
        # A ZIP may say it in two places (ZIP64); what counts is which of them `zipfile` goes by.
        end = untyped._EndRecData(raw)  # noqa: SLF001 - to look for it in our own way is to look elsewhere
    if end is None:
        raise zipfile.BadZipFile("no list of members")
    length: int = end[untyped._ECD_SIZE]  # noqa: SLF001 - likewise
    return length


def _refuse_packed(member: zipfile.ZipInfo, small: int, ratio: int) -> None:
    if member.file_size > max(small, ratio * member.compress_size):
        called = shorten(member.filename)
        raise _TooMuch(f"is packed more than {ratio} to 1 ({called}): not a workbook that people fill")


class _Archive(zipfile.ZipFile):
    """A workbook's ZIP: what is read as a whole must be small."""

    def read(self, name: str | zipfile.ZipInfo, pwd: bytes | None = None) -> bytes:
        """Return a member. Raises _TooMuch."""
        called = name if isinstance(name, str) else name.filename
        if self.getinfo(called).file_size > LARGEST_WHOLE:
            raise _TooMuch(f"holds too much in {shorten(called)}")
        content = super().read(name, pwd)
        if content.count(b"<") > MOST_WHOLE_TAGS:
            raise _TooMuch(f"holds too much in {shorten(called)}")
        _refuse_entities(shorten(called), content)
        return content


def _refuse_entities(called: str, beginning: bytes) -> None:
    """Refuse a part that defines entities, in words that help; in disguise they fail when the part is parsed."""
    if b"<!DOCTYPE" in beginning:
        raise _TooMuch(f"defines entities ({called}), which no spreadsheet writes")


class _Reader(ExcelReader):
    """Openpyxl's reader, with an archive and sheets that are watched."""

    archive: zipfile.ZipFile
    package: Any  # the stubs know neither it nor a workbook's inside

    def __init__(self, path: Path) -> None:
        super().__init__(path, read_only=True, data_only=True, keep_links=False)
        self.archive.close()
        self.archive = _Archive(path)

    def read_strings(self) -> None:
        """Read the texts that cells refer to."""
        part = self.package.find(SHARED_STRINGS)
        if part is not None:
            member = self.archive.getinfo(part.PartName[1:])
            _refuse_packed(member, SMALL_TEXTS, LARGEST_TEXT_RATIO)
            with self.archive.open(member) as source:
                texts = _texts(_WatchedTexts(source, shorten(member.filename)))
                self.shared_strings = [_cut(text) if len(text) > LONGEST_ID else text for text in texts]

    def read_worksheets(self) -> None:
        """Name the sheets; nothing of them is read yet."""
        book: Any = self.wb
        parts: set[str] = set()
        for sheet, relation in self.parser.find_sheets():
            if relation.target in self.valid_files and "chartsheet" not in relation.Type:
                if relation.target in parts or len(parts) == MOST_SHEETS:
                    raise _TooMuch(f"has more than {MOST_SHEETS} sheets, or one twice")
                parts.add(relation.target)
                found: Any = _Sheet(book, sheet.name, relation.target, self.shared_strings)
                found.sheet_state = sheet.state
                book._sheets.append(found)  # noqa: SLF001 - as openpyxl's own reader does


def _texts(source: "_WatchedTexts") -> Iterator[str]:
    """Yield the texts that cells refer to, as openpyxl's `read_string_table` does, and have the source know of each."""
    for _, node in iterparse(source):
        if node.tag == TEXT_TAG:
            source.pass_text()
            text: Any = Text.from_tree(node)  # the stubs think that there may be none
            node.clear()
            yield text.content.replace("x005F_", "")


def _cut(text: str) -> str:
    """Return a text without blanks around it, and of one that no cell can hold as much as shows that it is too long.

    A text stands in the list once, and any number of cells may refer to it.
    """
    return text.strip()[: LONGEST_TEXT + 1]


class _Watched:
    """XML that is counted while it is read."""

    def __init__(self, source: IO[bytes], called: str) -> None:
        self._source = source
        self._called = called
        self._is_begun = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._source.close()

    def read(self, size: int = -1) -> bytes:
        chunk = self._source.read(max(size, PIECE) if size >= 0 else size)
        if not self._is_begun:
            _refuse_entities(self._called, chunk)
            self._is_begun = True
        self.count(chunk)
        return chunk

    def count(self, chunk: bytes) -> None:
        raise NotImplementedError


class _WatchedTexts(_Watched):
    """The list of texts. Those are kept anyway; what stands between them is kept too, for nothing."""

    _tags = 0
    _texts = 0
    _since_text = 0

    def count(self, chunk: bytes) -> None:
        self._tags += chunk.count(b"<")
        self._since_text += len(chunk)
        is_idle = self._tags - TAGS_A_CELL * self._texts > MOST_IDLE_TAGS
        if is_idle or self._texts > MOST_TEXTS or self._since_text > LONGEST_ROW:
            raise _TooMuch(f"holds too much in {self._called}")

    def pass_text(self) -> None:
        """Note that a text has been read."""
        self._texts += 1
        self._since_text = 0


class _WatchedSheet(_Watched):
    """A sheet. What its cells take is free again once the row has been read; what is no cell is kept."""

    _idle_tags = 0
    _idle_bytes = 0
    _since_row = 0

    def count(self, chunk: bytes) -> None:
        self._idle_tags += chunk.count(b"<")
        self._idle_bytes += len(chunk)
        self._since_row += len(chunk)
        if self._since_row > LONGEST_ROW:
            raise _TooMuch(f"it has more than {LONGEST_ROW >> 20} megabytes without the end of a row")
        if self._idle_tags > MOST_IDLE_TAGS or self._idle_bytes > MOST_IDLE_BYTES:
            raise _TooMuch("it is full of what is no cell")

    def pass_row(self, cells: tuple[Any, ...]) -> None:
        """Note that a row has been read."""
        given = sum(cell is not EMPTY_CELL for cell in cells)
        self._since_row = 0
        self._idle_tags = max(0, self._idle_tags - TAGS_A_CELL * given)
        self._idle_bytes = max(0, self._idle_bytes - BYTES_A_CELL * given)


class _Parser(WorkSheetParser):
    """Openpyxl's parser, which takes a formula that was never computed for an empty cell; here it is an error."""

    def parse_cell(self, element: Any) -> dict[str, Any]:
        cell: dict[str, Any] = super().parse_cell(element)
        # A formula whose result is an empty text has a type.
        if cell["value"] is None and "t" not in element.attrib:
            formula = element.find(FORMULA_TAG)
            if formula is not None:
                cell |= {"data_type": "e", "value": f"{FORMULA}{formula.text or ''}"}
        return cell


class _Sheet(ReadOnlyWorksheet):
    """A sheet whose XML is watched."""

    parent: Any  # the stubs know nothing of its inside
    _worksheet_path: str
    _shared_strings: list[str]
    _get_row: Callable[[Any], tuple[Any, ...]]
    watched: _WatchedSheet

    def _get_size(self) -> None:
        """Note the last row that the sheet names; openpyxl would read to its end for one that names none."""
        with self.parent._archive.open(self._worksheet_path) as source:  # noqa: SLF001 - as openpyxl's own sheet does
            named = DIMENSION.search(source.read(PROLOGUE))
        self._max_row = int(named[1]) if named else None

    def _cells_by_row(self, *_: Any) -> Iterator[tuple[Any, ...]]:
        """Yield all rows, those that the sheet leaves out too: they have no cells."""
        book = self.parent
        with self._get_source() as source:
            parser = _Parser(
                source,
                self._shared_strings,
                data_only=True,
                epoch=book.epoch,
                date_formats=book._date_formats,  # noqa: SLF001 - as openpyxl's own sheet does
                timedelta_formats=book._timedelta_formats,  # noqa: SLF001 - likewise
            )
            last = 0
            for number, cells in parser.parse():
                yield from repeat((), number - last - 1)
                if number > last:
                    last = number
                    yield self._get_row(cells)

    def _get_source(self) -> _WatchedSheet:
        source = self.parent._archive.open(self._worksheet_path)  # noqa: SLF001 - likewise
        self.watched = _WatchedSheet(source, shorten(self._worksheet_path))
        return self.watched


def watched_rows(sheet: ReadOnlyWorksheet) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a sheet. Raises ValueError where it holds what no sheet holds that people fill."""
    if not isinstance(sheet, _Sheet):
        raise TypeError(f"{sheet.title} is not of a workbook that `open_watched` has opened")
    untyped: Any = sheet  # the stubs know no read-only cells
    wide = 0
    for cells in untyped.iter_rows():
        if not cells:
            yield cells
            continue
        sheet.watched.pass_row(cells)
        if len(cells) > WIDEST_ROW:
            wide += 1
            last = max((at for at, cell in enumerate(cells, 1) if cell.value is not None), default=0)
            if last > WIDEST_ROW or wide > MOST_WIDE_ROWS:
                raise _TooMuch(f"it goes on to column {max(last, len(cells))}; want at most {WIDEST_ROW} columns")
        yield cells[:WIDEST_ROW] if len(cells) > WIDEST_ROW else cells
