"""SQL: tables, one statement per question, the outbox, migrations."""
