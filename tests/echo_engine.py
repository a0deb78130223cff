"""A small engine that keeps the protocol of `bot.engine.model`: what it does is written in the message."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from bot.engine.model import Answer, Button, Decision, Kind, Reply, Understanding

CONTACT = "[contact form](https://clinic.example/contact)"


class EchoEngine:
    """Echoes; `slow` waits until `release` is set, `fail` raises, `silence` says nothing, `choose` offers buttons,
    `fallback`, `ask` and `links` show what their names say. One conversation's messages are answered in order."""

    def __init__(self) -> None:
        self.answered: list[tuple[str, str, str | None, dict[str, Any]]] = []
        self.forgotten: list[str] = []
        self.started = asyncio.Event()
        self.release = asyncio.Event()
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def answer(
        self, conversation: str, text: str, *, channel: str, command: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Answer:
        """See the class."""
        async with self._locks[conversation]:
            self.answered.append((conversation, text, command, dict(metadata or {})))
            self.started.set()
            match text:
                case "slow":
                    await self.release.wait()
                case "fail":
                    raise RuntimeError(f"broken by {text}")
                case "silence":
                    return Answer(())
                case "choose":
                    buttons = (Button("Yes, send it", "/affirm"), Button("No, thanks", "/deny"))
                    return _answer(Reply("Shall I send a new code?", Kind.PROMPT, buttons, "request_resend"))
                case "fallback":
                    reply = Reply(f"I did not understand that. Use the {CONTACT}.", Kind.FALLBACK, contact_route=True)
                    return Answer((reply,), Understanding())
                case "links":
                    return _answer(Reply(
                        f"Use the {CONTACT}, call [845-703-6999](tel:8457036999), or not [this](javascript:alert(1)). "
                        "<img src=x onerror=alert(1)>", Kind.ANSWER,
                    ))
            said = f"button {command}" if command else f"echo: {text}"
            return _answer(Reply(said, Kind.ANSWER, topic="ask_what_is"))

    async def asked(self, conversation: str) -> str | None:
        """No form waits for anything here."""
        return None

    async def greet(self, conversation: str, *, channel: str) -> tuple[Reply, ...]:
        """A greeting with two buttons."""
        return (
            Reply(
                "Hello, I am the automated assistant for sign-in codes. How can I help?", Kind.MESSAGE,
                (Button("My code has not come", "/report_missing_code"), Button("Why do I need this?", "/ask_why")),
            ),
        )

    async def forget(self, conversation: str) -> None:
        """Remember that it was asked to forget."""
        self.forgotten.append(conversation)

    async def prune(self, before: int) -> None:
        """Nothing is kept here."""


def _answer(reply: Reply) -> Answer:
    return Answer((reply,), Understanding("ask_what_is", 0.9, Decision.ANSWER, (), ("ask_what_is",)))
