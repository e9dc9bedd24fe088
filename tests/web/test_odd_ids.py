"""Does every link lead somewhere, whatever shape the ids have that stand in it?"""

import re
from datetime import timedelta
from html import unescape
from urllib.parse import urljoin, urlsplit

import pytest

from config.calendars import load_calendar
from config.policies import load_policy
from intake.checking import check
from rules.facts import midnight
from tests.actors.installations import Installation
from tests.oracle.records import write_random_record
from tests.oracle.renaming import give_odd_ids
from tests.web.browsers import Browser
from web.app import make_app

#: of addresses alike but for the ids in them
MOST_OF_A_SORT = 25
LINK = re.compile(r'href="([^"]+)')


@pytest.fixture
def house(sqlite_engine, tmp_path):
    args = write_random_record(tmp_path, 4)
    give_odd_ids(tmp_path)
    policy = load_policy(None, [f"{key}={value}" for key, value in args["settings"].items()], {})
    made = Installation(sqlite_engine, start=args["from"], policy=policy, calendar=load_calendar())
    made.keep(check(tmp_path, calendar=load_calendar(), policy=policy).record)
    made.run_to(midnight(args["from"] + timedelta(days=40)) + timedelta(hours=10))
    return made


def test_no_page_and_no_link_fails_on_an_id(house):
    browser = Browser(house, make_app(house.services, house.desks), "operator", account="chen")
    seen, waiting, sorts = {"/"}, ["/"], {}
    while waiting:
        address = waiting.pop()
        answer = browser.get(address)
        assert answer.status_code in (200, 303), address
        if not answer.headers.get("content-type", "").startswith("text/html"):
            continue
        for link in LINK.findall(answer.text):
            found = urlsplit(urljoin(f"http://x{address}", unescape(link)))
            onward = found.path + (f"?{found.query}" if found.query else "")
            sort = (found.path.split("/")[1], tuple(sorted(re.findall(r"(\w+)=", found.query))))
            is_plain = "%25" not in onward  # the test's client would decode it twice
            if found.netloc == "x" and is_plain and onward not in seen and sorts.get(sort, 0) < MOST_OF_A_SORT:
                seen.add(onward)
                sorts[sort] = sorts.get(sort, 0) + 1
                waiting.append(onward)
    assert {"petitions", "projects", "matters", "duty", "messages"} <= {sort for sort, _ in sorts}
    assert len(seen) > 150
