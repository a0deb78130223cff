"""Help by text message: each text is answered once, in the order of its sender, and keywords go before everything.

A sender's number is in the hands of this module while his text is answered, and nowhere else: the conversation, the
engine and the database know him by a keyed pseudonym. What needs the number itself (a new code for a sign-in that
waits) asks `current_sender` while the turn runs.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, fields
from uuid import NAMESPACE_URL, uuid5

from bot.channels.keywords import Keyword, handled, keyword, known_to_twilio, stops_in_a_sentence
from bot.channels.limits import Pace, SmsLimits
from bot.channels.model import Message, OptOuts, Sender, clean_text
from bot.channels.render_sms import bodies, gsm, plain
from bot.channels.service import ChatService, EmptyText, NoConversation
from bot.channels.sms_store import SmsStore
from bot.db import UNAVAILABLE, Clock, system_clock
from bot.engine.model import Reply
from bot.privacy import Keys, redact_codes

log = logging.getLogger("twostep.sms")

CHANNEL = "sms"
TEXT_LIMIT = 1600  # characters of a text, however many segments it came in; Twilio sends no more
PATIENCE = 12.0  # seconds after which Twilio is answered in any case; it waits 15

_sender: ContextVar[str | None] = ContextVar("sms_sender", default=None)


def current_sender() -> str | None:
    """The number (E.164) whose text is being answered in this task, as Twilio vouches for it; None elsewhere."""
    return _sender.get()


@dataclass(frozen=True, slots=True)
class Inbound:
    """A text as Twilio hands it over. `ours` is our number that it came to; `opt_out` Twilio's `OptOutType`."""

    sid: str
    sender: str
    ours: str
    text: str
    opt_out: str = ""


@dataclass(frozen=True, slots=True)
class Words:
    """What is said without asking the engine; from domain.yml's `utter_sms_words`."""

    help: str
    stopped: str
    started: str
    too_many: str
    unreadable: str

    @classmethod
    def filled(cls, words: Mapping[str, str], organization: Mapping[str, str]) -> Words:
        """The words with the organization's values in them.

        Raises:
            KeyError: one is missing.
        """
        return cls(**{f.name: gsm(plain(words[f.name].format_map(organization)).strip()) for f in fields(cls)})


