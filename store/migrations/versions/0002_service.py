"""The service: attempts at sending, replies, leases, accounts and tokens; more states of a message.

Taken back, it keeps in tables `kept_…` what 0001 does not know, and brings it back when it is made again.
"""

import sqlalchemy as sa
from alembic import op

from store.types import UtcDateTime

revision = "0002"
down_revision = "0001"
expands = False  #: a message needs columns that 0001 does not fill

WORD = sa.String().with_variant(sa.String(collation="C"), "postgresql")
#: tables whose rows refer to messages
CHILDREN = ("notices", "digests")
#: tables of this version, parents before children
NEW = (
    "quotas", "gateways", "idempotency", "leases", "optouts", "policies", "replies", "signins", "slots", "accounts",
    "attachments", "attempts", "tokens", "sessions",
)  # fmt: skip
#: those whose rows the database numbers
NUMBERED = ("policies", "signins")
#: columns of messages that 0001 does not know
COLUMNS = ("moved_at", "try_at", "absent_at", "followed_at", "instead_of", "sealed")
OLD_CHECKS = {
    "kind": "kind IN ('notices', 'digest')",
    "state": "state IN ('due', 'sending', 'accepted', 'failed', 'superseded', 'undeliverable', 'unknown')",
    "reason": "(reason IS NOT NULL) = (state IN ('failed', 'superseded', 'undeliverable', 'unknown'))",
    "claimed": "(state = 'sending') = (claimed_until IS NOT NULL)",
}
#: what 0001 takes a message for. Nothing leaves that did not leave before: what is held, and the operator's own mail
#: on its way, count as failed; `duban retry` is there for them.
PUT_AS = (
    "CASE WHEN state = 'delivered' THEN 'accepted' WHEN state = 'expired' THEN 'superseded' "
    "WHEN state = 'held' OR (kind = 'operator' AND state IN ('due', 'sending')) THEN 'failed' ELSE state END"
)
CHECKS = {
    "kind": "kind IN ('notices', 'digest', 'operator')",
    "state": (
        "state IN ('due', 'sending', 'accepted', 'delivered', "
        "'failed', 'superseded', 'expired', 'undeliverable', 'unknown', 'held')"
    ),
    "reason": (
        "(reason IS NOT NULL) = (state IN ('failed', 'superseded', 'expired', 'undeliverable', 'unknown', 'held'))"
    ),
    "claimed": "(state = 'sending') = (claimed_until IS NOT NULL)",
}


def upgrade() -> None:
    op.execute("CREATE TEMPORARY TABLE sent AS SELECT * FROM messages WHERE attempt IS NOT NULL")
    _set_children_aside()
    _widen_messages()
    _bring_children_back()
    _make_tables()
    op.execute(
        "INSERT INTO attempts (id, message, at, gateway, outcome, reason, provider_id, ended_at) "
        "SELECT attempt, id, COALESCE(sent_at, at), COALESCE(provider, 'sandbox'), "
        "CASE state WHEN 'accepted' THEN 'accepted' WHEN 'failed' THEN 'refused' WHEN 'unknown' THEN 'unknown' END, "
        "reason, provider_id, sent_at FROM sent" + _unless_kept()
    )
    op.execute("DROP TABLE sent")
    op.add_column("findings", sa.Column("closed_at", UtcDateTime()))
    op.add_column("findings", sa.Column("closed_by", WORD))
    op.add_column("audit", sa.Column("mac", WORD))
    _bring_back()


def _widen_messages() -> None:
    for column in ("moved_at", "try_at", "absent_at", "followed_at"):
        op.add_column("messages", sa.Column(column, UtcDateTime()))
    # What did not arrive under 0001 is known to the operator: no storm of e-mails now.
    op.execute(
        "UPDATE messages SET moved_at = COALESCE(sent_at, at), try_at = at, "
        "followed_at = CASE WHEN state IN ('failed', 'undeliverable', 'unknown') THEN at END"
    )
    op.drop_index("ix_messages_open", "messages")
    with op.batch_alter_table("messages") as batch:
        batch.alter_column("moved_at", existing_type=UtcDateTime(), nullable=False)
        batch.alter_column("try_at", existing_type=UtcDateTime(), nullable=False)
        batch.add_column(sa.Column("instead_of", sa.Integer()))
        batch.add_column(sa.Column("sealed", WORD))
        batch.drop_column("provider")
        batch.drop_column("provider_id")
        batch.create_foreign_key(op.f("fk_messages_instead_of"), "messages", ["instead_of"], ["id"])
        batch.create_unique_constraint(op.f("uq_messages_instead_of"), ["instead_of"])
        for name, condition in CHECKS.items():
            # SQLite's table is made anew, and its checks are not carried over.
            if not _is_sqlite():
                batch.drop_constraint(op.f(f"ck_messages_{name}"), type_="check")
            batch.create_check_constraint(op.f(f"ck_messages_{name}"), condition)
    op.create_index("ix_messages_open", "messages", ["state", "try_at"])
    not_followed = sa.text("followed_at IS NULL AND state IN ('failed', 'undeliverable')")
    op.create_index(
        "ix_messages_not_followed", "messages", ["id"], sqlite_where=not_followed, postgresql_where=not_followed
    )
    op.create_index("ix_messages_day", "messages", ["day", "state"])


