"""What goes wrong, and when? All from one seed, so that a failing trial can be run again, with fewer faults.

Each draw is a function of the seed and of where it is made (what, on which day, the how-manieth): a fault that is
left out leaves the others, on other days at least, as they were.
"""

from collections import Counter
from collections.abc import Collection
from datetime import datetime
from hashlib import blake2b
from typing import Final, NamedTuple

from rules.facts import SHANGHAI

#: what may go wrong → how often, of the times that it could
RATES: Final = {
    # processes and machines
    "crash": 0.004,  # at a boundary; what was not committed is undone
    "freeze": 0.004,  # at a boundary, for some seconds
    "database": 0.001,  # out of reach when a transaction begins
    "commit undone": 0.001,  # out of reach at its commit, which is undone; the process goes on
    "commit not told": 0.001,  # likewise, and it is done
    "down": 0.015,  # a day on which all stops for hours or days
    "jump": 0.12,  # a day on which the machine's clock is set wrong
    "restart": 0.05,  # a day on which a process is stopped and started
    "shared": 0.2,  # the second daemon looks, too
    # bells
    "bell lost": 0.1,
    "bell doubled": 0.1,
    "bell late": 0.1,
    # gateways
    "took, no answer": 0.04,
    "took late, no answer": 0.02,
    "no answer": 0.04,
    "outage": 0.2,  # a day on which a gateway takes nothing for minutes or hours
    "throttled": 0.05,
    "ill": 0.05,
    "refused": 0.02,
    "opted out": 0.005,
    "list out of reach": 0.1,
    "list lags": 0.1,
    # what gateways tell later
    "word lost": 0.1,
    "word doubled": 0.1,
    "word late": 0.1,
    "not delivered": 0.05,
    # people
    "late fact": 0.1,  # typed after the instant from which it counts
    "wrong first": 0.1,  # typed wrong, then corrected in a hurry
    "typed twice": 0.1,
    "refused fact": 0.1,  # somebody tries what does not hold
    "house": 0.1,  # a day on which a contact goes off duty and comes back
    "hold": 0.12,  # a day on which an operator stops all sending
    "retry": 0.2,  # a day on which an operator has something tried again
    "stop": 0.05,  # a day on which somebody wants no more SMS
}
#: these change what is decided, so that a replay of the same facts decides otherwise
DECISIVE: Final = frozenset({"crash", "freeze", "down", "jump", "restart", "hold", "late fact", "wrong first", "house"})
#: two of five seeds have no fault that touches decisions
EXACT: Final = 0.4
ON: Final = 0.6  #: the share of faults that a seed has at all


class Fault(NamedTuple):
    """One thing that went wrong."""

    at: datetime
    key: str
    where: str

    def __str__(self) -> str:
        return f"{self.at.astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S.%f}  {self.key}  {self.where}"


class Chance:
    """All that is left to chance in one trial."""

    def __init__(self, seed: int, only: Collection[str] | None = None) -> None:
        """`only`: keys of the faults that may strike; None: all that the seed has."""
        self.seed = seed
        self.only = only
        self.script: list[Fault] = []
        self.is_quiet = False
        self._counts: Counter[str] = Counter()
        self.is_exact = self.unit("exact") < EXACT
        self.rates = {kind: self._rate(kind, rate) for kind, rate in RATES.items()}

    def _rate(self, kind: str, rate: float) -> float:
        if (self.is_exact and kind in DECISIVE) or self.unit(f"{kind} on") > ON:
            return 0.0
        return rate * (0.3 + 2 * self.unit(f"{kind} rate"))

    # Draws -------------------------------------------------------------------------------

    def unit(self, key: str) -> float:
        """Return a number from 0 up to 1 that belongs to `key`."""
        digest = blake2b(f"{self.seed}/{key}".encode(), digest_size=6).digest()
        return int.from_bytes(digest, "big") / (1 << 48)

    def next(self, what: str, now: datetime) -> float:
        """Return the next number of its kind on that day."""
        return self.unit(self._key(what, now))

    def _key(self, what: str, now: datetime) -> str:
        day = f"{what}/{now.toordinal()}"
        self._counts[day] += 1
        return f"{day}/{self._counts[day]}"

    def between(self, low: float, high: float, what: str, now: datetime) -> float:
        return low + (high - low) * self.next(what, now)

    def strikes(self, kind: str, now: datetime, where: str = "") -> bool:
        """Say whether something goes wrong here and now, and note it in the script."""
        rate = self.rates[kind]
        if not rate or self.is_quiet:
            return False
        key = self._key(kind, now)
        if self.unit(key) >= rate or (self.only is not None and key not in self.only):
            return False
        self.script.append(Fault(now, key, where))
        return True
