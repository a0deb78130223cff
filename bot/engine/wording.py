"""Chooses among the words of domain.yml: by channel, and other words when the same thing is said again."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from rasa.core.nlg.generator import ResponseVariationFilter
from rasa.core.nlg.response import TemplatedNaturalLanguageGenerator
from rasa.shared.core.events import BotUttered, SessionStarted
from rasa.shared.core.trackers import DialogueStateTracker

TIMES = "times"  # in a said response's metadata: how often it had been said before
YES_NO = ("/affirm", "/deny")
USELESS_WHEN = "useless_when"
CODE_MAY_LIVE = "code_may_live"  # see `bot.engine.model.Engine.answer`
_PLACE = re.compile(r"\{(\w+)\}")


class Wording(TemplatedNaturalLanguageGenerator):
    """Fills `{phone}`, `{contact_page}` and the organization's other values, and never picks at random.

    A yes or no button carries what it `asks`: pressed much later, it still answers that and nothing else.
    A value that nobody gave is a KeyError, not a gap in a sentence (Rasa's own interpolation logs all slots then).
    `without` are button commands that lead nowhere in this installation; their buttons are left out.
    `typed_codes_die`: a code typed into the chat is reported, and dies where it was live. Nothing else claims that; nor
    is it claimed in a turn whose report failed (`CODE_MAY_LIVE` among the notes on the message).
    Variations of a response are used in their order: the first the first time, the next when the patient asks again.
    """

    def __init__(
        self,
        responses: dict[str, list[dict[str, Any]]],
        organization: Mapping[str, str],
        without: Collection[str] = (),
        *,
        typed_codes_die: bool = False,
    ) -> None:
        super().__init__(responses)
        self._organization = dict(organization)
        self._without = frozenset(without)
        self._typed_codes_die = typed_codes_die

    async def generate(
        self, utter_action: str, tracker: DialogueStateTracker, output_channel: str, **kwargs: Any
    ) -> dict[str, Any] | None:
        """The words for a response; None where domain.yml has none for this channel."""
        times = _times_said(utter_action, tracker)
        message = tracker.latest_message
        fate = self.useless_when(message.metadata if message else {})
        found = self.words(utter_action, output_channel, times, tracker, **{USELESS_WHEN: fate, **kwargs})
        return {**found, "metadata": {**(found.get("metadata") or {}), TIMES: times}} if found else None

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
        chosen = dict(variations[times_said % len(variations)])
        asks = (chosen.get("metadata") or {}).get("asks")
        chosen["buttons"] = [
            {**button, "payload": f'{button["payload"]}{{"asks": "{asks}"}}'} if asks and button["payload"] in YES_NO
            else button
            for button in chosen.get("buttons") or () if button["payload"] not in self._without
        ]
        values = {USELESS_WHEN: self.useless_when({}), **slots, **self._organization, **kwargs}
        if chosen.get("text"):
            chosen["text"] = _PLACE.sub(lambda place: str(values[place[1]]), chosen["text"])
        return chosen

    def useless_when(self, notes: Mapping[str, Any]) -> str:
        """When a typed code is useless, as far as that is known.

        Args:
            notes: on the message that is answered.
        """
        [fates] = self.responses["utter_useless_when"]
        reported = self._typed_codes_die and not notes.get(CODE_MAY_LIVE)
        return str(fates["custom"]["reported" if reported else "unreported"])


def _times_said(utter_action: str, tracker: DialogueStateTracker) -> int:
    """How often it was said before, by what was noted when it was said last: the tracker holds the last turns alone.

    To count in them would give the same words again and again in a long conversation.
    """
    for event in reversed(tracker.events):
        if isinstance(event, SessionStarted):
            break
        if isinstance(event, BotUttered) and event.metadata.get("utter_action") == utter_action:
            return int((event.metadata.get("metadata") or {}).get(TIMES, 0)) + 1
    return 0
