"""Every rule of an episode's outcome, every tie between two rules, and where episodes begin and end."""

from __future__ import annotations

import pytest

from bot.events import ContactRequestFiled, ConversationEnded, Event, ResendRedeemed
from bot.insights.model import EPISODE_GAP, SIGN_IN_WINDOW, Outcome, Reason, Why, episodes
from tests.insights.say import MINUTE, broken, fallback, talk, thumb, turn

FILED = ContactRequestFiled("c", "ABC-DEF", "Patient Portal", 9 * MINUTE)
RESEND = ResendRedeemed("c", "challenge", 1 * MINUTE, "accepted")
PROMPT = {"kind": "prompt"}
HUMAN = {"intent": "request_human", "contact_shown": True}
UPDATE = {"intent": "update_phone", "contact_shown": True}


def at(minute: int) -> int:
    return minute * MINUTE


RULES: list[tuple[str, list[Event], str | None, str]] = [
    ("only a greeting has no outcome", [talk(2, 0, "greet")], None, ""),
    (
        "greeting, thanks and goodbye have none",
        [talk(2, 0, "greet"), talk(4, 1, "thank"), talk(6, 2, "goodbye")], None, "",
    ),
    ("a request filed without a question has none", [talk(2, 0, "greet"), FILED], None, ""),
    ("an answer is assumed to resolve", [turn(2, 0)], "assumed_resolved", ""),
    ("thanks after an answer change nothing", [turn(2, 0), talk(4, at(1), "thank")], "assumed_resolved", ""),
    ("an answer after a greeting counts", [talk(2, 0, "greet"), turn(4, at(1))], "assumed_resolved", ""),
    ("one fallback and silence is unanswered", [fallback(2, 0)], "unanswered", ""),
    ("a fallback that shows the contact route at once is unanswered", [fallback(2, 0, contact_shown=True)],
     "unanswered", ""),
    ("a fallback last is unanswered in spite of an earlier answer", [turn(2, 0), fallback(4, at(1))], "unanswered", ""),
    ("thanks after a fallback do not answer it", [fallback(2, 0), talk(4, at(1), "thank")], "unanswered", ""),
    ("a bare no after a fallback does not answer it", [fallback(2, 0), talk(4, at(1), "deny")], "unanswered", ""),
    ("an answer after a fallback is a resolution", [fallback(2, 0), turn(4, at(1))], "assumed_resolved", ""),
    ("a question back without a reply is abandoned", [turn(2, 0, decision="ask", **PROMPT)], "abandoned", ""),
    ("an answer that ends in a question without a reply is abandoned", [turn(2, 0, **PROMPT)], "abandoned", ""),
    ("a question back that got a reply is not abandoned", [turn(2, 0, decision="ask", **PROMPT), turn(4, at(1))],
     "assumed_resolved", ""),
    ("a question back that got only thanks answered nothing",
     [turn(2, 0, decision="ask", **PROMPT), talk(4, at(1), "thank")], "unanswered", ""),
    ("a thumb up confirms", [turn(2, 0), thumb(3, at(1), True)], "confirmed_resolved", ""),
    ("a thumb up that was taken back does not", [turn(2, 0), thumb(3, at(1), True), thumb(3, at(2), False)],
     "assumed_resolved", ""),
    ("a thumb that was turned up confirms", [turn(2, 0), thumb(3, at(1), False), thumb(3, at(2), True)],
     "confirmed_resolved", ""),
    ("a thumb on the greeting judges no answer", [turn(2, 0), thumb(1, at(1), True)], "assumed_resolved", ""),
    ("a thumb down alone changes nothing", [turn(2, 0), thumb(3, at(1), False)], "assumed_resolved", ""),
    ("a thumb up beats an open question", [turn(2, 0, **PROMPT), thumb(3, at(1), True)], "confirmed_resolved", ""),
    ("a fallback last beats a thumb up", [turn(2, 0), thumb(3, at(1), True), fallback(4, at(2))], "unanswered", ""),
    ("a sent code alone resolves nothing more than its answer", [turn(2, 0), RESEND], "assumed_resolved", ""),
    ("asking for a person is referred", [turn(2, 0, **HUMAN)], "referred", ""),
    ("no access is referred", [turn(2, 0, "report_no_access", contact_shown=True)], "referred", ""),
    ("an update without a sign-in is referred", [turn(2, 0, **UPDATE), talk(4, at(1), "deny", contact_shown=True)],
     "referred", ""),
    ("an update without another word is referred", [turn(2, 0, **UPDATE)], "referred", ""),
    ("an update with a sign-in is answered", [turn(2, 0, **UPDATE), talk(4, at(1), "affirm")], "assumed_resolved", ""),
    ("a yes much later does not take a referral back",
     [turn(2, 0, **UPDATE), turn(4, at(1)), talk(6, at(2), "affirm")], "referred", ""),
    ("an update's yes does not take an earlier referral back",
     [turn(2, 0, **HUMAN), turn(4, at(1), **UPDATE), talk(6, at(2), "affirm")], "referred", ""),
    ("another topic that shows the contact route is no referral", [turn(2, 0, contact_shown=True)],
     "assumed_resolved", ""),
    ("a referral stays one when another topic follows", [turn(2, 0, **HUMAN), turn(4, at(1))], "referred", ""),
    ("a confirmation after a referral counts instead", [turn(2, 0, **HUMAN), thumb(3, at(1), True)],
     "confirmed_resolved", ""),
    ("a confirmation before a referral does not",
     [turn(2, 0), thumb(3, at(1), True), turn(4, at(2), **HUMAN)], "referred", ""),
    ("a referral beats a fallback last", [turn(2, 0, **HUMAN), fallback(4, at(1))], "referred", ""),
    ("a referral beats having been sent to the form",
     [fallback(2, 0), fallback(4, at(1), contact_shown=True), turn(6, at(2), **HUMAN)], "referred", ""),
    ("the contact route after failed answers is sent to the form",
     [fallback(2, 0), fallback(4, at(1), contact_shown=True)], "routed_to_form", "not_understood"),
    ("yes to the offer of a person after a fallback is sent to the form",
     [fallback(2, 0), talk(4, at(1), "affirm", contact_shown=True)], "routed_to_form", "not_understood"),
    ("the contact route after a failed action is sent to the form",
     [turn(2, 0, "request_resend", kind="error", failed_action=True, contact_shown=True)], "routed_to_form",
     "action_failed"),
    ("the contact route after a thumb down is sent to the form",
     [turn(2, 0), thumb(3, at(1), False), talk(4, at(2), "deny", contact_shown=True)], "routed_to_form", "not_helpful"),
    ("the contact route without a failure is not",
     [turn(2, 0), talk(4, at(1), "deny", contact_shown=True)], "assumed_resolved", ""),
    ("an answered topic after the form was shown is better",
     [fallback(2, 0), fallback(4, at(1), contact_shown=True), turn(6, at(2))], "assumed_resolved", ""),
    ("a confirmation after the form was shown is better",
     [turn(2, 0), fallback(4, at(1)), talk(6, at(2), "affirm", contact_shown=True), thumb(3, at(3), True)],
     "unanswered", ""),
    ("sent to the form beats a failure message",
     [fallback(2, 0), fallback(4, at(1), contact_shown=True), broken(6, at(2))], "routed_to_form", "not_understood"),
    ("a failure message last is an error", [turn(2, 0), broken(4, at(1))], "error", ""),
    ("a failure message alone is an error", [broken(2, 0)], "error", ""),
    ("a failed action without the contact route is an error", [turn(2, 0, failed_action=True)], "error", ""),
    ("an error beats a fallback last", [broken(2, 0), fallback(4, at(1))], "error", ""),
    ("an answer after a failure message is better", [broken(2, 0), turn(4, at(1))], "assumed_resolved", ""),
    ("a confirmation after a failure message is better", [turn(2, 0), broken(4, at(1)), thumb(3, at(2), True)],
     "confirmed_resolved", ""),
    ("an error beats an earlier confirmation", [turn(2, 0), thumb(3, at(1), True), broken(4, at(2))], "error", ""),
    ("the contact route after a failure message and a miss is sent to the form",
     [broken(2, 0), fallback(4, at(1), contact_shown=True)], "routed_to_form", "error"),
    ("a filed request beats everything",
     [turn(2, 0, **HUMAN), broken(4, at(1)), fallback(6, at(2)), thumb(3, at(3), True), FILED], "form_submitted",
     "asked"),
    ("a request filed after an answer was asked for", [turn(2, 0), FILED], "form_submitted", "asked"),
    ("a request filed after failures names them", [fallback(2, 0), FILED], "form_submitted", "not_understood"),
    ("a request filed after a failed action names it",
     [turn(2, 0, failed_action=True, contact_shown=True), FILED], "form_submitted", "action_failed"),
    ("what fails after a request was filed does not change its reason",
     [turn(2, 0), FILED, fallback(12, at(10)), fallback(14, at(11), contact_shown=True)], "form_submitted", "asked"),
    ("entries in the contact form are no questions and no misses",
     [turn(2, 0), talk(4, at(1), "file_contact", kind="prompt"), fallback(6, at(2), kind="prompt"),
      fallback(8, at(3), kind="answer")], "assumed_resolved", ""),
    ("a contact form that was left is abandoned",
     [turn(2, 0), talk(4, at(1), "file_contact", kind="prompt")], "abandoned", ""),
    ("two topics in one message count as an answer",
     [turn(2, 0, "ask_landline", topics=("ask_landline", "ask_text_charges"))], "assumed_resolved", ""),
    ("a greeting with a question in it is a question", [turn(2, 0, "greet", topics=("greet", "ask_landline"))],
     "assumed_resolved", ""),
]


