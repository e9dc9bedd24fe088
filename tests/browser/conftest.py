"""What do the tests in a real browser share? The application on a port, and pages of Chromium."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from store import accounts
from store.accounts import Account, Role
from tests.actors.installations import Installation
from tests.browser.driving import browsing, serving, why_not
from tests.store.databases import sqlite_with_schema
from tests.web.browsers import PASSWORD
from tests.web.conftest import _quick_hashes, _quiet, house, house_like, small_file
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
    with open_page(chromium, address) as opened:
        yield opened


@pytest.fixture(scope="module")
def looked_at(chromium, small_file, tmp_path_factory) -> Iterator[tuple[str, Any]]:
    """The console on 6 March, for tests that change nothing: its address, and what an operator's browser keeps."""
    with house_like(small_file, tmp_path_factory.mktemp("looked at")) as made:
        made.run("03-06 10:00")
        made.clock.instant += timedelta(minutes=1)
        add_account(made, "op", "operator")
        with serving(make_app(made.services, made.desks)) as url:
            with open_page(chromium, url) as opened:
                come_in(opened, "op")
                kept = opened.context.storage_state()
            yield url, kept


@pytest.fixture
def looking(chromium, looked_at) -> Iterator[Any]:
    """A page of the operator's of that day, who only looks."""
    url, kept = looked_at
    with open_page(chromium, url, storage_state=kept) as opened:
        yield opened


@contextmanager
def open_page(chromium: Any, address: str, **more: Any) -> Iterator[Any]:
    """Lend a page on which nothing goes wrong unseen: scripts, styles and frames that fail fail the test."""
    context = chromium.new_context(base_url=address, locale="zh-CN", viewport={"width": 1280, "height": 900}, **more)
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
    return partial(add_account, house)


def add_account(house: Installation, ident: str, role: str, **of: str) -> str:
    with house.engine.begin() as connection:
        made = Account(id=ident, name=f"用户{ident}", role=Role(role), created_at=house.clock.now(), **of)
        accounts.add(connection, made, PASSWORD, actor="test")
    return ident


@pytest.fixture
def sign_in(page) -> Callable[[str], None]:
    return partial(come_in, page)


def come_in(page: Any, ident: str) -> None:
    page.context.clear_cookies()
    page.goto("/sign-in")
    page.fill("#account", ident)
    page.fill("#password", PASSWORD)
    page.click("main button[type=submit], main form button")
    page.wait_for_selector("nav.main")
