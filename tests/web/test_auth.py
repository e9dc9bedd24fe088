"""How does somebody get in, and how is everybody else kept out?"""

import threading
from datetime import timedelta

import pytest
from starlette.testclient import TestClient

from store import accounts, audit, outbox, sessions
from tests.web.browsers import BASE, PASSWORD, csrf_in
from web import signing_in
from web.app import make_app
from web.sessions import CSRF, SESSION
from web.signing_in import TRIES_PER_ACCOUNT, TRIES_PER_ADDRESS, offer_first


def sign_in(client, account, password, **given):
    page = client.get("/sign-in")
    data = {"csrf": csrf_in(page.text), "account": account, "password": password, "next": "/"}
    return client.post("/sign-in", data=data | given)


@pytest.fixture
def operator(browser):
    return browser("operator", account="li.ming")


@pytest.mark.parametrize(
    ("account", "password", "status"),
    [
        ("li.ming", PASSWORD, 303),
        (" Ｌi.Ming ", PASSWORD, 303),
        ("li.ming", PASSWORD + "x", 401),
        ("nobody", PASSWORD, 401),
        ("", "", 401),
        ("li.ming", "x" * 5000, 401),
        ("li\x00ming", "x\x00", 401),
        ("字" * 5000, PASSWORD, 401),
    ],
)
def test_only_who_knows_the_password_gets_in(operator, client, account, password, status):
    answer = sign_in(client, account, password)
    assert answer.status_code == status
    assert (SESSION in answer.cookies) is (status == 303)


def test_a_wrong_password_and_an_unknown_account_read_alike(operator, client):
    one, other = sign_in(client, "li.ming", "wrong wrong"), sign_in(client, "nobody", "wrong wrong")
    assert one.text.replace("li.ming", "nobody").replace(csrf_in(one.text), "") == other.text.replace(
        csrf_in(other.text), ""
    )


def test_an_unknown_account_costs_a_hash_as_a_known_one_does(operator, client, monkeypatch):
    asked = []
    real = accounts._hasher.verify

    class Counting:
        def verify(self, known, password):
            asked.append(known)
            return real(known, password)

    monkeypatch.setattr(accounts, "_hasher", Counting())
    sign_in(client, "li.ming", "wrong wrong")
    sign_in(client, "nobody", "wrong wrong")
    assert len(asked) == 2


def test_the_session_is_a_new_one_at_each_sign_in(operator, client):
    first = sign_in(client, "li.ming", PASSWORD).cookies[SESSION]
    answer = client.post("/sign-in", data={"csrf": "x", "account": "li.ming", "password": PASSWORD})
    assert answer.status_code == 403
    client.cookies.delete(SESSION)
    second = sign_in(client, "li.ming", PASSWORD).cookies[SESSION]
    assert first != second


def test_signing_in_is_in_the_trail(operator, house, client):
    sign_in(client, "li.ming", PASSWORD)
    with house.engine.begin() as connection:
        entry = audit.latest(connection, 1)[0]
    assert (entry["action"], entry["subject"]) == ("signed-in", "account:li.ming")


def test_a_session_planted_before_signing_in_is_not_taken_over(operator, client):
    client.cookies.set(SESSION, "planted")
    assert sign_in(client, "li.ming", PASSWORD).cookies[SESSION] != "planted"


def test_the_secret_of_the_form_before_signing_in_is_taken_from_the_browser(operator, client):
    assert CSRF in client.get("/sign-in").cookies
    sign_in(client, "li.ming", PASSWORD)
    assert CSRF not in client.cookies


def meanwhile(monkeypatch, happen):
    """Have something happen while a password is being looked at for the first time."""
    real, to_come = accounts.holds, [happen]

    def holds(known, password):
        is_right = real(known, password)
        while to_come:
            to_come.pop()()
        return is_right

    monkeypatch.setattr(accounts, "holds", holds)