@pytest.mark.parametrize(("what", "events", "outcome", "reason"), RULES, ids=[rule[0] for rule in RULES])
def test_every_rule(what: str, events: list[Event], outcome: str | None, reason: str) -> None:
    """An episode has the outcome that the definitions give it, whatever order the events are told in."""
    for told in (events, events[::-1]):
        (episode,) = episodes(told)
        assert (episode.outcome, episode.reason) == (outcome, reason)


def test_every_outcome_is_in_the_table() -> None:
    """The table of rules reaches each outcome and each reason."""
    assert {outcome for _, _, outcome, _ in RULES} == {None, *Outcome}
    assert {reason for _, _, _, reason in RULES} == {"", *Reason}


@pytest.mark.parametrize(
    ("passed", "outcome"),
    [
        (RESEND.at, "confirmed_resolved"), (RESEND.at + SIGN_IN_WINDOW, "confirmed_resolved"),
        (RESEND.at + SIGN_IN_WINDOW + 1, "assumed_resolved"), (RESEND.at - 1, "assumed_resolved"),
    ],
)
def test_sign_in_after_a_resend(passed: int, outcome: str) -> None:
    """A sign-in confirms within 15 minutes after the resend, not before it and not later."""
    (episode,) = episodes([turn(2, 0), RESEND], {"challenge": passed})
    assert episode.outcome == outcome


