"""How is a statement run without all that SQLAlchemy does for each?

The first time it is run by SQLAlchemy itself, which writes its text and says how values go in and rows come out; from
then on these go straight to SQLite, over one connection that stays open. What duban asks, and what it gets, stays the
same to the bit: a test runs one seed both ways. Callers: worlds.py.
"""

import sqlite3
from collections.abc import Callable, Mapping
from typing import Any, Final, Self

from sqlalchemy import Connection, Engine
from sqlalchemy.engine import CursorResult, IteratorResult
from sqlalchemy.engine.default import DefaultExecutionContext

#: where a statement keeps how it is run
PLANS: Final = "_plans_of_the_trial"
UNKNOWN: Final[tuple[Any, dict[Any, Any]]] = (None, {})
Given = Mapping[str, Any]
Process = Callable[[Any], Any]


class Rows(IteratorResult[Any]):
    """What a statement gave."""

    def __init__(self, plan: "Plan", cursor: sqlite3.Cursor) -> None:
        super().__init__(plan.metadata, cursor)  # type: ignore[arg-type]
        self.rowcount = cursor.rowcount
        if plan.getter is None:
            plan.getter = self._row_getter
        self.__dict__["_row_getter"] = plan.getter  # the same for all results of a statement


class Done:
    """How many rows a statement has changed."""

    def __init__(self, cursor: sqlite3.Cursor) -> None:
        self.rowcount = cursor.rowcount


class Plan:
    """How one statement is run with values of some names."""

    def __init__(self, context: DefaultExecutionContext, result: CursorResult[Any]) -> None:
        compiled: Any = context.compiled
        self.sql: str = compiled.string
        self.metadata = result._metadata
        self.returns_rows = result.returns_rows
        self.getter: Any = None  #: what makes rows of the driver's
        fixed = compiled.construct_params(
            extracted_parameters=context.extracted_parameters, escape_names=False, _check=False
        )
        processors = compiled._bind_processors
        keys = {name: bind.key for bind, name in compiled.bind_names.items()}
        #: key of the value, its name, what stands in its place if it is not given, how it goes to the driver
        self.marks: list[tuple[str, str, Any, Process | None]] = [
            (keys[name], name, fixed[name], processors.get(name)) for name in compiled.positiontup or ()
        ]

    @staticmethod
    def is_possible(context: DefaultExecutionContext) -> bool:
        """Say whether a statement needs no more than text and values."""
        compiled: Any = context.compiled
        return not (
            compiled is None
            or context.isddl
            or compiled.literal_execute_params
            or compiled.post_compile_params
            or compiled.insert_prefetch
            or compiled.update_prefetch
            or compiled.implicit_returning
            or any(bind.callable for bind in compiled.bind_names)
        )

    def values(self, given: Given) -> list[Any]:
        """Return the values as the driver takes them."""
        found = []
        for key, name, fixed, process in self.marks:
            value = given[key] if key in given else given.get(name, fixed)
            found.append(value if process is None else process(value))
        return found


class Transaction:
    """One transaction, without what SQLAlchemy keeps of it, unless SQLAlchemy itself has to run a statement."""

    def __init__(self, connection: "Quick") -> None:
        self._connection = connection
        if not connection.driver.in_transaction:  # one of `reading` has begun already
            connection.driver.execute("BEGIN IMMEDIATE")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        known = self._connection._transaction or self._connection.driver
        if kind is None:
            known.commit()
        else:
            known.rollback()


class Quick(Connection):
    """A connection that remembers how each statement is run."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self.driver: Any = self.connection.driver_connection

    def begin(self) -> Any:
        """Begin a transaction, or go on with the one that has begun."""
        return Transaction(self)

    def execute(self, statement: Any, parameters: Any = None, *, execution_options: Any = None) -> Any:
        """Run a statement."""
        owner, plans = statement.__dict__.get(PLANS, UNKNOWN)
        is_lot = isinstance(parameters, (list, tuple))
        first = (parameters[0] if is_lot else parameters) or {}
        key = (*first, is_lot and len(parameters) > 1)
        plan = plans.get(key) if owner is statement else None
        options = statement._execution_options
        if execution_options:
            options = {**options, **execution_options}
        if not plan or options.keys() - {"yield_per"}:
            result = super().execute(statement, parameters, execution_options=execution_options)
            if plan is None:
                self._learn(statement, key, result)
            return result
        try:
            if key[-1]:
                cursor = self.driver.executemany(plan.sql, [plan.values(given) for given in parameters])
            else:
                cursor = self.driver.execute(plan.sql, plan.values(first))
        except sqlite3.Error as err:
            self._tell(err, plan.sql, parameters)
            raise
        if not plan.returns_rows:
            return Done(cursor)
        rows = Rows(plan, cursor)
        return rows.yield_per(options["yield_per"]) if options else rows

    @staticmethod
    def _learn(statement: Any, key: tuple[Any, ...], result: Any) -> None:
        """Keep how a statement was run just now."""
        owner, plans = statement.__dict__.get(PLANS, UNKNOWN)
        if owner is not statement:  # one that was made from another has been given its plans
            plans = {}
            statement.__dict__[PLANS] = (statement, plans)
        context = result.context
        is_many = bool(key[-1]) and statement.is_insert
        plans[key] = Plan(context, result) if Plan.is_possible(context) and not is_many else False

    def _tell(self, err: sqlite3.Error, statement: str, values: Any) -> None:
        """Raise an error as SQLAlchemy does; the transaction is left to whoever began it."""
        if self._transaction is None:
            self._autobegin()
        self._handle_dbapi_exception(err, statement, values, None, None)

    def exec_driver_sql(self, statement: str, parameters: Any = None, execution_options: Any = None) -> Any:
        """Run a statement that is in words already."""
        if not isinstance(parameters, list):
            return super().exec_driver_sql(statement, parameters, execution_options)
        driver = self.driver
        try:
            if len(parameters) == 1:
                cursor = driver.execute(statement, parameters[0])
            else:
                cursor = driver.executemany(statement, parameters)
        except sqlite3.Error as err:
            self._tell(err, statement, parameters)
            raise
        return Done(cursor)

    def close(self) -> None:
        """End what is under way; the connection stays open for the next."""
        if self._transaction is not None:
            self._transaction.close()
        elif self.driver.in_transaction:
            self.driver.rollback()


class QuickEngine(Engine):
    """An engine that keeps its connection."""

    _kept: Quick | None = None

    def connect(self) -> Connection:
        """Lend the connection."""
        if self._kept is None:
            self._kept = Quick(self)
        return Connection(self) if self._kept.driver.in_transaction else self._kept


def quick(engine: Engine) -> Engine:
    """Return an engine over the same database that runs statements quickly."""
    return QuickEngine(engine.pool, engine.dialect, engine.url, hide_parameters=True)
