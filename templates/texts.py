"""Which characters may leave the house, and how long is a text?

Names of people, offices and projects come from the record and may hold anything. Rules: R5.10. Source for
lengths: 70 UTF-16 units make one SMS, beyond that 67 a segment, the signature included. Source for formulas: OWASP,
"CSV injection". Callers: all that puts names into messages, tables and workbooks.
"""

import unicodedata
from functools import lru_cache
from typing import Final

SINGLE: Final = 70  #: UTF-16 units of an SMS that needs one segment
PART: Final = 67  #: UTF-16 units of each segment of a longer one
MOST_SEGMENTS: Final = 8
ELLIPSIS: Final = "…"
#: control, format (direction marks, zero-width), lone surrogate, line and paragraph separator
UNWANTED: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
#: a 【】 in a text would pass for a second signature
BRACKETS: Final = str.maketrans("【】", "〔〕")
#: what a spreadsheet takes for the beginning of a formula, in full width too, also after a tab or a line's end
LOOKS_LIKE_CODE: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
MARK: Final = "'"


def units(text: str) -> int:
    """Return the length in UTF-16 units, which is what SMS is counted in.

    >>> units("鹤山"), units("𠮷")
    (2, 2)
    """
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def segments(text: str) -> int:
    """Return how many SMS segments a text takes, at least one.

    >>> segments("字" * 70), segments("字" * 71), segments("字" * 135)
    (1, 2, 3)
    """
    length = units(text)
    return 1 if length <= SINGLE else -(-length // PART)


def cut(text: str, most: int) -> str:
    """Return `text` in at most `most` UTF-16 units, the end replaced by an ellipsis if it is longer.

    >>> cut("旺龙村道安全防护栏项目", 6), cut("旺龙", 6)
    ('旺龙村道安…', '旺龙')
    """
    if units(text) <= most:
        return text
    room = most - 1
    kept = text[: max(room, 0)]
    while units(kept) > room:
        kept = kept[:-1]
    return kept.rstrip() + ELLIPSIS


def inert(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula; `as_was` gives back what it was.

    >>> inert("=cmd()"), inert("道路"), inert("-1"), inert("'=x")
    ("'=cmd()", '道路', "'-1", "''=x")
    """
    return f"{MARK}{text}" if text.lstrip(MARK).startswith(LOOKS_LIKE_CODE) else text


def as_was(text: str) -> str:
    """Return the text that `inert` was given; one that it would never return stays as it is.

    >>> as_was("'=cmd()"), as_was("''=x"), as_was("=x"), as_was("'90s")
    ('=cmd()', "'=x", '=x', "'90s")
    """
    return text[1:] if text.startswith(MARK) and text.lstrip(MARK).startswith(LOOKS_LIKE_CODE) else text


@lru_cache(maxsize=16_384)
def clean(text: str, most: int) -> str:
    r"""Return `text` on one line, without control and direction characters or 【】, cut to `most` units.

    Characters unknown to this Python's Unicode stay: new ones are mostly rare characters of names.

    >>> clean("旺龙\r\n村道\u202e【A】", 40)
    '旺龙 村道〔A〕'
    """
    if not text.isprintable():
        spaced = "".join(" " if c.isspace() else c for c in text[: most * 4])
        text = " ".join("".join(c for c in spaced if unicodedata.category(c) not in UNWANTED).split())
    return cut(text.strip().translate(BRACKETS), most)
