"""Takes what the patient says while the contact form is filled in: an entry, a correction, a question in between.

Numbers and addresses are in the draft already, put there at the door, and masked here."""

from __future__ import annotations

import re
from typing import Any

from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher
from rasa_sdk.interfaces import Tracker

from actions.contact import CONFIRM, GIVEN, SLOT, TRANSCRIPT, ContactAction, given
from actions.conversation import pressed_for, understanding
from bot.contact.model import (
    MASK,
    REQUIRED,
    Field,
    Problem,
    corrected_name,
    corrects_reply_to,
    explain,
    name_in,
)

WORDS_OF = {
    "name": Field.NAME, "phone": Field.REPLY_TO, "number": Field.REPLY_TO, "email": Field.REPLY_TO,
    "reach": Field.REPLY_TO, "address": Field.REPLY_TO, "message": Field.MESSAGE, "text": Field.MESSAGE,
    "words": Field.MESSAGE, "cell": Field.REPLY_TO, "mobile": Field.REPLY_TO,
}
CONTROL = ("greet", "thank", "goodbye", "affirm", "deny", "out_of_scope", "choose_between", "use_summary")
"""Intents that are no question of their own while a form is filled in."""
_AGAIN = re.compile(r"(?:what|huh|eh|pardon|sorry|come again|what do you mean|i don'?t (?:understand|get it))[ ?.!]*")
_WHY = re.compile(r"(?:but )?(?:why|what for)[ ?.!]*")
_WHY_YOU = re.compile(r"(?:(?:but|wait|and|so|hm+)[,. ]+)*(?:why|what) (?:do|would|should|are|does) "
                      r"(?:you|they|the practice|i)\b.*"
                      r"\b(?:need|want|ask|give|tell)\w*\b.*")
_WHEN_THEY = re.compile(
    r"(?:and |so |ok |but )*(?:when |how soon )?(?:will|can|do|would) (?:they|you|somebody|someone) "
    r"(?:call|ring|phone|answer|reply|write|get back)(?: (?:to )?(?:me|us))?"
    r"(?: (?:back|today|tomorrow|soon|now|then|in the \w+|this \w+))*\s*\?*"
)
"""Of the practice's answer, not for the practice; nobody here knows."""
_EVERY_TIME = re.compile(r"\b(?:(?:every|each)(?: single)? (?:time|day|sign|log)|always|so often)", re.IGNORECASE)
_OF_THE_FORM = re.compile(r"\b(?:name|number|phone|e-?mail|address|reach|message)\b", re.IGNORECASE)
_SEND = re.compile(
    r"(?:(?:yes|yeah|yep|ok(?:ay)?|sure|please|no|nothing|all good|looks good|it'?s fine|fine|now|just)[,.! ]+)*"
    r"(?:send|submit)(?: (?:it|that|this|the|my|message|request|form|off|away|now|please|to them))*[.! ]*"
    r"|(?:it'?s (?:all )?|looks |all )(?:fine|good|right|correct)[.! ]*"
)
_CHANGE = re.compile(
    r"\b(?:but|wrong|change|not|isn'?t|instead|different|typo|incorrect|fix|edit|correct (?:the|my|it|that)|update"
    r"|other|misspel\w+)\b"
)
_PART = (
    r"(?:the |my |that |this )?(?:(?:full|first|last|phone|mobile|cell|contact|e-?mail) )*"
    r"(name|phone|number|cell|mobile|e-?mail|address|message|text|words|how (?:to|they|you)(?: can)? reach me)"
)
_WRONG = re.compile(
    r"(?:(?:no|oh|hm+|wait|sorry|oops|actually|but|yes|ok(?:ay)?|please|and|first)[,.! ]+)*(?:"
    r"(?:(?:can|could|may|let) (?:i|we|you|me) |i (?:want|need|have|would like|'d like) to )?"
    rf"(?:please )?(?:change|edit|correct|fix|update|redo) {_PART}"
    rf"|{_PART}(?: is|'s| was| has)"
    r" (?:not (?:right|correct|mine)|(?:spelled |typed )?wrong|incorrect|mis-?spel\w+|a typo)"
    rf"|(?:that'?s )?(?:the )?wrong {_PART})(?:[, ]+(?:please|first|again|now))*[.! ]*"
)
_NAMING = 3  # words; "the email" names what shall be changed, a longer text needs a word that says so


