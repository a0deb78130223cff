"""What every reply tells the browser, whom it lets in, and whom it takes the client for."""

from __future__ import annotations

import time
from collections.abc import Callable
from ipaddress import ip_network

import httpx
import pytest
from sanic import HTTPResponse, Request

from bot.http.api import Api, Auth, no_content, page, see_other
from bot.http.client_address import client_address, limit_key
from bot.http.cookies import SignedCookie
from bot.http.cross_site import own_origins, plain_origin
from bot.http.limits import Limiter, LimiterUnavailable
from bot.http.server import new_app
from bot.privacy import Keys
from bot.settings import Rate, Settings
from tests.conftest import RedisServer, Serve

pytestmark = pytest.mark.asyncio

FRIEND = "https://www.friend.example"


def chat_like(settings: Settings, keys: Keys) -> Api:
    api = Api("Cookies")
    cookie = SignedCookie("twostep_chat", settings, keys)

    @api.post("/chat/session", replies={204: None})
    async def begin(request: Request) -> HTTPResponse:
        """Set the cookie."""
        response = no_content()
        cookie.set(request, response, "value")
        return response

    @api.get("/chat/session", auth=Auth.CHAT, replies={200: None})
    async def read(request: Request) -> HTTPResponse:
        """Read the cookie."""
        return page(f"{cookie.read(request)} {request.ctx.client_address}")

    return api


async def client_for(serve: Serve, settings: Settings, keys: Keys) -> httpx.AsyncClient:
    return await serve(new_app(settings, [chat_like(settings, keys)]))


async def test_headers_of_every_reply(serve: Serve, settings_for: Callable[..., Settings], keys: Keys) -> None:
    """Good replies, problems and errors carry the same protection."""
    client = await client_for(serve, settings_for(public_url="https://portal.example"), keys)
    for answer in (await client.get("/docs"), await client.get("/nowhere"), await client.get("/chat/session")):
        policy = answer.headers["content-security-policy"]
        assert "unsafe" not in policy
        for part in ("default-src 'none'", "frame-ancestors 'none'", "require-trusted-types-for 'script'"):
            assert part in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["strict-transport-security"].startswith("max-age=63072000")
        assert len(answer.headers["x-request-id"]) == 32


async def test_no_hsts_in_plain_http(serve: Serve, settings_for: Callable[..., Settings], keys: Keys) -> None:
    """Over plain http there is no HSTS to lock a developer out."""
    client = await client_for(serve, settings_for(), keys)
    assert "strict-transport-security" not in (await client.get("/docs")).headers


async def test_request_id_is_ours(serve: Serve, settings_for: Callable[..., Settings], keys: Keys) -> None:
    """A request id is taken from a trusted proxy alone."""
    given = {"x-request-id": "abcdef-0123456789-abcdef"}
    alone = await client_for(serve, settings_for(), keys)
    assert (await alone.get("/docs", headers=given)).headers["x-request-id"] != given["x-request-id"]
    behind = await client_for(serve, settings_for(trusted_proxies="127.0.0.1/32"), keys)
    assert (await behind.get("/docs", headers=given)).headers["x-request-id"] == given["x-request-id"]
    bad = {"x-request-id": "a b\tc" * 8}
    assert (await behind.get("/docs", headers=bad)).headers["x-request-id"] != bad["x-request-id"]


@pytest.mark.parametrize(
    ("public_url", "origin", "name", "attributes"),
    [
        ("", None, "twostep_chat", {"HttpOnly", "SameSite=Lax", "Path=/"}),
        ("https://portal.example", None, "__Host-twostep_chat", {"HttpOnly", "SameSite=Lax", "Secure", "Path=/"}),
        (
            "https://portal.example", FRIEND, "__Host-twostep_chat",
            {"HttpOnly", "SameSite=None", "Secure", "Partitioned", "Path=/"},
        ),
        ("", FRIEND, "__Host-twostep_chat", {"HttpOnly", "SameSite=None", "Secure", "Partitioned", "Path=/"}),
    ],
)
async def test_cookies(
    serve: Serve, settings_for: Callable[..., Settings], keys: Keys, public_url: str, origin: str | None, name: str,
    attributes: set[str],
) -> None:
    """Names and attributes follow from how the browser reaches us, and the value comes back."""
    client = await client_for(serve, settings_for(public_url=public_url, allowed_origins=FRIEND), keys)
    headers = {"origin": origin} if origin else {}
    answer = await client.post("/chat/session", headers=headers)
    pair, *rest = answer.headers["set-cookie"].split("; ")
    assert pair.split("=")[0] == name
    assert set(rest) == attributes
    back = await client.get("/chat/session", headers={**headers, "cookie": pair})
    assert back.text.split()[0] == "value"
    forged = pair[:-1] + ("0" if pair[-1] != "0" else "1")
    for made_up in (forged.encode(), f"{name}=value.".encode(), f"{name}=".encode() + b"\xff.\xff"):
        other = await client.get("/chat/session", headers=[*headers.items(), (b"cookie", made_up)])
        assert (other.status_code, other.text.split()[0]) == (200, "None")


