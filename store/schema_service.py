"""Which tables does the service keep beside the record: attempts at sending, replies, accounts, tokens?

Callers: store/.
"""

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    UniqueConstraint,
)

from store.schema import Word, metadata
from store.types import UtcDateTime

# Sending ------------------------------------------------------------------------------------

#: one row for each call to a gateway, for ever; `status` is the gateway's last word
attempts = Table(
    "attempts",
    metadata,
    Column("id", Word, primary_key=True),
    Column("message", Integer, ForeignKey("messages.id"), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("gateway", Word, nullable=False),
    Column("outcome", Word),
    Column("reason", Word),
    Column("code", Word),
    Column("provider_id", Word),
    Column("status", Word),
    Column("ended_at", UtcDateTime),
    Column("segments", Integer),
    Column("cost", Float),
    CheckConstraint("outcome IN ('accepted', 'refused', 'unknown', 'dropped')", name="outcome"),
    UniqueConstraint("gateway", "provider_id", name="uq_attempts_provider_id"),
)
Index("ix_attempts_message", attempts.c.message)
Index(
    "ix_attempts_pending",
    attempts.c.gateway,
    attempts.c.ended_at,
    sqlite_where=attempts.c.status == "accepted",
    postgresql_where=attempts.c.status == "accepted",
)
#: what is on its way to the carrier; by the call, since many stay so for ever
Index(
    "ix_attempts_sent",
    attempts.c.gateway,
    attempts.c.at,
    sqlite_where=attempts.c.status == "sent",
    postgresql_where=attempts.c.status == "sent",
)
attachments = Table(
    "attachments",
    metadata,
    Column("message", Integer, ForeignKey("messages.id"), primary_key=True),
    Column("name", Word, primary_key=True),
    Column("content_type", Word, nullable=False),
    Column("content", LargeBinary, nullable=False),
)
#: a number or mailbox whose owner wants nothing more on that channel
optouts = Table(
    "optouts",
    metadata,
    Column("channel", Word, primary_key=True),
    Column("address", Word, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("source", Word, nullable=False),
)
#: what came in by SMS, by the gateway's id; never its words
replies = Table(
    "replies",
    metadata,
    Column("id", Word, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("person", Word),
    Column("kind", Word, nullable=False),
    Column("outcome", Word, nullable=False),
    Column("answer", Word),
)
Index("ix_replies_person", replies.c.person, replies.c.at)
#: how well each gateway has been of late; `open_until`: nothing is sent through it before then; `next_at`: when its
#: rate lets the next message through
gateways = Table(
    "gateways",
    metadata,
    Column("name", Word, primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("open_until", UtcDateTime),
    Column("reason", Word),
    Column("next_at", UtcDateTime),
    Column("changed_at", UtcDateTime, nullable=False),
)
#: SMS claimed on a day, and how many an operator has allowed beyond the daily total
quotas = Table(
    "quotas",
    metadata,
    Column("day", Date, primary_key=True),
    Column("used", Integer, nullable=False),
    Column("extra", Integer, nullable=False),
)

# Running ------------------------------------------------------------------------------------

leases = Table(
    "leases",
    metadata,
    Column("name", Word, primary_key=True),
    Column("holder", Word, nullable=False),
    Column("token", Integer, nullable=False),
    Column("expires", UtcDateTime, nullable=False),
)
#: what was done once for a slot of time: a round, the digests of a day
slots = Table(
    "slots",
    metadata,
    Column("job", Word, primary_key=True),
    Column("slot", Word, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
)

# People and programs that come in by the web ------------------------------------------------

accounts = Table(
    "accounts",
    metadata,
    Column("id", Word, primary_key=True),
    Column("name", Word, nullable=False),
    Column("role", Word, nullable=False),
    Column("office", Word, ForeignKey("offices.id")),
    Column("deputy", Word, ForeignKey("deputies.id")),
    Column("password", Word, nullable=False),
    Column("must_change", Boolean, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("disabled_at", UtcDateTime),
    CheckConstraint("role IN ('operator', 'municipal', 'town', 'station', 'deputy')", name="role"),
    CheckConstraint("(role IN ('town', 'station')) = (office IS NOT NULL)", name="office"),
    CheckConstraint("(role = 'deputy') = (deputy IS NOT NULL)", name="deputy"),
)
#: `id` is the hash of what the browser holds
sessions = Table(
    "sessions",
    metadata,
    Column("id", Word, primary_key=True),
    Column("account", Word, ForeignKey("accounts.id"), nullable=False),
    Column("csrf", Word, nullable=False),
    Column("began_at", UtcDateTime, nullable=False),
    Column("seen_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
)
Index("ix_sessions_account", sessions.c.account)
#: failed tries at signing in, by account and by address of origin
signins = Table(
    "signins",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key", Word, nullable=False),
    Column("at", UtcDateTime, nullable=False),
)
Index("ix_signins_key", signins.c.key, signins.c.at)
#: `hash` of what an API client holds
tokens = Table(
    "tokens",
    metadata,
    Column("id", Word, primary_key=True),
    Column("hash", Word, nullable=False, unique=True),
    Column("scope", Word, nullable=False),
    Column("town", Word, ForeignKey("offices.id")),
    Column("created_at", UtcDateTime, nullable=False),
    Column("used_at", UtcDateTime),
    Column("revoked_at", UtcDateTime),
    CheckConstraint("scope IN ('read', 'write')", name="scope"),
)
#: the answer to a write that may be asked for again
idempotency = Table(
    "idempotency",
    metadata,
    Column("client", Word, primary_key=True),
    Column("key", Word, primary_key=True),
    Column("request", Word, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("status", Integer),
    Column("answer", JSON),
)
#: policies adopted on the page, the last whose day has come is in force
policies = Table(
    "policies",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("begins", Date, nullable=False),
    Column("adopted_at", UtcDateTime, nullable=False),
    Column("actor", Word, nullable=False),
    Column("reason", Word, nullable=False),
    Column("policy", JSON, nullable=False),
)
