"""The resend actions by text message: the number that texts is the only proof, so every answer is the same.

Nobody may learn from a text whether a number belongs to an account or a sign-in waits: the words are those of "if".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rasa_sdk.executor import CollectingDispatcher
from rasa_sdk.interfaces import Action, Tracker

from actions.resend import wanted_way
from bot.verification.model import Channel, ClientUnavailable, VerificationClient

CHANNEL = "sms"
AGAIN = [{"title": "a new code", "payload": "/request_resend"}]


class ByText(Action):
    """One action where the patient texts, and another one elsewhere, under the same name."""

    def __init__(self, texting: Action, otherwise: Action) -> None:
        self._texting = texting
        self._otherwise = otherwise

    def name(self) -> str:
        """Its name in domain.yml."""
        return str(self._otherwise.name())

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Any) -> list[Any]:
        """Run the one for the conversation's channel."""
        chosen = self._texting if tracker.get_latest_input_channel() == CHANNEL else self._otherwise
        return list(await chosen.run(dispatcher, tracker, domain))


class ActionOfferResendByText(Action):
    """After a missing or refused code: says how to ask for another one, without looking whether a sign-in waits."""

    def name(self) -> str:
        """Its name in domain.yml."""
        return "action_offer_resend"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Any) -> list[Any]:
        """Offer it."""
        dispatcher.utter_message(response="utter_sms_offer_resend", buttons=AGAIN)
        return []


class ActionResendByText(Action):
    """Asks the backend for a code to the number that texts; what came of it is not said.

    Args:
        sender: gives the number while its text is answered; it is never in a tracker.
    """

    def __init__(self, client: VerificationClient, sender: Callable[[], str | None]) -> None:
        self._client = client
        self._sender = sender

    def name(self) -> str:
        """Its name in domain.yml."""
        return "action_resend"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Any) -> list[Any]:
        """Ask, and give the one answer; the contact route when the backend is away. Email the page alone can send."""
        if wanted_way(tracker) == Channel.EMAIL:
            dispatcher.utter_message(response="utter_sms_by_email")
            return []
        number = self._sender()
        try:
            if number is None:
                raise ClientUnavailable("no sender")
            await self._client.sms_resend(number)
        except ClientUnavailable:
            dispatcher.utter_message(response="utter_resend_failed")
            return []
        dispatcher.utter_message(response="utter_sms_resend")
        return []
