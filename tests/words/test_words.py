"""Invariants of domain.yml and data/: every topic answered with all its facts, every word used, every example once."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
import yaml

from bot.engine.wording import Wording
from bot.settings import load_settings
from bot.verification.messages import Words

ROOT = Path(__file__).parents[2]
DOMAIN = yaml.safe_load((ROOT / "domain.yml").read_text())
DATA = {path.stem: yaml.safe_load(path.read_text()) for path in sorted((ROOT / "data").glob("*.yml"))}
RESPONSES = DOMAIN["responses"]
ORGANIZATION = load_settings(_env_file=None).organization
INTERNAL = {"choose_between", "aside", "file_contact", "use_summary", "correct_contact", "cancel_contact"}

CONTACT = ["Contact form", "CrystalRunHealthcare.com/Contact", "'Patient Portal'", "845-703-6999"]
F1 = ["extra layer of security", "username and password", "single-use"]
F2 = ["text message", "mobile number", "email", "recommend", "less secure"]
F5 = ["(every|each) time"]
F6 = ["recommend", "generally considered less open to security concerns"]
F7 = ["landline", "mobile number", "personal health information' section of NextGen", "email", "less secure"]
F9 = ["NextGen personal information section"]
F11 = [
    "10 minutes",
    "mobile number .*on (your|the) account|number that is not the one on your account",
]
F13 = ["technical", "into the portal|get in|get you back in"]
S1 = ["Nobody from|No one from", "never type|Never type", "masked", "made useless"]

FACTS: dict[str, list[str]] = {
    "ask_what_is": [*F1, *F2],
    "ask_why_required": ["second device or account", "health care data", "password"],
    "ask_password_needed": ["username and password", "facial recognition", "(not need to change|need no change)"],
    "ask_how_often": F5,
    "ask_delivery_options": [*F2, *F6],
    "ask_landline": F7,
    "ask_no_mobile": ["email", "less secure", "landline", "personal health information' section of NextGen"],
    "update_phone": [*F9, *CONTACT, "sign(ed)? in"],
    "update_email": [*F9, *CONTACT, "sign(ed)? in"],
    "ask_text_charges": ["carrier may charge", "mobile plan"],
    "report_missing_code": [*F11, *CONTACT],
    "ask_code_expiry": [*F11, "newest"],
    "report_code_rejected": [*F11, "latest|newest", "(useless|stop working)"],
    "ask_email_already_set": ["go on using|stay with email", *F6, *F9],
    "report_no_access": [*CONTACT, *F13],
    "request_human": [*CONTACT, *F13],
    "report_unrequested_code": [
        "(not share|keep that code to yourself)", "change your password", "845-703-6999", *S1,
    ],
    "share_code": S1,
    "ask_where_enter": ["sign-in page", "username and password"],
    "ask_capabilities": ["automated assistant|computer program"],
    "report_emergency": ["911", "988", "medical advice", "records"],
}


def variations(name: str) -> list[str]:
    """The response's texts with the organization's values filled in, white space folded."""
    texts = []
    for variation in RESPONSES[name]:
        if "text" in variation:
            text = variation["text"]
            for key, value in ORGANIZATION.items():
                text = text.replace("{" + key + "}", value)
            texts.append(" ".join(text.split()))
    return texts


@pytest.mark.parametrize("topic", FACTS)
def test_each_answer_carries_every_fact_of_its_topic(topic):
    """Every variation of a topic's answer holds all its facts."""
    for text in variations(f"utter_{topic}"):
        for fact in FACTS[topic]:
            assert re.search(fact, text, re.IGNORECASE), f"{topic}: {fact!r} is not in {text!r}"


@pytest.mark.parametrize("topic", FACTS)
def test_each_topic_has_other_words_for_the_second_time(topic):
    """A question that is asked twice can be answered in other words."""
    texts = variations(f"utter_{topic}")
    assert len(texts) >= 2
    assert len(set(texts)) == len(texts)


def test_nothing_is_said_in_the_same_words_twice_in_a_row():
    """Whatever the web chat says has other words for the next time."""
    once = {"utter_greeting", "utter_code_warning", "utter_failure", "utter_contact_filed"}
    for name, response in RESPONSES.items():
        texts = [variation["text"] for variation in response if "text" in variation and "channel" not in variation]
        if texts and name not in once and not name.startswith("utter_sms_"):
            assert len(set(texts)) == len(texts) > 1, name


