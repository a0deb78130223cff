"""The demo's traffic: when it happens, by which ways, and that the same seed tells the same story."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

from bot.insights.traffic import NUMBERS, Lines, SetClock, conversations

NEW_YORK = ZoneInfo("America/New_York")
NOW = 1_800_000_000_000


class Listener:
    """Notes what is said on either line, and when."""

    def __init__(self, clock: SetClock) -> None:
        self.clock = clock
        self.said: list[tuple[int, str, str]] = []
        self.begun = 0

    async def begin(self, language: str | None) -> tuple[str, Any, str]:
        self.begun += 1
        return f"web-{self.begun}", (), "en"

    async def say(
        self, conversation: str, message: str, said: str, payload: str | None, *, request_id: str
    ) -> Sequence[Any]:
        self.said.append((self.clock.now, conversation, said or str(payload)))
        choices = [SimpleNamespace(title=title, payload=title) for title in ("I can sign in", "I can't sign in")]
        return [SimpleNamespace(id=message, choices=choices)]

    async def judge(self, conversation: str, message: str, helpful: bool) -> bool:
        return True

    async def text(self, number: str, text: str) -> object:
        self.said.append((self.clock.now, number, text))
        return []


async def hold(seed: int) -> tuple[list[str], Listener]:
    clock = SetClock()
    listener = Listener(clock)
    lines = Lines(listener, listener)
    held = [
        each async for each in conversations(lines, clock, now=NOW, days=30, a_day=12, zone=NEW_YORK, seed=seed)
    ]
    return held, listener


async def test_chat_and_texts_on_each_of_thirty_days() -> None:
    """Each day has conversations, some by text message from numbers that are kept free for fiction; none is in the
    future."""
    held, listener = await hold(1)
    today = datetime.fromtimestamp(NOW / 1000, UTC).astimezone(NEW_YORK).date()
    days = {datetime.fromtimestamp(at / 1000, UTC).astimezone(NEW_YORK).date() for at, _, _ in listener.said}
    assert {today - timedelta(days=back) for back in range(1, 30)} <= days
    assert max(at for at, _, _ in listener.said) <= NOW
    texted = [who for who in held if who.startswith("+")]
    assert 0.05 < len(texted) / len(held) < 0.3
    assert set(texted) <= set(NUMBERS)
    assert all(number.startswith("+184555501") for number in NUMBERS)


async def test_the_same_seed_tells_the_same_story() -> None:
    """A seed gives the same words at the same times; another one gives others."""
    first, again, other = [(await hold(seed))[1].said for seed in (1, 1, 2)]
    assert first == again
    assert first != other
