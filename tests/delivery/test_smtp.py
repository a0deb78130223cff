"""Email through aiosmtplib against aiosmtpd with STARTTLS and a sign-in."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message as Mail
from pathlib import Path
from typing import Any

import aiosmtplib
import pytest
import pytest_asyncio
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
from aiosmtplib import errors
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bot.db import Database
from bot.delivery.model import AmbiguousFailure, Kind, Misconfigured, PermanentFailure, TransientFailure
from bot.delivery.smtp_gateway import SmtpGateway, failure_of
from bot.privacy import Keys
from tests.delivery.conftest import post_with


@dataclass
class MailServer:
    """What it received; `answers` are the next replies to RCPT."""

    port: int = 0
    mails: list[Mail] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        """Take or refuse a recipient."""
        if self.answers:
            return self.answers.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        """Take a mail."""
        assert session.ssl is not None and session.authenticated
        self.mails.append(message_from_bytes(envelope.content))
        return "250 OK"


def certificate(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's and a client's TLS with a certificate made for 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ) + made.public_bytes(serialization.Encoding.PEM)
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(path)
    return server, ssl.create_default_context(cafile=str(path))


def authenticate(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    """One user."""
    good = isinstance(data, LoginPassword) and data.password == b"pass/word"
    return AuthResult(success=good, handled=False)


class Mails:
    """A mail server and how to reach it."""

    def __init__(self, server: MailServer, client: ssl.SSLContext) -> None:
        self.server = server
        self.client = client

    def gateway(self, password: str = "pass%2Fword") -> SmtpGateway:
        """A gateway that signs in there."""
        url = f"smtp://portal:{password}@127.0.0.1:{self.server.port}"
        return SmtpGateway(url, "no-reply@example.org", self.client)


async def _serve(server: MailServer, tls: ssl.SSLContext | None) -> asyncio.Server:
    loop = asyncio.get_running_loop()
    listening = await loop.create_server(
        lambda: SMTP(
            server, hostname="localhost", tls_context=tls, require_starttls=tls is not None,
            auth_required=tls is not None, authenticator=authenticate, loop=loop,
        ),
        "127.0.0.1", 0,
    )
    server.port = listening.sockets[0].getsockname()[1]
    return listening


@pytest_asyncio.fixture
async def mails(tmp_path: Path) -> AsyncIterator[Mails]:
    """A mail server with STARTTLS and a sign-in."""
    tls, client = certificate(tmp_path)
    server = MailServer()
    listening = await _serve(server, tls)
    yield Mails(server, client)
    listening.close()


async def test_an_email_goes_over_starttls_with_a_sign_in(sqlite_database: Database, keys: Keys, mails: Mails) -> None:
    """A mail arrives encrypted and signed in, with the words that were queued."""
    post = post_with(sqlite_database, keys, {"email": mails.gateway()})
    row = await post.put("Your code K7 is 123456.", channel="email")
    await post.work(1)
    assert (await post.state(row))[0] == "sent"
    mail, = mails.server.mails
    assert (mail["To"], mail["From"], mail["Subject"]) == ("alex@example.com", "no-reply@example.org", "Subject")
    assert "123456" in str(mail.get_payload())
    assert row in mail["Message-ID"]


async def test_a_busy_server_is_tried_again(sqlite_database: Database, keys: Keys, mails: Mails) -> None:
    """451 is tried again and the mail arrives once."""
    mails.server.answers = ["451 try later"]
    post = post_with(sqlite_database, keys, {"email": mails.gateway()})
    row = await post.put(channel="email")
    await post.work(8)
    assert (await post.state(row))[0] == "sent"
    assert len(mails.server.mails) == 1


async def test_an_unknown_mailbox_is_final(sqlite_database: Database, keys: Keys, mails: Mails) -> None:
    """550 is not tried again."""
    mails.server.answers = ["550 no such mailbox"]
    post = post_with(sqlite_database, keys, {"email": mails.gateway()})
    row = await post.put(channel="email")
    await post.work(8)
    assert await post.state(row) == ("failed", "550")
    assert mails.server.mails == []


async def test_without_starttls_nothing_is_sent(sqlite_database: Database, keys: Keys, mails: Mails) -> None:
    """A server that offers no STARTTLS gets no mail and no password; staff is alarmed."""
    plain = MailServer()
    listening = await _serve(plain, None)
    post = post_with(sqlite_database, keys, {"email": Mails(plain, mails.client).gateway()})
    await post.put(channel="email")
    await post.work(2)
    assert plain.mails == []
    assert post.alarms == [("email", "tls")]
    listening.close()


async def test_a_refused_password_alarms(sqlite_database: Database, keys: Keys, mails: Mails) -> None:
    """A bad sign-in at the mail server is a fault of ours: alarm, and the mail stays queued."""
    post = post_with(sqlite_database, keys, {"email": mails.gateway("wrong")})
    row = await post.put(channel="email", kind=Kind.CONTACT)
    await post.work(2)
    assert post.alarms == [("email", "535")]
    assert (await post.state(row))[0] == "queued"


async def test_an_untrusted_certificate_is_refused(sqlite_database: Database, keys: Keys, mails: Mails) -> None:
    """A certificate that nobody vouches for ends the try before anything is said."""
    gateway = SmtpGateway(f"smtp://u:p@127.0.0.1:{mails.server.port}", "no-reply@example.org")
    post = post_with(sqlite_database, keys, {"email": gateway})
    await post.put(channel="email")
    await post.work(1)
    assert mails.server.mails == []
    assert [channel for channel, _ in post.alarms] == ["email"]


def test_every_error_of_the_mail_library_is_mapped() -> None:
    """Each exception class of aiosmtplib means one of our four failures."""
    kinds = (TransientFailure, AmbiguousFailure, PermanentFailure, Misconfigured)
    made = {
        errors.SMTPRecipientsRefused: lambda: errors.SMTPRecipientsRefused([]),
        errors.SMTPRecipientRefused: lambda: errors.SMTPRecipientRefused(550, "", ""),
        errors.SMTPSenderRefused: lambda: errors.SMTPSenderRefused(550, "", ""),
    }
    for name in aiosmtplib.errors.__all__:
        kind = getattr(errors, name)
        if issubclass(kind, errors.SMTPResponseException):
            error = made.get(kind, lambda kind=kind: kind(450, ""))()
        else:
            error = made.get(kind, lambda kind=kind: kind(""))()
        assert isinstance(failure_of(error), kinds), name
    assert failure_of(KeyError()) is None


@pytest.mark.parametrize(("code", "kind"), [(421, TransientFailure), (451, TransientFailure), (550, PermanentFailure)])
def test_codes_say_whether_to_try_again(code: int, kind: type[Exception]) -> None:
    """4xx is tried again, 5xx is not."""
    assert isinstance(failure_of(errors.SMTPResponseException(code, "")), kind)
