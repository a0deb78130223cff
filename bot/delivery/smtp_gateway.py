"""Email through the practice's mail server. Without TLS nothing is sent."""

from __future__ import annotations

import ssl
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from urllib.parse import unquote, urlsplit

import aiosmtplib
from aiosmtplib import errors

from bot.delivery.model import (
    AmbiguousFailure,
    Misconfigured,
    Outgoing,
    PermanentFailure,
    SendFailure,
    TransientFailure,
)

STEP_TIMEOUT = 4.0  # seconds for one exchange; the worker's limit is for the whole try


class SmtpGateway:
    """Implements `bot.delivery.model.Gateway`.

    Args:
        url: smtp://USER:PASSWORD@HOST:587 (STARTTLS, always) or smtps://USER:PASSWORD@HOST:465.
        sender: the address in From.
        tls: for tests with a certificate of their own.
    """

    def __init__(self, url: str, sender: str, tls: ssl.SSLContext | None = None) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or "localhost"
        self._implicit = parts.scheme == "smtps"
        self._port = parts.port or (465 if self._implicit else 587)
        self._user = unquote(parts.username) if parts.username else None
        self._password = unquote(parts.password) if parts.password else None
        self._sender = sender
        self._tls = tls or ssl.create_default_context()

    async def send(self, message: Outgoing) -> str:
        """Hand an email to the server; gives its Message-ID, the same one if it is sent again."""
        email = EmailMessage()
        email["From"] = self._sender
        email["To"] = message.to
        email["Subject"] = message.subject
        email["Date"] = formatdate()
        email["Message-ID"] = f"<{message.id}@{self._sender.rpartition('@')[2]}>" if message.id else make_msgid()
        email["Auto-Submitted"] = "auto-generated"
        email.set_content(message.body)
        try:
            await aiosmtplib.send(
                email, hostname=self._host, port=self._port, username=self._user, password=self._password,
                use_tls=self._implicit, start_tls=not self._implicit, tls_context=self._tls,
                timeout=STEP_TIMEOUT,
            )
        except Exception as error:
            failure = failure_of(error)
            if failure is None:
                raise
            raise failure from None
        return str(email["Message-ID"])

    async def close(self) -> None:
        """Each message has a connection of its own."""


def failure_of(error: BaseException) -> SendFailure | None:
    """What an error of the mail library means for the message; None: it is no such error."""
    match error:
        case errors.SMTPRecipientsRefused():
            return _by_code(max((one.code for one in error.recipients), default=550))
        case errors.SMTPAuthenticationError():
            return Misconfigured(str(error.code))
        case errors.SMTPResponseException():
            return _by_code(error.code)
        case errors.SMTPNotSupported() | ssl.SSLError():
            return Misconfigured("tls")
        case errors.SMTPConnectError():
            return TransientFailure("connect")
        case errors.SMTPTimeoutError() | errors.SMTPServerDisconnected():
            return AmbiguousFailure(type(error).__name__)
        case errors.SMTPException():
            # aiosmtplib has no type of its own for a server that offers no STARTTLS
            return Misconfigured("tls") if "STARTTLS" in str(error) else TransientFailure(type(error).__name__)
        case OSError():
            return TransientFailure("connect")
        case _:
            return None


def _by_code(code: int) -> SendFailure:
    return TransientFailure(str(code)) if 400 <= code < 500 else PermanentFailure(str(code))
