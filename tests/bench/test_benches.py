"""Do the benches run, and do they say what they measured? At tiny sizes: the figures themselves say nothing here."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench.__main__ import BENCHES
from bench.measuring import measure
from bench.results import Goal, Row

ROOT = Path(__file__).parents[2]


def test_a_bench_of_whole_processes_writes_its_rows_and_a_file(tmp_path):
    name = "P4"
    command = [sys.executable, "-m", "bench", "--small", "--only", name, "--out", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    kept = json.loads((tmp_path / f"{name}.json").read_text("utf-8"))
    assert kept["title"] == BENCHES[name].title
    for row in kept["rows"]:
        assert row["dimension"] == name
        assert row["value"] > 0
        assert not row["is_shown"] or row["what"] in done.stdout


def test_the_memory_of_a_command_is_that_of_all_its_processes():
    helper = "import time; much = bytearray(100 << 20); time.sleep(2)"
    asking = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {helper!r}])"
    assert measure("", [sys.executable, "-c", asking], times=1).rss_mb > 105


def test_every_dimension_has_a_module_with_rows():
    for bench in BENCHES.values():
        assert "\ndef rows(size: str) -> Iterator[Row]:" in (ROOT / f"{bench.module.replace('.', '/')}.py").read_text()


@pytest.mark.parametrize(
    ("goal", "value", "ratio", "is_met"),
    [
        (Goal(at_most=50), 50, None, True),
        (Goal(at_most=50), 50.1, None, False),
        (Goal(at_least=1200, ratio_at_least=0.5), 1200, 0.5, True),
        (Goal(at_least=1200, ratio_at_least=0.5), 1200, 0.49, False),
        pytest.param(Goal(ratio_at_most=1.5), 1, None, False, id="a ratio that was not measured"),
        pytest.param(Goal(), 1, None, None, id="no goal"),
    ],
)
def test_a_goal_is_met_if_all_its_limits_are_kept(goal, value, ratio, is_met):
    assert Row(dimension="P0", what="", value=value, unit="", goal=goal, ratio=ratio).is_met is is_met