def _make_tables() -> None:
    op.create_table(
        "quotas",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.Column("extra", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_quotas")),
    )
    op.create_table(
        "gateways",
        sa.Column("name", WORD, nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("open_until", UtcDateTime(), nullable=True),
        sa.Column("reason", WORD, nullable=True),
        sa.Column("next_at", UtcDateTime(), nullable=True),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_gateways")),
    )
    op.create_table(
        "idempotency",
        sa.Column("client", WORD, nullable=False),
        sa.Column("key", WORD, nullable=False),
        sa.Column("request", WORD, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("answer", sa.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("client", "key", name=op.f("pk_idempotency")),
    )
    op.create_table(
        "leases",
        sa.Column("name", WORD, nullable=False),
        sa.Column("holder", WORD, nullable=False),
        sa.Column("token", sa.Integer(), nullable=False),
        sa.Column("expires", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_leases")),
    )
    op.create_table(
        "optouts",
        sa.Column("channel", WORD, nullable=False),
        sa.Column("address", WORD, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("source", WORD, nullable=False),
        sa.PrimaryKeyConstraint("channel", "address", name=op.f("pk_optouts")),
    )
    op.create_table(
        "policies",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("begins", sa.Date(), nullable=False),
        sa.Column("adopted_at", UtcDateTime(), nullable=False),
        sa.Column("actor", WORD, nullable=False),
        sa.Column("reason", WORD, nullable=False),
        sa.Column("policy", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_policies")),
    )
    op.create_table(
        "replies",
        sa.Column("id", WORD, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("person", WORD, nullable=True),
        sa.Column("kind", WORD, nullable=False),
        sa.Column("outcome", WORD, nullable=False),
        sa.Column("answer", WORD, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_replies")),
    )
    op.create_index("ix_replies_person", "replies", ["person", "at"], unique=False)
    op.create_table(
        "signins",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", WORD, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signins")),
    )
    op.create_index("ix_signins_key", "signins", ["key", "at"], unique=False)
    op.create_table(
        "slots",
        sa.Column("job", WORD, nullable=False),
        sa.Column("slot", WORD, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("job", "slot", name=op.f("pk_slots")),
    )
    op.create_table(
        "accounts",
        sa.Column("id", WORD, nullable=False),
        sa.Column("name", WORD, nullable=False),
        sa.Column("role", WORD, nullable=False),
        sa.Column("office", WORD, nullable=True),
        sa.Column("deputy", WORD, nullable=True),
        sa.Column("password", WORD, nullable=False),
        sa.Column("must_change", sa.Boolean(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("disabled_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint("(role = 'deputy') = (deputy IS NOT NULL)", name=op.f("ck_accounts_deputy")),
        sa.CheckConstraint("(role IN ('town', 'station')) = (office IS NOT NULL)", name=op.f("ck_accounts_office")),
        sa.CheckConstraint(
            "role IN ('operator', 'municipal', 'town', 'station', 'deputy')", name=op.f("ck_accounts_role")
        ),
        sa.ForeignKeyConstraint(["deputy"], ["deputies.id"], name=op.f("fk_accounts_deputy")),
        sa.ForeignKeyConstraint(["office"], ["offices.id"], name=op.f("fk_accounts_office")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounts")),
    )
    op.create_table(
        "attachments",
        sa.Column("message", sa.Integer(), nullable=False),
        sa.Column("name", WORD, nullable=False),
        sa.Column("content_type", WORD, nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["message"], ["messages.id"], name=op.f("fk_attachments_message")),
        sa.PrimaryKeyConstraint("message", "name", name=op.f("pk_attachments")),
    )
    op.create_table(
        "attempts",
        sa.Column("id", WORD, nullable=False),
        sa.Column("message", sa.Integer(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("gateway", WORD, nullable=False),
        sa.Column("outcome", WORD, nullable=True),
        sa.Column("reason", WORD, nullable=True),
        sa.Column("code", WORD, nullable=True),
        sa.Column("provider_id", WORD, nullable=True),
        sa.Column("status", WORD, nullable=True),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.Column("segments", sa.Integer(), nullable=True),
        sa.Column("cost", sa.Float(), nullable=True),
        sa.CheckConstraint(
            "outcome IN ('accepted', 'refused', 'unknown', 'dropped')", name=op.f("ck_attempts_outcome")
        ),
        sa.ForeignKeyConstraint(["message"], ["messages.id"], name=op.f("fk_attempts_message")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempts")),
        sa.UniqueConstraint("gateway", "provider_id", name="uq_attempts_provider_id"),
    )
    op.create_index("ix_attempts_message", "attempts", ["message"], unique=False)
    op.create_index(
        "ix_attempts_pending",
        "attempts",
        ["gateway", "ended_at"],
        unique=False,
        sqlite_where=sa.text("status = 'accepted'"),
        postgresql_where=sa.text("status = 'accepted'"),
    )
    op.create_table(
        "tokens",
        sa.Column("id", WORD, nullable=False),
        sa.Column("hash", WORD, nullable=False),
        sa.Column("scope", WORD, nullable=False),
        sa.Column("town", WORD, nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("used_at", UtcDateTime(), nullable=True),
        sa.Column("revoked_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint("scope IN ('read', 'write')", name=op.f("ck_tokens_scope")),
        sa.ForeignKeyConstraint(["town"], ["offices.id"], name=op.f("fk_tokens_town")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tokens")),
        sa.UniqueConstraint("hash", name=op.f("uq_tokens_hash")),
    )
    op.create_table(
        "sessions",
        sa.Column("id", WORD, nullable=False),
        sa.Column("account", WORD, nullable=False),
        sa.Column("csrf", WORD, nullable=False),
        sa.Column("began_at", UtcDateTime(), nullable=False),
        sa.Column("seen_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["account"], ["accounts.id"], name=op.f("fk_sessions_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sessions")),
    )
    op.create_index("ix_sessions_account", "sessions", ["account"], unique=False)


def _is_sqlite() -> bool:
    return op.get_bind().dialect.name == "sqlite"


def _set_children_aside() -> None:
    """Let SQLite make the table anew: it drops the old one, to which nothing may refer then."""
    for table in CHILDREN if _is_sqlite() else ():
        op.execute(f"CREATE TEMPORARY TABLE aside_{table} AS SELECT * FROM {table}")
        op.execute(f"DELETE FROM {table}")


def _bring_children_back() -> None:
    for table in CHILDREN if _is_sqlite() else ():
        op.execute(f"INSERT INTO {table} SELECT * FROM aside_{table}")
        op.execute(f"DROP TABLE aside_{table}")


def _kept() -> set[str]:
    """Return the tables in which an earlier downgrade kept what 0001 does not know."""
    return {name for name in sa.inspect(op.get_bind()).get_table_names() if name.startswith("kept_")}


def _unless_kept() -> str:
    """Return the condition that picks the attempts which 0001 made, of all that it knows."""
    if "kept_attempts" not in _kept():
        return ""
    known = "SELECT id FROM kept_attempts UNION SELECT attempt FROM kept_messages WHERE attempt IS NOT NULL"
    return f" WHERE attempt NOT IN ({known})"


def _bring_back() -> None:
    """Bring back what a downgrade kept; where 0001 has gone on with a message, what it made of it stands."""
    kept = _kept()
    for table in NEW if kept else ():
        columns = ", ".join(column["name"] for column in sa.inspect(op.get_bind()).get_columns(table))
        op.execute(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM kept_{table}")
    if not kept:
        return
    untouched = (
        "messages.id = k.id AND messages.state = k.put_as AND messages.attempts = k.attempts "
        "AND (messages.attempt = k.attempt OR (messages.attempt IS NULL AND k.attempt IS NULL))"
    )
    columns = ", ".join(f"{name} = k.{name}" for name in ("kind", "state", "reason", "claimed_until", *COLUMNS))
    op.execute(f"UPDATE messages SET {columns} FROM kept_messages AS k WHERE {untouched}")
    op.execute(
        "UPDATE findings SET closed_at = k.closed_at, closed_by = k.closed_by FROM kept_findings AS k "
        "WHERE findings.id = k.id"
    )
    # The trail refuses changes. What refuses them is hung anew after this migration, whichever triggers were noted.
    op.execute("DELETE FROM installation WHERE key = 'triggers'")
    op.execute("DROP TRIGGER IF EXISTS audit_update" if _is_sqlite() else "ALTER TABLE audit DISABLE TRIGGER USER")
    op.execute("UPDATE audit SET mac = k.mac FROM kept_audit AS k WHERE audit.seq = k.seq")
    if not _is_sqlite():
        op.execute("ALTER TABLE audit ENABLE TRIGGER USER")
        for table in NUMBERED:
            op.execute(
                f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), COALESCE(max(id), 0) + 1, false) FROM {table}"
            )
    for table in kept:
        op.execute(f"DROP TABLE {table}")


def unknown_below(connection: sa.Connection) -> list[str]:
    """Return what 0001 does not know, and keeps aside."""
    counts = [(connection.execute(sa.text(f"SELECT count(*) FROM {table}")).scalar_one(), table) for table in NEW]
    others = {
        "messages in states that 0001 does not know": f"messages WHERE state <> {PUT_AS}",
        "mails to the operator": "messages WHERE kind = 'operator'",
        "findings that are closed": "findings WHERE closed_at IS NOT NULL",
        "seals of the audit trail": "audit WHERE mac IS NOT NULL",
    }
    counts += [
        (connection.execute(sa.text(f"SELECT count(*) FROM {rows}")).scalar_one(), x) for x, rows in others.items()
    ]
    return [f"{count} {what}" for count, what in counts if count]


def downgrade() -> None:
    for table in NEW:
        op.execute(f"CREATE TABLE kept_{table} AS SELECT * FROM {table}")
    op.execute(f"CREATE TABLE kept_messages AS SELECT messages.*, {PUT_AS} AS put_as FROM messages")
    op.execute(
        "CREATE TABLE kept_findings AS SELECT id, closed_at, closed_by FROM findings WHERE closed_at IS NOT NULL"
    )
    op.execute("CREATE TABLE kept_audit AS SELECT seq, mac FROM audit WHERE mac IS NOT NULL")
    for table in reversed(NEW):
        op.drop_table(table)
    _set_children_aside()
    _narrow_messages()
    _bring_children_back()
    for table, column in (("findings", "closed_at"), ("findings", "closed_by"), ("audit", "mac")):
        op.drop_column(table, column)


def _narrow_messages() -> None:
    for index in ("ix_messages_open", "ix_messages_not_followed", "ix_messages_day"):
        op.drop_index(index, "messages")
    with op.batch_alter_table("messages") as batch:
        for name in CHECKS if not _is_sqlite() else ():
            batch.drop_constraint(op.f(f"ck_messages_{name}"), type_="check")
        batch.drop_constraint(op.f("fk_messages_instead_of"), type_="foreignkey")
        batch.drop_constraint(op.f("uq_messages_instead_of"), type_="unique")
        for column in COLUMNS:
            batch.drop_column(column)
        batch.add_column(sa.Column("provider", WORD))
        batch.add_column(sa.Column("provider_id", WORD))
    op.execute(
        "UPDATE messages SET state = k.put_as, "
        "kind = CASE messages.kind WHEN 'operator' THEN 'digest' ELSE messages.kind END, "
        "claimed_until = CASE k.put_as WHEN 'sending' THEN messages.claimed_until END, "
        "reason = CASE WHEN k.put_as = 'failed' THEN COALESCE(messages.reason, 'a mail to the operator') "
        "ELSE messages.reason END FROM kept_messages AS k WHERE messages.id = k.id"
    )
    op.execute(
        "UPDATE messages SET provider = a.gateway, provider_id = a.provider_id FROM kept_attempts AS a "
        "WHERE messages.attempt = a.id"
    )
    with op.batch_alter_table("messages") as batch:
        for name, condition in OLD_CHECKS.items():
            batch.create_check_constraint(op.f(f"ck_messages_{name}"), condition)
    op.create_index("ix_messages_open", "messages", ["state", "at"])