def test_an_account_that_is_disabled_while_its_password_is_looked_at_stays_out(operator, house, client, monkeypatch):
    def disable():
        with house.engine.begin() as connection:
            accounts.disable(connection, "li.ming", at=house.clock.now(), actor="test")

    meanwhile(monkeypatch, disable)
    answer = sign_in(client, "li.ming", PASSWORD)
    assert answer.status_code == 401
    assert SESSION not in answer.cookies


def test_a_password_that_is_reset_while_it_is_being_changed_stays_so(operator, house, client, monkeypatch):
    def reset():
        with house.engine.begin() as connection:
            accounts.set_password(
                connection, "li.ming", "given by another", must_change=True, at=house.clock.now(), actor="test"
            )

    meanwhile(monkeypatch, reset)
    new = {"present": PASSWORD, "password": "another good one", "again": "another good one"}
    assert operator.post("/password", new).status_code == 422
    assert sign_in(client, "li.ming", "given by another").status_code == 303


def test_passwords_are_hashed_two_at_a_time(monkeypatch):
    """Each takes 64 MiB and a core: more at once, and strangers could fill the memory."""
    begun, go_on = threading.Semaphore(0), threading.Event()

    class Waiting:
        def verify(self, _known, _password):
            begun.release()
            return go_on.wait(10)

    monkeypatch.setattr(accounts, "_hasher", Waiting())
    tries = [threading.Thread(target=accounts.holds, args=("known", "password")) for _ in range(2)]
    for one in tries:
        one.start()
    assert begun.acquire(timeout=10)
    assert begun.acquire(timeout=10)
    has_room = accounts._turnstile.acquire(blocking=False)
    go_on.set()
    for one in tries:
        one.join()
    assert not has_room


def test_the_database_holds_no_secret(operator, house, client):
    secret = sign_in(client, "li.ming", PASSWORD).cookies[SESSION]
    dump = repr(house.dump())
    assert secret not in dump
    assert PASSWORD not in dump
    assert "$argon2id$" in dump


def test_signing_in_once_more_ends_the_session_before(operator, app):
    stolen = TestClient(app, base_url=BASE, follow_redirects=False, cookies=dict(operator.client.cookies))
    assert stolen.get("/password").status_code == 200
    assert operator.post("/sign-in", {"account": "li.ming", "password": PASSWORD}).status_code == 303
    assert stolen.get("/password").headers["location"].startswith("/sign-in")


def test_signing_out_ends_the_session_itself(operator, app):
    assert operator.get("/password").status_code == 200
    kept = dict(operator.client.cookies)
    answer = operator.post("/sign-out")
    assert answer.status_code == 303
    assert f'{SESSION}=""; HttpOnly; Max-Age=0;' in answer.headers["set-cookie"]
    stolen = TestClient(app, base_url=BASE, follow_redirects=False, cookies=kept)
    assert stolen.get("/password").headers["location"].startswith("/sign-in")


@pytest.mark.parametrize(("hours", "is_in"), [(11.9, True), (12.1, False)])
def test_a_session_ends_after_twelve_idle_hours(operator, house, hours, is_in):
    house.clock.instant += timedelta(hours=hours)
    assert (operator.get("/password").status_code == 200) is is_in


def test_a_session_that_has_expired_is_forgotten_when_another_begins(operator, house, client):
    house.clock.instant += timedelta(hours=12)
    sign_in(client, "li.ming", PASSWORD)
    assert len(house.dump()["sessions"]) == 1


def test_a_session_in_use_lives_on(operator, house):
    for _ in range(4):
        house.clock.instant += timedelta(hours=11)
        assert operator.get("/password").status_code == 200


def test_a_session_lasts_in_real_time_when_a_drill_runs_fast(operator, house, client):
    house.clock.speed = 3600.0
    sign_in(client, "li.ming", PASSWORD)
    house.clock.instant += timedelta(hours=3600 * 11)
    assert client.get("/password").status_code == 200
    house.clock.instant += timedelta(hours=3600 * 13)
    assert client.get("/password").status_code == 303


