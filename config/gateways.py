"""Through which gateways does a process send?

Adapters get values; what the settings call them is known here alone. A vendor's library is loaded only where it is
used. Callers: config/services.py, `duban doctor`.
"""

from sqlalchemy import Engine

from channels.gateway import Gateway, Outgoing
from channels.sandbox import SandboxGateway
from channels.smtp_url import parse_smtp_url
from config.settings import Settings
from rules.facts import Channel
from store import sandbox
from store.engine import reading

STATUS_PATH = "/webhooks/twilio/status"


def gateways_of(settings: Settings, engine: Engine) -> dict[Channel, Gateway]:
    """Return the way out for each channel."""
    found = sandbox_gateways(engine)
    if settings.sms == "twilio":
        found[Channel.SMS] = _twilio(settings)
    if settings.email == "smtp":
        found[Channel.EMAIL] = _smtp(settings)
    return found


def _twilio(settings: Settings) -> Gateway:
    from channels.twilio import TwilioGateway  # noqa: PLC0415 - 50 MB that a sandbox does without

    token = settings.twilio_auth_token
    return TwilioGateway(
        account_sid=settings.twilio_account_sid or "",
        auth_token=token.get_secret_value() if token else "",
        messaging_service_sid=settings.twilio_messaging_service_sid,
        from_number=settings.twilio_from,
        api_base=settings.twilio_api,
        callback_url=f"{settings.public_url}{STATUS_PATH}" if settings.public_url else None,
    )


def _smtp(settings: Settings) -> Gateway:
    from channels.smtp import SmtpGateway  # noqa: PLC0415 - likewise

    url = settings.smtp_url
    return SmtpGateway(parse_smtp_url(url.get_secret_value() if url else ""), sender=settings.email_from or "")


def sandbox_gateways(engine: Engine) -> dict[Channel, Gateway]:
    """Return gateways that keep all messages in the database."""

    def keep(outgoing: Outgoing) -> None:
        with engine.begin() as connection:
            sandbox.keep(
                connection,
                {
                    "at": outgoing.at,
                    "channel": outgoing.channel,
                    "person": outgoing.person,
                    "address": outgoing.address,
                    "subject": outgoing.subject,
                    "body": outgoing.text,
                    "html": outgoing.html,
                    "message": outgoing.message,
                    "attempt": outgoing.attempt,
                },
            )

    def has_kept(attempt: str) -> bool:
        with reading(engine) as connection:
            return sandbox.has_kept(connection, attempt)

    gateway = SandboxGateway(keep, has_kept)
    return {Channel.SMS: gateway, Channel.EMAIL: gateway}
