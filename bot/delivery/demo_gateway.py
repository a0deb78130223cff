"""A simulated phone and inbox, in this process's memory only."""

from __future__ import annotations

from collections import deque

from bot.db import Clock
from bot.delivery.model import Delivered, Outgoing

KEPT = 200


class DemoInbox:
    """Implements `bot.delivery.model.Gateway` for both channels."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._messages: deque[Delivered] = deque(maxlen=KEPT)

    async def send(self, message: Outgoing) -> str:
        """Show the message."""
        self._messages.appendleft(Delivered(
            message.id, message.channel, message.to, message.subject, message.body, self._clock()
        ))
        return f"demo-{message.id}"

    async def close(self) -> None:
        """Nothing to let go of."""

    def messages(self) -> list[Delivered]:
        """What was sent, newest first."""
        return list(self._messages)
