"""Answer, ask, or fall back."""

from __future__ import annotations

import json
from pathlib import Path

from bot.nlu.decision import Calibration, decide
from bot.nlu.splitting import Cut

C = Calibration(answer=0.6, pair=0.5, second=0.1, emergency=0.7)


def spread(**given: float) -> dict[str, float]:
    names = ("ask_landline", "ask_no_mobile", "update_email", "greet", "affirm", "out_of_scope", "report_emergency")
    rest = (1 - sum(given.values())) / (len(names) - len(given))
    return {name: given.get(name, rest) for name in names}


def test_a_sure_topic_is_answered() -> None:
    """The best topic above the threshold is the answer and Rasa's intent."""
    verdict = decide(spread(ask_landline=0.9), C)
    assert (verdict.decision, verdict.intent, verdict.rasa_intent) == ("answer", "ask_landline", "ask_landline")


def test_two_near_topics_are_asked_between() -> None:
    """In doubt between two, both are candidates, the likelier first."""
    verdict = decide(spread(ask_landline=0.5, ask_no_mobile=0.35), C)
    assert (verdict.decision, verdict.candidates) == ("ask", ("ask_landline", "ask_no_mobile"))
    assert verdict.rasa_intent == "choose_between"


def test_out_of_scope_falls_back_with_the_two_nearest_topics() -> None:
    """Small talk and the like are never offered as a topic."""
    verdict = decide(spread(out_of_scope=0.8, greet=0.1, update_email=0.04, ask_landline=0.03), C)
    assert (verdict.decision, verdict.rasa_intent) == ("fallback", "out_of_scope")
    assert verdict.candidates == ("update_email", "ask_landline")


def test_what_may_be_an_emergency_is_answered_and_marked() -> None:
    """Between the two thresholds the question gets its answer, and the mark that calls for the number to call."""
    for share, decision, intent, danger in (
        (0.01, "answer", "ask_landline", False),
        (0.2, "answer", "ask_landline", True),
        (0.75, "answer", "report_emergency", False),
    ):
        verdict = decide(spread(ask_landline=0.99 - share, report_emergency=share), C)
        assert (verdict.decision, verdict.danger) == (decision, danger), share
        assert verdict.intent == intent, share


def test_who_was_told_whom_to_call_is_believed_or_told_again() -> None:
    """Who denies that there is an emergency is answered; who is not understood hears the numbers once more."""
    sure = spread(ask_landline=0.3, report_emergency=0.69)
    assert not decide(sure, C, calm=True).emergency and decide(sure, C, calm=True).danger
    believed = decide(sure, C, calm=True, told=True)
    assert (believed.intent, believed.danger) == ("ask_landline", False)
    assert decide(sure, C, calm=True, warned=True) == believed
    assert decide(sure, C, calm=True, told=True, emergency=True).emergency
    unclear = spread(out_of_scope=0.9)
    assert decide(unclear, C, told=True).danger and not decide(unclear, C, told=True, calm=True).danger
    assert not decide(unclear, C, warned=True).danger and not decide(spread(ask_landline=0.97), C, told=True).danger


def test_the_encoder_alone_calls_nothing_an_emergency() -> None:
    """What the characters see no sign of gets another answer, and the mark."""
    verdict = decide(spread(report_emergency=0.95), C, alarm=0.1)
    assert (verdict.rasa_intent, verdict.emergency, verdict.danger) == ("out_of_scope", False, True)
    assert decide(spread(report_emergency=0.95), C, alarm=0.3).emergency


def test_a_clause_that_sounds_like_an_emergency_is_answered_with_whom_to_call_first() -> None:
    """The rest of the message is a question, which gets its answer all the same."""
    verdict = decide(spread(ask_landline=0.97), C, aside=0.95)
    assert verdict.danger and not verdict.emergency and verdict.intent == "ask_landline"
    assert not decide(spread(ask_landline=0.97), C, aside=0.8).danger


CUT = Cut("how do I change my email?", "And does my landline work for the code?")


def test_two_sure_questions_are_both_kept_in_order() -> None:
    """Each half of the message goes with its own topic."""
    halves = [spread(update_email=0.9), spread(ask_landline=0.95)]
    verdict = decide(spread(ask_landline=0.5), C, cut=CUT, halves=halves)
    assert [(part.text, part.intent) for part in verdict.parts] == [
        (CUT.first, "update_email"),
        (CUT.second, "ask_landline"),
    ]
    assert verdict.intent == "update_email"


def test_halves_of_one_topic_are_one_question() -> None:
    """Saying a thing twice asks it once."""
    halves = [spread(ask_landline=0.9), spread(ask_landline=0.95)]
    assert decide(spread(ask_landline=0.9), C, cut=CUT, halves=halves).parts == ()


def test_an_unsure_half_does_not_count() -> None:
    """One sure half and a doubtful one are one question."""
    halves = [spread(update_email=0.3), spread(ask_landline=0.4)]
    assert decide(spread(update_email=0.9), C, cut=CUT, halves=halves).parts == ()


def test_small_talk_before_a_question_is_no_question() -> None:
    """A half that is no topic cannot be answered by itself."""
    halves = [spread(greet=0.95), spread(ask_landline=0.95)]
    verdict = decide(spread(ask_landline=0.9), C, cut=Cut("good morning!", CUT.second), halves=halves)
    assert (verdict.intent, verdict.parts) == ("ask_landline", ())


def test_an_emergency_has_confidence_one_whoever_saw_it() -> None:
    """Rules or classifier: nothing else counts then."""
    for verdict in (decide(spread(ask_landline=0.99), C, emergency=True), decide(spread(report_emergency=0.8), C)):
        assert (verdict.rasa_intent, verdict.confidence, verdict.emergency) == ("report_emergency", 1.0, True)


def test_a_verdict_is_plain_json() -> None:
    """What Rasa passes on can be written down."""
    halves = [spread(update_email=0.9), spread(ask_landline=0.95)]
    value = json.loads(json.dumps(decide(spread(ask_landline=0.5), C, cut=CUT, halves=halves).as_dict()))
    assert [part["intent"] for part in value["parts"]] == ["update_email", "ask_landline"]
    assert set(value) == {"decision", "intent", "confidence", "candidates", "parts", "embedded", "emergency", "danger"}


def test_calibration_is_read_from_json(tmp_path: Path) -> None:
    """Notes beside the values are passed over."""
    path = tmp_path / "calibration.json"
    path.write_text(json.dumps(C.as_dict() | {"chosen_on": {"lines": 5}}), encoding="utf-8")
    assert Calibration.read(path) == C
