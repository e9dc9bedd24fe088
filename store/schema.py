"""Which tables are there, and what do they promise?

Facts: the thirteen tables of the record, one column for each field of its row class. Projection: the matters as
they stand, kept right by `stale`, which triggers write whatever program changed a fact. Outbox: what was decided
and what became of it. Callers: store/.
"""

from dataclasses import fields
from datetime import date, datetime
from enum import StrEnum
from types import UnionType
from typing import Any, Final, get_args, get_origin, get_type_hints

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.types import TypeEngine

from rules.facts import Record, Row
from store.types import WORDS, UtcDateTime, Words

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

NO_SEQ: Final = -1
#: texts sort by code point on both databases, whatever the locale: ids are looked up by spans
Word: Final = String().with_variant(String(collation="C"), "postgresql")
#: what makes a row of the record the same row: `target` is a project event's seq (NO_SEQ where it has none),
#: `occurrence` tells apart equal events of one instant
KEYS: Final[dict[str, tuple[str, ...]]] = {
    **dict.fromkeys(Record.TABLES, ("id",)),
    "milestones": ("project", "seq"),
    "petition_events": ("petition", "at", "event", "occurrence"),
    "project_events": ("project", "at", "event", "target", "occurrence"),
    "acknowledgements": ("matter", "at", "office"),
}
#: column → the table it refers to
REFERENCES: Final = {
    "contacts.office": "offices",
    "grids.town": "offices",
    "seats.deputy": "deputies",
    "seats.town": "offices",
    "seats.station": "offices",
    "seats.grid": "grids",
    "leaves.deputy": "deputies",
    "visits.deputy": "deputies",
    "petitions.town": "offices",
    "petitions.deputy": "deputies",
    "petition_events.petition": "petitions",
    "petition_events.office": "offices",
    "projects.town": "offices",
    "projects.office": "offices",
    "projects.deputy": "deputies",
    "projects.petition": "petitions",
    "milestones.project": "projects",
    "project_events.project": "projects",
    "acknowledgements.office": "offices",
}
#: how rows are looked up, beside their key
LOOKED_UP: Final[dict[str, tuple[tuple[str, ...], ...]]] = {
    "visits": (("deputy",), ("day",), ("place", "day")),
    "leaves": (("deputy",),),
    "seats": (("deputy",), ("town",), ("station",)),
    "petitions": (("recorded_at",), ("town", "recorded_at"), ("deputy",)),
}
SCALARS: Final[list[tuple[type, TypeEngine[Any]]]] = [
    (bool, Boolean()),
    (int, Integer()),
    (datetime, UtcDateTime()),
    (date, Date()),
    (StrEnum, Word),
    (str, Word),
]


def _column(table: str, name: str, hint: Any) -> Column[Any]:
    optional = get_origin(hint) is UnionType
    plain = next(arg for arg in get_args(hint) if arg is not type(None)) if optional else hint
    args: list[Any] = []
    info: dict[str, Any] = {}
    if get_origin(plain) is tuple:
        kind: TypeEngine[Any] = Words()
    else:
        kind = next(sql for python, sql in SCALARS if issubclass(plain, python))
        if issubclass(plain, StrEnum):
            args.append(CheckConstraint(f"{name} IN ({', '.join(repr(str(m)) for m in plain)})", name=name))
            info[WORDS] = frozenset(map(str, plain))
    parent = REFERENCES.get(f"{table}.{name}")
    if parent:
        args.append(ForeignKey(f"{parent}.id"))
    return Column(name, kind, *args, primary_key=name in KEYS[table], nullable=optional, info=info)


def _fact_table(name: str, row: type[Row]) -> Table:
    hints = get_type_hints(row)
    columns = [_column(name, f.name, hints[f.name]) for f in fields(row)]
    columns += [Column(extra, Integer, primary_key=True) for extra in ("target", "occurrence") if extra in KEYS[name]]
    indexes = [Index(None, *looked_up) for looked_up in LOOKED_UP.get(name, ())]
    return Table(name, metadata, *columns, *indexes)


FACTS: Final = {name: _fact_table(name, row) for name, row in Record.TABLES.items()}

