"""Emergencies come before all learning, and figures of speech are none."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bot.nlu import emergency
from bot.nlu.emergency import is_denied, is_emergency, read_rules
from bot.nlu.examples import Example
from bot.nlu.intents import EMERGENCY
from bot.nlu.situation import metadata_of
from bot.nlu.understanding import Understanding


@pytest.mark.parametrize(
    "text",
    [
        "my chest hurts and my left arm is numb",
        "I cant breathe",
        "she's not waking up",
        "HELP MY DAD COLLAPSED",
        "i want to kill myself",
        "don't want to be here anymore",
        "I\u2019m going to end it all tonight",
        "kms fr",
        "my toddler swallowed pills",
        "he took the whole bottle",
        "i think im having a stroke",
        "bleeding wont stop",
        "Forget the code, my wife is unconscious",
        "his face is drooping on one side",
        "everyone would be better off without me",
        "I have no chest pain but I can't breathe",
        "this phone is killing me and my husband just collapsed",
        "throat is closing after peanuts",
        "no puedo respirar",
        "heart attack",
        "I'm going to swallow these pills",
        "i want to swallow those tablets and be done",
        "I've got a gun in my hand",
        "no code yet and my husband is turning blue",
        "she had a stroke 4 years ago and now her face is drooping",
        "the carbon monoxide alarm is going off and we all have headaches",
        "forgot my pw. my throats closing",
        "toddler got into the bleach",
        "no code, and my dad can't get up",
        "I was on the phone, dad is choking",
        "all I have is my cell, mom is awake but gasping",
        "battery low and I'm going to die",
        "my battery is low and my dad is dying",
        "the support group is closed, my son just killed himself",
        "my husband had a seizure",
        "I was walking my dog, my husband had a seizure",
        "we used the epipen, it is expired, her throat is closing",
        "I'm in a support group for suicide survivors and tonight I want to die",
        "we were watching a movie and my husband is having a stroke",
        "my son was playing a video game and now there is blood coming out of his ear",
        "can i take all my pills and be done with it",
        "can i take 40 tylenol at once",
        "when i was a boy i had asthma and i cant breathe now",
        "my wife had a stroke and can't speak",
        "he had a stroke and he can't feel his arm",
        "she had a stroke and can't use her left arm",
        "dad had the stroke and he was on the floor, not talking",
        "hands in my lap, arm is numb, what number do i call",
        "can you call 911 my mom fell",
        "give me the suicide prevention number",
        "suicide hotline",
        "I need the suicide hotline number please",
        "no cell here and my wife has just passed out at the table",
        "my husband just had a stroke",
        "it feels like a heart attack",
        "thinking about driving my truck into a wall",
        "there's nothing left for me to live for",
        "where will I be when they find me",
        "I wish they had let me die in that surgery",
        "i'm about to do something I can't take back",
        "going to shoot the doctor when he comes out",
        "i will burn this clinic down",
        "i keep blacking out",
        "she passes out every time she stands up",
        "got stung and my voice is going",
        "please, wife heart stop",
        "is the text free, my wife is on the kitchen tiles and will not answer me",
        "nobody would care if I died",
        "I want it all to stop. For good.",
        "i am one step from jumping",
        "I think I broke my hip",
        "my wife passed out when she stood up",
        "he had a heart attack when shoveling snow",
        "my son ate a hot dog, choking",
        "fell in the tub and broke my hip",
        "it looks like a stroke",
        "he dropped the phone on the floor and is not moving",
        "grandmother drink medicine for whole week in one time",
        "driving into oncoming traffic tonight",
    ],
)
def test_danger_is_seen(text: str) -> None:
    """A medical emergency or a wish to die is known by the rules alone."""
    assert is_emergency(text)


@pytest.mark.parametrize(
    "text",
    [
        "this is killing me",
        "my phone died",
        "im dying to get in",
        "nearly had a heart attack when I saw the bill",
        "is it an emergency number?",
        "the code expired before I did",
        "shoot me now, another code",
        "my battery is dead",
        "battery at 2 percent and it's gonna die before the text comes",
        "i had a stroke 4 yrs ago and want to know if my form was signed",
        "my phone has been choking along on one bar",
        "I can't get up the nerve to try it again",
        "is there a support group for people whose spouse killed himself",
        "my cat had a seizure lol wrong doctor",
        "I'd kill for a human",
        "this extra step will be the death of me",
        "had a stroke of luck",
        "how long before the code is dead",
        "I'm drowning in passwords",
        "update my emergency contact",
        "it goes to my dead husband's phone",
        "no chest pain, just need the code",
        "I had a stroke in 2018 and type slowly",
        "where do I put the number",
        "i killed the text by accident, send another",
        "do I keep the phone in my left hand with the number",
        "your site choked on my password",
        "can I get my ambulance bill",
        "my wife cant swallow those horse pills",
        "I'll jump out of my skin if it asks again",
        "I passed out laughing at the error",
        "missed it, had to run to the bathroom, food poisoning, getting better",
        "I'm the one who fainted at the blood draw last week, my email changed",
        "I took the first pill and want to read the instructions again but the code is declined",
        "the flyer they passed out says 2fa",
        "I'd sooner jump off a bridge than call again",
        "you saved me from having a heart attack",
        "a cell tower collapsed and I get no texts",
        "sorry, my dog choking on his kibble again",
        "it is the number from when I broke my hip",
        "he left it on the floor of the car and does not answer the phone",
        "I'll shoot the nurse a message",
        "I wish you'd let me go back to just a password",
        "I wish I had woken up earlier, the code is old",
        "I blacked out the number on the copy",
        "when you find me in your records, call me",
        "more codes, I want it to stop, all of it",
        "mom is on the second floor and doesn't answer",
        "it took all three codes at once",
        "I nearly fainted when I saw the bill",
        "going to have a heart attack waiting for this text",
    ],
)
def test_figures_of_speech_are_no_emergency(text: str) -> None:
    """Idioms, negations, things long past and dying phones are ordinary text."""
    assert not is_emergency(text)


@pytest.mark.parametrize("text", [
    "nobody is hurt but i want to die tonight", "its not an emergency but my chest hurts bad and my arm is numb",
    "no emergency, she just passed out on the floor", "I'm not suicidal but I don't want to be here anymore",
])
def test_danger_is_heard_from_who_denies_it(understanding: Understanding, text: str) -> None:
    """Who says that nothing is wrong may say it all the same."""
    assert is_denied(text) and understanding.understand(text).emergency


@pytest.mark.parametrize("text", [
    "nobody is hurt!! the codes come 3 times", "the cough is not an emergency. the code",
    "false alarm, i need the code",
])
def test_who_denies_an_emergency_is_believed(understanding: Understanding, text: str) -> None:
    """Where only the classifier thought of one."""
    assert not understanding.understand(text).emergency


def test_no_training_line_of_an_emergency_is_missed(understanding: Understanding, examples: list[Example]) -> None:
    """Rules and classifier together catch every emergency that our authors thought of, whatever was said before; where
    it was whom to call, that is told again."""
    lines = [(example.text, example.situation) for example in examples if example.intent == EMERGENCY]
    judged = [(text, before, understanding.understand(text, metadata_of(before))) for text, before in lines]
    assert [text for text, before, verdict in judged if not verdict.emergency and before != (EMERGENCY,)] == []
    again = [verdict.emergency or verdict.danger for _, before, verdict in judged if before == (EMERGENCY,)]
    assert sum(again) >= 0.97 * len(again)


def test_ordinary_lines_are_not_taken_for_emergencies(examples: list[Example]) -> None:
    """The rules take at most 1 in 1,000 ordinary texts for an emergency."""
    ordinary = [example.text for example in examples if example.intent != EMERGENCY]
    assert sum(map(is_emergency, ordinary)) <= len(ordinary) / 1000


def test_a_broken_rule_is_named(tmp_path: Path) -> None:
    """A line that is no expression is refused with its number."""
    path = tmp_path / "rules.txt"
    path.write_text("# comment\n[body]\n(oops\n", encoding="utf-8")
    with pytest.raises(ValueError, match="line 3"):
        read_rules(path)


def test_searching_for_all_rules_at_once_misses_none(examples: list[Example]) -> None:
    """What one rule alone finds is found, and nothing else: no rule has a branch outside of its word's edge."""
    rules = read_rules()
    dangers = [re.compile(rule) for section in ("alone", "wish to die", "body") for rule in rules[section]]
    texts = [" ".join(re.sub(r"[^a-z0-9 ]+", " ", example.text.lower()).split()) for example in examples[::20]]
    texts += [example.text for example in examples if example.intent == EMERGENCY]
    found = [emergency._is_dangerous(text) for text in texts]
    assert found == [any(danger.search(text) for danger in dangers) for text in texts]
    assert 50 < sum(found) < len(found)
