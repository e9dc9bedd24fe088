"""What would one use instead of duban, and how do they compare on the same ground in the same run?

Celery with beat, and django-helpdesk's escalate_tickets, both from PyPI, beside duban: the same PostgreSQL (durable),
the same Valkey, the same stand-ins for Twilio and a mail server, whose ledgers are the only evidence. Method and
figures: docs/scale-peers.md. Run: `python -m bench.peers [--due 1000 10000] [--kills 5] [--idle 100000 1000000]`.
"""

import argparse
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.peers import celery_way, duban_way, environment, helpdesk
from bench.peers.figures import Cut, Row
from bench.peers.helpdesk import Idle

#: of the runs whose senders are killed
CUT_DUE = 1_000


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--due", type=int, nargs="*", default=[1_000, 10_000])
    parser.add_argument("--kills", type=int, default=5, help="0: none")
    parser.add_argument("--idle", type=int, nargs="*", default=[100_000, 1_000_000])
    options = parser.parse_args()
    environment.prepare()
    with tempfile.TemporaryDirectory() as folder:
        _show(Row, rows(Path(folder), options.due))
        _show(Idle, helpdesk.idle(Path(folder), options.idle))
        if options.kills:
            _show(Cut, cuts(Path(folder), options.kills, CUT_DUE))


def rows(folder: Path, sizes: list[int]) -> Iterator[Row]:
    """Yield the figures of all, duban's beside each."""
    for due in sizes:
        yield from celery_way.rows(folder, due)
        yield from duban_way.rows(folder, "SMS", due)
        yield from helpdesk.rows(folder, due)
        yield from duban_way.rows(folder, "e-mail", due)


def cuts(folder: Path, kills: int, due: int) -> Iterator[Cut]:
    """Yield what kill -9 does to all, duban beside them."""
    for measure in (celery_way.cuts, helpdesk.cuts, duban_way.cuts):
        yield from measure(folder, kills, due)


SHAPES: dict[type, tuple[str, Callable[..., str]]] = {
    Row: (
        (
            "| who | channel | due | sent | doubles | a second | half there after | 99 % there after | |\n"
            "|---|---|---|---|---|---|---|---|---|"
        ),
        lambda row: (
            f"| {row.peer} | {row.channel} | {row.due:,} | {row.sent:,} | {row.doubles:,} | {row.per_s:,.0f} "
            f"| {row.half_s:.1f} s | {row.p99_s:.1f} s | {row.note} |"
        ),
    ),
    Idle: (
        "| who | open | an idle run |\n|---|---|---|",
        lambda row: f"| {row.peer} | {row.rows:,} | {row.best_s * 1000:,.0f} ms |",
    ),
    Cut: (
        "| who | kills | due | lost | sent twice | |\n|---|---|---|---|---|---|",
        lambda row: f"| {row.peer} | {row.kills} | {row.due:,} | {row.lost} | {row.twice} | {row.note} |",
    ),
}


def _show(kind: type, found: Iterator[Row] | Iterator[Idle] | Iterator[Cut]) -> None:
    """Print a table, each line as soon as it is known."""
    head, line = SHAPES[kind]
    print(f"\n{head}", flush=True)
    for each in found:
        print(line(each), flush=True)


if __name__ == "__main__":
    main()
