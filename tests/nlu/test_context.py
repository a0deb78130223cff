"""A reply is read in the light of what was just said."""

from __future__ import annotations

import pytest

from bot.nlu.examples import Example
from bot.nlu.situation import NONE, Situation, metadata_of, situation_of
from bot.nlu.understanding import Understanding


@pytest.mark.parametrize(
    ("topic", "text", "intent"),
    [
        ("ask_landline", "so what else can I use?", "ask_no_mobile"),
        ("ask_landline", "and by email?", "ask_no_mobile"),
        ("ask_landline", "then what", "ask_no_mobile"),
        ("ask_landline", "why?", "ask_landline"),
        ("ask_no_mobile", "and by email?", "ask_no_mobile"),
        ("ask_delivery_options", "why", "ask_delivery_options"),
        ("ask_delivery_options", "which is safer?", "ask_delivery_options"),
        ("ask_delivery_options", "is it free", "ask_text_charges"),
        ("ask_what_is", "why?", "ask_why_required"),
        ("ask_what_is", "what about email?", "ask_delivery_options"),
        ("update_phone", "no, my email not my phone", "update_email"),
        ("update_phone", "i meant my email", "update_email"),
        ("update_phone", "and my email?", "update_email"),
        ("update_email", "no my phone not my email", "update_phone"),
        ("update_email", "and my phone number?", "update_phone"),
        ("request_resend", "how long do I have?", "ask_code_expiry"),
        ("request_resend", "and by email?", "request_resend"),
        ("report_missing_code", "send it by email instead", "request_resend"),
        ("report_missing_code", "what now?", "ask_delivery_options"),
        ("report_missing_code", "how long is it good for", "ask_code_expiry"),
        ("report_missing_code", "any other way?", "ask_delivery_options"),
        ("report_no_access", "what was the number again?", "request_human"),
        ("request_human", "say the number again please", "request_human"),
        ("ask_password_needed", "what do you mean", "ask_password_needed"),
        ("update_phone", "how do i do that", "update_phone"),
        ("ask_landline", "same question", "ask_landline"),
        ("ask_landline", "what did you say?", "ask_landline"),
        ("report_missing_code", "already checked", "report_missing_code"),
        ("report_missing_code", "yes the number is right", "request_human"),
        ("report_missing_code", "nope, still nothing!", "report_missing_code"),
        ("request_resend", "I did that. Still no text", "report_missing_code"),
        ("report_code_rejected", "same thing again", "report_code_rejected"),
        ("report_no_access", "didn't work", "request_human"),
        ("update_phone", "I've tried that already", "request_human"),
        ("report_unrequested_code", "fine. where do I change the password?", "report_unrequested_code"),
        ("report_unrequested_code", "another one came just now", "report_unrequested_code"),
        ("report_unrequested_code", "so what do I do with the code now, delete it?", "report_unrequested_code"),
        ("report_unrequested_code", "who is doing this", "report_unrequested_code"),
        ("report_unrequested_code", "send me another one", "request_resend"),
        ("share_code", "he's my son though, I trust him", "share_code"),
        ("request_human", "nobody picks up", "request_human"),
        ("request_human", "i dont want to fill in anything", "request_human"),
        ("request_human", "ok the form then. where is it", "request_human"),
        ("request_human", "which reason again", "request_human"),
        ("update_phone", "how long is the code good for", "ask_code_expiry"),
        ("update_email", "and where do I change it then?", "update_email"),
        ("ask_no_mobile", "ok email. where do i put that in", "update_email"),
        ("report_no_access", "no i mean the password not the code", "report_no_access"),
        ("ask_code_expiry", "and if it's older than that?", "ask_code_expiry"),
        ("report_code_rejected", "why?", "report_code_rejected"),
        ("request_resend", "why not?", "request_human"),
        ("ask_delivery_options", "nope still nothing", "report_missing_code"),
        ("request_resend", "where do I start again?", "ask_where_enter"),
        ("report_code_rejected", "so do I start over?", "ask_where_enter"),
        ("report_unrequested_code", "so somebody has my password?", "report_unrequested_code"),
        ("report_unrequested_code", "do I have to change the username and password or not", "report_unrequested_code"),
        ("report_unrequested_code", "which one is it now, change it or not", "report_unrequested_code"),
        ("report_unrequested_code", "how do I change it", "report_unrequested_code"),
    ],
)
def test_a_follow_up_is_understood_from_the_last_topic(
    understanding: Understanding, topic: str, text: str, intent: str
) -> None:
    """What alone would be unclear is answered with the topic that a listener would take it for."""
    verdict = understanding.understand(text, metadata_of((topic,)))
    assert (verdict.decision, verdict.intent) == ("answer", intent)


