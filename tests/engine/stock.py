"""Rasa 3.6.21's own parts beside ours, at every step of whatever conversation a test holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from rasa.core.policies.policy import Policy
from rasa.core.policies.rule_policy import RULES, RULES_FOR_LOOP_UNHAPPY_PATH, RulePolicy
from rasa.shared.core.trackers import DialogueStateTracker

from bot.engine import rules
from bot.engine.tracker_store import StoredTracker


def stock_possible_keys(policy: Any, lookup: Any, states: Any) -> set[str]:
    """Rasa's `_get_possible_keys`, to the letter."""
    possible_keys = set(lookup.keys())
    for i, state in enumerate(reversed(states)):
        possible_keys = set(filter(lambda _key: policy._is_rule_applicable(_key, i, state), possible_keys))
    return possible_keys


@pytest.fixture(autouse=True)
def every_step_as_stock_rasa(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fails a test in which a prediction had other rules to go by, or a tracker another copy, than with stock Rasa."""
    rules.use_remembered_rules()
    differences: list[Any] = []
    states, copy = RulePolicy._prediction_states, StoredTracker.copy
    find = RulePolicy._find_action_from_rules

    def find_twice(self: Any, *which: Any, **options: Any) -> Any:
        """The action is the same, and for the same rule where there is one."""
        ours, theirs = find(self, *which, **options), rules._find_action(self, *which, **options)
        if (ours[0], ours[2]) != (theirs[0], theirs[2]) or (ours[0] and ours[1] != theirs[1]):
            differences.append((ours, theirs))
        return ours

    def states_twice(self: Any, tracker: Any, *rest: Any, **options: Any) -> Any:
        """The last states are the same, and there are enough of them: the same rules fit."""
        ours = states(self, tracker, *rest, **options)
        theirs = Policy._prediction_states(self, tracker, *rest, **options)
        if ours != theirs[-len(ours) :]:
            differences.append((ours, theirs))
        for lookup in (self.lookup[RULES], self.lookup[RULES_FOR_LOOP_UNHAPPY_PATH]):
            fitting = self._get_possible_keys(lookup, ours), stock_possible_keys(self, lookup, theirs)
            if fitting[0] != fitting[1]:
                differences.append(fitting)
        return ours

    def copy_twice(self: Any) -> Any:
        ours, theirs = copy(self), DialogueStateTracker.copy(self)
        known, expected = dict(vars(ours)), dict(vars(theirs))
        slots = [{name: vars(slot) for name, slot in each.pop("slots").items()} for each in (known, expected)]
        if type(ours) is not type(theirs) or known != expected or slots[0] != slots[1]:
            differences.append((known, expected))
        return ours

    monkeypatch.setattr(RulePolicy, "_find_action_from_rules", find_twice)
    monkeypatch.setattr(RulePolicy, "_prediction_states", states_twice)
    monkeypatch.setattr(StoredTracker, "copy", copy_twice)
    yield
    assert not differences
