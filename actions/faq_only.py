"""The resend actions where the portal sends its own codes: honest words about where to ask for one."""

from __future__ import annotations

from typing import Any

from rasa_sdk.executor import CollectingDispatcher
from rasa_sdk.interfaces import Action, Tracker


class ActionOfferResendElsewhere(Action):
    """After a missing or refused code: how the portal sends another."""

    def name(self) -> str:
        """Its name in domain.yml."""
        return "action_offer_resend"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Any) -> list[Any]:
        """Say it."""
        dispatcher.utter_message(response="utter_resend_elsewhere")
        return []


class ActionResendElsewhere(ActionOfferResendElsewhere):
    """The same when a new code was plainly asked for."""

    def name(self) -> str:
        """Its name in domain.yml."""
        return "action_resend"


class ActionNotArrivedElsewhere(ActionOfferResendElsewhere):
    """The same when the new code did not arrive either."""

    def name(self) -> str:
        """Its name in domain.yml."""
        return "action_not_arrived"
