"""Headers of every reply: what the browser may load, keep, frame and share."""

from __future__ import annotations

from collections.abc import Collection

from sanic import HTTPResponse, Request
from sanic.response import BaseHTTPResponse

from bot.http.cross_site import CHAT_PREFIX, plain_origin

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; manifest-src 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
EMBEDDABLE = frozenset({"/widget.js", "/widget-panel.js"})
PREFLIGHT_SECONDS = 600


def is_embeddable(path: str) -> bool:
    """True for the widget's own modules, which any page may load (they hold nothing private)."""
    return path in EMBEDDABLE


def add_headers(
    request: Request, response: BaseHTTPResponse, *, https: bool, allowed_origins: Collection[str], request_id: str
) -> None:
    """Add what is missing; calling it twice changes nothing."""
    headers = response.headers
    headers.setdefault("X-Request-ID", request_id)
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Referrer-Policy", "same-origin")
    headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
    headers.setdefault("X-Frame-Options", "DENY")
    headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    headers.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
    headers.setdefault("Cache-Control", "no-store")
    if https:
        headers.setdefault("Strict-Transport-Security", "max-age=63072000; includeSubDomains")
    if is_embeddable(request.path):
        headers.setdefault("Access-Control-Allow-Origin", "*")
        headers.setdefault("Cross-Origin-Resource-Policy", "cross-origin")
    else:
        headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    if request.path.startswith(CHAT_PREFIX):
        headers.setdefault("Vary", "Origin")
        if is_allowed(request, allowed_origins):
            headers.setdefault("Access-Control-Allow-Origin", request.headers["origin"])
            headers.setdefault("Access-Control-Allow-Credentials", "true")
            headers.setdefault("Access-Control-Expose-Headers", "Retry-After, X-Request-ID")


def is_allowed(request: Request, allowed_origins: Collection[str]) -> bool:
    """True when the request says that it comes from a page on the allow-list."""
    origin = request.headers.get("origin")
    return origin is not None and plain_origin(origin) in allowed_origins


def preflight(request: Request, allowed_origins: Collection[str]) -> HTTPResponse | None:
    """The answer to a browser that asks whether a page on the allow-list may call the chat; None otherwise."""
    if (
        request.method != "OPTIONS"
        or not request.path.startswith(CHAT_PREFIX)
        or "access-control-request-method" not in request.headers
        or not is_allowed(request, allowed_origins)
    ):
        return None
    return HTTPResponse(
        status=204,
        headers={
            "Access-Control-Allow-Methods": "GET, POST, PUT, DELETE",
            "Access-Control-Allow-Headers": "Content-Type",
            "Access-Control-Max-Age": str(PREFLIGHT_SECONDS),
            "Vary": "Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
        },
    )