class ValidateContactForm(ContactAction):
    """Takes the patient's entries. Returning nothing lets a question be answered before the form goes on."""

    def name(self) -> str:
        """Its name in domain.yml."""
        return "validate_contact_form"

    async def act(self, dispatcher: CollectingDispatcher, tracker: Tracker) -> list[Any]:
        """Take an entry: for what was asked, or for what it corrects."""
        asked = tracker.get_slot("requested_slot")
        intent = tracker.latest_message["intent"]["name"]
        text = (tracker.latest_message.get("text") or "").strip()
        if asked is None or intent in ("file_contact", "cancel_contact"):
            return []
        if (tracker.latest_message.get("metadata") or {}).get("button"):
            return self._press(tracker, asked, intent)
        if _AGAIN.fullmatch(text.lower()):
            return [SlotSet(asked, None)]
        entry = asked in (SLOT[Field.NAME], SLOT[Field.REPLY_TO])
        if _EVERY_TIME.search(text) and not _OF_THE_FORM.search(text) and _is_topic(tracker, intent):
            return []  # the code is needed every time, the entry is not
        if _WHY_YOU.fullmatch(text.lower()) or (entry and _WHY.fullmatch(text.lower())):
            dispatcher.utter_message(response="utter_contact_why")
            return [SlotSet(asked, None)]
        return await self._correction(dispatcher, tracker, asked, text) or await self._entry(
            dispatcher, tracker, asked, intent, text
        )

    def _press(self, tracker: Tracker, asked: str, intent: str) -> list[Any]:
        about = pressed_for(tracker)
        if intent == "correct_contact":
            return self._ask_again(_corrected(tracker))
        if intent == "use_summary":
            return [SlotSet(asked, GIVEN if asked == SLOT[Field.MESSAGE] else None)]
        if about == TRANSCRIPT:  # also later, when the patient thinks again
            return [SlotSet(TRANSCRIPT, "yes" if intent == "affirm" else "no"), *_again(asked, unless=TRANSCRIPT)]
        if about == CONFIRM == asked:
            return [SlotSet(CONFIRM, "yes")]
        return []  # a choice of something else, such as a code to be sent

    async def _correction(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, asked: str, text: str
    ) -> list[Any]:
        if asked != SLOT[Field.NAME] and (name := corrected_name(text)):
            return [*await self._take(dispatcher, tracker, Field.NAME, name), *_again(asked)]
        if asked in (SLOT[Field.MESSAGE], TRANSCRIPT, CONFIRM) and corrects_reply_to(text):
            return [*await self._taken_at_the_door(dispatcher, tracker, Field.REPLY_TO), *_again(asked)]
        if (field := _to_change(tracker, asked, text)) is not None:
            return [SlotSet(SLOT[field], None), *_again(asked, unless=SLOT[field])]
        return []

    async def _entry(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, asked: str, intent: str, text: str
    ) -> list[Any]:
        if asked == CONFIRM:
            return self._confirm(dispatcher, intent, text)
        if asked == TRANSCRIPT:
            if intent in ("affirm", "deny"):
                return [SlotSet(asked, {"affirm": "yes", "deny": "no"}[intent])]
            return [SlotSet(asked, None)] if intent in CONTROL else []
        if asked == SLOT[Field.MESSAGE]:
            if intent in CONTROL and intent != "out_of_scope" and len(text.split()) <= _NAMING:
                return [SlotSet(asked, GIVEN if intent == "affirm" else None)]
            if text.endswith("?") and _is_topic(tracker, intent):
                return []
            if _WHEN_THEY.fullmatch(text.lower()):
                return [SlotSet(asked, None)]
            if MASK in text:
                return await self._taken_at_the_door(dispatcher, tracker, Field.MESSAGE)
            return await self._take(dispatcher, tracker, Field.MESSAGE, text)
        if MASK in text:
            taken = await self._taken_at_the_door(dispatcher, tracker, Field.REPLY_TO)
            return [*taken, *await self._named_at_the_door(tracker, asked)]
        if _is_topic(tracker, intent):
            return []
        if asked == SLOT[Field.NAME] and text.endswith("?"):
            return [SlotSet(asked, None)]  # "my name or my father's?"
        if intent in CONTROL and intent != "out_of_scope":
            return [SlotSet(asked, None)]  # a yes, a no or a hello is no entry
        field = next(field for field, slot in SLOT.items() if slot == asked)
        return await self._take(dispatcher, tracker, field, name_in(text) if field is Field.NAME else text)

    async def _take(self, dispatcher: CollectingDispatcher, tracker: Tracker, field: Field, text: str) -> list[Any]:
        problem = await self._client.save_draft(tracker.sender_id, field, text)
        if problem is not None:
            dispatcher.utter_message(response="utter_contact_problem", problem=explain(field, problem))
        return [SlotSet(SLOT[field], GIVEN if problem is None else None)]

    async def _taken_at_the_door(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, field: Field
    ) -> list[Any]:
        """The entry held a number or an address: the door put it into the draft, and masked it here."""
        taken = given(field, await self._client.draft(tracker.sender_id))
        if taken["value"] is None:
            words = explain(field, Problem.NOT_REACHABLE if field is Field.REPLY_TO else Problem.TOO_LONG)
            dispatcher.utter_message(response="utter_contact_problem", problem=words)
        return [taken]

    async def _named_at_the_door(self, tracker: Tracker, asked: str) -> list[Any]:
        if asked != SLOT[Field.NAME]:
            return []
        return [given(Field.NAME, await self._client.draft(tracker.sender_id))]

    def _confirm(self, dispatcher: CollectingDispatcher, intent: str, text: str) -> list[Any]:
        said = text.lower()
        changes = _CHANGE.search(said) is not None
        if _SEND.fullmatch(said) or (intent == "affirm" and not changes):
            return [SlotSet(CONFIRM, "yes")]
        field = next((f for word, f in WORDS_OF.items() if word in said), None)
        if said.endswith("?"):
            return []
        if field is not None and (changes or intent == "deny" or len(said.split()) <= _NAMING):
            return self._ask_again(field)
        if intent in CONTROL or (changes and len(said.split()) <= _NAMING):
            dispatcher.utter_message(response="utter_contact_what_to_change")
            return [SlotSet(CONFIRM, None)]
        return []

    def _ask_again(self, field: Field | None) -> list[Any]:
        return [SlotSet(SLOT[field or Field.MESSAGE], None), SlotSet(CONFIRM, None)]


