"""Groups of intents that the understanding treats alike. The names themselves are the data's and the domain's."""

from __future__ import annotations

OUT_OF_SCOPE = "out_of_scope"
EMERGENCY = "report_emergency"
CHOOSE = "choose_between"
SMALL_TALK = frozenset({"greet", "thank", "goodbye", "affirm", "deny", "start_over"})
REPLIES = frozenset({"aside", "file_contact"})
"""What is only said in reply: a remark that asks nothing, and that the message to the practice be written here."""
NOT_TOPICS = SMALL_TALK | REPLIES | {OUT_OF_SCOPE, EMERGENCY}


def is_topic(intent: str) -> bool:
    """Whether an intent is a question that has an answer of its own (facts.md's topics)."""
    return intent not in NOT_TOPICS