stale = Table(
    "stale",
    metadata,
    Column("kind", Word, primary_key=True),
    Column("id", Word, primary_key=True),
    Column("mark", Integer, nullable=False),
)
subjects = Table(
    "subjects",
    metadata,
    Column("kind", Word, primary_key=True),
    Column("id", Word, primary_key=True),
    Column("town", Word, nullable=False),
    Column("reckoned_to", UtcDateTime, nullable=False),
    Column("next_reckon_at", UtcDateTime),
)
Index("ix_subjects_next", subjects.c.next_reckon_at)
matters = Table(
    "matters",
    metadata,
    Column("id", Word, primary_key=True),
    Column("kind", Word, nullable=False),
    Column("subject", Word, nullable=False),
    Column("town", Word, nullable=False),
    Column("responsible", Word, nullable=False),
    Column("ladder", Word, nullable=False),
    Column("stage", Word, nullable=False),
    Column("cause", Word, nullable=False),
    Column("opened", Date, nullable=False),
    Column("due", Date, nullable=False),
    Column("measure", Word, nullable=False),
    Column("start", Date, nullable=False),
    Column("count", Integer, nullable=False),
    Column("leave", Integer, nullable=False),
    Column("began", Date, nullable=False),
    Column("closed", Word),
    Column("settled", Date),
    Column("missed_from", Date),
    Column("silent", Boolean, nullable=False),
    Column("owed", Words, nullable=False),
    Column("arrivals", Words, nullable=False),
    Column("slips", Integer, nullable=False),
    Column("holds", JSON, nullable=False),
    Column("label", Word, nullable=False),
    Column("next_rung_at", UtcDateTime),
    CheckConstraint("closed IS NULL OR next_rung_at IS NULL", name="closed_has_no_rung"),
)
Index("ix_matters_subject", matters.c.kind, matters.c.subject)
Index("ix_matters_next", matters.c.next_rung_at)
Index("ix_matters_board", matters.c.kind, matters.c.town, matters.c.subject, matters.c.due)
# The console counts what is open and who has made which visit from these alone, without a look at the rows.
Index(
    "ix_matters_standing",
    matters.c.town,
    matters.c.kind,
    matters.c.due,
    matters.c.missed_from,
    matters.c.silent,
    sqlite_where=matters.c.closed.is_(None),
    postgresql_where=matters.c.closed.is_(None),
)
Index(
    "ix_matters_tally",
    matters.c.kind,
    matters.c.due,
    matters.c.opened,
    matters.c.town,
    matters.c.ladder,
    matters.c.closed,
    matters.c.owed,
    matters.c.arrivals,
    matters.c.label,
)
Index(
    "ix_matters_live",
    matters.c.due,
    matters.c.town,
    sqlite_where=matters.c.closed.is_(None),
    postgresql_where=matters.c.closed.is_(None),
)
rungs = Table(
    "rungs",
    metadata,
    Column("matter", Word, primary_key=True),
    Column("due", Date, primary_key=True),
    Column("rung", Word, primary_key=True),
    Column("fired_at", UtcDateTime, nullable=False),
    Column("next_at", UtcDateTime),
)
# When the matter is looked at next stands here once a rung has fired, in one index: in its own row it is in seven.
Index(
    "ix_rungs_next",
    rungs.c.next_at,
    sqlite_where=rungs.c.next_at.is_not(None),
    postgresql_where=rungs.c.next_at.is_not(None),
)
#: states of a message that tell why they came about
EXPLAINED: Final = ("failed", "superseded", "expired", "undeliverable", "unknown", "held")
STATES: Final = ("due", "sending", "accepted", "delivered", *EXPLAINED)


def _any_of(values: tuple[str, ...]) -> str:
    return "(" + ", ".join(repr(value) for value in values) + ")"


