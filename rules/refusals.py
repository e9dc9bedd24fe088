"""Why is an event refused?

Rules: R4.3, R4b, R5.4, R8. Callers: intake/ (a fault of a row), the commands (an error), the API (409).
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Refusal:
    """One reason why an event does not hold.

    `out_of_order`: the stage does not admit the event at all. Otherwise the stage admits it, but the cell
    in `column` is wrong.
    """

    column: str  #: the record's own column name, such as `until`
    value: str  #: what was found there, as text; empty if nothing was
    expected: str  #: what is admitted, and how to mend it
    out_of_order: bool = False
