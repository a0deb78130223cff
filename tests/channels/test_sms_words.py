"""The words for text messages: every response of domain.yml as a text, with the organization's values in it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from bot.channels.model import Choice, Message, Sender
from bot.channels.render_sms import MOST_SEGMENTS, bodies, gsm
from bot.engine.wording import Wording
from bot.settings import load_settings
from bot.words import sms_words
from tests.channels.test_render_sms import library_segments, septets
from tests.words.test_words import FACTS, ORGANIZATION

RESPONSES = yaml.safe_load((Path(__file__).parents[2] / "domain.yml").read_text())["responses"]
# With links to pages of ours, which the longest texts have.
LINKED = load_settings(_env_file=None, public_url="https://patients.crystalrunhealthcare.example").organization
FILLED = {
    "destination": "•••-•••-0142", "wait": "120 seconds", "name": "•", "reply_to": "•", "message": "•" * 60,
    "reference": "ABCD-1234", "problem": "That is no phone number.",
}
FORM = re.compile(r"utter_(ask_)?contact_")  # the contact form is not filled in by text: a link to it is sent
ONLY_WEB = {"utter_resend_limit", "utter_no_sign_in", "utter_resend_accepted", "utter_not_arrived",
            "utter_ask_resend_email", "utter_resend_unsure"}
SAID = [name for name in RESPONSES if any("text" in v for v in RESPONSES[name]) and not FORM.match(name)]
INVITES = re.compile(r"\b(yes|cancel|end|quit|unsubscribe|revoke|optout|opt out|stopall)\b", re.IGNORECASE)


def said(name: str, organization: dict[str, str]) -> list[list[str]]:
    """Each variation of a response as the texts that a patient gets."""
    wording = Wording(RESPONSES, organization)
    by_text = [v for v in RESPONSES[name] if v.get("channel") == "sms"]
    own = by_text or [v for v in RESPONSES[name] if "channel" not in v]
    found = []
    for times in range(len(own)):
        words = wording.words(name, "sms", times, **FILLED)
        assert words
        choices = tuple(Choice(b["title"], "p", b["payload"]) for b in words.get("buttons") or ())
        kind = (words.get("metadata") or {}).get("kind", "answer")
        found.append(bodies([Message("m", 1, Sender.BOT, words["text"], kind, 0, choices)]))
    return found


@pytest.mark.parametrize("organization", [ORGANIZATION, LINKED], ids=["no pages", "pages"])
@pytest.mark.parametrize("name", SAID)
def test_every_reply_is_one_text_of_at_most_three_gsm_segments(name, organization):
    """Counted by the library: GSM alphabet only, one text, three segments at most."""
    for texts in said(name, organization):
        assert len(texts) == 1
        assert septets(texts[0]) is not None, f"{name}: {texts[0]!r} is not in the GSM alphabet"
        assert library_segments(texts[0]) <= MOST_SEGMENTS, f"{name}: {texts[0]!r}"
        assert "](" not in texts[0] and "/ask_" not in texts[0] and "{" not in texts[0]


@pytest.mark.parametrize(
    "topic",
    ["ask_why_required", "ask_password_needed", "ask_how_often", "ask_text_charges", "ask_code_expiry",
     "report_code_rejected", "ask_where_enter", "report_emergency"],
)
def test_short_facts_fit_one_segment(topic):
    """Where the facts fit one segment, the answer is one."""
    for texts in said(f"utter_{topic}", ORGANIZATION):
        assert library_segments(texts[0]) == 1, texts[0]


@pytest.mark.parametrize("topic", FACTS)
def test_each_topic_has_two_wordings_for_texts_with_every_fact(topic):
    """Asked twice by text, a question gets other words, and each wording carries all facts of its topic."""
    texts = [body for (body,) in said(f"utter_{topic}", ORGANIZATION)]
    assert len(set(texts)) >= 2
    assert [v for v in RESPONSES[f"utter_{topic}"] if v.get("channel") == "sms"]
    for text in texts:
        for fact in FACTS[topic]:
            assert re.search(fact, text, re.IGNORECASE), f"{topic}: {fact!r} is not in {text!r}"


@pytest.mark.parametrize("name", [name for name in SAID if name not in ONLY_WEB])
def test_no_reply_invites_a_word_that_carriers_take(name):
    """Yes, cancel, end and their like are keywords of Twilio's: no prompt or choice asks for one."""
    for texts in said(name, ORGANIZATION):
        assert not INVITES.search(texts[0]), f"{name}: {texts[0]!r}"


@pytest.mark.parametrize("name", [name for name in SAID if name not in ONLY_WEB])
def test_no_reply_leads_into_the_contact_form(name):
    """Names and addresses are not asked for by text: no choice begins the form."""
    words = Wording(RESPONSES, ORGANIZATION).words(name, "sms", 0, **FILLED)
    assert all(button["payload"] != "/file_contact" for button in (words or {}).get("buttons") or ())


def test_what_is_said_without_the_engine():
    """The keyword answers and notices hold what carriers ask for, each in one or two GSM segments."""
    words = sms_words(load_settings(_env_file=None))
    for fact in ("Crystal Run Healthcare", "845-703-6999", "Msg&data rates may apply", "STOP"):
        assert fact in words.help
    assert "Crystal Run Healthcare" in words.stopped and "START" in words.stopped
    assert "HELP" in words.started and "STOP" in words.started
    for text in (words.help, words.stopped, words.started, words.too_many, words.unreadable):
        assert septets(text) is not None and library_segments(text) <= 2 and gsm(text) == text


def test_the_introduction_and_the_longest_answer():
    """A first text's answer with the introduction before it is never a text of more than three segments."""
    (intro,) = said("utter_greeting", ORGANIZATION)[0]
    for fact in ("automated", "not text health information", "Crystal Run Healthcare", "HELP", "STOP"):
        assert fact in intro
    for topic in FACTS:
        words = Wording(RESPONSES, ORGANIZATION).words(f"utter_{topic}", "sms", 0)
        assert words
        for text in bodies([Message("m", 1, Sender.BOT, words["text"], "answer", 0)], before=intro):
            assert library_segments(text) <= MOST_SEGMENTS