def test_a_disabled_account_is_out_at_once(operator, house, client):
    with house.engine.begin() as connection:
        assert accounts.disable(connection, "li.ming", at=house.clock.now(), actor="test")
    assert operator.get("/password").headers["location"].startswith("/sign-in")
    assert sign_in(client, "li.ming", PASSWORD).status_code == 401


def test_a_session_that_begins_while_its_account_is_disabled_lets_nobody_in(operator, house, app):
    now = house.clock.now()
    with house.engine.begin() as connection:
        assert accounts.disable(connection, "li.ming", at=now, actor="test")
        secret = sessions.begin(connection, "li.ming", at=now, lives=sessions.IDLE)
    client = TestClient(app, base_url=BASE, follow_redirects=False, cookies={SESSION: secret})
    answer = client.get("/password")
    assert answer.headers["location"].startswith("/sign-in")


@pytest.mark.parametrize(
    ("site", "status"), [("cross-site", 403), ("same-site", 403), ("same-origin", 303), (None, 303)]
)
def test_a_secret_planted_by_a_neighbouring_site_signs_nobody_in(operator, app, site, status):
    client = TestClient(app, base_url=BASE, follow_redirects=False, cookies={CSRF: "planted"})
    data = {"csrf": "planted", "account": "li.ming", "password": PASSWORD}
    headers = {"Sec-Fetch-Site": site} if site else {}
    assert client.post("/sign-in", data=data, headers=headers).status_code == status


# Tries -------------------------------------------------------------------------------------


def test_after_many_tries_even_the_right_password_has_to_wait(operator, house, client):
    for _ in range(TRIES_PER_ACCOUNT):
        assert sign_in(client, "li.ming", "wrong wrong").status_code == 401
    for minutes, status in ((0, 429), (14, 429), (2, 303)):
        house.clock.instant += timedelta(minutes=minutes)
        assert sign_in(client, "li.ming", PASSWORD).status_code == status


def test_whoever_has_an_account_gets_no_more_tries_for_others(operator, client, app):
    own = TestClient(app, base_url=BASE, follow_redirects=False)
    for i in range(TRIES_PER_ADDRESS):
        assert sign_in(client, f"guess{i}", "wrong wrong").status_code == 401
        if i == TRIES_PER_ADDRESS // 2:
            assert sign_in(own, "li.ming", PASSWORD).status_code == 303
    assert sign_in(client, "another", "wrong wrong").status_code == 429


def test_an_open_browser_gives_no_more_tries_than_the_door(operator, house, client):
    new = {"password": "another good one", "again": "another good one"}
    for _ in range(TRIES_PER_ACCOUNT):
        assert operator.post("/password", new | {"present": "wrong wrong"}).status_code == 422
    assert operator.post("/password", new | {"present": PASSWORD}).status_code == 429
    assert sign_in(client, "li.ming", PASSWORD).status_code == 429
    house.clock.instant += timedelta(minutes=16)
    assert operator.post("/password", new | {"present": PASSWORD}).status_code == 303


def test_changing_the_forwarded_address_does_not_help(operator, client):
    for i in range(TRIES_PER_ADDRESS):
        header = {"X-Forwarded-For": f"10.0.0.{i}", "X-Real-IP": f"10.0.0.{i}", "Forwarded": f"for=10.0.0.{i}"}
        page = client.get("/sign-in", headers=header)
        data = {"csrf": csrf_in(page.text), "account": f"guess{i}", "password": "wrong wrong"}
        assert client.post("/sign-in", data=data, headers=header).status_code == 401
    assert sign_in(client, "another", "wrong wrong").status_code == 429


def through_proxy(house, app, header, *, count, peer="127.0.0.1"):
    """Try so many wrong accounts through a proxy that this installation names; return how the last one ended."""
    house.services.settings = house.services.settings.model_copy(update={"trusted_proxies": "127.0.0.1, 10.0.0.0/8"})
    browser = TestClient(app, base_url=BASE, follow_redirects=False, client=(peer, 50_000))
    status = 0
    for i in range(count):
        browser.headers["X-Forwarded-For"] = header(i)
        status = sign_in(browser, f"guess{i}", "wrong wrong").status_code
    return status


