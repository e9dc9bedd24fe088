"""How are instants, days and enumerations kept in a database?

Instants are aware and in UTC; naive ones are refused. PostgreSQL keeps them as timestamptz, SQLite as text that
sorts. Callers: store/schema.py.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import DateTime, Dialect, String, TypeDecorator
from sqlalchemy.engine.interfaces import DBAPIConnection  # noqa: F401 - names the layer below

WORDS: Final = "words"  #: in a column's info: the only words that it admits


class UtcDateTime(TypeDecorator[datetime]):
    """An instant."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Return an instant in UTC; a naive one is refused."""
        return None if value is None else _in_utc(value)

    def bind_processor(self, dialect: Dialect) -> Callable[[datetime | None], Any] | None:
        """Return what gives an instant to the driver: text for SQLite, in a third of SQLAlchemy's own time."""
        return _as_text if dialect.name == "sqlite" else super().bind_processor(dialect)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Return an aware instant in UTC."""
        if value is None:
            return None
        instant: datetime = value
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


def _as_text(value: datetime | None) -> str | None:
    """Return an instant as SQLAlchemy keeps it on SQLite; a naive value is refused."""
    return None if value is None else _in_utc(value).isoformat(" ", "microseconds")[: -len("+00:00")]


def _in_utc(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError(f"{value} has no offset; instants are aware")
    return value.astimezone(UTC)


class Words(TypeDecorator[tuple[str, ...]]):
    """A short list of words, kept as `sms,email`."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: tuple[str, ...] | None, dialect: Dialect) -> str:
        """Join the words."""
        return ",".join(value or ())

    def process_result_value(self, value: str | None, dialect: Dialect) -> tuple[str, ...]:
        """Part the words."""
        return tuple(value.split(",")) if value else ()
