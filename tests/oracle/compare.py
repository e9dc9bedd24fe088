"""Where do the product and the oracle differ?

    python -m tests.oracle.compare --seeds 0-50 [--size small] --duban "duban"

Per seed: writes the record, lets `simulate` replay it, and prints the first lines that differ with the rows of the
record that speak of the matter, so that one can decide who is right. Exit status 1 if anything differs.
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from .oracle import Line, reckon, subject_name
from .records import HEADS, write_random_record

FILES = ("notices", "digests", "matters")


def seeds(text: str) -> list[int]:
    """Which seeds does `0-50,77` name?"""
    found: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found


def simulate(command: str, folder: Path, args: dict[str, object], out: Path, sms_key: str) -> str | None:
    """Let the product replay the record; what did it complain of, if it failed?"""
    words = [*shlex.split(command), "simulate", str(folder), "--from", str(args["from"]), "--to", str(args["to"])]
    words += ["--out", str(out)]
    settings: dict[str, object] = args["settings"]  # type: ignore[assignment]
    for name, value in settings.items():
        words += ["--set", f"{sms_key if name == 'sms_per_day' else name}={value}"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return None if done.returncode == 0 else f"exit {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"


def read_lines(path: Path) -> list[Line]:
    """Which lines has the product written?"""
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    return [{name: value for name, value in line.items() if name != "text"} for line in lines]


def as_text(line: Line) -> str:
    """How is a line shown, whatever the order of its keys?"""
    return json.dumps(line, ensure_ascii=False, sort_keys=True)


def differences(ours: list[Line], theirs: list[Line]) -> list[tuple[str, Line]]:
    """Which lines has only one of the two? In the order of the files."""
    mine, other = Counter(map(as_text, ours)), Counter(map(as_text, theirs))
    found = [("oracle only ", line) for line in ours if mine[as_text(line)] > other[as_text(line)]]
    found += [("product only", line) for line in theirs if other[as_text(line)] > mine[as_text(line)]]
    return sorted(found, key=lambda pair: [str(pair[1].get(head, "")) for head in ("at", "matter", "rung", "to")])


def facts_of(folder: Path, matter: str) -> list[str]:
    """Which rows of the record speak of the matter's seat, petition or project?"""
    kind, id_ = subject_name(matter).split(":", 1)
    names = {id_}
    if kind == "visit":
        names |= {row.split(",")[1] for row in _rows(folder, "seats") if row.split(",")[0] == id_}
    tables = [table for table in HEADS if table not in ("offices", "contacts", "grids")]
    return [
        f"{table}: {row}"
        for table in tables
        for row in _rows(folder, table)
        if names & set(row.replace(":", ",").split(","))
    ]


def _rows(folder: Path, table: str) -> list[str]:
    return (folder / f"{table}.csv").read_text(encoding="utf-8").splitlines()[1:]


def compare_seed(seed: int, options: argparse.Namespace, folder: Path) -> list[str]:
    """What is there to say of this seed? Nothing where both agree."""
    record, out = folder / f"record-{seed}", folder / f"out-{seed}"
    args = write_random_record(record, seed, options.size)
    head = f"=== seed {seed}: --from {args['from']} --to {args['to']} {args['settings']} in {record}"
    complaint = simulate(options.duban, record, args, out, options.sms_key)
    if complaint:
        return [head, complaint]
    said: list[str] = []
    expected = reckon(record, args["from"], args["to"], args["settings"])  # type: ignore[arg-type]
    for name, ours in zip(FILES, expected, strict=True):
        theirs = read_lines(out / f"{name}.jsonl")
        found = differences(ours, theirs)
        if found:
            said.append(f"--- {name}: {len(found)} lines differ")
        elif ours != theirs:
            said.append(f"--- {name}: same lines, another order")
        said += show(found[: options.show], record)
    return [head, *said] if said else []


def show(found: list[tuple[str, Line]], record: Path) -> list[str]:
    """How are the differences shown, each with the facts of its matter once?"""
    said = [f"{side} {as_text(line)}" for side, line in found]
    for subject in dict.fromkeys(str(line["matter"]) for _, line in found if "matter" in line):
        said += [f"  facts of {subject}:", *(f"    {fact}" for fact in facts_of(record, subject))]
    return said


def main() -> int:
    """Compare all seeds asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="0-50")
    parser.add_argument("--size", default="small", choices=("small", "medium"))
    parser.add_argument("--duban", default="duban", help="the product's command")
    parser.add_argument("--sms-key", default="sms_per_day", help="the policy's name for R5.11's number")
    parser.add_argument("--show", type=int, default=6, help="lines shown of each file")
    parser.add_argument("--keep", type=Path, help="keep records and outputs in this folder")
    options = parser.parse_args()
    began, wrong = time.monotonic(), []
    with tempfile.TemporaryDirectory(prefix="oracle-") as temporary:
        folder = options.keep or Path(temporary)
        for seed in seeds(options.seeds):
            said = compare_seed(seed, options, folder)
            if said:
                wrong.append(seed)
                sys.stdout.write("\n".join(said) + "\n")
                sys.stdout.flush()
    count, took = len(seeds(options.seeds)), time.monotonic() - began
    sys.stdout.write(f"{count - len(wrong)} of {count} seeds agree in {took:.0f} s; differing: {wrong or 'none'}\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
