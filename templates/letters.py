"""What is an e-mail, and what does a digest show?

Rules: R5.9, R7. Callers: templates/wording.py makes e-mails of these; actors/ fill the views.
"""

from dataclasses import dataclass
from datetime import date

from rules.digests import Counts, DigestKind


@dataclass(frozen=True, slots=True)
class Email:
    """A letter in two forms that say the same; the subject is one line."""

    subject: str
    text: str
    html: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestLine:
    """One overdue matter in a digest: see `Wording.lines`."""

    name: str  #: register number, project and milestone, or deputy and period
    office: str  #: who is responsible
    due: date
    late: int  #: workdays overdue


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestView:
    """What one digest shows to one office (R7.1)."""

    kind: DigestKind
    period: str  #: as in rules.digests.Digest
    office: str  #: name of the office that reads it
    day: date
    counts: Counts
    rungs: tuple[tuple[str, int], ...] = ()  #: highest rung fired (or an empty text), number of overdue matters
    kinds: tuple[tuple[str, Counts, int], ...] = ()  #: name of a kind of matter, its counts, how many are new
    towns: tuple[tuple[str, Counts], ...] = ()  #: name of a town office, its counts
    worst: tuple[DigestLine, ...] = ()  #: the most overdue first
    findings: tuple[str, ...] = ()  #: of coverage (R6)
