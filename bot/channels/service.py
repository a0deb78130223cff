"""Web conversations: begin, say something, judge, forget. Every message is answered once, whatever the network does."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import time
from collections.abc import Awaitable, Sequence
from typing import Any
from uuid import NAMESPACE_URL, uuid4, uuid5

from bot.channels.model import (
    Bind,
    Claim,
    Draft,
    Exposed,
    Forget,
    Intake,
    Message,
    Turn,
    bind_nothing,
    clean_text,
    expose_nothing,
    forget_nothing,
)
from bot.channels.store import LEASE, ConversationStore
from bot.db import UNAVAILABLE, Clock, system_clock
from bot.engine.model import Answer, Engine, Kind, Reply
from bot.events import ConversationEnded, Event, FeedbackGiven, Record, TurnAnswered, TurnFailed, record_nothing
from bot.privacy import Keys, redact_codes, redact_contacts

log = logging.getLogger("twostep.chat")

CHANNEL = "web"
DRAIN = 10.0  # seconds that a stopping server waits for turns
REPORTED_WITHIN = 1.5  # seconds that an answer waits to know that a typed code is dead; the report may take longer
POLL = 0.05  # seconds between looks at a turn that another process answers


class NoConversation(Exception):
    """There is no such conversation (any more)."""


class OtherContent(Exception):
    """The message's id was used for other content."""


class UnknownChoice(Exception):
    """No such button was offered in this conversation."""


class EmptyText(Exception):
    """Nothing is left of the text without control characters and blanks."""


async def mask_contacts(conversation: str, text: str) -> str:
    """The usual intake: phone numbers and email addresses are masked before anything sees them."""
    return redact_contacts(text)