messages = Table(
    "messages",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("kind", Word, nullable=False),
    Column("person", Word, nullable=False),
    Column("channel", Word, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("day", Date, nullable=False),
    Column("state", Word, nullable=False),
    Column("reason", Word),
    Column("moved_at", UtcDateTime, nullable=False),
    Column("try_at", UtcDateTime, nullable=False),
    Column("attempt", Word, unique=True),
    Column("attempts", Integer, nullable=False, default=0),
    Column("claimed_until", UtcDateTime),
    Column("absent_at", UtcDateTime),
    Column("followed_at", UtcDateTime),
    Column("sent_at", UtcDateTime),
    Column("instead_of", Integer, ForeignKey("messages.id"), unique=True),
    Column("subject", Text),
    Column("body", Text),
    Column("html", Text),
    Column("sealed", Word),
    CheckConstraint("kind IN ('notices', 'digest', 'operator')", name="kind"),
    CheckConstraint(f"state IN {_any_of(STATES)}", name="state"),
    CheckConstraint(f"(reason IS NOT NULL) = (state IN {_any_of(EXPLAINED)})", name="reason"),
    CheckConstraint("(state = 'sending') = (claimed_until IS NOT NULL)", name="claimed"),
)
Index("ix_messages_open", messages.c.state, messages.c.try_at)
Index("ix_messages_person", messages.c.person, messages.c.day)
#: what did not arrive, and of which nobody has drawn the consequences. SQLite uses the index only for the same words.
NOT_FOLLOWED: Final = text("followed_at IS NULL AND state IN ('failed', 'undeliverable')")
Index("ix_messages_not_followed", messages.c.followed_at, sqlite_where=NOT_FOLLOWED, postgresql_where=NOT_FOLLOWED)
Index("ix_messages_day", messages.c.day, messages.c.state)
notices = Table(
    "notices",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("matter", Word, nullable=False),
    Column("due", Date, nullable=False),
    Column("rung", Word, nullable=False),
    Column("to_person", Word, nullable=False),
    Column("channel", Word, nullable=False),
    Column("office", Word),
    Column("responsible", Word, nullable=False),
    Column("town", Word, nullable=False),
    Column("verdict", Word, nullable=False),
    Column("rerouted", Boolean, nullable=False),
    Column("decided_at", UtcDateTime, nullable=False),
    Column("leaves_at", UtcDateTime, nullable=False),
    Column("state", Word, nullable=False),
    Column("reason", Word),
    Column("message", Integer, ForeignKey("messages.id")),
    UniqueConstraint("matter", "due", "rung", "to_person", "channel", name="uq_notices_once"),
    CheckConstraint("state IN ('waiting', 'bundled', 'superseded', 'recorded')", name="state"),
    CheckConstraint("(state = 'superseded') = (reason IS NOT NULL)", name="reason"),
)
Index(
    "ix_notices_waiting",
    notices.c.leaves_at,
    sqlite_where=notices.c.state == "waiting",
    postgresql_where=notices.c.state == "waiting",
)
Index("ix_notices_message", notices.c.message)
digests = Table(
    "digests",
    metadata,
    Column("kind", Word, primary_key=True),
    Column("period", Word, primary_key=True),
    Column("office", Word, primary_key=True),
    Column("person", Word, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("due_soon", Integer, nullable=False),
    Column("overdue", Integer, nullable=False),
    Column("message", Integer, ForeignKey("messages.id"), nullable=False),
)
findings = Table(
    "findings",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("kind", Word, nullable=False),
    Column("subject", Word, nullable=False),
    Column("text", Word, nullable=False),
    Column("closed_at", UtcDateTime),
    Column("closed_by", Word),
    UniqueConstraint("kind", "subject", name="uq_findings_once"),
)
installation = Table(
    "installation",
    metadata,
    Column("key", Word, primary_key=True),
    Column("value", Word, nullable=False),
)
audit = Table(
    "audit",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("actor", Word, nullable=False),
    Column("action", Word, nullable=False),
    Column("subject", Word, nullable=False),
    Column("detail", JSON, nullable=False),
    Column("mac", Word),
)
sandbox = Table(
    "sandbox",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("channel", Word, nullable=False),
    Column("person", Word, nullable=False),
    Column("address", Word, nullable=False),
    Column("subject", Text),
    Column("body", Text, nullable=False),
    Column("html", Text),
    Column("message", Integer, nullable=False),
    Column("attempt", Word, nullable=False, unique=True),
)
Index("ix_sandbox_latest", sandbox.c.channel, sandbox.c.id)
Index("ix_sandbox_person", sandbox.c.person, sandbox.c.channel, sandbox.c.id)
