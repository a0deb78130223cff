"""Refuses unsafe requests that another web site makes in a patient's browser (Fetch Metadata, then Origin)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import lru_cache
from ipaddress import ip_address
from urllib.parse import urlsplit

from bot.http.problem import CrossSite
from bot.settings import Settings

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
CHAT_PREFIX = "/chat/"
REMEMBERED = 200  # origins; all requests name the same few


def check_cross_site(
    method: str, path: str, headers: Mapping[str, str], own_origins: Collection[str], allowed_origins: Collection[str]
) -> None:
    """Let a request pass, or not.

    `Sec-Fetch-Site: same-origin` or `none` passes; otherwise Origin must be our own or, for the chat, on the
    allow-list; neither header present passes (not a browser); anything else is refused, `same-site` too.

    Raises:
        CrossSite: the request comes from another site.
    """
    if method in SAFE_METHODS:
        return
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site in ("same-origin", "none") or (site is None and origin is None):
        return
    if origin is not None:
        origin = plain_origin(origin)
        if origin in own_origins or (path.startswith(CHAT_PREFIX) and origin in allowed_origins):
            return
    raise CrossSite()


def own_origins(settings: Settings, asked_host: str) -> frozenset[str]:
    """Our origins: that of TWOSTEP_PUBLIC_URL. Without one (a demo) this machine has several names; then the one that
    the browser asked for is ours too: `localhost` is as good as 127.0.0.1, and any where we listen on all addresses.

    Args:
        asked_host: the request's Host header.
    """
    ours, asked = plain_origin(settings.own_url), plain_origin(f"http://{asked_host}")
    return frozenset({ours, asked} if not settings.public_url and _goes_to(asked, settings.host) else {ours})


@lru_cache(REMEMBERED)
def _goes_to(origin: str, host: str) -> bool:
    try:
        listens_on, name = ip_address(host), urlsplit(origin).hostname or ""
        return listens_on.is_unspecified or (
            listens_on.is_loopback and (name == "localhost" or ip_address(name).is_loopback)
        )
    except ValueError:
        return False


@lru_cache(REMEMBERED)
def plain_origin(address: str) -> str:
    """Scheme, host and port of an address, in the form in which browsers write an Origin; `null` stays that."""
    try:
        parts = urlsplit(address.strip().lower())
        port = parts.port
    except ValueError:
        return "null"
    if not parts.hostname:
        return "null"
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    usual = {"http": 80, "https": 443}.get(parts.scheme)
    return f"{parts.scheme}://{host}" + (f":{port}" if port is not None and port != usual else "")
