"""When a provider is down: stop trying for a while, tell somebody once, then try with one message."""

from __future__ import annotations

from collections.abc import Callable

FAILURES_TO_OPEN = 5
OPEN_FOR = 30_000  # milliseconds

Alarm = Callable[[str, str], None]
"""`alarm(channel, error)`: staff should look. `error` holds no number, address or code."""


class Breaker:
    """One provider's.

    Args:
        channel: named in the alarm.
        alarm: called once each time the breaker opens.
    """

    def __init__(self, channel: str, alarm: Alarm) -> None:
        self._channel = channel
        self._alarm = alarm
        self._failures = 0
        self._open_until = 0

    def room(self, now: int, most: int) -> int:
        """How many messages may be tried now: none while open, one after that, `most` when all is well."""
        if now < self._open_until:
            return 0
        return 1 if self._failures >= FAILURES_TO_OPEN else most

    def succeeded(self) -> None:
        """The provider works."""
        self._failures = 0
        self._open_until = 0

    def failed(self, error: str, now: int, *, at_once: bool = False) -> None:
        """The provider does not; `at_once` for what surely fails for every message, such as a refused credential."""
        was_open = self._failures >= FAILURES_TO_OPEN
        self._failures = FAILURES_TO_OPEN if at_once else self._failures + 1
        if self._failures >= FAILURES_TO_OPEN:
            self._open_until = now + OPEN_FOR
            if not was_open:
                self._alarm(self._channel, error)

    @property
    def is_open(self) -> bool:
        """True while the provider counts as down."""
        return self._failures >= FAILURES_TO_OPEN