def test_behind_a_named_proxy_whoever_tries_too_often_locks_out_himself_alone(operator, house, app):
    assert through_proxy(house, app, lambda _: "203.0.113.7", count=TRIES_PER_ADDRESS + 1) == 429
    assert through_proxy(house, app, lambda _: "203.0.113.8", count=1) == 401


@pytest.mark.parametrize(
    "header",
    [
        lambda i: f"10.0.0.{i}, 198.51.100.{i}, 203.0.113.7",
        lambda i: f"198.51.100.{i}, 203.0.113.7, 10.0.0.2",
        lambda i: f"198.51.100.{i}, nobody{i}",
        lambda i: f"2001:db8:1:2:{i}::1",
        lambda i: f"198.51.100.{i}, ::ffff:203.0.113.7",
    ],
    ids=["further left", "behind two proxies", "no address", "a household of IPv6", "IPv4 in the form of IPv6"],
)
def test_behind_a_named_proxy_another_address_for_each_try_does_not_help(operator, house, app, header):
    assert through_proxy(house, app, header, count=TRIES_PER_ADDRESS + 1) == 429


def test_whoever_is_no_named_proxy_is_not_believed(operator, house, app):
    tries = through_proxy(house, app, lambda i: f"198.51.100.{i}", count=TRIES_PER_ADDRESS + 1, peer="203.0.113.9")
    assert tries == 429


def test_a_success_forgets_the_failures_before_it(operator, app):
    for _ in range(2):
        client = TestClient(app, base_url=BASE, follow_redirects=False)
        for _ in range(TRIES_PER_ACCOUNT - 1):
            sign_in(client, "li.ming", "wrong wrong")
        assert sign_in(client, "li.ming", PASSWORD).status_code == 303


def test_a_success_forgets_no_failures_of_another_account(operator, browser, client, app):
    browser("operator", account="chen")
    for _ in range(TRIES_PER_ACCOUNT):
        sign_in(client, "li.ming", "wrong wrong")
    assert sign_in(TestClient(app, base_url=BASE, follow_redirects=False), "chen", PASSWORD).status_code == 303
    assert sign_in(client, "li.ming", PASSWORD).status_code == 429


def test_tries_for_an_account_are_counted_together_however_it_is_typed(operator, client):
    typed = ("li.ming", "Li.Ming", " li.ming ", "Ｌi.ming", "LI.MING\u200b")
    for i in range(TRIES_PER_ACCOUNT):
        assert sign_in(client, typed[i % len(typed)], "wrong wrong").status_code == 401
    assert sign_in(client, "li.ming", PASSWORD).status_code == 429


# The first operator ------------------------------------------------------------------------


def first(client, url, **given):
    page = client.get(url)
    token = url.partition("token=")[2]
    data = {"csrf": csrf_in(page.text), "token": token, "account": "chen", "name": "陈一"}
    return client.post("/first", data=data | {"password": PASSWORD, "again": PASSWORD} | given)


@pytest.fixture
def offered(house):
    with house.engine.begin() as connection:
        return offer_first(connection)


def test_the_first_operator_comes_in_by_an_address_that_works_once(offered, house, client, app):
    answer = first(client, offered)
    assert answer.status_code == 303
    assert client.get("/password").status_code == 200
    other = TestClient(app, base_url=BASE, follow_redirects=False)
    assert other.get(offered).status_code == 404
    with house.engine.begin() as connection:
        assert [account.role for account in accounts.listed(connection)] == ["operator"]
        assert offer_first(connection) is None
        assert audit.latest(connection, 9)[-1]["action"] == "account-added"


@pytest.mark.parametrize("url", ["/first", "/first?token=", "/first?token=guessed"])
def test_without_that_address_there_is_no_such_page(offered, client, url):
    assert client.get(url).status_code == 404