@pytest.mark.parametrize("text", [
    "what number", "who do i call", "should i wait for the dr to answer in the portal", "what should we do", "how",
])
def test_after_the_word_of_911_it_stays_with_that(understanding: Understanding, text: str) -> None:
    """Nobody in danger hears the practice's number, or whether a code may be shared."""
    verdict = understanding.understand(text, {"topic": "report_emergency"})
    assert verdict.emergency


@pytest.mark.parametrize(("topic", "text"), [
    ("request_human", "i called and nobody answers and i dont see a point in living anymore"),
    ("update_phone", "i don't want to do this anymore, i want to die"),
    ("report_unrequested_code", "it happens every night and i took all my pills"),
    ("share_code", "but she is on the floor and won't wake up"),
    ("ask_why_required", "i have to end it tonight"),
])
def test_no_follow_up_hides_danger(understanding: Understanding, topic: str, text: str) -> None:
    """Whatever was the matter before."""
    assert understanding.understand(text, metadata_of((topic,))).emergency


def test_who_was_told_of_911_and_denies_it_is_believed(understanding: Understanding) -> None:
    """The classifier is not asked twice; the rules are."""
    told = {"topic": "report_emergency"}
    assert not understanding.understand("I am not in danger dear, why did you tell me to call 911", told).emergency
    assert understanding.understand("I'm not hurt but my husband is not breathing", told).emergency


@pytest.mark.parametrize("text", ["same question", "say that again", "huh?", "repeat that please"])
def test_where_nothing_was_said_nothing_is_said_again(understanding: Understanding, text: str) -> None:
    """It is no wish for another code, no yes and no new start."""
    for before in ({"topic": None}, {"topic": "out_of_scope"}, {"topic": "greet"}):
        assert understanding.understand(text, before).decision == "fallback"


@pytest.mark.parametrize(
    ("text", "intent"), [("yes", "affirm"), ("no", "deny"), ("yes please", "affirm"), ("no thanks", "deny")]
)
def test_a_bare_yes_or_no_stays_what_it_is(understanding: Understanding, text: str, intent: str) -> None:
    """The engine knows what was offered; the understanding does not guess it."""
    assert understanding.understand(text, {"topic": "report_missing_code", "prompt": "resend"}).intent == intent


def test_a_new_question_wins_over_the_last_topic(understanding: Understanding) -> None:
    """A full question is read by its own words."""
    verdict = understanding.understand("does it cost anything to receive the text message?", {"topic": "ask_landline"})
    assert verdict.intent == "ask_text_charges"


def test_danger_wins_over_the_conversation(understanding: Understanding) -> None:
    """No context hides an emergency."""
    assert understanding.understand("I can't breathe", {"topic": "ask_landline"}).emergency


@pytest.mark.parametrize(
    "metadata", [{}, {"topic": None}, {"topic": 7, "prompt": 7}, {"prompt": None, "refused": None}, {"topic": "zebra"}]
)
def test_odd_metadata_does_no_harm(understanding: Understanding, metadata: dict[str, object]) -> None:
    """What is missing or of another type counts as not said."""
    assert understanding.understand("can i use my house phone?", metadata).intent == "ask_landline"


@pytest.mark.parametrize("text", ["?", "...", "!!"])
def test_what_holds_no_word_is_a_miss(understanding: Understanding, text: str) -> None:
    """A second sign of not understanding leads on to a person, not to the same two topics again."""
    assert understanding.understand(text, {"refused": True}).decision == "fallback"


@pytest.mark.parametrize(("text", "intent"), [
    ("ugh. fine. whatever", "aside"), ("can i write to them in here", "file_contact"),
])
def test_some_things_are_only_said_in_reply(understanding: Understanding, text: str, intent: str) -> None:
    """A remark is none without anything to remark on."""
    assert understanding.understand(text, {"topic": "request_human"}).intent == intent
    assert understanding.understand(text).intent != intent


def test_every_situation_of_the_lines_is_one_that_the_engine_tells(examples: list[Example]) -> None:
    """What `after` says in data/ comes back from the metadata that stands for it."""
    situations = {example.situation for example in examples}
    assert NONE in situations and len(situations) > 20
    assert {situation_of(metadata_of(situation)) for situation in situations} == situations


@pytest.mark.parametrize(("metadata", "situation"), [
    (None, NONE),
    ({"topic": "ask_landline"}, ("ask_landline",)),
    ({"topic": "update_phone", "prompt": "can_sign_in"}, ("update_phone", "can_sign_in")),
    ({"topic": "ask_landline", "refused": True}, ("ask_landline", "out_of_scope")),
    ({"topic": "ask_landline", "prompt": "contact", "refused": True}, ("ask_landline", "out_of_scope")),
    ({"topic": "request_human", "prompt": "contact_name"}, NONE),
    ({"topic": "ask_landline", "prompt": "between"}, NONE),
])
def test_what_makes_a_situation(metadata: dict[str, object] | None, situation: Situation) -> None:
    """The topic, what was asked, and whether nothing was understood; not where a name is awaited, or a choice."""
    assert situation_of(metadata) == situation
