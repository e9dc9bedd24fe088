"""What do the tests in a real browser share? The application on a port, and pages of Chromium."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from store import accounts
from store.accounts import Account, Role
from tests.actors.installations import Installation
from tests.browser.driving import browsing, serving, why_not
from tests.store.databases import sqlite_with_schema
from tests.web.browsers import PASSWORD
from tests.web.conftest import _quick_hashes, _quiet, house, small_file
from web.app import make_app

__all__ = ["_quick_hashes", "_quiet", "house", "small_file", "sqlite_with_schema"]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    if reason := why_not():
        pytest.skip(reason)
    with browsing() as browser:
        yield browser


@pytest.fixture
def address(house: Installation) -> Iterator[str]:
    with serving(make_app(house.services, house.desks)) as url:
        yield url


@pytest.fixture
def page(chromium, address) -> Iterator[Any]:
    """A page on which nothing goes wrong unseen: scripts, styles and frames that fail fail the test."""
    context = chromium.new_context(base_url=address, locale="zh-CN", viewport={"width": 1280, "height": 900})
    context.set_default_timeout(8_000)
    opened = context.new_page()
    complaints: list[str] = []
    opened.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    opened.on("pageerror", lambda err: complaints.append(str(err)))
    opened.complaints = complaints
    yield opened
    context.close()
    assert not [text for text in complaints if "status of 40" not in text], complaints


@pytest.fixture
def account(house) -> Callable[..., str]:
    """Makes accounts, as `duban account add` does."""

    def add(ident: str, role: str, **of: str) -> str:
        with house.engine.begin() as connection:
            at = house.clock.now()
            made = Account(id=ident, name=f"用户{ident}", role=Role(role), created_at=at, **of)
            accounts.add(connection, made, PASSWORD, actor="test")
        return ident

    return add


@pytest.fixture
def sign_in(page) -> Callable[[str], None]:
    def go(ident: str) -> None:
        page.context.clear_cookies()
        page.goto("/sign-in")
        page.fill("#account", ident)
        page.fill("#password", PASSWORD)
        page.click("main button[type=submit], main form button")
        page.wait_for_selector("nav.main")

    return go
