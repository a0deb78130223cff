"""Yes and no, by what was just asked."""

from __future__ import annotations

from typing import Any

from rasa_sdk.events import FollowupAction
from rasa_sdk.executor import CollectingDispatcher
from rasa_sdk.interfaces import Action, Tracker

from actions.conversation import last_asked

AFFIRMED = {"can_sign_in": "utter_can_sign_in", "arrived": "utter_arrived", "contact": "utter_request_human"}
DENIED = {"can_sign_in": "utter_cannot_sign_in", "between": "utter_miss_offer_contact"}
AFFIRMED_ACTIONS = {"resend": "action_resend"}
DENIED_ACTIONS = {"arrived": "action_not_arrived"}


class ActionAffirm(Action):
    """The patient said yes."""

    def name(self) -> str:
        """Its name in domain.yml."""
        return "action_affirm"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Any) -> list[Any]:
        """Do what was offered."""
        return _answer(dispatcher, last_asked(tracker), AFFIRMED, AFFIRMED_ACTIONS, "utter_affirm")


class ActionDeny(Action):
    """The patient said no."""

    def name(self) -> str:
        """Its name in domain.yml."""
        return "action_deny"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Any) -> list[Any]:
        """Leave it, and say what else there is."""
        return _answer(dispatcher, last_asked(tracker), DENIED, DENIED_ACTIONS, "utter_deny")


def _answer(
    dispatcher: CollectingDispatcher,
    asked: str | None,
    responses: dict[str, str],
    followups: dict[str, str],
    otherwise: str,
) -> list[Any]:
    if asked in followups:
        return [FollowupAction(followups[asked])]
    dispatcher.utter_message(response=responses.get(asked or "", otherwise))
    return []
