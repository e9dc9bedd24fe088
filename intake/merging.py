"""Which events of the file are on record already, and in which order do the events of one instant stand?

An event has no id: it is the n-th of its kind of its subject at its instant. Events of one instant stand in
the order of the file; those that are on record alone stand before them. Source: INTERFACES "The record".
Callers: examining.py.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Protocol

from intake.rows import Draft

#: table → the field that names the subject, and those that with it and `at` tell one event from another
NATURAL_KEYS: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "petition_events": ("petition", ("event",)),
    "project_events": ("project", ("event", "seq")),
    "acknowledgements": ("matter", ("office",)),
}
_NOWHERE: Final = -1


@dataclass(frozen=True, slots=True)
class Merged:
    """The events of the file, each with its position, and the events that are on record alone."""

    drafts: list[Draft]
    left: dict[str, list[Any]]  #: by subject


def merge(table: str, drafts: Sequence[Draft], existing: Mapping[str, Sequence[Any]]) -> Merged:
    """Give each event of the file its position among those of its subject's instant."""
    subject, kind = NATURAL_KEYS[table]
    needed = {subject, "at"}
    instants: dict[tuple[str, datetime], list[int]] = defaultdict(list)
    for i, draft in enumerate(drafts):
        if draft.bad.isdisjoint(needed):
            row: Any = draft.row
            instants[getattr(row, subject), row.at].append(i)
    merged = list(drafts)
    on_record = _by_instant(existing)
    for instant, indexes in instants.items():
        stored = on_record.pop(instant, [])
        positions, left = _positions([drafts[i].row for i in indexes], stored, kind)
        for i, position in zip(indexes, positions, strict=True):
            merged[i] = replace(drafts[i], row=replace(merged[i].row, position=position))
        on_record[instant] = left
    alone: dict[str, list[Any]] = defaultdict(list)
    for (name, _), rows in on_record.items():
        alone[name] += rows
    return Merged(merged, dict(alone))


def subjects(table: str, drafts: Sequence[Draft]) -> Collection[str]:
    """Return the subjects that the file's events name."""
    subject = NATURAL_KEYS[table][0]
    return {getattr(draft.row, subject) for draft in drafts if subject not in draft.bad}


def with_those_beside(table: str, given: Sequence[Any], left: Mapping[str, Sequence[Any]]) -> tuple[list[Any], int]:
    """Return events with those that are on record at their instants, in order, and how many these are.

    Writing whole instants in order gives every event the occurrence that it has on record.
    """
    subject = NATURAL_KEYS[table][0]
    instants = {(getattr(row, subject), row.at) for row in given}
    names = {name for name, _ in instants}
    beside = [row for name in names for row in left.get(name, ()) if (name, row.at) in instants]
    return sorted([*given, *beside], key=lambda row: (row.at, row.position)), len(beside)


def _by_instant(existing: Mapping[str, Sequence[Any]]) -> dict[tuple[str, datetime], list[Any]]:
    found: dict[tuple[str, datetime], list[Any]] = defaultdict(list)
    for subject, rows in existing.items():
        for row in rows:
            found[subject, row.at].append(row)
    return found


def _positions(given: Sequence[Any], stored: Sequence[Any], kind: Sequence[str]) -> tuple[list[int], list[Any]]:
    """Return the position of each given event, and the stored events that the file does not give.

    What is on record keeps its place if the order of the file allows it, so that giving it again changes nothing.
    """
    if not stored:
        return list(range(len(given))), []
    on_record = dict(zip(_keys(sorted(stored, key=_position), kind), sorted(stored, key=_position), strict=True))
    matched = [on_record.pop(key, None) for key in _keys(given, kind)]
    left = list(on_record.values())
    places = [_NOWHERE if row is None else row.position for row in matched]
    known = [place for place in places if place != _NOWHERE]
    if known == sorted(set(known)) and places[: len(known)] == known:
        after = max(map(_position, stored)) + 1
        new = range(after, after + len(given) - len(known))
        return [*known, *new], left
    first = max(map(_position, left), default=_NOWHERE) + 1
    return list(range(first, first + len(given))), left


class _Positioned(Protocol):
    @property
    def position(self) -> int: ...


def _position(row: _Positioned) -> int:
    return row.position


def _keys(rows: Sequence[Any], kind: Sequence[str]) -> list[tuple[object, ...]]:
    seen: Counter[tuple[object, ...]] = Counter()
    keys = []
    for row in rows:
        what = tuple(getattr(row, name) for name in kind)
        keys.append((*what, seen[what]))
        seen[what] += 1
    return keys
