"""An application in a thread of its own, so that a synchronous browser can talk to it; it can go away and come back."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from sanic import Sanic

from bot.http.server import serving


class Served:
    """Serves what `make` makes on a fixed port of loopback."""

    def __init__(self, make: Callable[[], Sanic[Any, Any]], port: int) -> None:
        self.port = port
        self.address = f"http://127.0.0.1:{port}"
        self._make = make
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> Served:
        """Serve; returns when it answers."""
        started: Future[None] = Future()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(started)), daemon=True)
        self._thread.start()
        started.result(timeout=90)
        return self

    async def _serve(self, started: Future[None]) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        try:
            async with serving(self._make(), port=self.port):
                started.set_result(None)
                await self._stop.wait()
        except BaseException as error:
            if started.done():
                raise
            started.set_exception(error)

    def call(self, action: Callable[[], Any]) -> None:
        """Run something in the server's loop, such as letting a slow turn go on."""
        assert self._loop is not None
        self._loop.call_soon_threadsafe(action)

    def stop(self) -> None:
        """Go away."""
        if self._thread is not None and self._loop is not None and self._stop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(timeout=20)
            self._thread = None
