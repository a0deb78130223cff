"""The files of `bot/web/static`: read once, compressed once, revalidated by their content."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sanic import HTTPResponse, Request

from bot.http.api import Api

STATIC = Path(__file__).parent.parent / "web" / "static"
AT_THE_TOP = ("widget.js", "widget-panel.js")
"""Served at /NAME, embeddable on any page; everything else below /static/."""

_TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}
_KEEP = "public, max-age=300, stale-while-revalidate=86400"  # seconds; a new release shows within minutes


@dataclass(frozen=True, slots=True)
class Asset:
    """A file as it is sent."""

    path: str
    media_type: str
    plain: bytes
    compressed: bytes
    tag: str


def load_assets(values: Mapping[str, str], folder: Path = STATIC) -> list[Asset]:
    """Every file that can be served; in the widget `"%name%"` becomes the value of that name."""
    assets = []
    for file in sorted(folder.iterdir()):
        if file.suffix in _TYPES:
            plain = file.read_bytes()
            if file.name in AT_THE_TOP:
                for name, value in values.items():
                    plain = plain.replace(f'"%{name}%"'.encode(), json.dumps(value).encode())
            path = f"/{file.name}" if file.name in AT_THE_TOP else f"/static/{file.name}"
            tag = f'"{hashlib.sha256(plain).hexdigest()[:20]}"'
            assets.append(Asset(path, _TYPES[file.suffix], plain, gzip.compress(plain, 9, mtime=0), tag))
    return assets


def assets_api(assets: list[Asset]) -> Api:
    """A GET for each file."""
    api = Api("Files")
    for asset in assets:
        _declare(api, asset)
    return api


def _declare(api: Api, asset: Asset) -> None:
    @api.page("GET", asset.path)
    async def file(request: Request) -> HTTPResponse:
        """A file of the pages."""
        headers = {"ETag": asset.tag, "Cache-Control": _KEEP, "Vary": "Accept-Encoding"}
        if request.headers.get("if-none-match") == asset.tag:
            return HTTPResponse(status=304, headers=headers)
        body = asset.plain
        if "gzip" in request.headers.get("accept-encoding", ""):
            body = asset.compressed
            headers["Content-Encoding"] = "gzip"
        return HTTPResponse(body, headers=headers, content_type=asset.media_type)
