"""Believable conversations for the demo: what patients write, when, and which thumb they give.

Nothing here decides an outcome: every message goes to the real assistant, with a clock that is set to the day.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol
from uuid import UUID
from zoneinfo import ZoneInfo

from bot.db import Clock

MINUTE = 60_000
UP, DOWN = "(thumb up)", "(thumb down)"
Step = str | tuple[str, ...]
"""A message, one of several wordings of it, or a thumb. `> title` presses the button whose title holds the words."""


class Talk(Protocol):
    """The chat as a browser uses it; `bot.channels.service.ChatService`."""

    async def begin(self, language: str | None) -> tuple[str, Any, str]:
        """A new conversation: its id first."""
        ...

    async def say(
        self, conversation: str, message: str, said: str, payload: str | None, *, request_id: str
    ) -> Sequence[Any]:
        """The replies to a message or a pressed button."""
        ...

    async def judge(self, conversation: str, message: str, helpful: bool) -> bool:
        """A thumb."""
        ...


class Texts(Protocol):
    """Help by text message as the carrier uses it; `bot.texting.Texting`."""

    async def text(self, number: str, text: str) -> object:
        """A text from this number (E.164)."""
        ...


@dataclass(frozen=True, slots=True)
class Lines:
    """The ways to the assistant."""

    web: Talk
    texts: Texts


class SetClock:
    """A clock that stands where it is set."""

    def __init__(self, now: int = 0) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


OpenTalk = Callable[[Clock], Any]


@dataclass(frozen=True, slots=True)
class Script:
    """What one kind of patient does; `weight` says how common that is."""

    weight: int
    steps: tuple[Step, ...]


BY_FORM: tuple[Step, ...] = (
    ("Jamie Example", "Pat Sample", "Lee Demo"), ("845-555-0147", "pat@example.com"),
    ("I am locked out since Monday", "The code goes to a number that I lost"), "> yes", "> send",
)
"""A contact request in the conversation, from the name on."""

SCRIPTS = (
    Script(9, (("I never got the code", "the code didn't come", "no text yet", "still waiting for my code"), UP)),
    Script(8, (("my code has not arrived", "not getting the verification text"), ("thanks", "ok thank you"))),
    Script(5, (("code still not here", "the code is not coming"), ("that did not help", "tried that already"),
               ("hmm nope nothing works blah", "asdf what now"), ("I need a person", "can I talk to somebody"))),
    Script(7, (("can I use my landline", "does it work with a home phone", "I only have a house phone"), UP)),
    Script(5, (("I don't have a cell phone", "what if I have no mobile"), ("is email less safe?", "so email it is?"))),
    Script(8, (("I got a new phone number", "my number changed", "code goes to my old number"), "> can't sign in")),
    Script(5, (("need to update my mobile number", "changed carriers and have a new number"), "> I can sign in", UP)),
    Script(4, (("how do I change my email address", "my email on file is wrong"), "> I can sign in")),
    Script(6, (("why do I need this now", "why is this required", "can I turn this off"),
               ("how often do I have to do it", "every single time?"), UP)),
    Script(6, (("what is two step verification", "what is this new screen", "how does this work"), UP)),
    Script(5, (("will I be charged for the texts", "does the text cost money"), ("thank you!", "great"))),
    Script(4, (("do I still need my password", "is my old password still good"), UP)),
    Script(5, (("how long is the code good for", "when does the code expire"),)),
    Script(9, (("the code was rejected", "it says wrong code", "my code is not accepted"), DOWN,
               ("that did not help", "still not working"))),
    Script(4, (("I got a code but did not ask for one", "received a code without signing in"), UP)),
    Script(3, (("my daughter wants my code, can I give it to her", "someone called and asked for my code"),)),
    Script(4, (("where do I enter the code", "ok I have the code now what"), UP)),
    Script(4, (("I use email for the codes, can I keep it", "can I stay with email"),)),
    Script(5, (("I can't get into the portal", "locked out of my account", "forgot my password"),)),
    Script(4, (("I want to talk to a human", "phone number please", "let me speak with someone"),)),
    Script(6, (("can you refill my prescription", "when is my appointment", "I need my lab results"),)),
    Script(6, (("what is the weather", "do you sell insurance", "is the clinic open on sunday"),
               ("do you have coffee", "and the parking lot"), ("blah blah", "that is not what I meant"))),
    Script(6, (("when is my appointment", "do you sell insurance", "I need my lab results"),
               ("and the parking lot", "refill pls"), "> Yes, please", "> Write to them", *BY_FORM)),
    Script(3, (("is the clinic open on sunday", "do you take my insurance"), ("you are not helping", "useless bot"))),
    Script(3, (("send me a new code", "resend the code please"), ("how do I start", "where is the sign in page"))),
    Script(3, (("hello", "hi there"), ("texts or email, which is better", "which way is better"), UP)),
    Script(2, (("hi", "good morning"), ("bye", "never mind, thanks"))),
    Script(9, (("I can't get in and need help from the office", "talk to a person"), "> Write to them", *BY_FORM)),
)


TEXT_SHARE = 0.15  # of the conversations are held by text message
NUMBERS = tuple(f"+184555501{last}" for last in range(50, 100))  # kept free for fiction
TEXTED = (
    Script(8, (("I never got the code", "no code yet", "code didnt come"),
               ("a new code", "ok thanks", "still nothing"))),
    Script(5, (("can I use my landline", "does a house phone work"), ("thanks", "ok"))),
    Script(4, (("will u charge me for this", "does the text cost money"),)),
    Script(4, (("changed my number", "new phone number, how do I update it"), ("I cant sign in", "thank you"))),
    Script(3, (("why do I need this", "can I turn it off"), ("how often",))),
    Script(3, (("talk to a person", "phone number for the office"),)),
    Script(3, (("code expired", "how long is the code good for"),)),
    Script(3, (("when is my appointment", "refill pls"), ("ok", "u there?"))),
    Script(2, (("hi", "hello"), ("what can u do", "bye"))),
)


async def conversations(
    lines: Lines, clock: SetClock, *, now: int, days: int, a_day: int, zone: ZoneInfo, seed: int = 1
) -> AsyncIterator[str]:
    """Hold conversations on each of the last days, fewer at weekends and nights; yields each one's id or number.

    Args:
        clock: the one that `lines` and whoever counts were given.
        now: until when, milliseconds UTC; nothing happens after it.
    """
    chance = random.Random(seed)
    today = datetime.fromtimestamp(now / 1000, UTC).astimezone(zone).date()
    for back in range(days - 1, -1, -1):
        day = today - timedelta(days=back)
        count = max(1, round(chance.gauss(a_day, a_day / 5) * (0.45 if day.weekday() >= 5 else 1)))
        times = sorted(_time(chance, day, zone) for _ in range(count))
        for at in times:
            if at + 20 * MINUTE < now:
                clock.now = at
                if chance.random() < TEXT_SHARE:
                    yield await _text(lines.texts, clock, _one(TEXTED, chance), chance)
                else:
                    yield await _hold(lines.web, clock, _one(SCRIPTS, chance), chance)


def _time(chance: random.Random, day: Any, zone: ZoneInfo) -> int:
    hour = min(23.9, max(0.0, chance.gauss(13.5, 4)))
    begun = datetime(day.year, day.month, day.day, tzinfo=zone) + timedelta(hours=hour)
    return round(begun.timestamp() * 1000)


def _one(scripts: Sequence[Script], chance: random.Random) -> Script:
    (script,) = chance.choices(scripts, [script.weight for script in scripts])
    return script


async def _text(texts: Texts, clock: SetClock, script: Script, chance: random.Random) -> str:
    number = chance.choice(NUMBERS)
    for step in script.steps:
        clock.now += chance.randint(20_000, 150_000)
        await texts.text(number, step if isinstance(step, str) else chance.choice(step))
    return number


async def _hold(talk: Talk, clock: SetClock, script: Script, chance: random.Random) -> str:
    conversation, _, _ = await talk.begin("en")
    replies: Sequence[Any] = ()
    for step in script.steps:
        clock.now += chance.randint(8_000, 70_000)
        words = step if isinstance(step, str) else chance.choice(step)
        if words in (UP, DOWN):
            if replies and chance.random() < 0.55:  # most people do not judge
                await talk.judge(conversation, replies[-1].id, words == UP)
            continue
        message = str(UUID(int=chance.getrandbits(128), version=4))
        payload = None
        if words.startswith("> "):
            payload = _button(replies, words[2:])
            if payload is None:  # the assistant offered something else: the patient leaves
                return conversation
            words = ""
        replies = await talk.say(conversation, message, words, payload, request_id="demo-traffic")
    return conversation


def _button(replies: Sequence[Any], title: str) -> str | None:
    """The payload of the button whose title holds these words."""
    for reply in replies:
        for choice in reply.choices:
            if title.lower() in choice.title.lower():
                return str(choice.payload)
    return None
