"""How duban runs: defaults, a file, the environment, options; and what a wrong setting is told."""

import tomllib
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

import config
from config.calendars import load_calendar
from config.drill import parse_drill
from config.layers import WrongSettings
from config.settings import VARIABLES, Settings, load_settings

SHIPPED = Path(config.__file__ or "").with_name("duban.toml")


def complaint(environ=None, **given):
    with pytest.raises(WrongSettings) as caught:
        load_settings(environ or {}, **given)
    (line,) = caught.value.lines
    return line


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "duban.toml"
    path.write_text("port = 9000\nsignature = '某某人大'\n", "utf-8")
    return str(path)


def test_the_shipped_file_says_what_the_code_would_without_it():
    assert load_settings({}) == Settings()


def test_the_shipped_file_names_no_key_that_is_none():
    assert set(tomllib.loads(SHIPPED.read_text("utf-8"))) <= set(Settings.model_fields)


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("DUBAN_DATABSE_URL", "DUBAN_DATABASE_URL"),
        ("DUBAN_CLOKC", "DUBAN_CLOCK"),
        ("DUBAN_SMTP_ULR_FILE", "DUBAN_SMTP_URL"),
        ("DUBAN_POLCY", "DUBAN_POLICY"),
        ("TWILIO_ACCOUNT_SIDD", "TWILIO_ACCOUNT_SID"),
        ("TWILIO_FORM", "TWILIO_FROM"),
    ],
)
def test_a_misspelt_variable_is_refused(given, meant):
    assert complaint({given: "x"}) == f"{given} is not a setting; did you mean {meant}?"


@pytest.mark.parametrize(
    "url", ["mysql://x", "postgres://x/y", "postgresql+psycopg2://x/y", "sqlite+aiosqlite:///x.db", "x"]
)
def test_a_database_that_duban_cannot_talk_to_is_refused(url):
    assert "want sqlite:///FILE or postgresql+psycopg://" in complaint({"DUBAN_DATABASE_URL": url})


@pytest.mark.parametrize("url", ["postgresql://x/y", "postgresql+psycopg://x/y", "sqlite:///x.db", "sqlite://"])
def test_a_database_may_be_named_as_sqlalchemy_does(url):
    assert load_settings({"DUBAN_DATABASE_URL": url}).database_url == url


@pytest.mark.parametrize(
    "name",
    [
        "DUBAN_HOST",
        "DUBAN_POLICY__DUTY__PERIOD",
        "DUBAN_SMTP_URL_FILE",
        "TWILIO_REGION",
        "TWILIO_PHONE_NUMBER",
        "TWILIO_SUBACCOUNT_SID",
    ],
)
def test_a_variable_of_another_s_is_passed_over(name):
    assert load_settings({name: ""}) == Settings()


@pytest.mark.parametrize(
    "url",
    [
        "foo",
        "valkey://h",
        "redis://h:port/0",
        "redis://h:99999",
        "redis://h/first",
        "redis://h?socket_timeout=long",
        "redis://h?colour=red",
    ],
)
def test_a_redis_that_its_client_cannot_talk_to_is_refused(url):
    assert complaint({"DUBAN_REDIS_URL": url}).startswith(f"DUBAN_REDIS_URL={url!r}: want redis://host:port/0")


@pytest.mark.parametrize(
    "url", ["redis://h", "rediss://:safe@h:6380/1?ssl_cert_reqs=none", "unix:///run/redis.sock?db=1"]
)
def test_a_redis_may_be_named_as_its_client_does(url):
    assert load_settings({"DUBAN_REDIS_URL": url}).redis_url == url


def test_a_wrong_redis_with_a_password_is_not_shown():
    assert "safe" not in complaint({"DUBAN_REDIS_URL": "redis://:safe@h:port"})


# Senders, readers, keys ---------------------------------------------------------------------


@pytest.mark.parametrize("text", ["foo", "duban@", '"', "a@b.cn, c@d.cn", "督办 <duban@例子.cn>"])
def test_a_sender_of_email_is_one_address(text):
    assert "want a sender's address, such as duban@example.cn" in complaint({"DUBAN_EMAIL_FROM": text})


def test_a_sender_of_email_may_have_a_name():
    assert load_settings({"DUBAN_EMAIL_FROM": "督办 <duban@example.cn>"}).email_from == "督办 <duban@example.cn>"


@pytest.mark.parametrize(("text", "wrong"), [("foo", "foo"), ("a@b.cn,c@d", "c@d"), ("a@b.cn c@d.cn", "a@b.cn c@d.cn")])
def test_an_operator_has_an_address(text, wrong):
    assert f"{wrong!r} is no e-mail address; want addresses" in complaint({"DUBAN_OPERATOR_EMAIL": text})