def test_every_intent_has_a_rule_and_examples():
    """Each intent has a file of its own with a rule, and at least 25 examples unless it is internal."""
    intents = [next(iter(i)) if isinstance(i, dict) else i for i in DOMAIN["intents"]]
    for intent in intents:
        if intent in INTERNAL:
            continue
        entry = DATA[intent]
        steps = [step for rule in entry["rules"] for step in rule["steps"]]
        assert {"intent": intent} in steps, intent
        examples = [e for block in entry["nlu"] if block["intent"] == intent for e in block["examples"].splitlines()]
        assert len(examples) >= (25 if intent in FACTS else 12), intent


def test_no_example_stands_in_two_intents_or_twice():
    """An example teaches one intent, once."""
    seen = Counter(
        re.sub(r"\W+", " ", line[2:].lower()).strip()
        for entry in DATA.values()
        for block in entry.get("nlu", ())
        for line in block["examples"].splitlines()
    )
    assert [line for line, count in seen.items() if count > 1 and line] == []


def test_every_response_is_used_and_every_used_one_exists():
    """domain.yml has no words that nobody says, and nobody says words that it does not have."""
    rules = {
        step["action"]
        for entry in DATA.values()
        for rule in entry.get("rules", ())
        for step in rule["steps"]
        if "action" in step
    }
    source = " ".join(path.read_text() for folder in ("actions", "bot") for path in (ROOT / folder).rglob("*.py"))
    in_code = set(re.findall(r'"(utter_\w+)"', source)) - {"utter_action"}
    validated = {f"utter_ask_{slot}" for form in DOMAIN.get("forms", {}).values() for slot in form["required_slots"]}
    used = {name for name in rules if name.startswith("utter_")} | in_code | validated
    assert set(RESPONSES) - used == set()
    assert used - set(RESPONSES) == set()


def test_every_action_is_declared_and_used():
    """The actions of domain.yml are those that the rules and the code name."""
    rules = {
        step["action"]
        for entry in DATA.values()
        for rule in entry.get("rules", ())
        for step in rule["steps"]
        if step.get("action", "").startswith("action_")
    }
    source = " ".join(path.read_text() for path in (ROOT / "actions").rglob("*.py"))
    assert rules <= set(DOMAIN["actions"])
    for action in DOMAIN["actions"]:
        assert f'"{action}"' in source, action


def test_buttons_lead_somewhere():
    """Every button names an intent that exists."""
    intents = set(DOMAIN["intents"])
    for name, response in RESPONSES.items():
        for variation in response:
            for button in variation.get("buttons", ()):
                intent = re.match(r"/(\w+)", button["payload"])
                assert intent and intent[1] in intents, f"{name}: {button}"


def test_links_are_https_tel_or_mailto():
    """No message links anywhere else."""
    for name in RESPONSES:
        for text in variations(name):
            for target in re.findall(r"\]\(([^)]*)\)", text):
                assert target.startswith(("https://", "tel:", "mailto:")), f"{name}: {target}"


@pytest.mark.parametrize(
    ("seconds", "life"), [(600, "10 minutes"), (60, "1 minute"), (90, "90 seconds"), (1, "1 second")]
)
def test_the_life_of_a_code_is_said_as_it_is_set(seconds, life):
    """Messages and answers name TWOSTEP_CODE_LIFETIME, not the usual ten minutes."""
    settings = load_settings(_env_file=None, code_lifetime=seconds)
    messages = Words.of(settings)
    assert f"Good for {life}." in messages.code_text("012345", "K7")
    assert f"good for {life}," in messages.code_email("012345", "K7")
    wording = Wording(RESPONSES, settings.organization)
    for name in ("utter_ask_code_expiry", "utter_report_missing_code", "utter_report_code_rejected"):
        assert life in wording.words(name, "web")["text"]


def test_nothing_of_the_organization_is_written_out():
    """The practice's values stand in the settings alone, so that another practice can change them."""
    words = (ROOT / "domain.yml").read_text()
    for value in ("Crystal Run", "845-703", "CrystalRunHealthcare", "PXP"):
        assert value not in words


def test_sentences_are_short_and_plain():
    """Answers stay at about a sixth to eighth grade: short sentences, few long words."""
    for topic in FACTS:
        for text in variations(f"utter_{topic}"):
            plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
            sentences = [s for s in re.split(r"[.!?:]\s+", plain) if s.split()]
            words = plain.split()
            assert len(words) / len(sentences) <= 22, f"{topic}: long sentences"