class SmsService:
    """Answers texts.

    Args:
        chat: of the channel "sms": redaction, the engine, and the record that staff read.
        failure: said when a part of ours is away.
        answers_keywords: True when STOP, START and HELP are ours to answer (TWOSTEP_SMS_KEYWORDS=ours); otherwise
            Twilio has answered them and what is left is to remember.
    """

    def __init__(
        self,
        chat: ChatService,
        store: SmsStore,
        limits: SmsLimits,
        opt_outs: OptOuts,
        keys: Keys,
        words: Words,
        failure: Reply,
        *,
        answers_keywords: bool = False,
        patience: float = PATIENCE,
        clock: Clock = system_clock,
    ) -> None:
        self._chat = chat
        self._store = store
        self._limits = limits
        self._opt_outs = opt_outs
        self._keys = keys
        self._words = words
        self._failure = gsm(plain(failure.text))
        self._answers_keywords = answers_keywords
        self._patience = patience
        self._clock = clock
        self._queues: dict[str, tuple[asyncio.Lock, int]] = {}
        self._running: set[asyncio.Task[list[str]]] = set()

    def conversation(self, sender: str) -> str:
        """The conversation of a number; nobody without the key can tell which number it is."""
        return f"sms:{self._keys.pseudonym('sms-conversation', sender)}"

    async def answer(self, inbound: Inbound, *, request_id: str) -> list[str]:
        """The texts to send back: none where silence is right. The same text again gets the same, done once.

        Raises:
            one of `bot.db.UNAVAILABLE`: a STOP, START or HELP could not be recorded, so that Twilio must hear of it.
        """
        work = asyncio.create_task(self._in_order(inbound, request_id), name=f"text {request_id}")
        self._running.add(work)
        work.add_done_callback(self._ended)
        done, _ = await asyncio.wait({work}, timeout=self._patience)
        if not done:
            log.error("text answered late", extra={"request_id": request_id})
            return [self._failure]
        return work.result()

    async def forget(self, sender: str) -> None:
        """Delete everything that is kept of a number here, in the conversation and in the engine."""
        conversation = self.conversation(sender)
        async with self._queue(conversation):
            await self._chat.forget(conversation)
            await self._store.forget(conversation)

    async def drain(self) -> None:
        """Wait for the texts that are being answered, when the server stops."""
        if self._running:
            await asyncio.wait(list(self._running))
        await self._chat.drain()

    def _ended(self, work: asyncio.Task[list[str]]) -> None:
        self._running.discard(work)
        if not work.cancelled():
            work.exception()  # whoever waits has it, and nobody may be waiting any more

    @asynccontextmanager
    async def _queue(self, conversation: str) -> AsyncIterator[None]:
        """One text of a sender at a time, in the order of arrival."""
        lock, waiting = self._queues.get(conversation, (asyncio.Lock(), 0))
        self._queues[conversation] = lock, waiting + 1
        try:
            async with lock:
                yield
        finally:
            lock, waiting = self._queues.pop(conversation)
            if waiting > 1:
                self._queues[conversation] = lock, waiting - 1

    async def _in_order(self, inbound: Inbound, request_id: str) -> list[str]:
        _sender.set(inbound.sender)
        conversation = self.conversation(inbound.sender)
        sid = self._keys.pseudonym("sms-sid", inbound.sid)
        async with self._queue(conversation):
            try:
                return await self._once(inbound, conversation, sid, request_id)
            except UNAVAILABLE as error:
                log.error("text failed", extra={"request_id": request_id, "error": type(error).__name__})
                if handled(inbound.opt_out) or keyword(inbound.text, opted_out=False):
                    raise
                return [self._failure]

    async def _once(self, inbound: Inbound, conversation: str, sid: str, request_id: str) -> list[str]:
        answered = await self._store.reply(sid)
        if answered is not None:
            return answered
        opted_out = await self._opt_outs.opted_out(inbound.sender, inbound.ours)
        by_twilio = handled(inbound.opt_out)
        asked = by_twilio or keyword(inbound.text, opted_out=opted_out)
        introduced = False
        if asked:
            reply = await self._obey(asked, inbound, conversation, opted_out, by_twilio is not None)
        elif opted_out:
            reply = []
        else:
            match await self._limits.judge(conversation):
                case Pace.SILENCE:
                    reply = []
                case Pace.NOTICE:
                    reply = [self._words.too_many]
                case Pace.ANSWER:
                    known = await self._store.knows(conversation)
                    before = "" if known else await self._introduction(conversation)
                    reply = bodies(await self._say(inbound, conversation, sid, request_id), before=before)
                    introduced = True
        await self._store.keep(sid, conversation, reply, self._clock(), introduced=introduced)
        return reply

    async def _obey(
        self, asked: Keyword, inbound: Inbound, conversation: str, opted_out: bool, by_twilio: bool
    ) -> list[str]:
        answering = self._answers_keywords and not by_twilio
        match asked:
            case Keyword.STOP:
                await self._opt_outs.stop(inbound.sender, inbound.ours)
                # Twilio, which knows single words only, says nothing to a sentence.
                answering = answering or (not by_twilio and stops_in_a_sentence(inbound.text))
                return [self._words.stopped] if answering and not opted_out else []
            case Keyword.START:
                await self._opt_outs.start(inbound.sender, inbound.ours)
                words = self._words.started
            case Keyword.HELP:
                # "help!" is a cry for help that Twilio may leave unanswered: rather two answers than none.
                answering = answering or not (by_twilio or opted_out or known_to_twilio(inbound.text))
                words = self._words.help
        # Two machines must not go on for ever, here neither; STOP alone is never counted.
        return [words] if answering and await self._limits.judge(conversation) is Pace.ANSWER else []

    async def _introduction(self, conversation: str) -> str:
        return "\n".join(reply.text for reply in await self._chat.greeting(conversation))

    async def _say(self, inbound: Inbound, conversation: str, sid: str, request_id: str) -> list[Message]:
        message = str(uuid5(NAMESPACE_URL, f"twostep:text:{sid}"))
        text = redact_limited(inbound.text)
        for last in (False, True):
            await self._chat.ensure(conversation)
            try:
                return await self._chat.say(conversation, message, text, None, request_id=request_id)
            except EmptyText:
                return [Message(message, 0, Sender.BOT, self._words.unreadable, "message", self._clock())]
            except NoConversation:  # forgotten while it was answered: begin again, once
                if last:
                    raise
        return []


_CUT_CODE = re.compile(r"[\d\s,;./_*|:-]*\Z")


def redact_limited(text: str) -> str:
    """The text up to the limit; a code that the limit would cut in two goes as a whole.

    The codes within are left for the conversation's door, which also reports them.
    """
    cleaned = clean_text(text)
    if len(cleaned) <= TEXT_LIMIT:
        return cleaned
    kept = cleaned[:TEXT_LIMIT]
    return kept if redact_codes(kept).text.count("[code]") == 0 and kept[-1].isalpha() else _CUT_CODE.sub("", kept)