class ChatService:
    """The use cases of a conversation: of the web chat, and of SMS beneath `bot.channels.sms`.

    Args:
        channel: the engine's name of the channel, which chooses the words.
        failure: said when the engine breaks its promise and raises.
        languages: those that the assistant speaks; the first is the fallback.
        bind, exposed: of the verification backend; null objects where there is none.
        intake: decides what the engine may see of a text (codes are masked before it).
        forget_elsewhere: deletes what others keep of a conversation that is deleted (a form's draft, its sign-in).
    """

    def __init__(
        self,
        store: ConversationStore,
        engine: Engine,
        keys: Keys,
        failure: Reply,
        *,
        channel: str = CHANNEL,
        languages: Sequence[str] = ("en",),
        bind: Bind = bind_nothing,
        exposed: Exposed = expose_nothing,
        intake: Intake = mask_contacts,
        forget_elsewhere: Forget = forget_nothing,
        record: Record = record_nothing,
        clock: Clock = system_clock,
    ) -> None:
        self._store = store
        self._engine = engine
        self._key = keys.derive("chat:content")
        self._failure = failure
        self._channel = channel
        self._languages = tuple(languages)
        self._bind = bind
        self._exposed = exposed
        self._intake = intake
        self._forget_elsewhere = forget_elsewhere
        self._record = record
        self._clock = clock
        self._running: dict[tuple[str, str], asyncio.Task[list[Message]]] = {}

    async def begin(self, language: str | None) -> tuple[str, list[Message], str]:
        """A new conversation: its id, the greeting, the language."""
        conversation = uuid4().hex
        wanted = (language or "").lower().replace("_", "-").partition("-")[0]
        spoken = wanted if wanted in self._languages else self._languages[0]
        greeting = await self.greeting(conversation)
        drafts = _drafts(conversation, "greeting", greeting)
        return conversation, await self._store.open(conversation, spoken, drafts, self._clock()), spoken

    async def ensure(self, conversation: str) -> None:
        """Begin a conversation whose id follows from its sender; nothing where there is one."""
        if await self._store.language(conversation) is None:
            await self._store.ensure(conversation, self._languages[0], self._clock())

    async def greeting(self, conversation: str) -> tuple[Reply, ...]:
        """The channel's first words."""
        return await self._engine.greet(conversation, channel=self._channel)

    async def language(self, conversation: str) -> str | None:
        """The language of a live conversation, None when there is none."""
        return await self._store.language(conversation)

    async def history(self, conversation: str, after: int = 0) -> list[Message]:
        """Both sides' messages after a number.

        Raises:
            NoConversation
        """
        found = await self._store.history(conversation, after)
        if not found and await self._store.language(conversation) is None:
            raise NoConversation
        return found

    async def known_turn(self, conversation: str, message: str, said: str, payload: str | None) -> bool:
        """True when this very message is answered, or being answered, already (a repetition counts for no limit).

        Raises:
            NoConversation
        """
        claim = await self._store.turn(conversation, message, self._hash(said, payload), self._clock())
        if claim is not None and claim.turn is Turn.GONE:
            raise NoConversation
        return claim is not None and claim.turn is not Turn.CONFLICT

    async def say(
        self, conversation: str, message: str, said: str, payload: str | None, *, request_id: str
    ) -> list[Message]:
        """Answer what the patient typed or chose: the bot's replies.

        The turn goes on when the caller is cancelled; the same message again gets the same replies.

        Args:
            message: the client's id.
            said: the text, empty when a button was pressed.
            payload: the button's.

        Raises:
            NoConversation, OtherContent, UnknownChoice, EmptyText
        """
        content = self._hash(said, payload)
        command: str | None = None
        codes: tuple[str, ...] = ()
        if payload is not None:
            choice = await self._store.choice(conversation, payload)
            if choice is None:
                if await self._store.language(conversation) is None:
                    raise NoConversation
                raise UnknownChoice
            text, command = choice.title, choice.command
        else:
            text, codes = redact_codes(clean_text(said))
            text = text.strip()
            if not text:
                raise EmptyText
        claim = await self._store.claim(conversation, message, content, redact_contacts(text), self._clock())
        while True:
            match claim.turn:
                case Turn.GONE:
                    raise NoConversation
                case Turn.CONFLICT:
                    raise OtherContent
                case Turn.DONE:
                    return await self._store.replies(conversation, message)
                case Turn.CLAIMED:
                    turn = self._turn(conversation, message, claim, text, command, codes, request_id)
                    task = asyncio.create_task(turn, name=f"turn {message}")
                    self._running[conversation, message] = task
                    task.add_done_callback(lambda _: self._running.pop((conversation, message), None))
                    return await asyncio.shield(task)
            running = self._running.get((conversation, message))
            if running is not None:
                return await asyncio.shield(running)
            await asyncio.sleep(POLL)
            claim = await self._store.claim(conversation, message, content, redact_contacts(text), self._clock())

    async def judge(self, conversation: str, message: str, helpful: bool) -> bool:
        """Keep a thumb up or down; False when there is no such message of the bot's."""
        now = self._clock()
        seq = await self._store.judge(conversation, message, helpful, now)
        if seq is None:
            return False
        await self._tell(FeedbackGiven(conversation, seq, now, helpful))
        return True

    async def bind(self, conversation: str, handoff: str) -> bool:
        """Tie a waiting sign-in to the conversation; the token is kept nowhere."""
        return await self._bind(handoff, conversation)

    async def forget(self, conversation: str) -> None:
        """Delete a conversation here and in the engine; nothing happens when there is none."""
        if await self._store.delete(conversation):
            await self._tell(ConversationEnded(conversation, self._clock()))
        await self._forget_around(conversation)

    async def _forget_around(self, conversation: str) -> None:
        await self._engine.forget(conversation)
        await self._forget_elsewhere(conversation)

    async def forget_idle(self, before: int) -> int:
        """Delete the conversations without a message since then (milliseconds UTC); how many there were."""
        count = 0
        while idle := await self._store.idle_since(before):
            for conversation in idle:
                await self._store.delete(conversation)
                await self._forget_around(conversation)
            count += len(idle)
        return count

    async def prune(self, before: int) -> None:
        """Delete every word from before this time (milliseconds UTC), whether or not its conversation goes on."""
        await self.forget_idle(before)
        await self._store.delete_before(before)
        await self._engine.prune(before)

    async def drain(self) -> None:
        """Wait for the turns that are being answered, when the server stops."""
        if self._running:
            await asyncio.wait(list(self._running.values()), timeout=DRAIN)

    async def _turn(
        self, conversation: str, message: str, claim: Claim, text: str, command: str | None,
        codes: tuple[str, ...], request_id: str,
    ) -> list[Message]:
        lease = asyncio.create_task(self._keep_lease(conversation, message))
        try:
            await self._wait_for_earlier(conversation, claim)
            return await self._answer(conversation, message, claim, text, command, codes, request_id)
        finally:
            lease.cancel()

    async def _wait_for_earlier(self, conversation: str, claim: Claim) -> None:
        """Answers come in the order of the messages' numbers, whichever processes give them."""
        before = claim.after
        while before is not None:
            running = self._running.get((conversation, before))
            if running is not None:
                await asyncio.wait({running})
            else:
                await asyncio.sleep(POLL)
            before = await self._store.before(conversation, claim.seq, self._clock())

    async def _answer(
        self, conversation: str, message: str, claim: Claim, text: str, command: str | None,
        codes: tuple[str, ...], request_id: str,
    ) -> list[Message]:
        began = time.monotonic()
        metadata: dict[str, Any] = {"request_id": request_id, "message_id": message}
        if codes:
            metadata["codes_seen"] = len(codes)
        telling = [
            asyncio.create_task(self._report_code(conversation, code, request_id)) for code in dict.fromkeys(codes)
        ]
        try:
            allowed = text if command is not None else await self._intake(conversation, text)
            if telling:
                told, late = await asyncio.wait(telling, timeout=REPORTED_WITHIN)
                if late or not all(task.result() for task in told):
                    metadata["code_may_live"] = True
            answer = await self._engine.answer(
                conversation, allowed, channel=self._channel, command=command, metadata=metadata
            )
        except Exception as error:
            # The error's text may hold the patient's words: its type is enough to find the place.
            log.error("turn failed", extra={"request_id": request_id, "error": type(error).__name__})
            answer = Answer((self._failure,), failure="exception")
        if not answer.replies:
            answer = Answer((self._failure,), failure="no_reply")
        await asyncio.gather(*telling)
        drafts = _drafts(conversation, message, answer.replies)
        now = self._clock()
        made = await self._store.finish(conversation, message, drafts, now)
        if made is None:  # deleted meanwhile: the engine must not keep what it wrote after that
            await self._forget_around(conversation)
            raise NoConversation
        await self._tell(_event(self._channel, conversation, claim.seq, now, answer, command, time.monotonic() - began))
        return made

    async def _keep_lease(self, conversation: str, message: str) -> None:
        while True:
            await asyncio.sleep(LEASE / 3000)
            try:
                await self._store.renew(conversation, message, self._clock())
            except UNAVAILABLE as error:  # the database is away: the answer will say so
                log.warning("lease not renewed", extra={"error": type(error).__name__})

    async def _report_code(self, conversation: str, code: str, request_id: str) -> bool:
        return await _carefully(self._exposed(conversation, code), "code not reported", request_id)

    async def _tell(self, event: Event) -> None:
        await _carefully(self._record(event), "event not recorded", "")

    def _hash(self, said: str, payload: str | None) -> str:
        content = f"text:{said}" if payload is None else f"payload:{payload}"
        return hmac.new(self._key, content.encode(), hashlib.sha256).hexdigest()


