"""The custom actions for stock Rasa's action server: the same answers as twostep's where nobody is signed in.

Python 3.10 and rasa-sdk 3.6 alone; copied to the stock project as actions.py.
"""

from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.executor import CollectingDispatcher


class _Says(Action):
    response = ""

    def name(self) -> str:
        """Nobody asks for the base class, but rasa-sdk registers it too."""
        return "action_says_nothing"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> list[dict[str, Any]]:
        """Answer."""
        dispatcher.utter_message(response=self.response)
        return []


def _action(name: str, response: str) -> type:
    return type(name, (_Says,), {"name": lambda self: name, "response": response})


OfferResend = _action("action_offer_resend", "utter_no_sign_in")
Resend = _action("action_resend", "utter_no_sign_in")
NotArrived = _action("action_not_arrived", "utter_no_sign_in")
Affirm = _action("action_affirm", "utter_thank")
Deny = _action("action_deny", "utter_thank")
AskBetween = _action("action_ask_between", "utter_miss_rephrase")
Miss = _action("action_miss", "utter_miss_rephrase")
PrepareContact = _action("action_prepare_contact", "utter_request_human")
FileContact = _action("action_file_contact", "utter_request_human")
CancelContact = _action("action_cancel_contact", "utter_thank")
