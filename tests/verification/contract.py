"""The contract of the bot's endpoints, as one suite for every implementation of `VerificationClient`.

Another portal checks its own implementation of the two endpoints (bind and redeem; more are optional) with

    TWOSTEP_CONTRACT_URL=https://portal.example.org TWOSTEP_CONTRACT_CREDENTIAL=... \
    TWOSTEP_CONTRACT_HANDOFF_COMMAND='./print-a-new-handoff' pytest tests/verification/test_contract.py

where the command prints a new handoff of a sign-in that waits for a code (each time one of a test account that may get
messages). Parts that need more than that (`optional`) are left out there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import uuid4

from bot.verification.model import Channel, Outcome, Redeemed, VerificationClient

NewHandoff = Callable[[], Awaitable[str]]


@dataclass
class Contract:
    """A client and a way to new handoffs, each of a new sign-in that waits for a code and has had none yet."""

    client: VerificationClient
    new_handoff: NewHandoff

    async def bound(self) -> str:
        """A conversation with a sign-in bound to it."""
        conversation = f"contract-{uuid4().hex}"
        assert await self.client.bind(await self.new_handoff(), conversation)
        return conversation

    async def redeem(self, conversation: str, channel: str | None = None, key: str = "") -> Redeemed:
        """A resend with a key of its own."""
        return await self.client.redeem(conversation, channel=channel, idempotency_key=key or str(uuid4()))


async def binds_once(contract: Contract) -> None:
    """A handoff is bound once; a second bind, and a made-up handoff, are False."""
    handoff = await contract.new_handoff()
    assert await contract.client.bind(handoff, "contract-a")
    assert not await contract.client.bind(handoff, "contract-b")
    assert not await contract.client.bind("made-up-" + uuid4().hex, "contract-a")


async def accepts_a_resend(contract: Contract) -> None:
    """A bound conversation gets a code sent, and learns channel and masked destination."""
    redeemed = await contract.redeem(await contract.bound())
    assert redeemed.outcome is Outcome.ACCEPTED
    assert redeemed.channel in tuple(Channel)
    assert redeemed.destination and "•" in redeemed.destination
    assert sum(character.isdigit() for character in redeemed.destination) <= 4
    assert redeemed.channel not in redeemed.other_channels


async def says_when_to_wait(contract: Contract) -> None:
    """A second resend right after the first is `wait` with whole seconds."""
    conversation = await contract.bound()
    await contract.redeem(conversation)
    second = await contract.redeem(conversation)
    assert second.outcome is Outcome.WAIT
    assert isinstance(second.retry_after, int) and second.retry_after > 0


async def answers_a_key_once(contract: Contract) -> None:
    """The same key gives the same answer, in parallel too."""
    conversation, key = await contract.bound(), str(uuid4())
    answers = await asyncio.gather(*(contract.redeem(conversation, key=key) for _ in range(5)))
    assert {answer.outcome for answer in answers} == {Outcome.ACCEPTED}
    assert len(set(answers)) == 1


async def sends_once_for_parallel_redeems(contract: Contract) -> None:
    """Of ten resends at once, each with its own key, one is accepted."""
    conversation = await contract.bound()
    answers = await asyncio.gather(*(contract.redeem(conversation) for _ in range(10)))
    assert sum(answer.outcome is Outcome.ACCEPTED for answer in answers) == 1


async def knows_nothing_of_other_conversations(contract: Contract) -> None:
    """A conversation without a handoff gets `unavailable` and learns nothing."""
    assert await contract.redeem(f"contract-{uuid4().hex}") == Redeemed(Outcome.UNAVAILABLE)


async def takes_a_channel(contract: Contract) -> None:
    """A named channel is used where the account has it; the account's other ones are offered."""
    conversation = await contract.bound()
    first = await contract.redeem(conversation)
    for channel in first.other_channels:
        other = await contract.redeem(await contract.bound(), channel=channel)
        assert (other.outcome, other.channel) == (Outcome.ACCEPTED, channel)


REQUIRED = (
    binds_once, accepts_a_resend, says_when_to_wait, answers_a_key_once, sends_once_for_parallel_redeems,
    knows_nothing_of_other_conversations, takes_a_channel,
)


async def status_sends_nothing(contract: Contract) -> None:
    """`status` knows before a send where it would go, and does not count as one."""
    conversation = await contract.bound()
    status = await contract.client.status(conversation)
    assert status.waiting
    redeemed = await contract.redeem(conversation)
    assert (redeemed.outcome, redeemed.channel, redeemed.destination) == (
        Outcome.ACCEPTED, status.channel, status.destination
    )
    assert not (await contract.client.status(f"contract-{uuid4().hex}")).waiting


async def reports_are_silent(contract: Contract) -> None:
    """Exposed codes and texts asking for a code are taken without an answer, and cost a waiting sign-in nothing."""
    conversation = await contract.bound()
    await contract.client.exposed("contract-x", "123456")
    await contract.client.exposed(conversation, "no code at all")
    await contract.client.sms_resend("+18455550188")
    assert (await contract.redeem(conversation)).outcome is Outcome.ACCEPTED


OPTIONAL = (status_sends_nothing, reports_are_silent)
