"""A texting patient as Twilio presents him, for the SMS tests."""

from __future__ import annotations

from collections.abc import Callable
from secrets import token_hex
from typing import Any
from xml.etree import ElementTree

import httpx
from pydantic import SecretStr
from sanic import Sanic
from twilio.request_validator import RequestValidator

from bot.app import Parts, create_app
from bot.db import Database
from bot.engine.model import Engine
from bot.privacy import Keys
from bot.settings import Settings

TOKEN = "0123456789abcdef0123456789abcdef"
PUBLIC = "https://help.example.org"
HELP, CODES = "+18455550100", "+18455550101"
PATH = "/sms/inbound"


def texting_app(
    settings_for: Callable[..., Settings], engine: Engine, database: Database, keys: Keys, *,
    parts: dict[str, Any] | None = None, **settings: Any,
) -> Sanic[Any, Any]:
    """The application with this engine and database, a Twilio token and two numbers of ours."""
    values = {
        "twilio_auth_token": SecretStr(TOKEN), "public_url": PUBLIC, "help_sender": HELP, "code_sender": CODES,
        **settings,
    }
    return create_app(
        settings_for(**values), Parts(engine=engine, database=database, keys=keys, migrate=False, **(parts or {}))
    )


class Patient:
    """One number that texts through `client`."""

    def __init__(self, client: httpx.AsyncClient, number: str = "+18455550142") -> None:
        self.client = client
        self.number = number

    def form(self, text: str, **more: str) -> dict[str, str]:
        """Twilio's form for a text (its parameters of an inbound message)."""
        sid = f"SM{token_hex(16)}"
        return {
            "ToCountry": "US", "ToState": "NY", "SmsMessageSid": sid, "NumMedia": "0", "ToCity": "MIDDLETOWN",
            "FromZip": "10940", "SmsSid": sid, "FromState": "NY", "SmsStatus": "received", "FromCity": "MIDDLETOWN",
            "Body": text, "FromCountry": "US", "To": HELP, "ToZip": "10940", "NumSegments": "1", "MessageSid": sid,
            "AccountSid": f"AC{'0' * 32}", "From": self.number, "ApiVersion": "2010-04-01", **more,
        }

    async def post(
        self, form: dict[str, str], *, signature: str | None = None, url: str = PATH, **headers: str
    ) -> httpx.Response:
        """Send a form; signed as Twilio signs it unless a signature is given (empty: none)."""
        if signature is None:
            signature = sign(form)
        if signature:
            headers["X-Twilio-Signature"] = signature
        return await self.client.post(url, data=form, headers=headers)

    async def text(self, text: str, **more: str) -> list[str]:
        """Send a text; the texts that come back."""
        response = await self.post(self.form(text, **more))
        assert response.status_code == 200, response.text
        return texts(response)


def sign(form: dict[str, str], *, token: str = TOKEN, url: str = PUBLIC + PATH) -> str:
    """Twilio's own signature."""
    return str(RequestValidator(token).compute_signature(url, form))


def texts(response: httpx.Response) -> list[str]:
    """The texts of a TwiML answer."""
    assert response.headers["content-type"].startswith("text/xml")
    root = ElementTree.fromstring(response.text)
    assert root.tag == "Response"
    assert {child.tag for child in root} <= {"Message"}
    return [message.text or "" for message in root]