async def test_cookie_of_another_purpose(settings_for: Callable[..., Settings], keys: Keys, serve: Serve) -> None:
    """A value signed for one cookie is worth nothing in another."""
    settings = settings_for()
    api = Api("Two")
    one, two = SignedCookie("one", settings, keys), SignedCookie("two", settings, keys)

    @api.get("/set", replies={204: None})
    async def begin(request: Request) -> HTTPResponse:
        """Set one."""
        response = no_content()
        one.set(request, response, "value")
        return response

    @api.get("/read", replies={200: None})
    async def read(request: Request) -> HTTPResponse:
        """Read both."""
        return page(f"{one.read(request)} {two.read(request)}")

    client = await serve(new_app(settings, [api]))
    signed = (await client.get("/set")).headers["set-cookie"].split(";")[0].partition("=")[2]
    assert (await client.get("/read", headers={"cookie": f"one={signed}; two={signed}"})).text == "value None"


async def test_preflight(serve: Serve, settings_for: Callable[..., Settings], keys: Keys) -> None:
    """A page on the allow-list may call the chat with cookies; others and other addresses may not."""
    client = await client_for(serve, settings_for(allowed_origins=FRIEND), keys)
    asked = {"access-control-request-method": "POST", "access-control-request-headers": "content-type"}
    good = await client.options("/chat/session", headers={**asked, "origin": FRIEND})
    assert good.status_code == 204
    assert good.headers["access-control-allow-origin"] == FRIEND
    assert good.headers["access-control-allow-credentials"] == "true"
    assert "origin" in good.headers["vary"].lower()
    for path, origin in (("/chat/session", "https://evil.example"), ("/v1/sign-in", FRIEND), ("/docs", FRIEND)):
        answer = await client.options(path, headers={**asked, "origin": origin})
        assert "access-control-allow-origin" not in answer.headers
    refused = await client.post("/chat/session", headers={"origin": "https://evil.example"})
    assert refused.status_code == 403
    assert "access-control-allow-origin" not in refused.headers


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("203.0.113.9", ["198.51.100.1"], "203.0.113.9"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["1.1.1.1, 198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["1.1.1.1", "198.51.100.1, 10.0.0.2"], "198.51.100.1"),
        ("10.0.0.1", ["nonsense"], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.1, nonsense"], "10.0.0.1"),
        ("10.0.0.1", ["[2001:db8::1]:443"], "2001:db8::1"),
        ("10.0.0.1", ["198.51.100.1:5000"], "198.51.100.1"),
        ("::ffff:10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("", [], ""),
    ],
)
async def test_client_address(peer: str, forwarded: list[str], expected: str) -> None:
    """The client is the rightmost address that is no proxy of ours."""
    assert client_address(peer, forwarded, [ip_network("10.0.0.0/8")]) == expected


async def test_limit_key() -> None:
    """An IPv6 network of 64 bits counts as one client."""
    assert limit_key("2001:db8:1:2:3::1") == limit_key("2001:db8:1:2:ffff::9") == "2001:db8:1:2::"
    assert limit_key("203.0.113.9") == "203.0.113.9"


@pytest.mark.parametrize(
    ("address", "origin"),
    [
        ("HTTPS://Portal.Example:443/x", "https://portal.example"), ("http://a:8000", "http://a:8000"),
        ("null", "null"),
        ("http://[::1]:80", "http://[::1]"), ("http://a:99999999", "null"), ("", "null"),
    ],
)
async def test_plain_origin(address: str, origin: str) -> None:
    """Addresses are compared in the form in which browsers write an Origin."""
    assert plain_origin(address) == origin


@pytest.mark.parametrize(
    ("settings", "asked", "ours"),
    [
        ({}, "127.0.0.1:8000", "http://127.0.0.1:8000"),
        ({}, "localhost:8000", "http://localhost:8000"),
        ({}, "[::1]:8000", "http://[::1]:8000"),
        ({}, "evil.example:8000", "http://127.0.0.1:8000"),  # a name that was rebound to this machine
        ({}, "", "http://127.0.0.1:8000"),
        ({"host": "0.0.0.0"}, "192.168.1.5:8000", "http://192.168.1.5:8000"),
        ({"host": "0.0.0.0"}, "ward-pc:8000", "http://ward-pc:8000"),
        ({"host": "192.168.1.5"}, "evil.example:8000", "http://192.168.1.5:8000"),
        ({"host": "0.0.0.0", "public_url": "https://help.example.org"}, "10.0.0.7:8000", "https://help.example.org"),
    ],
)
async def test_own_origins(
    settings_for: Callable[..., Settings], settings: dict[str, str], asked: str, ours: str
) -> None:
    """A demo is at home under every name that surely leads to it; with a public address only that one counts."""
    own = settings_for(**settings)
    assert own_origins(own, asked) == {plain_origin(own.own_url), ours}


async def test_a_demo_on_all_addresses_takes_forms_from_its_own_pages(
    serve: Serve, settings_for: Callable[..., Settings], keys: Keys
) -> None:
    """Browsers send no Sec-Fetch-Site to plain http elsewhere than localhost, but the Origin that they see."""
    client = await client_for(serve, settings_for(host="0.0.0.0"), keys)
    headers = {"Host": "192.168.1.5:8000", "Origin": "http://192.168.1.5:8000"}
    assert (await client.post("/chat/session", headers=headers)).status_code == 204
    assert (await client.post("/chat/session", headers={**headers, "Origin": FRIEND})).status_code == 403


@pytest.mark.parametrize(
    "path", ["https://evil.example", "//evil.example", "/\\evil.example", "evil", "/a\r\nSet-Cookie: b"]
)
async def test_no_open_redirect(path: str) -> None:
    """A form leads on to our own pages only."""
    with pytest.raises(ValueError, match="path of our own"):
        see_other(path)


@pytest.mark.parametrize("store", ["memory", "redis"])
async def test_limiter(store: str, request: pytest.FixtureRequest) -> None:
    """Counts by name and key, refuses above the rate and says how long to wait; looking does not count."""
    url = request.getfixturevalue("redis_server").url if store == "redis" else ""
    limiter, rate = Limiter(url), Rate(2, 60)
    await limiter.ping()
    assert [await limiter.check("a", "x", rate) for _ in range(3)] == [0, 0, 0]
    assert [await limiter.hit("a", "x", rate) for _ in range(2)] == [0, 0]
    assert 1 <= await limiter.hit("a", "x", rate) <= 60
    assert 1 <= await limiter.check("a", "x", rate) <= 60
    assert await limiter.hit("a", "y", rate) == 0
    assert await limiter.hit("b", "x", rate) == 0
    await limiter.close()


async def test_a_window_in_memory_slides_and_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    """One more is welcome when the first of the window is a window old; windows that are over take no memory."""
    now, limiter, rate = 1000.0, Limiter(), Rate(2, 10)
    monkeypatch.setattr(time, "time", lambda: now)
    assert await limiter.hit("a", "x", rate) == 0
    now = 1004.0
    assert await limiter.hit("a", "x", rate) == 0
    assert await limiter.hit("a", "x", rate) == 6
    now = 1010.0
    assert await limiter.hit("a", "x", rate) == 0
    assert await limiter.hit("a", "x", rate) == 4
    now = 1100.0
    assert await limiter.check("a", "x", rate) == 0
    now = 1200.0
    assert await limiter.hit("a", "y", rate) == 0
    assert len(limiter._memory._windows) == 1


async def test_limiter_away(redis_server: RedisServer) -> None:
    """A store that is away is told as such, and works again when it is back."""
    limiter = Limiter(redis_server.url)
    redis_server.stop()
    for question in (limiter.hit("a", "x", Rate(1, 60)), limiter.check("a", "x", Rate(1, 60)), limiter.ping()):
        with pytest.raises(LimiterUnavailable):
            await question
    redis_server.start()
    assert await limiter.hit("a", "x", Rate(1, 60)) == 0
    await limiter.close()
