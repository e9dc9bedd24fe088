"""How is a whole number shared out, and how is one thing drawn among several?

Callers: all of intake/demo. Every draw takes the generator's own `Random`: the same seed gives the same record.
"""

from collections.abc import Mapping, Sequence
from random import Random
from typing import TypeVar

T = TypeVar("T")


def chance(rng: Random, probability: float) -> bool:
    """Say yes with that probability."""
    return rng.random() < probability


def draw(rng: Random, weights: Mapping[T, float]) -> T:
    """Return one of the keys, as often as its weight says."""
    return rng.choices(list(weights), list(weights.values()))[0]


def apportion(total: int, weights: Sequence[float], least: int = 0) -> list[int]:
    """Share `total` out by weight, largest remainders first; each share has at least `least`.

    >>> apportion(10, [6, 3, 1], least=1)
    [5, 3, 2]
    """
    free = total - least * len(weights)
    exact = [free * weight / sum(weights) for weight in weights]
    shares = [int(share) for share in exact]
    by_remainder = sorted(range(len(weights)), key=lambda i: (shares[i] - exact[i], i))
    for i in by_remainder[: free - sum(shares)]:
        shares[i] += 1
    return [least + share for share in shares]
