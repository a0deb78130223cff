"""Rasa's message processor, driven one turn at a time."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import dropwhile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rasa.core.actions.action import Action, ActionExtractSlots, action_for_index, create_bot_utterance
from rasa.core.actions.forms import FormAction
from rasa.core.channels.channel import OutputChannel, UserMessage
from rasa.core.lock_store import LockStore
from rasa.core.policies.policy import PolicyPrediction
from rasa.core.processor import MessageProcessor
from rasa.engine.loader import load_predict_graph_runner
from rasa.engine.runner.interface import GraphRunner
from rasa.engine.storage.local_model_storage import LocalModelStorage
from rasa.engine.storage.storage import ModelMetadata
from rasa.exceptions import ActionLimitReached
from rasa.shared.core.constants import ACTION_LISTEN_NAME, REQUESTED_SLOT
from rasa.shared.core.events import (
    ActionExecuted,
    ActionExecutionRejected,
    ActiveLoop,
    BotUttered,
    Event,
    SessionStarted,
    SlotSet,
    UserUttered,
)
from rasa.shared.core.trackers import DialogueStateTracker

from bot.engine.actions import InProcessActions
from bot.engine.asides import DROPPED, PAUSED, SETTLED, has_worked, is_never_mind, is_pause, is_settled, refuses
from bot.engine.choices import chosen
from bot.engine.graph_runner import DirectGraphRunner
from bot.engine.model import Decision, Kind, Understanding
from bot.engine.output import TurnOutput, parse_command, reply_from
from bot.engine.tracker_store import SAID_ONCE, AsyncTrackerStore
from bot.engine.wording import USELESS_WHEN, Wording
from bot.privacy import CODE_MARK

ASIDE = "aside"  # what the understanding calls a remark that asks and answers nothing (bot/nlu/intents.py)
UNDERSTANDING = "understanding"  # the key that bot.nlu.decision writes on a message
CONTROL = frozenset(
    {"greet", "thank", "goodbye", "affirm", "deny", "start_over", "out_of_scope", "choose_between", "aside"}
)  # intents that are not topics: what is said to them is a message, not an answer
BARE_COMMAND = re.compile(r"[/\\]+\s*\w+\s*(\{.*)?", re.DOTALL)
GREETING = "utter_greeting"
GREETED = "web"  # the channel that shows the greeting with its choices before anything was said
SHORT = 250
"""Characters of a message that is understood where it stands: that takes a millisecond, or a few with the encoder, no
more than the rest of a turn. Only what is longer is worth the way to another thread and back."""
DANGER = "utter_danger"
WARNS_ITSELF = frozenset({"share_code", "report_unrequested_code"})
FREE_TEXT = "contact_message"
ENDS_FORM = frozenset({"report_emergency", "start_over"})  # nobody is asked for a name after "call 911"


class _NoLockStore(LockStore):
    """Rasa's lock store polls once a second; the engine has its own lock around every turn."""

    def get_lock(self, conversation_id: str) -> None:
        """There is never one."""

    def save_lock(self, lock: Any) -> None:
        """Nothing to keep."""

    def delete_lock(self, conversation_id: str) -> None:
        """Nothing to delete."""


