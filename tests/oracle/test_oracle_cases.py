"""Does the oracle give what the worked cases give?"""

from __future__ import annotations

import json
import shlex
from datetime import date
from pathlib import Path

import pytest

from .oracle import Line, Settings, reckon

ROOT = Path(__file__).resolve().parents[2]
PLACES = (ROOT.parent / "shared" / "cases", ROOT / "tests" / "cases")


def case_folders() -> list[Path]:
    """Where are the cases, beside the repository or within it?"""
    place = next((place for place in PLACES if place.is_dir()), None)
    return sorted(path.parent for path in place.glob("*/args.txt")) if place else []


def arguments(case: Path) -> tuple[date, date, Settings]:
    """Which arguments has the case for `duban simulate`?"""
    words = shlex.split((case / "args.txt").read_text(encoding="utf-8"))
    pairs = list(zip(words[::2], words[1::2], strict=True))
    given = dict(pairs)
    settings: Settings = {}
    for name, value in pairs:
        if name == "--set":
            key, _, settings[key] = value.partition("=")
    return date.fromisoformat(given["--from"]), date.fromisoformat(given["--to"]), settings


def expected(path: Path) -> list[Line] | None:
    """Which lines does the case expect? None where it says nothing of them."""
    if not path.exists():
        return None
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def sorted_digests(lines: list[Line]) -> list[Line]:
    """In which order does INTERFACES.md put digests? Case 26 lists them in another."""
    return sorted(lines, key=lambda line: [line["at"], line["digest"], line["office"], line["to"]])


@pytest.mark.parametrize("case", case_folders(), ids=lambda case: case.name)
def test_the_oracle_gives_what_the_case_expects(case: Path) -> None:
    notices, digests, matters = reckon(case, *arguments(case))
    assert notices == expected(case / "expected.jsonl")
    wanted_digests = expected(case / "expected_digests.jsonl")
    assert wanted_digests is None or digests == sorted_digests(wanted_digests)
    wanted_matters = expected(case / "expected_matters.jsonl")
    assert wanted_matters is None or matters == wanted_matters
