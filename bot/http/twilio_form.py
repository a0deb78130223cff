"""Forms that Twilio sends: the signature first, everything else after.

Source: twilio.com/docs/usage/webhooks/webhooks-security.
"""

from __future__ import annotations

from sanic import Request
from twilio.request_validator import RequestValidator

from bot.http.bodies import read_form
from bot.http.problem import Forbidden, Invalid
from bot.settings import Settings

SIGNATURE = "x-twilio-signature"


class TwilioForms:
    """Reads signed forms. Twilio signs the address that it was given, so the configured public one counts, whatever
    host a proxy in between writes into the request."""

    def __init__(self, settings: Settings) -> None:
        token = settings.twilio_auth_token.get_secret_value()
        self._validator = RequestValidator(token) if token else None
        self._base = settings.own_url

    def read(self, request: Request) -> dict[str, str]:
        """The fields.

        Raises:
            Forbidden: no signature, or one that does not fit address and fields.
        """
        signatures = request.headers.getall(SIGNATURE, [])
        try:
            fields = read_form(request) if request.body else {}
        except Invalid:
            raise Forbidden from None
        query = f"?{request.query_string}" if request.query_string else ""
        address = f"{self._base}{request.path}{query}"
        if self._validator is None or len(signatures) != 1:
            raise Forbidden
        if not self._validator.validate(address, fields, signatures[0]):
            raise Forbidden
        return fields
