"""Yes and no, by what was just asked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from rasa_sdk.executor import CollectingDispatcher
from rasa_sdk.interfaces import Action, Tracker

from actions.conversation import last_asked

AFFIRMED = {"can_sign_in": "utter_can_sign_in", "arrived": "utter_arrived", "contact": "utter_request_human"}
DENIED = {
    "can_sign_in": "utter_cannot_sign_in", "between": "utter_miss_offer_contact", "dropped": "utter_never_mind",
    "paused": "utter_pause",
}
_WENT_WELL = re.compile(
    r"\b(?:work(?:s|ed)|went (?:through|thru)|let me in|got in|i'?m (?:in|on)|(?:signed|logged) (?:in|on)|arrived|came|"
    r"accepted|took (?:it|the code)|fixed|solved)\b", re.IGNORECASE
)
_NOT_SO = re.compile(r"\b(?:not|no|never|none|nothing|\w+n'?t|still|another|again|send|new)\b", re.IGNORECASE)


class _Reply(Action):
    """An answer to what was asked.

    Args:
        instead: what was asked -> the action that does it, where words alone are not enough.
    """

    responses: dict[str, str]
    otherwise: str

    def __init__(self, instead: Mapping[str, Action]) -> None:
        self._instead = instead

    def about(self, tracker: Tracker) -> str:
        """What was asked."""
        return last_asked(tracker) or ""

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Any) -> list[Any]:
        """Do what was agreed to, or say what there is instead."""
        asked = self.about(tracker)
        if asked in self._instead:
            return await self._instead[asked].run(dispatcher, tracker, domain)
        dispatcher.utter_message(response=self.responses.get(asked, self.otherwise))
        return []


class ActionAffirm(_Reply):
    """The patient said yes."""

    responses = AFFIRMED
    otherwise = "utter_affirm"

    def about(self, tracker: Tracker) -> str:
        """What was asked; a yes that tells of a code in hand asks for no other one, which would make it useless."""
        asked, said = super().about(tracker), tracker.latest_message
        typed = "" if (said.get("metadata") or {}).get("button") else (said.get("text") or "").replace("’", "'")
        has_it = _WENT_WELL.search(typed) and not _NOT_SO.search(typed)
        return "arrived" if asked == "resend" and has_it else asked

    def name(self) -> str:
        """Its name in domain.yml."""
        return "action_affirm"


class ActionDeny(_Reply):
    """The patient said no."""

    responses = DENIED
    otherwise = "utter_deny"

    def name(self) -> str:
        """Its name in domain.yml."""
        return "action_deny"