async def _carefully(work: Awaitable[None], what: str, request_id: str) -> bool:
    """Side work that must never break a patient's turn; False when it failed."""
    try:
        await work
    except Exception as error:
        log.error(what, extra={"request_id": request_id, "error": type(error).__name__})
        return False
    return True


def _drafts(conversation: str, turn: str, replies: Sequence[Reply]) -> list[Draft]:
    # Ids that follow from the turn: an answer that two processes gave gets one set of ids.
    return [
        Draft(
            str(uuid5(NAMESPACE_URL, f"twostep:{conversation}:{turn}:{number}")), reply.text, reply.kind.value,
            tuple((button.title, button.command) for button in reply.buttons), reply.topic,
        )
        for number, reply in enumerate(replies)
    ]


def _event(
    channel: str, conversation: str, seq: int, now: int, answer: Answer, command: str | None, seconds: float
) -> TurnAnswered | TurnFailed:
    if answer.failure:
        return TurnFailed(conversation, channel, seq, now, answer.failure)
    understood = answer.understanding
    kinds = [reply.kind for reply in answer.replies]
    return TurnAnswered(
        conversation=conversation, channel=channel, seq=seq, at=now, intent=understood.intent,
        topics=understood.intents, decision=understood.decision.value, kind=(kinds or [Kind.MESSAGE])[-1].value,
        confidence=understood.confidence, button=command is not None, embedded=understood.embedded,
        contact_shown=any(reply.contact_route for reply in answer.replies), failed_action=answer.failed_action,
        seconds=seconds,
    )
