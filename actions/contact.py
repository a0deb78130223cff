"""The contact form in the chat. What the patient enters goes into the draft of `bot.contact`; Rasa keeps only that
it was given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rasa_sdk.events import ActiveLoop, AllSlotsReset, SlotSet
from rasa_sdk.executor import CollectingDispatcher
from rasa_sdk.interfaces import Action, Tracker

from actions.conversation import understanding
from bot.contact.model import REQUIRED, ContactClient, DraftIncomplete, Field, explain
from bot.verification.model import ClientUnavailable

GIVEN = "given"
MASKED = "•••"  # what bot.privacy leaves of a number or an address
SLOT = {Field.NAME: "contact_name", Field.REPLY_TO: "contact_reply_to", Field.MESSAGE: "contact_message"}
WORDS_OF = {
    "name": Field.NAME, "phone": Field.REPLY_TO, "number": Field.REPLY_TO, "email": Field.REPLY_TO,
    "reach": Field.REPLY_TO, "address": Field.REPLY_TO, "message": Field.MESSAGE, "text": Field.MESSAGE,
    "words": Field.MESSAGE,
}
LONG_ENOUGH_TO_ASK = 4  # words; a shorter text in the form is an entry, not a question


class _ContactAction(Action):
    """An action on the conversation's draft; says how else to reach the practice when the backend is away."""

    def __init__(self, client: ContactClient, labels: Mapping[str, str]) -> None:
        self._client = client
        self._labels = labels

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Any) -> list[Any]:
        """Do it; the contact route when the backend does not answer."""
        try:
            return await self.act(dispatcher, tracker)
        except ClientUnavailable:
            dispatcher.utter_message(response="utter_contact_failed")
            return []

    async def act(self, dispatcher: CollectingDispatcher, tracker: Tracker) -> list[Any]:
        """The action itself. Raises ClientUnavailable."""
        raise ClientUnavailable(f"{self.name()} does nothing")


class ActionPrepareContact(_ContactAction):
    """Begins a request with what is known already: what the conversation was about."""

    def name(self) -> str:
        """Its name in domain.yml."""
        return "action_prepare_contact"

    async def act(self, dispatcher: CollectingDispatcher, tracker: Tracker) -> list[Any]:
        """Save the summary as the draft's message, unless the patient wrote one before."""
        if (await self._client.draft(tracker.sender_id)).message is None:
            await self._client.save_draft(tracker.sender_id, Field.MESSAGE, summary_of(tracker, self._labels))
        return [SlotSet(slot, None) for slot in (*SLOT.values(), "contact_transcript", "contact_confirm")]


class ValidateContactForm(_ContactAction):
    """Takes the patient's entries. Returning nothing lets a question be answered before the form goes on."""

    def name(self) -> str:
        """Its name in domain.yml."""
        return "validate_contact_form"

    async def act(self, dispatcher: CollectingDispatcher, tracker: Tracker) -> list[Any]:
        """Take an entry for what was asked."""
        asked = tracker.get_slot("requested_slot")
        intent = tracker.latest_message["intent"]["name"]
        text = (tracker.latest_message.get("text") or "").strip()
        pressed = (tracker.latest_message.get("metadata") or {}).get("button")
        if asked is None or intent in ("file_contact", "cancel_contact"):
            return []
        if intent == "correct_contact":
            return self._correct(_corrected(tracker))
        if asked == "contact_confirm":
            return self._confirm(dispatcher, tracker, intent, text)
        if asked == "contact_transcript":
            return [SlotSet(asked, {"affirm": "yes", "deny": "no"}[intent])] if intent in ("affirm", "deny") else []
        if asked == "contact_message" and intent in ("affirm", "use_summary"):
            return [SlotSet(asked, GIVEN)]
        if pressed or _is_question(tracker, asked, text):
            return []
        if intent in ("affirm", "deny") and len(text.split()) < LONG_ENOUGH_TO_ASK:
            return [SlotSet(asked, None)]  # a yes or no is no entry: ask again
        return await self._take(dispatcher, tracker, next(f for f, slot in SLOT.items() if slot == asked), text)

    async def _take(self, dispatcher: CollectingDispatcher, tracker: Tracker, field: Field, text: str) -> list[Any]:
        if MASKED in text:  # the door put the entry into the draft and masked it here
            taken = getattr(await self._client.draft(tracker.sender_id), field.value) is not None
            problem = None
        else:
            problem = await self._client.save_draft(tracker.sender_id, field, text)
            taken = problem is None
        if not taken:
            words = explain(field, problem) if problem else None
            dispatcher.utter_message(response="utter_contact_problem", problem=words or "Please check this entry.")
        return [SlotSet(SLOT[field], GIVEN if taken else None)]

    def _confirm(self, dispatcher: CollectingDispatcher, tracker: Tracker, intent: str, text: str) -> list[Any]:
        if intent == "affirm":
            return [SlotSet("contact_confirm", "yes")]
        said = text.lower()
        field = next((f for word, f in WORDS_OF.items() if word in said), None)
        if field is not None and not said.endswith("?"):  # here "the phone number is wrong" is about the request
            return self._correct(field)
        if intent == "deny":
            dispatcher.utter_message(response="utter_contact_what_to_change")
            return [SlotSet("contact_confirm", None)]
        return []

    def _correct(self, field: Field | None) -> list[Any]:
        slot = SLOT[field or Field.MESSAGE]
        return [SlotSet(slot, None), SlotSet("contact_confirm", None)]


