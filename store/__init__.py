"""What is kept, and how is it asked for: tables, one statement per question, the outbox, migrations."""
