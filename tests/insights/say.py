"""Short ways to say what happened in a conversation, for tests of episodes."""

from __future__ import annotations

from typing import Any

from bot.events import Event, FeedbackGiven, TurnAnswered, TurnFailed

MINUTE = 60_000


def turn(seq: int, at: int, intent: str = "ask_landline", conversation: str = "c", **values: Any) -> TurnAnswered:
    """An answered message; by default a topic that was answered."""
    usual: dict[str, Any] = {
        "channel": "web", "topics": (), "decision": "answer", "kind": "answer", "confidence": 0.9, "button": False,
        "embedded": False, "contact_shown": False, "failed_action": False, "seconds": 0.02,
    }
    return TurnAnswered(conversation=conversation, seq=seq, at=at, intent=intent, **{**usual, **values})


def fallback(seq: int, at: int, **values: Any) -> TurnAnswered:
    """A message that was not understood."""
    return turn(seq, at, "out_of_scope", **{"decision": "fallback", "kind": "fallback", **values})


def talk(seq: int, at: int, intent: str, **values: Any) -> TurnAnswered:
    """Small talk or control."""
    return turn(seq, at, intent, **{"kind": "message", **values})


def broken(seq: int, at: int, conversation: str = "c") -> TurnFailed:
    """A message that got the failure answer."""
    return TurnFailed(conversation, "web", seq, at, "timeout")


def thumb(seq: int, at: int, helpful: bool, conversation: str = "c") -> Event:
    """Feedback on the bot's message with this number."""
    return FeedbackGiven(conversation, seq, at, helpful)