class ActionAskContactMessage(_ContactAction):
    """Shows what would be written, for the patient to take or to replace."""

    def name(self) -> str:
        """Its name in domain.yml."""
        return "action_ask_contact_message"

    async def act(self, dispatcher: CollectingDispatcher, tracker: Tracker) -> list[Any]:
        """Ask."""
        draft = await self._client.draft(tracker.sender_id)
        dispatcher.utter_message(response="utter_ask_contact_message", message=draft.message or "")
        return []


class ActionAskContactConfirm(_ContactAction):
    """Shows the request before it is sent, number or address masked."""

    def name(self) -> str:
        """Its name in domain.yml."""
        return "action_ask_contact_confirm"

    async def act(self, dispatcher: CollectingDispatcher, tracker: Tracker) -> list[Any]:
        """Ask."""
        draft = await self._client.draft(tracker.sender_id)
        dispatcher.utter_message(
            response="utter_ask_contact_confirm",
            name=draft.name, reply_to=draft.reply_to, message=draft.message,
        )
        return []


class ActionFileContact(_ContactAction):
    """Files the request."""

    def name(self) -> str:
        """Its name in domain.yml."""
        return "action_file_contact"

    async def act(self, dispatcher: CollectingDispatcher, tracker: Tracker) -> list[Any]:
        """Hand it over and give the reference; the draft is kept when that fails."""
        try:
            reference = await self._client.file(
                tracker.sender_id, include_transcript=tracker.get_slot("contact_transcript") == "yes"
            )
        except DraftIncomplete:
            dispatcher.utter_message(response="utter_contact_failed")
            return [AllSlotsReset()]
        dispatcher.utter_message(response="utter_contact_filed", reference=reference)
        return [AllSlotsReset()]


class ActionCancelContact(_ContactAction):
    """The patient does not want to write after all."""

    def name(self) -> str:
        """Its name in domain.yml."""
        return "action_cancel_contact"

    async def act(self, dispatcher: CollectingDispatcher, tracker: Tracker) -> list[Any]:
        """Forget the draft."""
        await self._client.discard(tracker.sender_id)
        dispatcher.utter_message(response="utter_contact_cancelled")
        return [AllSlotsReset(), ActiveLoop(None)]


def summary_of(tracker: Tracker, labels: Mapping[str, str]) -> str:
    """What the conversation was about and what was tried, in plain sentences for the practice's staff."""
    topics: dict[str, None] = {}
    tried: dict[str, None] = {}
    words = ""
    for event in tracker.events:
        if event["event"] == "user":
            intent = ((event.get("parse_data") or {}).get("intent") or {}).get("name") or ""
            if intent in labels and intent != "request_human":
                topics[labels[intent]] = None
            if not (event.get("metadata") or {}).get("button") and len(event.get("text") or "") > len(words):
                words = event["text"]
        elif event["event"] == "bot":
            said = (event.get("metadata") or {}).get("utter_action")
            if (said or "").startswith("utter_resend_accepted"):
                tried["a new code was sent"] = None
            elif said == "utter_not_arrived":
                tried["the new code did not arrive"] = None
            elif said in ("utter_resend_limit", "utter_resend_failed"):
                tried["no further code could be sent"] = None
    lines = [f"I asked the assistant about: {'; '.join(topics) or 'signing in to the portal'}."]
    if tried:
        lines.append(f"Tried: {', '.join(tried)}.")
    if words:
        lines.append(f'I wrote: "{words[:300]}"')
    return " ".join(lines)


def _is_question(tracker: Tracker, asked: str, text: str) -> bool:
    """True when the message is a question of its own rather than an entry ("will they charge me" is no name)."""
    if understanding(tracker).get("decision") != "answer" or (asked == "contact_reply_to" and MASKED in text):
        return False
    if asked == "contact_message":
        return text.endswith("?")
    return text.endswith("?") or len(text.split()) >= LONG_ENOUGH_TO_ASK


def _corrected(tracker: Tracker) -> Field | None:
    for entity in tracker.latest_message.get("entities") or ():
        if entity["entity"] == "field" and entity["value"] in {field.value for field in REQUIRED}:
            return Field(entity["value"])
    return None
