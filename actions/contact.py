"""The contact request in the chat: begun with what is known, shown before it goes, filed or dropped. What the patient
enters goes into the draft of `bot.contact` (see `actions.contact_form`); Rasa keeps only that it was given."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from rasa_sdk.events import ActiveLoop, AllSlotsReset, SlotSet
from rasa_sdk.executor import CollectingDispatcher
from rasa_sdk.interfaces import Action, Tracker

from actions.conversation import Event, said_now
from bot.contact.model import ContactClient, DraftIncomplete, DraftView, Field
from bot.verification.model import ClientUnavailable

FORM = "contact_form"
GIVEN = "given"
SLOT = {Field.NAME: "contact_name", Field.REPLY_TO: "contact_reply_to", Field.MESSAGE: "contact_message"}
TRANSCRIPT, CONFIRM = "contact_transcript", "contact_confirm"
SMALL_TALK = ("greet", "thank", "goodbye", "affirm", "deny", "start_over")
_JUST_A_PERSON = 8  # words; "can I talk to somebody please" tells the practice nothing


class ContactAction(Action):
    """An action on the conversation's draft; says how else to reach the practice when the backend is away."""

    def __init__(self, client: ContactClient) -> None:
        self._client = client

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


class ActionPrepareContact(ContactAction):
    """Begins a request with what is known already: what the conversation was about, what was entered before.

    Args:
        labels: topic to its name, from domain.yml.
        log: all events of a conversation before this turn; the tracker has the last turns alone.
    """

    def __init__(
        self, client: ContactClient, labels: Mapping[str, str], log: Callable[[str], Awaitable[list[Event]]]
    ) -> None:
        super().__init__(client)
        self._labels = labels
        self._log = log

    def name(self) -> str:
        """Its name in domain.yml."""
        return "action_prepare_contact"

    async def act(self, dispatcher: CollectingDispatcher, tracker: Tracker) -> list[Any]:
        """Save the summary as the draft's message, unless the patient wrote one before."""
        if (tracker.active_loop or {}).get("name") == FORM:
            return []  # the button was pressed again in the middle: the form goes on
        conversation = tracker.sender_id
        if not any(tracker.get_slot(slot) for slot in SLOT.values()):
            await self._client.discard(conversation)  # what is left of a conversation that was started over
        draft = await self._client.draft(conversation)
        if draft.message is None:
            events = [*await self._log(conversation), *tracker.events]  # what is in both counts once
            await self._client.save_draft(conversation, Field.MESSAGE, summary_of(events, self._labels))
        dispatcher.utter_message(response="utter_contact_begin")
        return [
            given(Field.NAME, draft), given(Field.REPLY_TO, draft),
            *(SlotSet(slot, None) for slot in (SLOT[Field.MESSAGE], TRANSCRIPT, CONFIRM)),
        ]


class ActionAskContactMessage(ContactAction):
    """Shows what would be written, for the patient to take or to replace."""

    def name(self) -> str:
        """Its name in domain.yml."""
        return "action_ask_contact_message"

    async def act(self, dispatcher: CollectingDispatcher, tracker: Tracker) -> list[Any]:
        """Ask."""
        draft = await self._client.draft(tracker.sender_id)
        dispatcher.utter_message(response="utter_ask_contact_message", message=draft.message or "")
        return []


class ActionAskContactConfirm(ContactAction):
    """Shows the request before it is sent, number or address masked."""

    def name(self) -> str:
        """Its name in domain.yml."""
        return "action_ask_contact_confirm"

    async def act(self, dispatcher: CollectingDispatcher, tracker: Tracker) -> list[Any]:
        """Ask; not when what shall be changed was asked just now."""
        if said_now(tracker, "utter_contact_what_to_change"):
            return []
        draft = await self._client.draft(tracker.sender_id)
        dispatcher.utter_message(
            response="utter_ask_contact_confirm",
            name=draft.name, reply_to=draft.reply_to, message=draft.message,
            transcript=tracker.get_slot(TRANSCRIPT),
        )
        return []


class ActionFileContact(ContactAction):
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


class ActionCancelContact(ContactAction):
    """The patient does not want to write after all."""

    def name(self) -> str:
        """Its name in domain.yml."""
        return "action_cancel_contact"

    async def act(self, dispatcher: CollectingDispatcher, tracker: Tracker) -> list[Any]:
        """Forget the draft."""
        await self._client.discard(tracker.sender_id)
        dispatcher.utter_message(response="utter_contact_cancelled")
        return [AllSlotsReset(), ActiveLoop(None)]


def summary_of(events: Iterable[Event], labels: Mapping[str, str]) -> str:
    """What the conversation was about and what was tried, in plain sentences for the practice's staff.

    What was said while the form was filled in (before, when it was broken off) is no part of it: that are entries.
    """
    topics: dict[str, None] = {}
    tried: dict[str, None] = {}
    words = ""
    in_form = False
    for event in events:
        if event["event"] == "active_loop":
            in_form = event.get("name") is not None
        elif event["event"] == "user" and not in_form:
            intent = ((event.get("parse_data") or {}).get("intent") or {}).get("name") or ""
            if intent in labels and intent != "request_human":
                topics[labels[intent]] = None
            text = event.get("text") or ""
            telling = intent not in SMALL_TALK and (intent != "request_human" or len(text.split()) > _JUST_A_PERSON)
            if telling and not (event.get("metadata") or {}).get("button") and len(text) > len(words):
                words = text
        elif event["event"] == "bot":
            said = (event.get("metadata") or {}).get("utter_action")
            if (said or "").startswith("utter_resend_accepted"):
                tried["a new code was sent"] = None
            elif (said or "").startswith("utter_not_arrived"):
                tried["the new code did not arrive"] = None
            elif said == "utter_no_sign_in":
                tried["no sign-in was waiting for a code"] = None
            elif said in ("utter_resend_limit", "utter_resend_failed"):
                tried["no further code could be sent"] = None
            elif said == "utter_resend_unsure":
                tried["a new code was asked for and may not have been sent"] = None
    asked = "; ".join(topics) or "signing in to the portal"
    lines = [f"I asked the assistant about: {asked}{'' if asked.endswith('?') else '.'}"]
    if tried:
        lines.append(f"Tried: {', '.join(tried)}.")
    if words:
        lines.append(f'I wrote: "{words[:300]}"')
    return " ".join(lines)


def given(field: Field, draft: DraftView) -> dict[str, Any]:
    """Whether the draft has an entry, as its slot."""
    event: dict[str, Any] = SlotSet(SLOT[field], GIVEN if getattr(draft, field.value) is not None else None)
    return event
