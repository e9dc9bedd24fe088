"""What has a fake server seen? Lines of JSON in a file, only ever added to: the judge's evidence, not ours."""

import json
import os
import time
from pathlib import Path
from typing import Any


class Ledger:
    """An append-only file; each entry is on it before the server answers."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def note(self, what: str, **facts: Any) -> None:
        entry = {"what": what, "at": time.time(), "monotonic": time.monotonic(), **facts}
        os.write(self._file, (json.dumps(entry, ensure_ascii=False) + "\n").encode())

    def close(self) -> None:
        os.close(self._file)


def entries(path: Path, what: str | None = None) -> list[dict[str, Any]]:
    """Return what a ledger holds, of one kind or all; a last line half written is not yet an entry."""
    if not path.exists():
        return []
    whole = path.read_text("utf-8").rpartition("\n")[0]
    found = [json.loads(line) for line in whole.splitlines()]
    return [each for each in found if what is None or each["what"] == what]