def test_a_refused_resend_confirms_nothing() -> None:
    """A sign-in after a resend that was not accepted is no success of ours."""
    (episode,) = episodes([turn(2, 0), ResendRedeemed("c", "challenge", 1, "wait")], {"challenge": 2})
    assert episode.outcome == Outcome.ASSUMED_RESOLVED


@pytest.mark.parametrize(("gap", "count"), [(EPISODE_GAP - 1, 1), (EPISODE_GAP, 2)])
def test_half_an_hour_ends_an_episode(gap: int, count: int) -> None:
    """A message after 30 minutes begins a new episode, one a moment before does not."""
    assert len(episodes([turn(2, 0), turn(4, gap)])) == count


def test_an_explicit_end_ends_an_episode() -> None:
    """After the conversation's end, and after starting over, the next message begins a new episode."""
    assert len(episodes([turn(2, 0), ConversationEnded("c", 5), turn(4, 9)])) == 2
    assert len(episodes([turn(2, 0), talk(4, 5, "start_over"), turn(6, 9)])) == 2


def test_what_belongs_where() -> None:
    """A late thumb counts for its message's episode, a request for the latest episode that had begun."""
    first, second = episodes([
        turn(2, 0), turn(10, EPISODE_GAP), thumb(3, EPISODE_GAP + 5, True),
        ContactRequestFiled("c", "X", "r", EPISODE_GAP + 9),
    ])
    assert (first.outcome, second.outcome) == (Outcome.CONFIRMED_RESOLVED, Outcome.FORM_SUBMITTED)


def test_what_is_counted() -> None:
    """Only substantive messages count; one message has at most one thumb; the topic is the first that was answered."""
    (episode,) = episodes([
        talk(2, 0, "greet"), fallback(4, 1), turn(6, 2, "ask_text_charges"), thumb(7, 3, True), thumb(8, 4, False),
        turn(10, 5, "request_resend", failed_action=True, contact_shown=True),
    ])
    assert (episode.messages, episode.fallbacks, episode.failed_actions, episode.up, episode.down) == (3, 1, 1, 0, 1)
    assert episode.topic == "ask_text_charges"
    assert [(miss.seq, miss.why, miss.topic) for miss in episode.misses] == [
        (4, Why.FALLBACK, ""), (6, Why.THUMBS_DOWN, "ask_text_charges"),
    ]
