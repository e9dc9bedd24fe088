"""What if another comes between two statements of one transaction?"""

from collections.abc import Callable
from threading import Thread
from typing import Any, Final

from sqlalchemy import Connection, Engine, event

#: so long the other may go on before it is taken for one that waits
WAITS_S: Final = 0.3


class Other:
    """Does something in a transaction of its own, on a thread: begun at some point, it is waited for in the end."""

    def __init__(self, engine: Engine, act: Callable[[Connection], Any]) -> None:
        """Do nothing yet."""
        self._engine = engine
        self._act = act
        self._thread = Thread(target=self._run)
        self._failed: list[BaseException] = []
        self.found: Any = None  #: what came of it

    def _run(self) -> None:
        try:
            with self._engine.begin() as connection:
                self.found = self._act(connection)
        except BaseException as err:  # noqa: BLE001 - raised where it is waited for
            self._failed.append(err)

    def begin(self) -> bool:
        """Begin, and say whether it is done, or waits for somebody."""
        self._thread.start()
        self._thread.join(WAITS_S)
        return not self._thread.is_alive()

    def begin_after(self, target: Engine | Connection, words: str = "") -> None:
        """Begin once a statement with these words, or any, has been done by a connection."""

        def after(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
            if words in statement and self._thread.ident is None:
                self.begin()

        event.listen(target, "after_cursor_execute", after)

    def end(self) -> Any:
        """Wait until it is done; return what came of it, or raise what went wrong."""
        self._thread.join()
        if self._failed:
            raise self._failed[0]
        return self.found
