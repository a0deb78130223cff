"""The bot's endpoints. They want the bot's credential, which is worth nothing anywhere else."""

from __future__ import annotations

import hmac
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field
from sanic import HTTPResponse, Request

from bot.audit.model import Actor, By
from bot.http.api import Api, Auth, no_content, reply
from bot.http.bodies import Body
from bot.http.problem import Conflict, Forbidden, Invalid, Unauthenticated, Unavailable
from bot.verification.api import idempotency_key
from bot.verification.bot_service import BotService, redeemed_as_json
from bot.verification.handoff_store import KeyReused
from bot.verification.model import Channel, Outcome
from bot.verification.service import SendsUnavailable

Conversation = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[\x21-\x7e]+$")]


class Binding(Body):
    handoff: Annotated[str, Field(min_length=1, max_length=128)]
    conversation: Conversation


class Asked(Body):
    conversation: Conversation


class Resend(Body):
    conversation: Conversation
    action: Literal["resend"]
    channel: Annotated[Channel | None, Field(strict=False)] = None


class RedeemedView(BaseModel):
    outcome: Outcome
    channel: Channel | None
    destination: str | None
    retry_after: int | None
    other_channels: list[Channel]


class StatusView(BaseModel):
    waiting: bool
    channel: Channel | None
    destination: str | None
    other_channels: list[Channel]
    retry_after: int | None


class ExposedCode(Body):
    conversation: Conversation
    code: Annotated[str, Field(min_length=1, max_length=64)]


class SmsSender(Body):
    sender: Annotated[str, Field(alias="from", min_length=1, max_length=32)]


class Noted(BaseModel):
    noted: Literal[True] = True


def bot_api(service: BotService, credential: str) -> Api:
    """The operations of the bot.

    Args:
        credential: what stands behind `Authorization: Bearer`; empty means that nobody may call.
    """

    def is_the_bot(request: Request) -> None:
        given = request.headers.getall("authorization", [])
        scheme, _, token = (given[0] if len(given) == 1 else "").partition(" ")
        fits = hmac.compare_digest(token.encode("utf-8", "surrogateescape"), credential.encode())
        if not credential or scheme.lower() != "bearer" or not fits:
            raise Unauthenticated

    api = Api("Bot", guard=is_the_bot)

    @api.post(
        "/v1/bot/handoffs/bind", auth=Auth.BOT, body=Binding, replies={204: None},
        problems=(Unauthenticated, Forbidden),
    )
    async def bind(request: Request, body: Binding) -> HTTPResponse:
        """Tie a waiting sign-in to a conversation, once; then nobody keeps the token."""
        if not await service.bind(body.handoff, body.conversation, by(request)):
            raise Forbidden
        return no_content()

    @api.post(
        "/v1/bot/conversations/status", auth=Auth.BOT, body=Asked, replies={200: StatusView},
        problems=(Unauthenticated,),
    )
    async def status(request: Request, body: Asked) -> HTTPResponse:
        """Whether the conversation's sign-in waits for a code, and where one would go (masked). Sends nothing."""
        found = await service.status(body.conversation)
        return reply(StatusView(
            waiting=found.waiting, channel=found.channel, destination=found.destination,
            other_channels=list(found.other_channels), retry_after=found.retry_after,
        ))

    @api.post(
        "/v1/bot/conversations/redeem", auth=Auth.BOT, body=Resend, replies={200: RedeemedView},
        problems=(Unauthenticated, Conflict),
        headers={"Idempotency-Key": "needed: a UUID; the same one again gives the same answer and sends nothing more"},
    )
    async def redeem(request: Request, body: Resend) -> HTTPResponse:
        """Send another code. `accepted` means that it is on its way."""
        key = idempotency_key(request, required=True) or ""
        try:
            UUID(key)
        except ValueError:
            raise Invalid("Send a UUID as Idempotency-Key.") from None
        try:
            redeemed = await service.redeem(body.conversation, body.channel, key, by(request))
        except KeyReused:
            raise Conflict from None
        except SendsUnavailable:
            raise Unavailable(retry_after=5) from None
        return reply(RedeemedView.model_validate(redeemed_as_json(redeemed)))

    @api.post(
        "/v1/bot/conversations/exposed", auth=Auth.BOT, body=ExposedCode, replies={204: None},
        problems=(Unauthenticated,),
    )
    async def exposed(request: Request, body: ExposedCode) -> HTTPResponse:
        """Report a code that was typed into the chat; a live one dies. The answer is always the same."""
        await service.exposed(body.conversation, body.code, by(request))
        return no_content()

    @api.post(
        "/v1/bot/sms-resend", auth=Auth.BOT, body=SmsSender, replies={202: Noted}, problems=(Unauthenticated,)
    )
    async def sms_resend(request: Request, body: SmsSender) -> HTTPResponse:
        """Send a code if a sign-in of the account with this number waits. The answer is always the same."""
        try:
            await service.sms_resend(body.sender, by(request))
        except SendsUnavailable:
            raise Unavailable(retry_after=5) from None
        return reply(Noted(), 202)

    return api


def by(request: Request) -> By:
    """The bot, in this request."""
    return By(Actor.BOT, request.ctx.request_id)
