"""Which faults does a failing trial need?

Faults are left out, half of them at first, then fewer and fewer, as long as the same promise is still broken
(Zeller and Hildebrandt's delta debugging). Callers: __main__.py, test_trial.py.
"""

from collections.abc import Callable
from typing import Final

from tests.trial.trials import Outcome, try_seed

MOST: Final = 60  #: trials spent on one seed


def shrunk(failing: Outcome, days: int | None = None, most: int = MOST) -> Outcome:
    """Return the same failure with as few faults as were found to be enough."""
    best = failing

    def fails_with(keys: list[str]) -> bool:
        nonlocal best
        outcome = try_seed(failing.seed, failing.size, days, keys)
        if outcome.invariant != failing.invariant:
            return False
        if len(outcome.script) < len(best.script):
            best = outcome
        return True

    fewest([fault.key for fault in failing.script], fails_with, most)
    return best


def fewest(keys: list[str], fails_with: Callable[[list[str]], bool], most: int) -> list[str]:
    """Return as few keys as still fail, after at most so many tries.

    >>> fewest(list("abcdefgh"), lambda keys: {"b", "g"} <= set(keys), 60)
    ['b', 'g']
    """
    if fails_with([]):
        return []
    parts = 2
    while len(keys) > 1 and most > 0:
        size = -(-len(keys) // parts)
        for start in range(0, len(keys), size):
            most -= 1
            left = keys[:start] + keys[start + size :]
            if most >= 0 and fails_with(left):
                keys, parts = left, max(parts - 1, 2)
                break
        else:
            if size == 1:
                break
            parts = min(parts * 2, len(keys))
    return keys
