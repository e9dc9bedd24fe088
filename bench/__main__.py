"""How fast is duban, how much memory does it take, and are the goals met?

Runs the benches one after the other, each in a process of its own, so that none inherits another's memory; prints a
table, and writes JSON and plots under var/bench/. Run: `make bench`, or `python -m bench [--only P1 P4] [--full]`.
What each measures and what bounds it: docs/scale.md.
"""

import argparse
import importlib
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from bench.measuring import ROOT
from bench.results import Goal, Row, figure

OUT: Final = ROOT / "var" / "bench"


@dataclass(frozen=True, slots=True)
class Bench:
    """A dimension, and the module whose `rows` measures it."""

    title: str
    module: str


BENCHES: Final = {
    "P1": Bench("a look when nothing is due", "bench.looks"),
    "P2": Bench("a round with N due, decided and recorded", "bench.rounds"),
    "P3": Bench("messages sent a second", "bench.sending"),
    "P4": Bench("from a fact's commit to the gateway", "bench.latency"),
    "P5": Bench("memory of daemon and worker", "bench.memory"),
    "P6": Bench("from the start to the first notice", "bench.starting"),
    "P7": Bench("simulate a year", "bench.simulate"),
    "P8": Bench("import and rebuild", "bench.loading"),
}


def main() -> None:
    """Run what is asked for; the status is 1 if a bench failed, not if a goal is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=list(BENCHES), default=list(BENCHES), metavar="P1")
    parser.add_argument("--full", action="store_true", help="the largest sizes too: some hours")
    parser.add_argument("--small", action="store_true", help="tiny sizes, to see that it runs: the figures say nothing")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--child", choices=list(BENCHES), help=argparse.SUPPRESS)
    options = parser.parse_args()
    size = "full" if options.full else "small" if options.small else "usual"
    if options.child:
        _measure(options.child, size)
        return
    failed = [name for name in options.only if not _run(name, size, options.out)]
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


def _measure(name: str, size: str) -> None:
    """Be the process of one bench: a line of JSON for each row."""
    for row in importlib.import_module(BENCHES[name].module).rows(size):
        kept = {f.name: getattr(row, f.name) for f in fields(row)}
        goal = {f.name: getattr(row.goal, f.name) for f in fields(row.goal)}
        print(json.dumps(kept | {"goal": goal}), flush=True)


def _run(name: str, size: str, out: Path) -> bool:
    """Run one bench in a process of its own, show its rows as they come, keep and plot them."""
    bench = BENCHES[name]
    print(f"\n{name}  {bench.title}")
    print(f"    {'':<52}{'figure':>12} {'unit':<11}{'× yardstick':>12}{'× peer':>9}  goal")
    began = _machine()
    command = [sys.executable, "-m", "bench", "--child", name, f"--{size}"]
    with subprocess.Popen(  # noqa: S603 - ourselves
        [word for word in command if word != "--usual"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        rows = list(_shown(child.stdout))
    _keep(rows, bench.title, {"size": size, "began": began, "ended": _machine()}, out)
    return child.returncode == 0


def _shown(lines: Any) -> Iterator[Row]:
    for line in lines:
        if not line.startswith("{"):
            print(f"    {line}", end="")
            continue
        told = json.loads(line)
        row = Row(**told | {"goal": Goal(**told["goal"])})
        if row.is_shown:
            print(f"    {_line(row)}", flush=True)
        yield row


def _line(row: Row) -> str:
    ratio, peer = ("" if times is None else figure(times) for times in (row.ratio, row.times_peer))
    verdict = {True: "met", False: "MISSED", None: ""}[row.is_met]
    return f"{row.what:<52}{figure(row.value):>12} {row.unit:<11}{ratio:>12}{peer:>9}  {row.goal} {verdict}".rstrip()


def _keep(rows: Sequence[Row], title: str, when: dict[str, Any], out: Path) -> None:
    if not rows:
        return
    out.mkdir(parents=True, exist_ok=True)
    name = rows[0].dimension
    text = json.dumps({"title": title, **when, "rows": [row.as_dict() for row in rows]}, ensure_ascii=False, indent=1)
    (out / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    try:
        from bench.plots import plot  # noqa: PLC0415 - the figures are there without it
    except ImportError:
        print("    no plots: matplotlib is not installed (uv sync --group bench)")
        return
    for file in plot(rows, f"{name}  {title}", out):
        print(f"    {file.relative_to(ROOT) if file.is_relative_to(ROOT) else file}")


def _machine() -> dict[str, Any]:
    """Return on what and under which load it is measured."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "load": os.getloadavg()[0],
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "python": platform.python_version(),
    }


if __name__ == "__main__":
    main()