def test_several_operators_have_commas_between():
    assert load_settings({"DUBAN_OPERATOR_EMAIL": "a@b.cn, c@d.cn"}).operator_addresses() == ["a@b.cn", "c@d.cn"]


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("+12025550100", True),
        ("whatsapp:+12025550100", True),
        ("10690", True),
        ("Heshan RD", True),
        ("12345678901", False),
        ("+1 202 555 0100", False),
        pytest.param("HeshanNPC12", True, id="eleven characters"),
        pytest.param("HeshanNPC123", False, id="twelve characters"),
        ("鹤山人大", False),
    ],
)
def test_an_sms_is_from_a_number_or_a_short_latin_name(text, holds):
    if holds:
        assert load_settings({"TWILIO_FROM": text}).twilio_from == text
    else:
        assert complaint({"TWILIO_FROM": text}).startswith(f"TWILIO_FROM={text!r}: want a number such as +")


@pytest.mark.parametrize("words", ["short", f"{'k' * 32},short"])
@pytest.mark.parametrize("is_in_a_file", [False, True])
def test_a_short_key_of_the_trail_is_refused_at_start_and_not_shown(tmp_path, words, is_in_a_file):
    (tmp_path / "key").write_text(words, "utf-8")
    given = {"DUBAN_AUDIT_KEY_FILE": str(tmp_path / "key")} if is_in_a_file else {"DUBAN_AUDIT_KEY": words}
    assert complaint(given) == "DUBAN_AUDIT_KEY: holds a key that is too short: want 32 characters or more each"


# The calendar -------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "why"), [("nowhere", "is not there"), ("2027.csv", "is a file")])
def test_a_calendar_is_a_folder_that_is_there(tmp_path, name, why):
    (tmp_path / "2027.csv").write_text("date,is_workday,name\n", "utf-8")
    assert complaint({"DUBAN_CALENDAR": str(tmp_path / name)}).endswith(
        f": {why}; want the folder that holds the tables"
    )
    assert load_settings({"DUBAN_CALENDAR": str(tmp_path)}).calendar == tmp_path


def whole_year(encoding, folder):
    days = [date(2027, 1, 1) + timedelta(days) for days in range(365)]
    rows = [f"{day},0,元旦" if day == days[0] else f"{day},1," for day in days]
    (folder / "2027.csv").write_bytes("\r\n".join(["date,is_workday,name", *rows, ""]).encode(encoding))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_a_table_of_a_year_is_in_utf_8_or_gb18030(tmp_path, encoding):
    whole_year(encoding, tmp_path)
    assert load_calendar(tmp_path).holiday(date(2027, 1, 1)) == "元旦"


def test_a_table_in_another_encoding_is_refused(tmp_path):
    (tmp_path / "2027.csv").write_bytes(b"date,is_workday,name\n2027-01-01,0,\xff\n")
    with pytest.raises(WrongSettings, match=r"2027\.csv is neither UTF-8 nor GB18030; save it as CSV UTF-8"):
        load_calendar(tmp_path)


def test_the_defaults_need_no_service():
    settings = load_settings({})
    assert settings.database_url.startswith("sqlite:///")
    assert (settings.redis_url, settings.clock, settings.sms, settings.email) == (None, None, "sandbox", "sandbox")
    assert settings.port == 8631


def test_a_file_overrides_key_by_key(file):
    settings = load_settings({"DUBAN_CONFIG": file})
    assert (settings.port, settings.signature, settings.sms_price) == (9000, "某某人大", 0.05)


def test_the_environment_goes_before_the_file_and_an_option_before_both(file):
    assert load_settings({"DUBAN_CONFIG": file, "DUBAN_PORT": "9001"}).port == 9001
    assert load_settings({"DUBAN_CONFIG": file, "DUBAN_PORT": "9001"}, port=9002).port == 9002
    assert load_settings({"DUBAN_CONFIG": file, "DUBAN_PORT": "9001"}, port=None).port == 9001


@pytest.mark.parametrize(
    ("name", "key", "text"),
    [
        ("DUBAN_DATABASE_URL", "database_url", "postgresql+psycopg://localhost/duban"),
        ("DUBAN_REDIS_URL", "redis_url", "redis://127.0.0.1:6379/0"),
        ("DUBAN_SIGNATURE", "signature", "鹤山代表"),
        ("DUBAN_CLOCK", "clock", "2026-03-31T08:59:50+08:00@60"),
    ],
)
def test_a_variable_sets_its_key(name, key, text):
    assert VARIABLES[key] == name
    assert getattr(load_settings({name: text}), key) == text


def test_an_empty_variable_sets_nothing():
    assert load_settings({"DUBAN_PORT": "", "DUBAN_CONFIG": ""}).port == 8631


def test_a_variable_that_is_nobodys_is_left_alone():
    assert load_settings({"DUBAN_POLICY": "x", "HOME": "/root"}) == Settings()


