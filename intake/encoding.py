"""Is a CSV file in UTF-8 or in GB18030?

Told apart by the bytes alone. A text of GB18030 is not UTF-8 but by an accident that a few characters rule
out; one that was UTF-8 for a while and then is not has been damaged, and reading it as GB18030 would give
nonsense. Source: INTERFACES "The record". Caller: csv_folder.py.
"""

import re
from codecs import BOM_UTF8, getincrementaldecoder
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from intake.sources import Broken

CHUNK: Final = 1 << 20
#: so many characters that UTF-8 alone explains do not come about by chance in a text of GB18030
ENOUGH_UTF8: Final = 8
#: characters of three bytes or more in UTF-8; those of two (é, ·) are a character of GB18030 just as well
WIDE: Final = re.compile("[\u0800-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Trial:
    """How far a file can be read in an encoding."""

    wrong_line: int  #: the first line that cannot be read, or 0
    beyond_ascii: int  #: characters read until then that are not ASCII
    has_wide: bool  #: whether UTF-8 takes three bytes or more for one of them


class Encodings:
    """The encodings of files that lie together: what one leaves open another may settle."""

    def __init__(self, files: Iterable[Path]) -> None:
        """Look at every file once."""
        self._trials = {file: try_in(file, "utf-8") for file in files}
        self._any_gb18030 = any(
            trial.wrong_line and trial.beyond_ascii < ENOUGH_UTF8 and not try_in(file, "gb18030").wrong_line
            for file, trial in self._trials.items()
        )

    def of(self, file: Path) -> str:
        """Return the encoding. Raises Broken if the file is neither UTF-8 nor GB18030."""
        trial = self._trials[file]
        marked = has_mark(file)
        if not trial.wrong_line:
            if self._any_gb18030 and not marked and self._may_be_either(file, trial):
                return "gb18030"
            return "utf-8-sig" if marked else "utf-8"
        if marked or trial.beyond_ascii >= ENOUGH_UTF8:
            raise Broken(0, f"is damaged: line {trial.wrong_line} is not UTF-8 while the text before it is")
        if try_in(file, "gb18030").wrong_line:
            raise Broken(0, "is neither UTF-8 nor GB18030; save it as CSV UTF-8")
        return "gb18030"

    @staticmethod
    def _may_be_either(file: Path, trial: Trial) -> bool:
        is_narrow = trial.beyond_ascii > 0 and not trial.has_wide
        return is_narrow and not try_in(file, "gb18030").wrong_line


def encoding_of(file: Path) -> str:
    """Return the encoding of a file that lies alone. Raises Broken."""
    return Encodings([file]).of(file)


def has_mark(file: Path) -> bool:
    """Say whether a file begins with the byte order mark of UTF-8."""
    with file.open("rb") as raw:
        return raw.read(len(BOM_UTF8)) == BOM_UTF8


def try_in(file: Path, encoding: str) -> Trial:
    """Read a file in an encoding, as far as it goes."""
    decoder = getincrementaldecoder(encoding)()
    line, seen, has_wide = 1, 0, False
    with file.open("rb") as raw:
        while True:
            chunk = raw.read(CHUNK)
            try:
                text, is_wrong = decoder.decode(chunk, final=not chunk), False
            except UnicodeDecodeError as err:
                text, is_wrong = err.object[: err.start].decode(encoding, "replace"), True
            line += text.count("\n")
            seen += len(text) - len(text.encode("ascii", "ignore"))
            has_wide = has_wide or WIDE.search(text) is not None
            if is_wrong or not chunk:
                return Trial(line if is_wrong else 0, seen, has_wide)
