"""What do `python -m tests.browser.screens DATABASE_URL OUT_DIR INSTANT` and the pictures under docs/screens show?

Each page over a database that a demo has filled, at an instant such as 2026-06-24T10:30, as the operator sees it;
some on a phone, as a town does. The accounts that it needs are made in the database: give it a copy.
"""

import base64
import sys
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import select

from actors.desks import Desks
from config.drill import Drill, DrillClock
from config.services import open_services
from config.settings import load_settings
from daemon.looking import as_in_database
from rules.facts import SHANGHAI, OfficeKind
from rules.matters import Status
from store import accounts, migrating
from store.accounts import Account, Role
from store.schema import FACTS, matters
from tests.browser.driving import browsing, serving
from web.app import make_app

PASSWORD: Final = "correct horse battery"
DESK: Final = {"width": 1280, "height": 860}
PHONE: Final = {"width": 360, "height": 780}
TALLEST: Final = 2000
QUALITY: Final = 72


def main(url: str, out: Path, instant: str) -> None:
    services = open_services(load_settings({}, database_url=url))
    with services.engine.begin() as connection:
        migrating.migrate(connection)
        as_in_database(connection, services)
        services.clock = DrillClock(Drill(datetime.fromisoformat(instant).replace(tzinfo=SHANGHAI), 1.0))
        offices = FACTS["offices"]
        town = connection.execute(select(offices.c.id).where(offices.c.kind == OfficeKind.TOWN)).scalars().all()[1]
        for ident, role, office in (("screens", Role.OPERATOR, None), ("screens-town", Role.TOWN, town)):
            made = Account(id=ident, name="演示账号", role=role, office=office, created_at=services.clock.now())
            accounts.add(connection, made, PASSWORD, actor="screens")
        pages = dict(_pages(connection))
    out.mkdir(parents=True, exist_ok=True)
    with serving(make_app(services, Desks(services))) as address, browsing() as browser:
        _take(browser, address, out, pages, "screens", DESK, "")
        few = {name: pages[name] for name in ("overview", "duty", "petition", "reception")}
        _take(browser, address, out, few, "screens-town", PHONE, "phone-")


def _pages(connection: Any) -> Any:
    """Yield the name and address of each page; of opinions one that is overdue, in the town of the phone's pictures."""
    petitions, projects, seats = FACTS["petitions"], FACTS["projects"], FACTS["seats"]
    town = select(FACTS["offices"].c.id).where(FACTS["offices"].c.kind == OfficeKind.TOWN).offset(1).limit(1)
    late = matters.c.closed.is_(None) & (matters.c.kind == "petition")
    petition = connection.execute(
        select(matters.c.subject)
        .where(late, matters.c.town.in_(town), matters.c.subject.in_(select(petitions.c.id)))
        .order_by(matters.c.due)
    ).scalar()
    project = connection.execute(
        select(matters.c.subject).where(matters.c.slips > 0, matters.c.subject.in_(select(projects.c.id)))
    ).scalar()
    seat, deputy = connection.execute(select(seats.c.id, seats.c.deputy).where(seats.c.town.in_(town))).first()
    yield from {
        "overview": "/",
        "duty": "/duty",
        "seat": f"/duty/{seat}",
        "petitions": "/petitions",
        "petition": f"/petitions/{petition}",
        "projects": "/projects",
        "project": f"/projects/{project}",
        "matters": f"/matters?status={Status.OVERDUE}",
        "register": "/register",
        "reception": f"/register/reception?deputy={deputy}",
        "opinion": "/register/opinion",
        "messages": "/messages",
        "sandbox": "/sandbox",
        "findings": "/findings",
        "audit": "/audit",
        "reports": "/report",
    }.items()


def _take(browser: Any, address: str, out: Path, pages: dict[str, str], who: str, size: Any, prefix: str) -> None:
    context = browser.new_context(base_url=address, locale="zh-CN", viewport=size)
    page = context.new_page()
    page.goto("/sign-in")
    if not prefix:
        _shoot(page, out / "sign-in.webp")
    page.fill("#account", who)
    page.fill("#password", PASSWORD)
    page.click("main form button")
    page.wait_for_selector("nav.main")
    for name, path in pages.items():
        page.goto(path)
        page.wait_for_load_state("networkidle")
        _shoot(page, out / f"{prefix}{name}.webp")
    context.close()


def _shoot(page: Any, file: Path) -> None:
    """Take the page down to a bound, as WebP, which Playwright itself does not write."""
    width, height = page.evaluate("[document.documentElement.clientWidth, document.documentElement.scrollHeight]")
    clip = {"x": 0, "y": 0, "width": width, "height": min(height, TALLEST), "scale": 1}
    session = page.context.new_cdp_session(page)
    asked = {"format": "webp", "quality": QUALITY, "captureBeyondViewport": True, "clip": clip}
    file.write_bytes(base64.b64decode(session.send("Page.captureScreenshot", asked)["data"]))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3])
