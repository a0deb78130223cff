"""Collects what Rasa says in a turn, as replies that know their kind."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from typing import Any

from rasa.core.channels.channel import OutputChannel

from bot.engine.model import Button, Kind, Reply

_COMMAND = re.compile(r"/(?P<intent>\w+)(?P<entities>\{.*\})?\Z", re.DOTALL)


class TurnOutput(OutputChannel):
    """One turn's replies. `channel` is "web", "sms" or "terminal": it chooses `channel:` variations in domain.yml.

    A response's `metadata` in domain.yml may give `kind` (design.md) and `contact: true`, when it names the contact
    route. Without a kind it is an answer where the response is a topic's own (`utter_<topic>`), else a message.
    """

    def __init__(self, channel: str, topics: Collection[str]) -> None:
        self._channel = channel
        self._topics = topics
        self.replies: list[Reply] = []

    def name(self) -> str:  # type: ignore[override]  # Rasa declares a classmethod; the processor calls it on instances
        """The channel's name."""
        return self._channel

    async def send_response(self, recipient_id: str, message: dict[str, Any]) -> None:
        """Called by Rasa for each message of the turn."""
        reply = reply_from(message, self._topics)
        if reply.text:
            self.replies.append(reply)


def reply_from(message: dict[str, Any], topics: Collection[str]) -> Reply:
    """A reply from Rasa's form of a bot message."""
    topic = str(message.get("utter_action") or "").removeprefix("utter_")
    notes = message.get("metadata") or {}
    kind = notes.get("kind") or (Kind.ANSWER if topic in topics else Kind.MESSAGE)
    return Reply(
        text=(message.get("text") or "").strip(),
        kind=Kind(kind),
        buttons=tuple(Button(b["title"], b["payload"]) for b in message.get("buttons") or ()),
        topic=notes.get("topic") or (topic if topic in topics else None),
        contact_route=bool(notes.get("contact")),
    )


def parse_command(command: str) -> tuple[str, list[dict[str, Any]]]:
    """A button's `/intent{"entity": "value"}` as intent and Rasa's form of entities.

    Raises:
        ValueError: the command is not of that form.
    """
    match = _COMMAND.match(command)
    if match is None:
        raise ValueError("a button's command is /intent, or /intent followed by a JSON object")
    values = json.loads(match["entities"] or "{}")
    return match["intent"], [{"entity": name, "value": value} for name, value in values.items()]
