"""When the assistant is not sure: ask between two topics, or admit it, a step further each time."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from rasa_sdk.executor import CollectingDispatcher
from rasa_sdk.interfaces import Action, Tracker

from actions.conversation import misses_in_a_row, names_another_destination, understanding

_SENDING = re.compile(r"\b(?:send|resend|text|txt|sms|e-?mail|forward|give|code)\b", re.IGNORECASE)


class _Choices(Action):
    """Offers topics as buttons under their human names.

    Args:
        labels: topic to its name, from domain.yml.
    """

    def __init__(self, labels: Mapping[str, str]) -> None:
        self._labels = labels

    def buttons(self, topics: list[str]) -> list[dict[str, str]]:
        """A button for each topic that has a name."""
        return [{"title": self._labels[t], "payload": f"/{t}"} for t in topics if t in self._labels]


class ActionAskBetween(_Choices):
    """Two topics are about as likely: lets the patient say which."""

    def name(self) -> str:
        """Its name in domain.yml."""
        return "action_ask_between"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Any) -> list[Any]:
        """Ask."""
        dispatcher.utter_message(
            response="utter_ask_between", buttons=self.buttons(understanding(tracker).get("candidates", []))
        )
        return []


class ActionMiss(_Choices):
    """No answer: asks to rephrase beside the nearest topics and a person, then offers a person, then says how."""

    def name(self) -> str:
        """Its name in domain.yml."""
        return "action_miss"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Any) -> list[Any]:
        """Take the next step of the ladder."""
        text = tracker.latest_message.get("text") or ""
        match misses_in_a_row(tracker):
            case 0 if names_another_destination(text) and _SENDING.search(text):
                dispatcher.utter_message(
                    response="utter_miss_destination", buttons=self.buttons(["update_phone", "request_human"])
                )
            case 0:
                nearest = understanding(tracker).get("candidates", [])
                person = [topic for topic in ("request_human",) if topic not in nearest]
                dispatcher.utter_message(response="utter_miss_rephrase", buttons=self.buttons([*nearest, *person]))
            case 1:
                dispatcher.utter_message(response="utter_miss_offer_contact")
            case _:
                dispatcher.utter_message(response="utter_miss_contact")
        return []
