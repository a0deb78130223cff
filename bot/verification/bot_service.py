"""What the bot may have done: bind a handoff, ask for another code, report an exposed one.

The bot learns an outcome, a wait, a channel and a masked destination; never an account, a number or a code.
"""

from __future__ import annotations

import hmac
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.accounts.model import Directory
from bot.audit.model import By, Trail
from bot.db import Clock, Database
from bot.delivery.model import Outbox
from bot.events import Record, ResendRedeemed
from bot.verification.handoff_store import HandoffStore, redeeming
from bot.verification.model import (
    Channel,
    Origin,
    Outcome,
    Purpose,
    Redeemed,
    Refusal,
    SignInStatus,
    is_code,
    token_digest,
)
from bot.verification.sending import CodeSender, Destination, Sent
from bot.verification.service import always_ready
from bot.verification.store import Challenge, VerificationStore

EXPOSED_PER_CONVERSATION = 10  # a conversation that "exposes" more is fishing for other people's codes
OTHER_WAY_HELPS = (Refusal.OPTED_OUT, Refusal.NO_DESTINATION)
_REMEMBERED = 10_000


class BotService:
    """Use cases of the bot's endpoints; arguments as in `SignInService`."""

    def __init__(
        self, database: Database, store: VerificationStore, handoffs: HandoffStore, sender: CodeSender,
        directory: Directory, outbox: Outbox, trail: Trail, clock: Clock, record: Record,
        ready: Callable[[], Awaitable[None]] = always_ready,
    ) -> None:
        self._database = database
        self._store = store
        self._handoffs = handoffs
        self._sender = sender
        self._directory = directory
        self._outbox = outbox
        self._trail = trail
        self._clock = clock
        self._record = record
        self._ready = ready
        self._exposures: OrderedDict[str, int] = OrderedDict()

    async def bind(self, handoff: str, conversation: str, by: By) -> bool:
        """Tie a handoff to a conversation, once."""
        digest = token_digest(handoff)
        async with self._database.write() as connection:
            challenge_id = await self._handoffs.challenge_of(connection, digest, self._clock())
            challenge = await self._store.challenge(connection, challenge_id) if challenge_id else None
            if challenge is None:
                return False
            await self._store.lock_factor(connection, challenge.account)
            now = self._clock()
            if not challenge.is_open(now):
                return False
            if not await self._handoffs.bind(connection, challenge.id, digest, conversation, now):
                return False
            await self._trail.append(connection, by, "handoff.bound", at=now, subject=challenge.id)
        return True

    async def status(self, conversation: str) -> SignInStatus:
        """Whether a sign-in waits, and where a code would go. Sends nothing."""
        now = self._clock()
        async with self._database.read() as connection:
            challenge = await self._bound(connection, conversation, now)
            if challenge is None:
                return SignInStatus(False)
            factor = await self._store.factor(connection, challenge.account)
            destination, others = await self._choose(connection, challenge, None)
            verdict = await self._sender.judge(connection, challenge, factor, destination, Origin.BOT, now)
        if destination is None:
            return SignInStatus(True, other_channels=others)
        # Only the wait between two codes is worth offering: who has reached an hour's limit is refused (`redeem`).
        retry_after = 0 if verdict.allowed else verdict.retry_after if verdict.refusal is Refusal.TOO_SOON else None
        offered = others if retry_after is not None or verdict.refusal in OTHER_WAY_HELPS else ()
        return SignInStatus(True, destination.channel, destination.masked, offered, retry_after)

    async def redeem(self, conversation: str, channel: Channel | None, key: str, by: By) -> Redeemed:
        """Send another code to the patient whose sign-in is bound to the conversation.

        Raises:
            KeyReused: the key stood for another request.
            SendsUnavailable: the limiter's store is down.
        """
        await self._ready()
        request = {"action": "resend", "channel": channel.value if channel else None}
        scope = redeeming(conversation)
        async with self._database.write() as connection:
            challenge = await self._bound(connection, conversation, self._clock())
            factor = await self._store.lock_factor(connection, challenge.account) if challenge else None
            now = self._clock()
            before = await self._handoffs.reply(connection, scope, key, request)
            if before is not None:  # also when the sign-in is over by now
                return redeemed_from(before)
            challenge = await self._store.challenge(connection, challenge.id) if challenge else None
            if challenge is None or factor is None or not challenge.is_open(now):
                return Redeemed(Outcome.UNAVAILABLE)
            destination, others = await self._choose(connection, challenge, channel)
            sent = await self._sender.send(connection, challenge, factor, destination, Origin.BOT, by, now)
            if isinstance(sent, Sent):
                redeemed = Redeemed(Outcome.ACCEPTED, sent.channel, sent.destination, None, others)
            elif sent.refusal is Refusal.TOO_SOON and destination is not None:
                redeemed = Redeemed(
                    Outcome.WAIT, destination.channel, destination.masked, sent.retry_after, others
                )
            else:
                offered = others if sent.refusal in OTHER_WAY_HELPS else ()
                redeemed = Redeemed(Outcome.UNAVAILABLE, None, None, None, offered)
            await self._handoffs.keep_reply(connection, scope, key, request, redeemed_as_json(redeemed), now)
        self._outbox.wake()
        await self._record(ResendRedeemed(conversation, challenge.id, now, redeemed.outcome))
        return redeemed

    async def exposed(self, conversation: str, code: str, by: By) -> None:
        """Kill a live code that equals one typed into the chat, whoever it belongs to; nobody learns whether."""
        if not is_code(code):
            return
        seen = self._exposures.pop(conversation, 0) + 1
        self._exposures[conversation] = seen
        if len(self._exposures) > _REMEMBERED:
            self._exposures.popitem(last=False)
        now = self._clock()
        async with self._database.read() as connection:
            bound = await self._handoffs.bound_to(connection, conversation)
            live = await self._store.live_codes(connection, now)
        dead = [
            found for found, account, purpose in live
            if (seen <= EXPOSED_PER_CONVERSATION or found.challenge == bound)
            and hmac.compare_digest(
                found.digest, self._sender.digest(found.challenge, account, found.channel, purpose, code)
            )
        ]
        if not dead:
            return
        async with self._database.write() as connection:
            ended = [found for found in dead if await self._store.end_code(connection, found.id, "exposed")]
            for found in ended:
                await self._trail.append(connection, by, "code.exposed", at=now, subject=found.challenge)

    async def sms_resend(self, number: str, by: By) -> None:
        """Send a code if a sign-in of an account with this number waits for one. Nobody learns whether.

        Raises:
            SendsUnavailable: the limiter's store is down.
        """
        await self._ready()
        async with self._database.read() as connection:
            found = await self._directory.accounts_with_number(connection, number)
        for account in found:
            async with self._database.write() as connection:
                factor = await self._store.lock_factor(connection, account)
                now = self._clock()
                challenge = await self._store.newest_open(connection, account, now)
                if challenge is None:
                    continue
                destinations = await self._sender.destinations(connection, account)
                destination = next((point for point in destinations if point.channel is Channel.SMS), None)
                await self._sender.send(connection, challenge, factor, destination, Origin.SMS, by, now)
        self._outbox.wake()

    async def forget(self, conversation: str) -> None:
        """Untie a conversation that is deleted."""
        async with self._database.write() as connection:
            await self._handoffs.forget(connection, conversation)

    async def _bound(self, connection: AsyncConnection, conversation: str, now: int) -> Challenge | None:
        challenge_id = await self._handoffs.bound_to(connection, conversation)
        challenge = await self._store.challenge(connection, challenge_id) if challenge_id else None
        usable = challenge is not None and challenge.is_open(now) and challenge.purpose is Purpose.SIGN_IN
        return challenge if usable else None

    async def _choose(
        self, connection: AsyncConnection, challenge: Challenge, wanted: Channel | None
    ) -> tuple[Destination | None, tuple[Channel, ...]]:
        """The destination of the wanted channel, else of the one used last, else the recommended; and the others."""
        destinations = await self._sender.destinations(connection, challenge.account)
        last = await self._store.last_code(connection, challenge.id)
        channel = wanted or (last.channel if last else None)
        chosen = next((point for point in destinations if point.channel is channel), None)
        if chosen is None and wanted is None and destinations:
            chosen = destinations[0]
        others = tuple(point.channel for point in destinations if point is not chosen and not point.opted_out)
        return chosen, others


def redeemed_as_json(redeemed: Redeemed) -> dict[str, Any]:
    """The answer as the contract writes it."""
    return {
        "outcome": redeemed.outcome.value, "channel": redeemed.channel.value if redeemed.channel else None,
        "destination": redeemed.destination, "retry_after": redeemed.retry_after,
        "other_channels": [channel.value for channel in redeemed.other_channels],
    }


def redeemed_from(json: dict[str, Any]) -> Redeemed:
    """Read what `redeemed_as_json` wrote.

    Raises:
        KeyError, ValueError, TypeError: it is something else.
    """
    return Redeemed(
        Outcome(json["outcome"]), Channel(json["channel"]) if json.get("channel") else None, json.get("destination"),
        json.get("retry_after"), tuple(Channel(channel) for channel in json.get("other_channels") or ()),
    )
