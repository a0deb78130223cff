"""What an action can tell from the conversation so far."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from rasa_sdk.interfaces import Tracker

Event = dict[str, Any]
_ELSEWHERE = re.compile(
    r"\b(?:other|another|different|second|new|old|work|home|office) (?:cell |mobile |phone |e-?mail )?"
    r"(?:phone|number|cell|mobile|line|e-?mail|address|inbox)\b"
    r"|\b(?:husband|wife|son|daughter|mom|mum|mother|dad|father|sister|brother|friend|neighbou?r|caregiver|boss)\b"
    r"|•••", re.IGNORECASE,
)

_STILL_OPEN = ("can_sign_in",)


def turns_back(tracker: Tracker) -> Iterator[list[Event]]:
    """The bot's messages of the earlier turns, the latest turn first; the one under way is left out."""
    said: list[Event] = []
    under_way = True
    for event in reversed(tracker.events):
        if event["event"] == "session_started":
            break
        if event["event"] == "bot" and not under_way:
            said.insert(0, event)
        elif event["event"] == "user":
            if not under_way:
                yield said
            under_way, said = False, []
    if said:
        yield said


def in_words(seconds: int) -> str:
    """A wait as it is said."""
    return "1 second" if seconds == 1 else f"{seconds} seconds"


def notes_of(event: Event) -> dict[str, Any]:
    """The `metadata` that domain.yml gives a response."""
    return ((event.get("metadata") or {}).get("metadata")) or {}


def said_now(tracker: Tracker, response: str) -> bool:
    """True when the bot said this in the turn under way."""
    for event in reversed(tracker.events):
        if event["event"] == "user":
            break
        if event["event"] == "bot" and (event.get("metadata") or {}).get("utter_action") == response:
            return True
    return False


def pressed_for(tracker: Tracker) -> str | None:
    """What the yes or no of a pressed button is about (`bot.engine.wording` writes it there), however old it is."""
    entities = tracker.latest_message.get("entities") or ()
    return next((entity["value"] for entity in entities if entity["entity"] == "asks"), None)


def last_asked(tracker: Tracker) -> str | None:
    """What a yes or no in this message is about: its button's question, else the `asks` of the bot's last messages.

    A question whose answer does nothing but lead on is still open after a message that was not understood, and every
    one after "hold on".
    """
    if (about := pressed_for(tracker)) is not None:
        return about
    missed = False
    for said in turns_back(tracker):
        asked: str | None = next((notes_of(e)["asks"] for e in reversed(said) if "asks" in notes_of(e)), None)
        if asked is not None:
            return None if missed and asked not in _STILL_OPEN else asked
        if any(notes_of(event).get("waits") for event in said):
            continue
        if not any(notes_of(event).get("kind") == "fallback" for event in said):
            break
        missed = True
    return None


def misses_in_a_row(tracker: Tracker) -> int:
    """How many turns just before this one ended without an answer."""
    count = 0
    for said in turns_back(tracker):
        if not any(notes_of(event).get("kind") == "fallback" for event in said):
            break
        count += 1
    return count


def understanding(tracker: Tracker) -> dict[str, Any]:
    """What bot.nlu.decision wrote on this message."""
    found: dict[str, Any] = tracker.latest_message.get("understanding") or {}
    return found


def names_another_destination(text: str) -> bool:
    """True where a code is wanted somewhere else than on the account ("to my work phone", "text my wife")."""
    return bool(_ELSEWHERE.search(text))
