"""Signed cookies: names and attributes by how the browser reaches us, one signing key for each cookie."""

from __future__ import annotations

import hashlib
import hmac

from sanic import HTTPResponse, Request

from bot.http.cross_site import plain_origin
from bot.privacy import Keys
from bot.settings import Settings

HOST_PREFIX = "__Host-"


class SignedCookie:
    """One HttpOnly cookie whose value nobody else can make.

    A page on an allow-listed other site gets `__Host-`, SameSite=None, Secure, Partitioned; https gets `__Host-`,
    Secure, Lax; plain http (demo) Lax alone.

    Args:
        name: such as `twostep_chat`; also the salt of its signing key.
        max_age: seconds, or None for a cookie that ends with the browser.
    """

    def __init__(self, name: str, settings: Settings, keys: Keys, *, max_age: int | None = None) -> None:
        self.name = name
        self._https = settings.https
        self._own_origin = plain_origin(settings.own_url)
        self._allowed = frozenset(plain_origin(origin) for origin in settings.allowed_origins)
        self._key = keys.derive(f"cookie:{name}")
        self._max_age = max_age

    def read(self, request: Request) -> str | None:
        """The value that we once set, or None when there is none, or one that is not ours."""
        raw: str | None = request.cookies.get(self._name(request))
        value, dot, signature = (raw or "").rpartition(".")
        given = signature.encode(errors="surrogateescape")  # any byte may come in a header
        if not dot or not hmac.compare_digest(given, self._sign(value).encode()):
            return None
        return value

    def set(self, request: Request, response: HTTPResponse, value: str) -> None:
        """Hand the value to the browser."""
        self._add(request, response, f"{value}.{self._sign(value)}", self._max_age)

    def clear(self, request: Request, response: HTTPResponse) -> None:
        """Make the browser drop the cookie."""
        self._add(request, response, "", 0)

    def _add(self, request: Request, response: HTTPResponse, value: str, max_age: int | None) -> None:
        foreign = self._is_foreign(request)
        secure = self._https or foreign
        response.add_cookie(
            self.name, value, path="/", httponly=True, max_age=max_age, host_prefix=secure, secure=secure,
            samesite="None" if foreign else "Lax", partitioned=foreign,
        )

    def _name(self, request: Request) -> str:
        return f"{HOST_PREFIX}{self.name}" if self._https or self._is_foreign(request) else self.name

    def _is_foreign(self, request: Request) -> bool:
        origin = plain_origin(request.headers.get("origin", ""))
        return origin in self._allowed and origin != self._own_origin

    def _sign(self, value: str) -> str:
        return hmac.new(self._key, value.encode(errors="surrogateescape"), hashlib.sha256).hexdigest()
