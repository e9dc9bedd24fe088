"""Which subjects are there, on record, reckoned before, or with matters that are kept?

In lots in the order of their ids, so that a country's fit memory. Callers: actors/reckoning.py, daemon/rebuilding.py.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any, Final

from sqlalchemy import Connection, Integer, Select, bindparam, literal_column, select, union

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


@cache
def _after(kind: SubjectKind, size: int, kept: bool) -> Select[Any]:  # noqa: FBT001
    """Return the question for the ids that come next: a look at an index for each table that may have some.

    How many, stands in its text: PostgreSQL could not know that they are few, and would sort all that come next.
    """
    most = literal_column(str(size), Integer())
    own = FACTS[TABLES[kind]].c.id
    on_record = select(own.label("id")).where(own > bindparam("after")).order_by(own)
    if not kept:
        return on_record.limit(most)
    found = [on_record]
    for name in MATTERS_OF[kind]:
        of_kind = select(matters.c.subject.label("id")).distinct().where(matters.c.kind == word(name))
        found.append(of_kind.where(matters.c.subject > bindparam("after")).order_by(matters.c.subject))
    known = subjects.c.id
    of_those = select(known.label("id")).where(subjects.c.kind == word(kind), known > bindparam("after"))
    found.append(of_those.order_by(known))
    some = [select(query.limit(most).subquery().c.id) for query in found]
    ids = union(*some).subquery()
    return select(ids.c.id).order_by(ids.c.id).limit(most)
