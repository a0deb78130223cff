"""Finds the rules that fit a conversation without trying all of them for every prediction.

Rasa's RulePolicy tries each rule against each state. Which rules fit the newest state depends on that state alone, and
there are few different ones: that first and longest step is remembered. What is left is tried as Rasa tries it.
"""

from __future__ import annotations

from typing import Any

from rasa.core.policies.rule_policy import RulePolicy

REMEMBERED = 2000  # different newest states; beyond that it begins anew


def _possible_keys(self: RulePolicy, lookup: dict[str, str], states: list[dict[str, Any]]) -> set[str]:
    if not states:
        return set(lookup)
    possible = _fitting_newest(self, lookup, states[-1])
    longest = max((len(self._rule_key_to_state(key)) for key in possible), default=0)
    for index, state in enumerate(reversed(states[-longest:] if longest else [])):
        if index:  # beyond its own length a rule always fits
            possible = {key for key in possible if self._is_rule_applicable(key, index, state)}
    return set(possible)


def _fitting_newest(self: RulePolicy, lookup: dict[str, str], state: dict[str, Any]) -> set[str]:
    remembered: dict[Any, Any] = self.__dict__.setdefault("_twostep_fitting", {})
    user = state.get("user") or {}
    if "text" in user:
        by_text = remembered.get(("by text", id(lookup)))
        if by_text is None:
            by_text = remembered["by text", id(lookup)] = any('"text":' in key for key in lookup)
        if not by_text:  # no rule looks at the words, so they are no part of the question
            state = {**state, "user": {**user, "text": "words"}}
    question = (id(lookup), repr(state))
    fitting = remembered.get(question)
    if fitting is None:
        if len(remembered) > REMEMBERED:
            remembered.clear()
        fitting = {key for key in lookup if self._is_rule_applicable(key, 0, state)}
        remembered[question] = fitting
    return set(fitting)


def use_remembered_rules() -> None:
    """Let every RulePolicy find its rules this way."""
    RulePolicy._get_possible_keys = _possible_keys  # type: ignore[method-assign]
