"""Which modules answer which addresses of the console?"""

from starlette.routing import BaseRoute

from web.pages import (
    audit,
    duty,
    findings,
    frame,
    matters,
    messages,
    overview,
    petitions,
    preferences,
    projects,
    register,
    reports,
    sandbox,
    workshop,
)

FAMILIES = (
    overview, duty, petitions, projects, matters, register, messages, sandbox, findings, audit, reports, workshop,
    preferences,
)  # fmt: skip


def routes() -> list[BaseRoute]:
    """Return the addresses of all pages."""
    frame.furnish()
    return [route for family in FAMILIES for route in family.routes()]