def test_a_used_address_lets_nobody_in_even_from_a_page_loaded_before(offered, client, app):
    waiting = TestClient(app, base_url=BASE, follow_redirects=False)
    page = waiting.get(offered)
    first(client, offered)
    data = {"csrf": csrf_in(page.text), "token": offered.partition("token=")[2], "account": "mallory", "name": "M"}
    assert waiting.post("/first", data=data | {"password": PASSWORD, "again": PASSWORD}).status_code == 404


def test_an_address_that_nobody_has_used_is_void_once_somebody_has_an_account(offered, operator, app):
    stranger = TestClient(app, base_url=BASE, follow_redirects=False)
    assert stranger.get(offered).status_code == 404
    page = stranger.get("/sign-in")
    data = {"csrf": csrf_in(page.text), "token": offered.partition("token=")[2], "account": "mallory", "name": "M"}
    assert stranger.post("/first", data=data | {"password": PASSWORD, "again": PASSWORD}).status_code == 404


@pytest.mark.parametrize(
    "given",
    [
        {"password": "short", "again": "short"},
        {"again": "another password"},
        {"account": ""},
        {"account": "<b>"},
        {"name": " "},
        {"account": "correct"},
    ],
)
def test_what_is_wrong_is_said_and_the_address_still_works(offered, client, given):
    answer = first(client, offered, **given)
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert first(client, offered).status_code == 303


# One's own password ------------------------------------------------------------------------


def test_a_password_given_by_another_must_be_changed_first(operator, house):
    with house.engine.begin() as connection:
        accounts.set_password(
            connection, "li.ming", "given by another", must_change=True, at=house.clock.now(), actor="test"
        )
    client = TestClient(operator.client.app, base_url=BASE, follow_redirects=False)
    sign_in(client, "li.ming", "given by another")
    assert client.get("/").headers["location"] == "/password"
    page = client.get("/password")
    tried = client.post("/sending", data={"csrf": csrf_in(page.text), "held": "by another's password"})
    assert tried.headers["location"] == "/password"
    with house.engine.begin() as connection:
        assert outbox.held_because(connection) is None
    page = client.get("/password")
    data = {"csrf": csrf_in(page.text), "present": "given by another", "password": PASSWORD, "again": PASSWORD}
    held = client.cookies[SESSION]
    same = dict.fromkeys(("password", "again"), "given by another")
    assert client.post("/password", data=data | same).status_code == 422
    assert client.post("/password", data=data).status_code == 303
    assert client.cookies[SESSION] != held
    assert client.get("/").headers.get("location") != "/password"


def test_a_changed_password_ends_all_other_sessions(operator, client):
    sign_in(client, "li.ming", PASSWORD)
    new = {"present": PASSWORD, "password": "another good one", "again": "another good one"}
    assert operator.post("/password", new).status_code == 303
    assert client.get("/password").headers["location"].startswith("/sign-in")


# Forms and headers -------------------------------------------------------------------------


@pytest.mark.parametrize("token", ["", "guessed", "all but the last letter"])
def test_a_form_that_is_not_ours_is_refused(operator, token):
    if token.startswith("all"):
        token = operator.csrf[:-1] + ("A" if operator.csrf[-1] != "A" else "B")
    assert operator.client.post("/sign-out", data={"csrf": token}).status_code == 403
    assert operator.client.post("/sign-out", headers={"X-CSRF-Token": token}).status_code == 403
    assert operator.get("/password").status_code == 200


def test_the_token_may_come_as_a_header(operator):
    answer = operator.client.post("/sign-out", headers={"X-CSRF-Token": operator.csrf})
    assert answer.status_code == 303


def test_cookies_are_out_of_reach_of_scripts_and_other_sites(operator, client):
    answer = sign_in(client, "li.ming", PASSWORD)
    session = next(c for c in answer.headers.get_list("set-cookie") if c.startswith(SESSION))
    assert "HttpOnly" in session
    assert "samesite=lax" in session.lower()
    assert "Secure" not in session
    assert "max-age" not in session.lower(), "it ends with the browser"
    assert CSRF not in client.cookies, "from now on the session has its own"


