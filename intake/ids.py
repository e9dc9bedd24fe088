"""Has this id been given before, and in which row? For tables of a million rows.

Rules: R8 (an id twice). Caller: examining.py.
"""

from array import array
from typing import Final

SMALLEST: Final = 1 << 12
FULL: Final = 0.6


class CompactIds:
    """The ids seen so far with their rows, in 12 bytes a slot: a million take 25 MB, as a dict 140 MB.

    Kept are 64-bit hashes. That two different ids of a million share one has a chance of three in a hundred
    million; as Python salts its hashes, the same file would pass the next time.
    """

    def __init__(self) -> None:
        """Start with none."""
        self._count = 0
        self._lay_out(SMALLEST)

    def __len__(self) -> int:
        return self._count

    def _lay_out(self, slots: int) -> None:
        self._mask = slots - 1
        self._hashes = array("q", bytes(8 * slots))
        self._rows = array("i", bytes(4 * slots))
        self._room = int(slots * FULL)

    def first(self, ident: str, row: int) -> int:
        """Return the row that gave the id first, which is `row` if none has before.

        >>> ids = CompactIds()
        >>> ids.first("V1", 2), ids.first("V2", 3), ids.first("V1", 4)
        (2, 3, 2)
        """
        key = hash(ident) or 1
        hashes, mask = self._hashes, self._mask
        slot = key & mask
        while True:
            found = hashes[slot]
            if found == 0:
                break
            if found == key:
                return self._rows[slot]
            slot = (slot + 1) & mask
        hashes[slot] = key
        self._rows[slot] = row
        self._count += 1
        if self._count > self._room:
            self._grow()
        return row

    def _grow(self) -> None:
        old = zip(self._hashes, self._rows, strict=True)
        self._lay_out(2 * (self._mask + 1))
        for key, row in old:
            if key:
                slot = key & self._mask
                while self._hashes[slot]:
                    slot = (slot + 1) & self._mask
                self._hashes[slot] = key
                self._rows[slot] = row
