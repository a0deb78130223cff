"""Groups of intents that the understanding treats alike. The names themselves are the data's and the domain's."""

from __future__ import annotations

OUT_OF_SCOPE = "out_of_scope"
EMERGENCY = "report_emergency"
CHOOSE = "choose_between"
SMALL_TALK = frozenset({"greet", "thank", "goodbye", "affirm", "deny", "start_over"})
NOT_TOPICS = SMALL_TALK | {OUT_OF_SCOPE, EMERGENCY}


def is_topic(intent: str) -> bool:
    """Whether an intent is a question that has an answer of its own (facts.md's topics)."""
    return intent not in NOT_TOPICS
