"""Which subjects are there, on record, reckoned before, or with matters that are kept?

In lots, so that a country's fit memory. Callers: actors/reckoning.py, daemon/rebuilding.py.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any, Final

from sqlalchemy import Connection, Integer, Select, bindparam, literal_column, or_, select, union

from rules.matters import Subject, SubjectKind
from store.facts import MATTERS_OF
from store.many import word
from store.schema import FACTS, matters, subjects

TABLES: Final = {SubjectKind.SEAT: "seats", SubjectKind.PETITION: "petitions", SubjectKind.PROJECT: "projects"}


def subjects_in_lots(connection: Connection, size: int, *, kept: bool = True) -> Iterator[list[Subject]]:
    """Yield every subject once, at most `size` at a time, each lot of one kind.

    `kept`: whether any was reckoned before; else those on record are all.
    """
    for kind in sorted(TABLES):
        after = ""
        while ids := connection.execute(_after(kind, size, kept), {"after": after}).scalars().all():
            yield [Subject(kind, ident) for ident in ids]
            after = ids[-1]
    for kind in sorted(TABLES) if kept else ():
        strays = connection.execute(_strays(kind), execution_options={"yield_per": size}).scalars()
        for ids in strays.partitions():
            yield [Subject(kind, ident) for ident in ids]


@cache
def _after(kind: SubjectKind, size: int, kept: bool) -> Select[Any]:  # noqa: FBT001
    """Return the question for the ids that come next on record or among the subjects: a step into an index for each.

    How many, stands in its text: PostgreSQL could not know that they are few, and would sort all that come next.
    """
    most = literal_column(str(size), Integer())
    own = FACTS[TABLES[kind]].c.id
    on_record = select(own.label("id")).where(own > bindparam("after")).order_by(own).limit(most)
    if not kept:
        return on_record
    known = subjects.c.id
    of_those = select(known.label("id")).where(subjects.c.kind == word(kind), known > bindparam("after"))
    some = [select(query.subquery().c.id) for query in (on_record, of_those.order_by(known).limit(most))]
    ids = union(*some).subquery()
    return select(ids.c.id).order_by(ids.c.id).limit(most)


@cache
def _strays(kind: SubjectKind) -> Select[Any]:
    """Return the question for ids of which matters are kept and nothing else: none, unless somebody has meddled.

    Asked once for all: of a table that is not analysed yet PostgreSQL takes all matters to be of a few subjects, and
    would go through the rest of them for each lot.
    """
    own, of = FACTS[TABLES[kind]].c.id, matters.c.subject
    named = or_(*(matters.c.kind == word(name) for name in MATTERS_OF[kind]))
    on_record = select(own).where(own == of).exists()
    known = select(subjects.c.id).where(subjects.c.kind == word(kind), subjects.c.id == of).exists()
    return select(of).distinct().where(named, ~on_record, ~known)