def _again(asked: str, *, unless: str = "") -> list[Any]:
    """What was asked is asked again, with what has changed."""
    return [] if asked == unless else [SlotSet(asked, None)]


def _to_change(tracker: Tracker, asked: str, text: str) -> Field | None:
    """The entry that the patient wants to make anew, in words for the summary's buttons; one that was made, or the
    message. Where the message is asked for, "change my phone number" is what the practice shall do."""
    said = text.lower().replace("’", "'")
    found = _WRONG.fullmatch(said)
    if found is None:
        return None
    part = next(part for part in found.groups() if part)
    field = next(field for word, field in WORDS_OF.items() if word in part.replace("-", ""))
    if asked == SLOT[Field.MESSAGE]:
        return None if field is Field.REPLY_TO and "reach" not in part else field
    return field if tracker.get_slot(SLOT[field]) else None


def _is_topic(tracker: Tracker, intent: str) -> bool:
    """True for a question of its own rather than an entry: no name or number sounds like one, but "call me" does."""
    if intent == "request_human" and len((tracker.latest_message.get("text") or "").split()) <= _NAMING:
        return False
    return understanding(tracker).get("decision") == "answer" and intent not in CONTROL


def _corrected(tracker: Tracker) -> Field | None:
    for entity in tracker.latest_message.get("entities") or ():
        if entity["entity"] == "field" and entity["value"] in {field.value for field in REQUIRED}:
            return Field(entity["value"])
    return None