class TurnProcessor(MessageProcessor):
    """Answers a message with Rasa's own steps, but reads and writes the tracker once, and understands off the loop what
    is long."""

    def __init__(
        self, model: Path, store: AsyncTrackerStore, wording: Wording, actions: InProcessActions
    ) -> None:
        super().__init__(
            model_path=model, tracker_store=store, lock_store=_NoLockStore(), generator=wording, action_endpoint=actions
        )
        self._extract_slots = ActionExtractSlots(actions)
        self._store = store
        self._wording = wording
        self._understanding = ThreadPoolExecutor(max_workers=1, thread_name_prefix="nlu")
        self.topics = frozenset(self.domain.intents) - CONTROL
        self._actions: dict[int, Action] = {}

    @staticmethod
    def _load_model(model_path: str | Path) -> tuple[str, ModelMetadata, GraphRunner]:
        with TemporaryDirectory(prefix="twostep-model-") as folder:
            metadata, runner = load_predict_graph_runner(
                Path(folder), Path(model_path), LocalModelStorage, DirectGraphRunner
            )
        return Path(model_path).name, metadata, runner

    async def turn(
        self,
        conversation: str,
        text: str,
        output: TurnOutput,
        *,
        command: str | None = None,
        notes: Mapping[str, Any] | None = None,
    ) -> Understanding:
        """One message: understand it, run the rules and actions, keep what happened."""
        tracker = await self.fetch_tracker_and_update_session(conversation, output)
        context = context_of(tracker, self.topics)
        in_form = tracker.active_loop_name is not None
        entry = tracker.get_slot(REQUESTED_SLOT) == FREE_TEXT  # taken as it is, and nothing else said of codes
        if is_never_mind(text) or ((in_form or context["prompt"]) and not entry and refuses(text)):
            command = "/cancel_contact" if in_form else DROPPED
        elif command is None and not entry and is_pause(text, context["prompt"]):
            command = PAUSED  # before any choice: "let me check my email" chooses none
        elif command is None and not in_form and has_worked(text):
            command = SETTLED
        command = command or chosen(text, context["buttons"] or self._greeted(tracker, output))
        if command is None and not entry and is_settled(text, context["prompt"]):
            command = SETTLED
        parses = [_pressed(text, command)] if command else await self._understand(text, context)
        if parses[0]["intent"]["name"] == ASIDE:
            command = PAUSED  # it is heard, and what was asked stays asked
            parses = [_pressed(text, command)]
        intent = parses[0]["intent"]["name"]
        if CODE_MARK in text and (entry or intent not in WARNS_ITSELF):
            await self._warn_once(tracker, output, notes or {})
        if (parses[0].get(UNDERSTANDING) or {}).get("danger"):
            await self._say(DANGER, tracker, output)
        if in_form and intent in ENDS_FORM:
            tracker.update(ActiveLoop(None), self.domain)
            tracker.update(SlotSet(REQUESTED_SLOT, None), self.domain)
        for part in parses:
            tracker.update(
                UserUttered(
                    part["text"],
                    part["intent"],
                    part["entities"],
                    part,  # type: ignore[arg-type]  # a TypedDict that exists for type checkers only
                    input_channel=output.name(),
                    metadata={**(notes or {}), "button": bool(command)},
                ),
                self.domain,
            )
            tracker = await self.run_action_extract_slots(output, tracker)
            await self._run_prediction_loop(output, tracker)
            if tracker.latest_action_name != ACTION_LISTEN_NAME:  # Rasa's circuit breaker stopped it in the middle
                tracker.update(ActionExecuted(ACTION_LISTEN_NAME), self.domain)
        if intent == "start_over":
            await self._store.forget(conversation)
        else:
            await self.save_tracker(tracker)
        found = _understanding_of(parses, pressed=bool(command))
        if in_form and not command and found.intent in self.topics and not any(r.topic for r in output.replies):
            return Understanding(decision=Decision.FALLBACK)  # an entry in the form, whatever it sounds like
        return found

    def _greeted(self, tracker: DialogueStateTracker, output: TurnOutput) -> list[tuple[str, str]]:
        """The greeting's choices, where nothing was said yet: a page shows it before the tracker knows of anything."""
        if output.name() != GREETED or any(isinstance(event, UserUttered) for event in tracker.events):
            return []
        words = self._wording.words(GREETING, output.name()) or {}
        return [(button["title"], button["payload"]) for button in words.get("buttons", ())]

    async def run_action_extract_slots(
        self, output_channel: OutputChannel, tracker: DialogueStateTracker
    ) -> DialogueStateTracker:
        """As Rasa's, which makes all of its default actions anew to find this one."""
        events = await self._extract_slots.run(output_channel, self.nlg, tracker, self.domain)
        await self._send_bot_messages(events, tracker, output_channel)
        tracker.update_with_events(events, self.domain)
        return tracker

    def predict_next_with_tracker_if_should(self, tracker: DialogueStateTracker) -> tuple[Action, PolicyPrediction]:
        """As Rasa's, which makes all of its default actions anew to find any one.

        Raises:
            ActionLimitReached: Rasa's circuit breaker.
        """
        goes_on = self.should_predict_another_action(str(tracker.latest_action_name))
        if self.is_action_limit_reached(tracker, goes_on):
            raise ActionLimitReached("the limit of actions of one turn")
        prediction = self._predict_next_with_tracker(tracker)
        index = prediction.max_confidence_index
        action = self._actions.get(index)
        if action is None:
            action = action_for_index(index, self.domain, self.action_endpoint)
            if not isinstance(action, FormAction):  # the only ones that remember something
                self._actions[index] = action
        return action, prediction

    def _log_action_on_tracker(
        self, tracker: DialogueStateTracker, action: Action, events: list[Event] | None, prediction: PolicyPrediction
    ) -> None:
        """As Rasa's, which copies every event in depth for a log that nobody reads."""
        if not any(isinstance(event, ActionExecutionRejected) for event in events or ()):
            tracker.update_with_events(prediction.events, self.domain)
            tracker.update(action.event_for_successful_execution(prediction), self.domain)
        tracker.update_with_events(events or [], self.domain)

    def understand(self, text: str, context: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Rasa's parse data for a text: CPU work of some milliseconds."""
        message = UserMessage(text, metadata=dict(context or {}))
        return self._parse_message_with_graph(message, DialogueStateTracker("", []))

    async def nearest(self, text: str) -> str:
        """The topic that a text is nearest to, however unsure."""
        parse = await self._parse(text)
        return str((parse.get(UNDERSTANDING) or {}).get("intent") or "out_of_scope")

    async def _warn_once(self, tracker: DialogueStateTracker, output: TurnOutput, notes: Mapping[str, Any]) -> None:
        said = [event for event in tracker.events if isinstance(event, BotUttered)]
        if not any(event.metadata.get("utter_action") == SAID_ONCE for event in said):
            # The tracker has not seen the message yet.
            await self._say(SAID_ONCE, tracker, output, **{USELESS_WHEN: self._wording.useless_when(notes)})

    async def _say(self, name: str, tracker: DialogueStateTracker, output: TurnOutput, **values: Any) -> None:
        words = await self.nlg.generate(name, tracker, output.name(), **values) or {}
        event = create_bot_utterance({**words, "utter_action": name})
        tracker.update(event, self.domain)
        await output.send_response(tracker.sender_id, event.message())

    async def _understand(self, text: str, context: dict[str, Any]) -> list[dict[str, Any]]:
        parse = await self._parse(text, context)
        parts = parse.get(UNDERSTANDING, {}).get("parts") or ()
        if len(parts) < 2:
            return [parse]
        return [
            {
                **parse,
                "text": part["text"],
                "intent": {"name": part["intent"], "confidence": part["confidence"]},
            }
            for part in parts
        ]

    async def _parse(self, text: str, context: Mapping[str, Any] | None = None) -> dict[str, Any]:
        if len(text) <= SHORT:
            return self.understand(plain(text), context)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._understanding, self.understand, plain(text), context)

    def close(self) -> None:
        """End the understanding thread."""
        self._understanding.shutdown(wait=False, cancel_futures=True)


