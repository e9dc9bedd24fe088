"""What do the tests of gateways share? Servers that stand in for vendors, and a text to send."""

import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme

from channels.gateway import Attachment, Outgoing
from channels.twilio import TwilioGateway
from tests.fakes.twilio import ACCOUNT, SERVICE, TOKEN, FakeTwilio

TEXT = "【鹤山人大】李志明代表：您好！11月进站、入网格履职尚未登记，请于11月30日前各完成1次。"


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def ca_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return path


def certificate(authority: trustme.CA, name: str = "127.0.0.1") -> ssl.SSLContext:
    """Make what a server of that name shows."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[FakeTwilio]:
    with FakeTwilio(tmp_path / "twilio.jsonl") as server:
        yield server


@pytest.fixture
def connected(fake: FakeTwilio) -> Iterator[Callable[..., TwilioGateway]]:
    """Make gateways to the fake; they are closed at the end."""
    made: list[TwilioGateway] = []

    def connect(**changed) -> TwilioGateway:
        values = {
            "account_sid": ACCOUNT,
            "auth_token": TOKEN,
            "messaging_service_sid": SERVICE,
            "api_base": fake.url,
            "timeout_s": 2.0,
        }
        made.append(TwilioGateway(**(values | changed)))
        return made[-1]

    yield connect
    for each in made:
        each.close()


@pytest.fixture
def gateway(connected) -> TwilioGateway:
    return connected()


def sms(address: str = "13800000001", text: str = TEXT, attempt: str = "a1", message: int = 1) -> Outgoing:
    return Outgoing(
        message=message,
        reference=f"test-{message}",
        attempt=attempt,
        at=datetime.now(UTC),
        channel="sms",
        person="deputy:D1",
        address=address,
        subject=None,
        text=text,
        html=None,
    )


def email(
    address: str = "lee@example.cn",
    subject: str | None = "督办提醒：1 项",
    text: str = "您好！\n.一行以点开头\n",
    html: str | None = "<p>您好！</p>",
    message: int = 7,
    attempt: str = "a1",
    attachments: tuple[Attachment, ...] = (),
) -> Outgoing:
    return Outgoing(
        message=message,
        reference=f"test-{message}",
        attempt=attempt,
        at=datetime(2026, 11, 24, 1, 0, tzinfo=UTC),
        channel="email",
        person="deputy:D1",
        address=address,
        subject=subject,
        text=text,
        html=html,
        attachments=attachments,
    )
