"""Text messages through Twilio's Messages API (twilio.com/docs/messaging/api/message-resource)."""

from __future__ import annotations

import logging
from urllib.parse import urlencode

import aiohttp
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.rest import Client

from bot.delivery.model import (
    AmbiguousFailure,
    Misconfigured,
    OptedOut,
    Outgoing,
    PermanentFailure,
    SendFailure,
    TransientFailure,
)

OPTED_OUT = 21610
CREDENTIALS = (401, 403)
SURELY_NOT_SENT = (429, 503)
# The sender or the account is not set up for this: every message fails alike until a person mends it.
OURS_TO_MEND = frozenset({20003, 21212, 21603, 21606, 21607, 21659, 21660})

_silent = logging.getLogger("twostep.twilio")  # Twilio's client logs requests with number and text
_silent.disabled = True


class TwilioGateway:
    """Implements `bot.delivery.model.Gateway`.

    Args:
        api_url: https://api.twilio.com, or a counterpart for tests.
        sender: a number (E.164) or the SID of a messaging service (MG...).
        status_url: where Twilio reports what became of a message; empty for nowhere.
    """

    def __init__(self, account_sid: str, auth_token: str, api_url: str, sender: str, status_url: str = "") -> None:
        self._account_sid = account_sid
        self._auth_token = auth_token
        self._api_url = api_url
        self._sender = {"messaging_service_sid" if sender.startswith("MG") else "from_": sender}
        self._status_url = status_url
        self._client: Client | None = None

    async def send(self, message: Outgoing) -> str:
        """Hand a text to Twilio; gives its SID."""
        if self._client is None:  # aiohttp's session wants a running loop
            http = AsyncTwilioHttpClient(logger=_silent)
            self._client = Client(self._account_sid, self._auth_token, http_client=http)
            self._client.api.base_url = self._api_url
        callback = {}
        if self._status_url:
            callback["status_callback"] = f"{self._status_url}?{urlencode({'message': message.id})}"
        try:
            sent = await self._client.messages.create_async(
                to=message.to, body=message.body, validity_period=message.valid_for, **self._sender, **callback
            )
        except TwilioRestException as error:
            raise failure_of(error.status, error.code) from None
        except aiohttp.ClientConnectorError:
            raise TransientFailure("connect") from None
        except (aiohttp.ClientError, TwilioException, ValueError) as error:
            raise AmbiguousFailure(type(error).__name__) from None
        return str(sent.sid)

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.http_client.close()
            self._client = None


def failure_of(status: int, code: int | None) -> SendFailure:
    """What an error of Twilio's means for the message."""
    name = str(code or status)
    if code == OPTED_OUT:
        return OptedOut(name)
    if status in CREDENTIALS or code in OURS_TO_MEND:
        return Misconfigured(name)
    if status in SURELY_NOT_SENT:
        return TransientFailure(name)
    if status >= 500:
        return AmbiguousFailure(name)
    return PermanentFailure(name)