def plain(text: str) -> str:
    """The text as nothing but text: Rasa takes a leading slash for an intent that the writer chose himself.

    A bare command ("/request_resend", "/restart") asks nothing in a person's words: its name is not read as if it did.
    """
    text = text.strip()
    return "?" if BARE_COMMAND.fullmatch(text) else text.lstrip("/\\ \t\n") or "?"


def context_of(tracker: DialogueStateTracker, topics: frozenset[str]) -> dict[str, Any]:
    """What the last turn was about: the topic answered, the buttons offered, the question asked, whether the message
    before was not understood, and whether its answer began with whom to call.

    After "hold on" that is the turn before it.
    """
    said: list[BotUttered] = []
    for event in reversed(tracker.events):
        if isinstance(event, UserUttered):
            if not any(_notes(reply).get("waits") for reply in said):
                break
            said.clear()
        if isinstance(event, BotUttered):
            said.append(event)
    buttons: list[tuple[str, str]] = []
    asked, refused = None, False
    for event in reversed(said):
        buttons += [(button.title, button.command) for button in reply_from(event.message(), topics).buttons]
        asked = _notes(event).get("asks", asked)
        refused = refused or _notes(event).get("kind") == Kind.FALLBACK
    return {
        "topic": _last_topic(tracker, topics),
        "buttons": buttons,
        "prompt": asked,
        "refused": refused,
        "warned": _warned(tracker),
    }


def _warned(tracker: DialogueStateTracker) -> bool:
    """Whether the last answer had whom to call before it, which the tracker has before the message itself."""
    earlier = dropwhile(lambda event: not isinstance(event, UserUttered), reversed(tracker.events))
    said = next((event for event in earlier if isinstance(event, BotUttered)), None)
    return said is not None and said.metadata.get("utter_action") == DANGER


def _notes(said: BotUttered) -> dict[str, Any]:
    return said.metadata.get("metadata") or {}


def _last_topic(tracker: DialogueStateTracker, topics: frozenset[str]) -> str | None:
    for event in reversed(tracker.events):
        if isinstance(event, SessionStarted):
            break
        if isinstance(event, BotUttered):
            topic = reply_from(event.message(), topics).topic
            if topic:
                return topic
    return None


def _pressed(title: str, command: str | None) -> dict[str, Any]:
    intent, entities = parse_command(command or "")
    return {"text": title, "intent": {"name": intent, "confidence": 1.0}, "entities": entities}


def _understanding_of(parses: list[dict[str, Any]], *, pressed: bool) -> Understanding:
    first = parses[0]
    intent = first["intent"]["name"] or "out_of_scope"
    if pressed:
        return Understanding(intent, 1.0, Decision.ANSWER, (), (intent,))
    found = first.get(UNDERSTANDING) or {}
    decision = Decision(found.get("decision", Decision.ANSWER if intent != "out_of_scope" else Decision.FALLBACK))
    if decision is Decision.ASK:
        intent = found["intent"]
    elif decision is Decision.FALLBACK:
        intent = "out_of_scope"
    return Understanding(
        intent=intent,
        confidence=float(first["intent"]["confidence"] if len(parses) > 1 else found.get("confidence", 0.0)),
        decision=decision,
        candidates=tuple(found.get("candidates") or ()) if decision is Decision.ASK else (),
        intents=tuple(part["intent"]["name"] for part in parses) if len(parses) > 1 else (),
        embedded=bool(found.get("embedded")),
    )

