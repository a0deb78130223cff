"""A conversation's words, which other parts keep, as insights read them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol


class Line(Protocol):
    """A message as it was kept, redacted."""

    @property
    def seq(self) -> int: ...
    @property
    def sender(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def at(self) -> int: ...


Transcript = Callable[[str], Awaitable[Sequence[Line]]]
"""The kept messages of a conversation, in order; none where it was deleted."""


async def no_transcript(conversation: str) -> Sequence[Line]:
    """The null reader, where nothing is kept."""
    return ()


class NotThere(Exception):
    """The entry or conversation does not exist (any more)."""