def test_an_unknown_key_names_the_nearest(tmp_path):
    path = tmp_path / "duban.toml"
    path.write_text("databse_url = 'sqlite://'\n", "utf-8")
    assert complaint({"DUBAN_CONFIG": str(path)}) == "databse_url is not a setting; did you mean database_url?"


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"DUBAN_PORT": "65536"}, "DUBAN_PORT='65536': Input should be less than or equal to 65535"),
        ({"DUBAN_PORT": "http"}, "DUBAN_PORT='http': Input should be a valid integer"),
        ({"DUBAN_SMS": "pigeon"}, "DUBAN_SMS='pigeon': Input should be 'sandbox'"),
        ({"DUBAN_EMAIL": "pigeon"}, "DUBAN_EMAIL='pigeon': Input should be 'sandbox'"),
        ({"DUBAN_SMS_PRICE": "-1"}, "DUBAN_SMS_PRICE='-1': Input should be greater than or equal to 0"),
        ({"DUBAN_SIGNATURE": "督"}, "DUBAN_SIGNATURE='督': String should have at least 2 characters"),
        ({"DUBAN_CLOCK": "soon"}, "DUBAN_CLOCK='soon': want an instant such as 2026-03-31T08:59:50+08:00"),
        ({"DUBAN_CONFIG": "/nowhere.toml"}, "/nowhere.toml cannot be read"),
    ],
)
def test_a_wrong_value_names_the_variable_and_what_is_admitted(environ, said):
    assert complaint(environ).startswith(said)


@pytest.mark.parametrize(("port", "holds"), [(0, True), (65535, True), (-1, False), (65536, False)])
def test_a_port_is_one_that_there_can_be(port, holds):
    if holds:
        assert load_settings({}, port=port).port == port
    else:
        assert complaint(port=port).startswith(f"port={port}")


def test_an_option_that_is_no_setting_is_refused():
    assert complaint(prt=1) == "prt is not a setting; did you mean port?"


# Drills ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "begins", "speed"),
    [
        ("2026-03-31T08:59:50+08:00", datetime(2026, 3, 31, 0, 59, 50, tzinfo=UTC), 1.0),
        ("2026-03-31T08:59:50+08:00@60", datetime(2026, 3, 31, 0, 59, 50, tzinfo=UTC), 60.0),
        ("2026-03-31T08:59:50@0.5", datetime(2026, 3, 31, 0, 59, 50, tzinfo=UTC), 0.5),
        ("2026-03-31T00:59:50Z", datetime(2026, 3, 31, 0, 59, 50, tzinfo=UTC), 1.0),
        pytest.param("2026-03-31", datetime(2026, 3, 30, 16, tzinfo=UTC), 1.0, id="a day: its midnight in Shanghai"),
    ],
)
def test_a_drill_starts_at_an_instant_and_runs_at_a_speed(text, begins, speed):
    drill = parse_drill(text)
    assert (drill.begins, drill.speed) == (begins, speed)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("soon", "want an instant"),
        ("2026-03-31T08:59:50@fast", "want an instant"),
        ("2026-03-31T08:59:50@", "want an instant"),
        ("2026-03-31T08:59:50@0", "want a speed above 0"),
        ("2026-03-31T08:59:50@-1", "want a speed above 0"),
        ("2026-03-31T08:59:50@1000001", "want a speed above 0"),
        ("2026-03-31T08:59:50@nan", "want a speed above 0"),
    ],
)
def test_a_wrong_drill_is_refused_with_an_example(text, said):
    with pytest.raises(ValueError, match=said):
        parse_drill(text)


# Proxies -----------------------------------------------------------------------------------


def test_proxies_are_addresses_and_networks():
    settings = load_settings({"DUBAN_TRUSTED_PROXIES": "127.0.0.1, 10.1.0.0/16,::1"})
    assert [str(network) for network in settings.proxies()] == ["127.0.0.1/32", "10.1.0.0/16", "::1/128"]
    assert load_settings({}).proxies() == ()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("proxy.example.cn", "want addresses or networks with commas between"),
        ("10.1.0.1/16", "has host bits set"),
        ("0.0.0.0/0", "would believe everybody"),
        ("127.0.0.1,::/0", "would believe everybody"),
        ("*", "want addresses or networks"),
    ],
)
def test_a_proxy_that_is_none_or_everybody_is_refused(words, said):
    assert said in complaint({"DUBAN_TRUSTED_PROXIES": words})


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({"DUBAN_SMS": "twilio"}, "DUBAN_SMS=twilio"),
        ({"DUBAN_EMAIL": "smtp", "DUBAN_SMTP_URL": "smtp://mail.example.cn"}, "DUBAN_EMAIL=smtp"),
        ({"DUBAN_EMAIL": "smtp", "DUBAN_SMTP_URL": "smtp://127.0.0.1"}, None),
        ({"DUBAN_SMS": "twilio", "DUBAN_TWILIO_API": "http://127.0.0.1:9"}, None),
    ],
)
def test_a_drill_goes_with_no_gateway_that_leads_off_this_machine(environ, named):
    """People would believe what it sends."""
    drill = environ | {"DUBAN_CLOCK": "2026-03-31T08:59:50+08:00"}
    if named is None:
        assert load_settings(drill, sends=False).clock is not None
    else:
        with pytest.raises(WrongSettings, match=f"{named} would leave this machine"):
            load_settings(drill, sends=False)