def test_cookies_travel_by_https_alone_where_the_address_is_https(operator, house):
    house.services.settings = house.services.settings.model_copy(update={"public_url": "https://duban.example"})
    client = TestClient(make_app(house.services, house.desks), base_url="https://duban.example", follow_redirects=False)
    answer = sign_in(client, "li.ming", PASSWORD)
    assert all("Secure" in cookie for cookie in answer.headers.get_list("set-cookie"))
    assert "max-age" in answer.headers["strict-transport-security"]
    # The cookies that only show something as well: a flash may hold a deputy's name.
    page = client.get("/password?lang=en")
    new = {"csrf": csrf_in(page.text), "present": PASSWORD, "password": "another good one", "again": "another good one"}
    done = client.post("/password", data=new)
    given = [*page.headers.get_list("set-cookie"), *done.headers.get_list("set-cookie")]
    assert {cookie.partition("=")[0] for cookie in given} >= {"duban_lang", "duban_flash", SESSION}
    assert all("; secure" in cookie.lower() and "httponly" in cookie.lower() for cookie in given)


@pytest.mark.parametrize("path", ["/sign-in", "/no-such-page", "/healthz"])
def test_every_answer_tells_the_browser_what_not_to_do(client, path):
    headers = client.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "script-src 'self';" in policy
    assert "object-src 'none'" in policy
    assert "base-uri 'none'" in policy
    assert "form-action 'self'" in policy
    assert headers["x-frame-options"] == "DENY"
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


def test_a_failure_tells_nothing_of_the_inside(house, monkeypatch):
    house.services.settings = house.services.settings.model_copy(update={"public_url": "https://duban.example"})

    def fail(request):
        raise RuntimeError("secret detail")

    monkeypatch.setattr(signing_in, "show_sign_in", fail)
    client = TestClient(make_app(house.services, house.desks), base_url=BASE, raise_server_exceptions=False)
    answer = client.get("/sign-in")
    assert answer.status_code == 500
    assert "secret detail" not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "max-age" in answer.headers["strict-transport-security"]


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", ""])
def test_another_host_name_is_refused(client, host):
    assert client.get("/sign-in", headers={"Host": host}).status_code == 400


def test_a_body_beyond_the_limit_is_refused(client):
    assert client.post("/sign-in", content=b"x" * 300_000).status_code == 413
    assert client.post("/sign-in", content=(b"x" * 1000 for _ in range(300))).status_code == 413


def test_after_signing_in_one_comes_to_the_page_that_was_asked_for(operator, client):
    answer = client.get("/password?x=1")
    assert answer.headers["location"] == "/sign-in?next=%2Fpassword%3Fx%3D1"
    page = client.get(answer.headers["location"])
    assert 'value="/password?x=1"' in page.text
    assert sign_in(client, "li.ming", PASSWORD, next="/password?x=1").headers["location"] == "/password?x=1"


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "/\t/evil.example",  # browsers pass over tabs
        "/ /evil.example",
        "javascript:alert(1)",
    ],
)
def test_after_signing_in_one_does_not_come_to_another_site(operator, client, url):
    assert sign_in(client, "li.ming", PASSWORD, next=url).headers["location"] == "/"


@pytest.mark.parametrize(("query", "lang"), [("", "zh-CN"), ("?lang=en", "en"), ("?lang=xx", "zh-CN")])
def test_the_language_is_chinese_unless_another_is_asked_for(client, query, lang):
    assert f'<html lang="{lang}"' in client.get(f"/sign-in{query}").text


def test_the_language_is_remembered(client):
    client.get("/sign-in?lang=en")
    assert '<html lang="en"' in client.get("/sign-in").text


def test_the_form_before_signing_in_has_a_token_of_its_own(client):
    page = client.get("/sign-in")
    assert client.cookies[CSRF] == csrf_in(page.text)
