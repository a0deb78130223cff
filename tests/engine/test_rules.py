"""The rules that fit are found as Rasa's own RulePolicy finds them."""

from __future__ import annotations

import json
import random

from rasa.core.policies.rule_policy import RULES, RULES_FOR_LOOP_UNHAPPY_PATH, RulePolicy

from bot.engine import rules
from tests.engine.stock import stock_possible_keys


def test_the_same_rules_fit(engine):
    """For the states of every rule, whole, cut, longer, shuffled and with words instead of an intent."""
    nodes = engine._processor.graph_runner._nodes.values()
    [policy] = [node._component for node in nodes if isinstance(node._component, RulePolicy)]
    chance, compared, fitting = random.Random(9), 0, 0
    for lookup in (policy.lookup[RULES], policy.lookup[RULES_FOR_LOOP_UNHAPPY_PATH]):
        sequences = [json.loads(key) for key in policy.lookup[RULES]]
        for states in sequences:
            other = chance.choice(sequences)
            words = [*states[:-1], {**states[-1], "user": {"text": f"words {compared}"}}]
            for conversation in ([], states, states[1:], other + states, [{}, *states], states[::-1], words):
                ours = rules._possible_keys(policy, lookup, conversation)
                assert ours == stock_possible_keys(policy, lookup, conversation)
                assert ours == rules._possible_keys(policy, lookup, conversation)  # remembered now
                if conversation:
                    reached = conversation[-rules._reach(policy, conversation[-1]) :]
                    assert ours == rules._possible_keys(policy, lookup, reached)
                compared += 1
                fitting += bool(ours)
    assert compared > 500 and fitting > 100
