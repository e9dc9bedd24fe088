"""Which subjects are there, on record, reckoned before, or with matters that are kept?

In lots in the order of their ids, so that a country's fit memory. Callers: actors/reckoning.py, daemon/rebuilding.py.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any, Final

from sqlalchemy import CompoundSelect, Connection, Select, or_, select, union

from rules.matters import Subject, SubjectKind
from store.facts import MATTERS_OF
from store.many import word
from store.schema import FACTS, matters, subjects

TABLES: Final = {SubjectKind.SEAT: "seats", SubjectKind.PETITION: "petitions", SubjectKind.PROJECT: "projects"}


def subjects_in_lots(connection: Connection, size: int, *, kept: bool = True) -> Iterator[list[Subject]]:
    """Yield every subject once, at most `size` at a time, each lot of one kind.

    `kept`: whether any was reckoned before; else those on record are all.

    One question for all of a kind. Asked lot by lot, PostgreSQL, which knows nothing of tables just filled, would go
    through all that are left each time.
    """
    for kind in sorted(TABLES):
        found = connection.execute(_standing(kind, kept), execution_options={"yield_per": size})
        for ids in found.scalars().partitions():
            yield [Subject(kind, ident) for ident in ids]


@cache
def _standing(kind: SubjectKind, kept: bool) -> Select[Any] | CompoundSelect[Any]:  # noqa: FBT001
    """Return the question for the ids of a kind of subject, in order."""
    own = FACTS[TABLES[kind]].c.id.label("id")
    if not kept:
        return select(own).order_by("id")
    known = select(subjects.c.id).where(subjects.c.kind == word(kind))
    named = or_(*(matters.c.kind == word(name) for name in MATTERS_OF[kind]))
    return union(select(own), known, select(matters.c.subject).where(named)).order_by("id")
