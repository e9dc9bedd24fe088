"""Who looks at duban in a test, and at what?

The organisation is that of tests/rules/builders.py: towns T1 and T2, deputies DA (T1, station V1) and DB (T2).
"""

import re
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from starlette.testclient import TestClient

from rules.facts import Record
from store import accounts, sessions
from store.accounts import Account, Role
from tests.actors.installations import Installation
from tests.rules import builders
from web.sessions import SESSION

#: local; a Monday
NOW: Final = datetime(2026, 3, 2, 10, 0)  # noqa: DTZ001 - as the tables of the tests write it
BASE: Final = "http://127.0.0.1"
PASSWORD: Final = "correct horse battery"
#: the resident in an opinion of each town: neither name nor number may show by itself
RESIDENT: Final = "居民甲"
RESIDENT_MOBILE: Final = "13712345678"


def small_record() -> Record:
    """Two seats, an opinion in each town and a confidential one, a project, a visit in each town."""
    mine = builders.petition("P1", recorded="03-02 09:30")
    known = {"petitioner": RESIDENT, "petitioner_mobile": RESIDENT_MOBILE}
    return builders.record(
        seats=(
            builders.seat(),
            builders.seat(id="S2", deputy="DB", town="T2", station="V3", grid="G3"),
        ),
        visits=(builders.visit("03-02"), builders.visit("03-02", "V3", who="DB")),
        petitions=(
            replace(mine, **known),
            replace(mine, id="P2", town="T2", deputy="DB", title="噪音扰民", **known),
            replace(mine, id="P3", title="举报某干部", confidential=True, **known),
        ),
        projects=(builders.project(recorded="03-02 09:00"),),
        milestones=(
            builders.milestone(1, "groundbreaking", "03-31"),
            builders.milestone(2, "acceptance", "06-30"),
        ),
    )


class Browser:
    """A browser in which somebody is signed in."""

    def __init__(self, house: Installation, app: Any, role: str, **of: Any) -> None:
        self.house = house
        self.account = of.pop("account")
        at = house.clock.now()
        with house.engine.begin() as connection:
            made = Account(id=self.account, name=f"用户{self.account}", role=Role(role), created_at=at, **of)
            accounts.add(connection, made, PASSWORD, actor="test")
            self.secret = secret = sessions.begin(connection, self.account, at=at, lives=sessions.IDLE)
        self.client = TestClient(app, base_url=BASE, follow_redirects=False, cookies={SESSION: secret})
        with house.engine.begin() as connection:
            session = sessions.of_secret(connection, secret, at)
        assert session is not None
        self.csrf = session.csrf

    def get(self, url: str, **given: Any) -> Any:
        return self.client.get(url, **given)

    def post(self, url: str, data: dict[str, Any] | None = None, **given: Any) -> Any:
        """Send a form of our own pages."""
        return self.client.post(url, data={"csrf": self.csrf, **(data or {})}, **given)


def csrf_in(page: str) -> str:
    """Return what the form of a page carries."""
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found is not None
    return found[1]
