"""Lets Rasa's RulePolicy look at no more of a conversation than its rules can tell apart.

RulePolicy replays a conversation for each prediction, twice, and tries each rule against each of its states. But a rule
reaches back only so many states as it has, a few; the states of a turn were made one by one as the turn went on; and
which rules fit the newest state depends on that state alone, of which there are few different ones. So: states are kept
on the tracker as they come, only those that a fitting rule reaches are handed to RulePolicy, and fitting rules are
remembered. Where none fits a message's very words, RulePolicy is not asked for one. The rest of the prediction is
Rasa's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rasa.core.policies.rule_policy import RULES, RULES_FOR_LOOP_UNHAPPY_PATH, RulePolicy
from rasa.shared.core.constants import ACTION_LISTEN_NAME, USER
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import ActionExecuted, DefinePrevUserUtteredFeaturization, Event
from rasa.shared.core.trackers import DialogueStateTracker

from bot.engine.tracker_store import BEGINNING, StoredTracker, takes_back

REMEMBERED = 2000  # different newest states; beyond that it begins anew

State = dict[str, Any]

_all_states = RulePolicy._prediction_states
_find_action = RulePolicy._find_action_from_rules


def _states_that_count(
    self: RulePolicy,
    tracker: DialogueStateTracker,
    domain: Domain,
    use_text_for_last_user_input: bool = False,
    rule_only_data: dict[str, Any] | None = None,
) -> list[State]:
    events = list(tracker.events)
    if not isinstance(tracker, StoredTracker) or takes_back(events):
        return _all_states(self, tracker, domain, use_text_for_last_user_input, rule_only_data)
    known = tracker.states
    states = [_own(_newest(tracker, domain))]
    self.featurizer._choose_last_user_input([states], use_text_for_last_user_input)
    for place in _actions_before(events, _reach(self, states[0]) - 1):
        if place not in known:
            return _all_states(self, tracker, domain, use_text_for_last_user_input, rule_only_data)
        states.insert(0, _own(known[place]))
    self.featurizer._choose_last_user_input([states], use_text_for_last_user_input)
    return states


def _actions_before(events: Sequence[Event], count: int) -> list[int]:
    """Where the last so many actions of the session were predicted, the newest first."""
    places: list[int] = []
    for place in range(len(events) - 1, -1, -1):
        if len(places) >= count or type(events[place]) in BEGINNING:
            break
        if type(events[place]) is ActionExecuted:
            noted = place > 0 and type(events[place - 1]) is DefinePrevUserUtteredFeaturization
            places.append(place - 1 if noted else place)  # Rasa notes the prediction's kind before its action
    return places


def _own(state: State) -> State:
    return {**state, USER: dict(state[USER])} if USER in state else dict(state)


def _reach(self: RulePolicy, newest: State) -> int:
    """How many states the longest rule has that fits the newest state."""
    return max(
        (
            len(self._rule_key_to_state(key))
            for lookup in (self.lookup[RULES], self.lookup[RULES_FOR_LOOP_UNHAPPY_PATH])
            for key in _fitting_newest(self, lookup, newest)
        ),
        default=1,
    )


def _possible_keys(self: RulePolicy, lookup: dict[str, str], states: list[State]) -> set[str]:
    if not states:
        return set(lookup)
    possible = set(_fitting_newest(self, lookup, states[-1]))
    longest = max((len(self._rule_key_to_state(key)) for key in possible), default=0)
    for index, state in enumerate(reversed(states[-longest:] if longest else [])):
        if index:  # beyond its own length a rule always fits
            possible = {key for key in possible if self._is_rule_applicable(key, index, state)}
    return possible


def _fitting_newest(self: RulePolicy, lookup: dict[str, str], state: State) -> frozenset[str]:
    remembered: dict[Any, Any] = self.__dict__.setdefault("_twostep_fitting", {})
    user = state.get(USER) or {}
    if "text" in user:
        by_text = remembered.get(("by text", id(lookup)))
        if by_text is None:
            by_text = remembered["by text", id(lookup)] = any('"text":' in key for key in lookup)
        if not by_text:  # no rule looks at the words, so they are no part of the question
            state = {**state, USER: {**user, "text": "words"}}
    question = (id(lookup), repr(state))
    fitting: frozenset[str] | None = remembered.get(question)
    if fitting is None:
        if len(remembered) > REMEMBERED:
            remembered.clear()
        fitting = frozenset(key for key in lookup if self._is_rule_applicable(key, 0, state))
        remembered[question] = fitting
    return fitting


def _find_action_by_words(
    self: RulePolicy, tracker: DialogueStateTracker, domain: Domain, use_text_for_last_user_input: bool
) -> tuple[str | None, str | None, bool]:
    """RulePolicy asks twice after each message: which rule names its very words, then which names its intent."""
    by_words = use_text_for_last_user_input and tracker.latest_action_name == ACTION_LISTEN_NAME
    if by_words and not tracker.active_loop_name and _known_to_no_rule(self, tracker, domain):
        return None, None, False
    return _find_action(self, tracker, domain, use_text_for_last_user_input)


def _known_to_no_rule(self: RulePolicy, tracker: DialogueStateTracker, domain: Domain) -> bool:
    if not isinstance(tracker, StoredTracker) or takes_back(tracker.events):
        return False
    states = [_own(_newest(tracker, domain))]
    self.featurizer._choose_last_user_input([states], True)
    return not _fitting_newest(self, self.lookup[RULES], states[0])


def _newest(tracker: StoredTracker, domain: Domain) -> State:
    count = len(tracker.events)
    if count not in tracker.states:
        tracker.states[count] = domain.get_active_state(tracker)
    return tracker.states[count]


def use_remembered_rules() -> None:
    """Let every RulePolicy find its rules this way."""
    RulePolicy._find_action_from_rules = _find_action_by_words  # type: ignore[method-assign]
    RulePolicy._prediction_states = _states_that_count  # type: ignore[method-assign,assignment]
    RulePolicy._get_possible_keys = _possible_keys  # type: ignore[method-assign]
