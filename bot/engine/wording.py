"""Chooses among the words of domain.yml: by channel, and other words when the same thing is said again."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from copy import deepcopy
from typing import Any

from rasa.core.nlg.generator import ResponseVariationFilter
from rasa.core.nlg.response import TemplatedNaturalLanguageGenerator
from rasa.shared.core.events import BotUttered, SessionStarted
from rasa.shared.core.trackers import DialogueStateTracker


class Wording(TemplatedNaturalLanguageGenerator):
    """Fills `{phone}`, `{contact_page}` and the organization's other values, and never picks at random.

    `without` are button commands that lead nowhere in this installation; their buttons are left out.
    Variations of a response are used in their order: the first the first time, the next when the patient asks again.
    """

    def __init__(
        self,
        responses: dict[str, list[dict[str, Any]]],
        organization: Mapping[str, str],
        without: Collection[str] = (),
    ) -> None:
        super().__init__(responses)
        self._organization = dict(organization)
        self._without = frozenset(without)

    async def generate(
        self, utter_action: str, tracker: DialogueStateTracker, output_channel: str, **kwargs: Any
    ) -> dict[str, Any] | None:
        """The words for a response; None where domain.yml has none for this channel."""
        return self.words(utter_action, output_channel, _times_said(utter_action, tracker), tracker, **kwargs)

    def words(
        self,
        utter_action: str,
        output_channel: str,
        times_said: int = 0,
        tracker: DialogueStateTracker | None = None,
        **kwargs: Any,
    ) -> dict[str, Any] | None:
        """The same without a conversation, for the greeting and the failure answer."""
        slots = tracker.current_slot_values() if tracker else {}
        variations = ResponseVariationFilter(self.responses).responses_for_utter_action(
            utter_action, output_channel, slots
        )
        if not variations:
            return None
        chosen = deepcopy(variations[times_said % len(variations)])
        chosen["buttons"] = [b for b in chosen.get("buttons") or () if b["payload"] not in self._without]
        return self._fill_response(chosen, {**slots, **self._organization}, **kwargs)


def _times_said(utter_action: str, tracker: DialogueStateTracker) -> int:
    count = 0
    for event in reversed(tracker.events):
        if isinstance(event, SessionStarted):
            break
        if isinstance(event, BotUttered) and event.metadata.get("utter_action") == utter_action:
            count += 1
    return count
