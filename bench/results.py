"""What did a bench find, and does it meet its goal?

Every bench yields rows of one form: the runner (bench/__main__.py) prints, keeps and plots them. Speed is told as a
figure and as so many times a yardstick of the same run: on another machine, or a busy one, the ratio is what counts.
Callers: all of bench/.
"""

from dataclasses import asdict, dataclass, field
from typing import Any, Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """What a figure or its ratio has to be."""

    at_most: float | None = None
    at_least: float | None = None
    ratio_at_most: float | None = None
    ratio_at_least: float | None = None

    def is_met(self, value: float, ratio: float | None) -> bool:
        """Say whether a figure keeps all limits; a ratio that was not measured keeps none."""
        return (
            (self.at_most is None or value <= self.at_most)
            and (self.at_least is None or value >= self.at_least)
            and (self.ratio_at_most is None or (ratio is not None and ratio <= self.ratio_at_most))
            and (self.ratio_at_least is None or (ratio is not None and ratio >= self.ratio_at_least))
        )

    def __str__(self) -> str:
        """Return it for people.

        >>> str(Goal(at_least=1200, ratio_at_least=0.5))
        '≥ 1,200, ≥ 0.5 ×'
        """
        limits = (
            ("≤ {}", self.at_most),
            ("≥ {}", self.at_least),
            ("≤ {} ×", self.ratio_at_most),
            ("≥ {} ×", self.ratio_at_least),
        )
        return ", ".join(form.format(figure(limit)) for form, limit in limits if limit is not None)


NO_GOAL: Final = Goal()


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One figure."""

    dimension: str  #: P1 to P8
    what: str
    value: float
    unit: str
    goal: Goal = field(default=NO_GOAL)
    ratio: float | None = None  #: so many times the yardstick of the same run
    yardstick: str = ""
    peer: float | None = None  #: the figure of what one would use instead, in the same run
    peer_name: str = ""
    series: str = ""  #: the line of the plot that it is on; rows without one are not plotted
    size: float | None = None  #: where on that line
    is_shown: bool = True  #: in the table too, not only in the file and the plot

    @property
    def is_met(self) -> bool | None:
        """Say whether the goal is met; None where there is none."""
        return None if self.goal == NO_GOAL else self.goal.is_met(self.value, self.ratio)

    @property
    def times_peer(self) -> float | None:
        """Return how many times the peer's figure this is."""
        return None if self.peer is None else self.value / self.peer

    def as_dict(self) -> dict[str, Any]:
        """Return it for a file."""
        return asdict(self) | {"goal": str(self.goal), "is_met": self.is_met}


def figure(value: float) -> str:
    """Return a number with as many digits as say something.

    >>> figure(1234567.8), figure(56.78), figure(0.5), figure(0.02613), figure(3.0)
    ('1,234,568', '56.8', '0.5', '0.0261', '3')
    """
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"
