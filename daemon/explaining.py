"""How is the explanation of a matter printed?

Caller: `duban explain`.
"""

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import Connection

from actors.desks import Desks
from intake.explaining import Explanation, NoSuchMatter, as_facts, local
from intake.explaining import explain as explain_by

__all__ = ["NoSuchMatter", "as_facts", "as_lines", "explain"]


def explain(connection: Connection, desks: Desks, matter_id: str, at: datetime) -> Explanation:
    """Return the whole ladder of a matter on the facts known at `at`; NoSuchMatter if it is not open by then."""
    return explain_by(connection, desks.of(connection), matter_id, at)


def as_lines(found: Explanation) -> Iterator[str]:
    """Return the explanation for people."""
    facts = as_facts(found)
    yield f"{facts['matter']} · {facts['status']} · as of {local(found.at)}"
    yield f"  responsible  {facts['responsible']}; climbs to {', '.join(facts['chain'])}"
    yield f"  opened       {facts['opened']}"
    yield f"  due          {facts['due']}: {facts['why']}"
    if facts["ladder_began"] > facts["due"]:
        yield f"  ladder       reckoned from the day before {facts['ladder_began']}, when it became known"
    if facts["settled"]:
        yield f"  settled      {facts['settled']}"
    if facts["owed"]:
        yield f"  arrivals     {', '.join(facts['arrivals']) or 'none'} of {', '.join(facts['owed'])}"
    for hold in facts["holds"]:
        yield f"  held         by {hold['office']} until {hold['until']} (due date {hold['due']})"
    yield "  facts"
    for fact in facts["facts"]:
        yield f"    {fact['at']}  {fact['what']}"
    yield "  rungs"
    for rung in facts["rungs"]:
        yield f"    {rung['date']}  {rung['rung']:<12} {rung['state']}  → {', '.join(rung['to'])}"
