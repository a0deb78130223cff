"""For whoever operates the service: is it alive, is it ready, what does it count."""

from __future__ import annotations

import hmac
import logging
from collections.abc import Awaitable, Callable, Mapping
from ipaddress import ip_address
from typing import Literal

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel
from sanic import HTTPResponse, Request

from bot.http.api import Api, Auth, reply
from bot.http.problem import Forbidden, Unavailable

log = logging.getLogger("twostep.health")

Check = Callable[[], Awaitable[None]]
"""Raises when its part is away."""


class Health(BaseModel):
    """The state of the service and of its parts."""

    status: Literal["ok"]
    parts: dict[str, Literal["ok", "unavailable"]]


def operations_api(
    needed: Mapping[str, Check], useful: Mapping[str, Check], registry: CollectorRegistry, metrics_token: str
) -> Api:
    """/health and /metrics.

    Args:
        needed: parts without which no patient can be served; one away: not ready.
        useful: parts whose absence is told, while the service goes on.
        metrics_token: the bearer token for /metrics from elsewhere than this machine; empty: this machine only.
    """
    api = Api("Operations")

    @api.get("/health/live", replies={200: Health})
    async def live(request: Request) -> HTTPResponse:
        """The process answers."""
        return reply(Health(status="ok", parts={}))

    @api.get("/health/ready", replies={200: Health}, problems=(Unavailable,))
    async def ready(request: Request) -> HTTPResponse:
        """Patients can be served."""
        parts: dict[str, Literal["ok", "unavailable"]] = {}
        for name, check in {**needed, **useful}.items():
            try:
                await check()
                parts[name] = "ok"
            except Exception as error:
                log.warning("part unavailable", extra={"part": name, "error": type(error).__name__})
                parts[name] = "unavailable"
        if away := [name for name in needed if parts[name] != "ok"]:
            raise Unavailable(f"Not ready: {', '.join(away)}.", retry_after=5)
        return reply(Health(status="ok", parts=parts))

    @api.page("GET", "/metrics", auth=Auth.METRICS)
    async def metrics(request: Request) -> HTTPResponse:
        """Prometheus metrics."""
        if not (_from_this_machine(request) or _has_token(request, metrics_token)):
            raise Forbidden("Metrics need the token of TWOSTEP_METRICS_TOKEN.")
        return HTTPResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)

    return api


def _from_this_machine(request: Request) -> bool:
    # A proxy on this machine connects from loopback too, but says for whom.
    if any(name in request.headers for name in ("x-forwarded-for", "forwarded", "x-real-ip", "via")):
        return False
    try:
        return ip_address(request.ctx.client_address).is_loopback
    except ValueError:
        return False


def _has_token(request: Request, token: str) -> bool:
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    fits = hmac.compare_digest(given.encode(errors="surrogateescape"), token.encode())
    return bool(token) and scheme.lower() == "bearer" and fits
