"""Does duban keep its promises on some seeds, and does the judge notice when it does not?

The whole campaign is `python -m tests.trial`; docs/trial.md has its figures.
"""

import logging

import pytest

from daemon.logs import log_plainly
from tests.trial import mutants
from tests.trial.faults import DECISIVE, RATES, Chance
from tests.trial.shrinking import shrunk
from tests.trial.trials import try_seed

#: each a whole year of its own, 20,000 notices in all: see docs/trial.md
YEARS = range(1, 61)


@pytest.fixture(autouse=True, scope="module")
def _quiet():
    log_plainly(logging.CRITICAL)


def told(outcome):
    """Return what a failing seed prints: itself, what is wrong, and its faults."""
    return "\n".join([f"seed {outcome.seed}", *outcome.wrong[:5], *map(str, outcome.script[-20:])])


@pytest.mark.parametrize("seed", YEARS)
def test_all_promises_are_kept_for_a_year_whatever_goes_wrong(seed):
    outcome = try_seed(seed, size="year")
    assert not outcome.wrong, told(outcome)
    assert outcome.totals["taken"] > 0
    assert outcome.script


def test_a_seed_gives_the_same_trial_each_time():
    one, other = (try_seed(5, "small", days=3) for _ in range(2))
    assert one.script == other.script
    assert one.totals == other.totals


@pytest.mark.parametrize("mutant", mutants.MUTANTS)
def test_each_mutant_can_be_planted(mutant):
    with mutants.planted(mutant):
        pass


def test_a_mutant_is_caught_and_its_script_is_shrunk():
    with mutants.planted(mutants.claim_ignored):
        found = next(o for o in (try_seed(seed, "dense", days=3) for seed in range(1, 6)) if o.wrong)
        small = shrunk(found, days=3, most=2)
    assert small.invariant == found.invariant
    assert len(small.script) <= len(found.script)


def test_the_seeds_have_every_fault_and_both_sorts_of_trial():
    drawn = [Chance(seed) for seed in range(1, 61)]
    assert all(any(chance.rates[kind] for chance in drawn) for kind in RATES)
    exact = [chance for chance in drawn if chance.is_exact]
    assert 15 <= len(exact) <= 35
    assert not any(chance.rates[kind] for chance in exact for kind in DECISIVE)
