"""The engine that the channels talk to, made of Rasa.

A turn is answered within its time limit or with the failure answer; it is shielded from a caller that goes away, so
what it did is always recorded. Waiting for the conversation's earlier messages is outside of the limit.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from rasa.shared.core.constants import REQUESTED_SLOT
from rasa_sdk.interfaces import Action

from bot.db import UNAVAILABLE, Clock, Database, system_clock
from bot.engine.actions import InProcessActions, action_errors, use_prepared_validator
from bot.engine.locks import ConversationLocks, LockUnavailable
from bot.engine.model import Answer, Kind, Reply
from bot.engine.output import TurnOutput, reply_from
from bot.engine.processor import GREETING, TurnProcessor
from bot.engine.rules import use_remembered_rules
from bot.engine.tracker_store import AsyncTrackerStore
from bot.engine.wording import Wording

logger = logging.getLogger(__name__)

FAILURE = "utter_failure"
NOTICED = frozenset({"report_missing_code", "request_resend"})  # topics that the staff's notice is about


class RasaEngine:
    """`bot.engine.model.Engine` by Rasa. Made by `load_engine`."""

    def __init__(
        self,
        processor: TurnProcessor,
        store: AsyncTrackerStore,
        wording: Wording,
        locks: ConversationLocks,
        *,
        turn_timeout: float,
        notice: str = "",
    ) -> None:
        self._processor = processor
        self._store = store
        self._wording = wording
        self._locks = locks
        self._turn_timeout = turn_timeout
        self.notice = notice
        self._turns: set[asyncio.Task[Any]] = set()

    async def answer(
        self,
        conversation: str,
        text: str,
        *,
        channel: str,
        command: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Answer:
        """See `Engine.answer`."""
        turn = asyncio.create_task(self._turn(conversation, text, channel, command, dict(metadata or {})))
        self._keep(turn)
        return await asyncio.shield(turn)

    async def greet(self, conversation: str, *, channel: str) -> tuple[Reply, ...]:
        """See `Engine.greet`."""
        notice = (Reply(self.notice, Kind.NOTICE),) if self.notice else ()
        return (*notice, self._say(GREETING, channel))

    async def nearest(self, text: str) -> str:
        """The topic that a text is nearest to, however unsure; no conversation is touched."""
        return await self._processor.nearest(text)

    async def asked(self, conversation: str) -> str | None:
        """See `Engine.asked`."""
        tracker = await self._store.retrieve(conversation)
        if tracker is None or not tracker.active_loop_name:
            return None
        slot: str | None = tracker.get_slot(REQUESTED_SLOT)
        return slot

    async def forget(self, conversation: str) -> None:
        """See `Engine.forget`."""
        async with self._locks.hold(conversation):
            await self._store.forget(conversation)

    async def prune(self, before: int) -> None:
        """See `Engine.prune`."""
        await self._store.prune(before)

    async def close(self) -> None:
        """Let the turns that are under way finish (each within its limit), then close."""
        if self._turns:
            await asyncio.wait(self._turns, timeout=self._turn_timeout)
        await self._locks.close()
        self._processor.close()

    async def _turn(
        self, conversation: str, text: str, channel: str, command: str | None, metadata: dict[str, Any]
    ) -> Answer:
        async with AsyncExitStack() as held:
            try:
                await held.enter_async_context(self._locks.hold(conversation))
            except LockUnavailable as error:
                return self._failure("unavailable", channel, metadata, error)
            work = asyncio.create_task(self._work(conversation, text, channel, command, metadata))
            done, _ = await asyncio.wait({work}, timeout=self._turn_timeout)
            if done:
                return work.result()
            # The turn goes on and keeps the conversation locked until what it does is recorded.
            self._keep(asyncio.create_task(_finish(work, held.pop_all())))
            return self._failure("timeout", channel, metadata)

    async def _work(
        self, conversation: str, text: str, channel: str, command: str | None, metadata: dict[str, Any]
    ) -> Answer:
        errors: list[Exception] = []
        action_errors.set(errors)
        output = TurnOutput(channel, self._processor.topics)
        try:
            understanding = await self._processor.turn(conversation, text, output, command=command, notes=metadata)
        except UNAVAILABLE as error:
            return self._failure("unavailable", channel, metadata, error)
        except Exception as error:
            return self._failure("exception", channel, metadata, error)
        if errors and not output.replies:
            return self._failure("exception", channel, metadata, errors[0])
        if not output.replies:
            return self._failure("no_reply", channel, metadata)
        replies = list(output.replies)
        if self.notice and understanding.intent in NOTICED:
            replies.insert(0, Reply(self.notice, Kind.NOTICE))
        failed = bool(errors) or any(reply.kind is Kind.ERROR for reply in replies)
        return Answer(tuple(replies), understanding, failed_action=failed)

    def _failure(
        self, reason: str, channel: str, metadata: Mapping[str, Any], error: BaseException | None = None
    ) -> Answer:
        # The class alone: an error's text may hold a patient's words.
        logger.error(
            "turn failed: %s %s", reason, type(error).__name__ if error else "",
            extra={"request_id": metadata.get("request_id"), "reason": reason},
        )
        logger.debug("turn failed", exc_info=error)
        return Answer((self._say(FAILURE, channel, kind=Kind.ERROR),), failure=reason)

    def _say(self, response: str, channel: str, kind: Kind | None = None) -> Reply:
        words = self._wording.words(response, channel)
        if words is None:
            raise LookupError(f"domain.yml has no {response} for {channel}")
        reply = reply_from({**words, "utter_action": response}, self._processor.topics)
        return Reply(reply.text, kind or reply.kind, reply.buttons, reply.topic, reply.contact_route)

    def _keep(self, task: asyncio.Task[Any]) -> None:
        self._turns.add(task)
        task.add_done_callback(self._turns.discard)


async def _finish(work: asyncio.Task[Answer], held: AsyncExitStack) -> None:
    async with held:
        await asyncio.wait({work})


def load_engine(
    model: Path,
    database: Database,
    locks: ConversationLocks,
    *,
    actions: Iterable[Action],
    organization: Mapping[str, str],
    without: Collection[str] = (),
    typed_codes_die: bool = False,
    turn_timeout: float = 5.0,
    notice: str = "",
    clock: Clock = system_clock,
) -> RasaEngine:
    """Load a trained model.

    Args:
        model: the `.tar.gz` that `twostep train` made.
        database: where trackers are kept.
        locks: keeps a conversation's messages in order.
        actions: rasa-sdk actions that already hold their clients.
        without: commands of buttons that this installation has no use for.
        typed_codes_die: whether a code typed into the chat is reported where it dies, so that this may be said.
        organization: values for `{practice}`, `{phone}` and the like in domain.yml.
        notice: the staff's line, shown in the greeting and with missing-code answers.
        turn_timeout: seconds from the lock to the failure answer.
        clock: milliseconds since the epoch.
    """
    use_prepared_validator()
    use_remembered_rules()
    wording = Wording({}, organization, without, typed_codes_die=typed_codes_die)
    store = AsyncTrackerStore(None, database, clock)
    processor = TurnProcessor(model, store, wording, InProcessActions(actions))
    store.domain = processor.domain
    wording.responses = processor.domain.responses
    return RasaEngine(processor, store, wording, locks, turn_timeout=turn_timeout, notice=notice)
