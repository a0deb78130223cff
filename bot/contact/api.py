"""Contact requests as a JSON operation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from pydantic import BaseModel
from pydantic import Field as Shape
from sanic import HTTPResponse, Request

from bot.audit.model import Actor, By
from bot.contact.model import (
    MESSAGE_LENGTH,
    NAME_LENGTH,
    REPLY_TO_LENGTH,
    Field,
    explain,
)
from bot.contact.service import ContactService, Rejected
from bot.http.api import Api, reply
from bot.http.bodies import Body
from bot.http.client_address import limit_key
from bot.http.limits import Limiter, LimiterUnavailable
from bot.http.problem import FieldError, Invalid, Limit, Unavailable
from bot.settings import Rate

ConversationOf = Callable[[Request], str | None]
"""The conversation of the request's chat cookie."""


class NewRequest(Body):
    name: Annotated[str, Shape(min_length=1, max_length=NAME_LENGTH)]
    reply_to: Annotated[str, Shape(min_length=1, max_length=REPLY_TO_LENGTH)]
    reason: Annotated[str, Shape(min_length=1, max_length=80)]
    message: Annotated[str, Shape(min_length=1, max_length=MESSAGE_LENGTH)]
    include_transcript: bool = False


class Filed(BaseModel):
    reference: str


class ContactDoor:
    """What the operation and the page share: the limit by address, and where the conversation comes from."""

    def __init__(
        self, service: ContactService, limiter: Limiter, rate: Rate, conversation_of: ConversationOf
    ) -> None:
        self.service = service
        self._limiter = limiter
        self._rate = rate
        self._conversation_of = conversation_of

    async def asked_in_chat(self, request: Request) -> str:
        """What the patient asked the assistant last, redacted; empty without a chat."""
        conversation = self._conversation_of(request)
        return await self.service.asked_in_chat(conversation) if conversation is not None else ""

    async def file(self, request: Request, values: dict[Field, str], include_transcript: bool) -> str:
        """File a request.

        Raises:
            Limit: too many from this address.
            Unavailable: the limiter's store is down; a mail is a send.
            Rejected: values that are not taken.
        """
        try:
            wait = await self._limiter.hit("contact", limit_key(request.ctx.client_address), self._rate)
        except LimiterUnavailable:
            raise Unavailable(retry_after=5) from None
        if wait:
            raise Limit("Too many requests from here. Please try again later.", retry_after=wait)
        return await self.service.file(
            values, By(Actor.USER, request.ctx.request_id), conversation=self._conversation_of(request),
            include_transcript=include_transcript,
        )


def contact_api(door: ContactDoor | None) -> Api:
    """The operation; None: the practice has a contact page of its own and requests are not taken here."""
    api = Api("Contact")

    @api.post("/v1/contact", body=NewRequest, replies={201: Filed}, problems=(Limit,))
    async def file(request: Request, body: NewRequest) -> HTTPResponse:
        """Ask the practice to get in touch; gives a reference to quote."""
        if door is None:
            raise Unavailable("Please use the practice's own contact page.")
        values = {
            Field.NAME: body.name, Field.REPLY_TO: body.reply_to, Field.REASON: body.reason,
            Field.MESSAGE: body.message,
        }
        try:
            reference = await door.file(request, values, body.include_transcript)
        except Rejected as rejected:
            raise Invalid("Some fields are not valid.", errors=[
                FieldError(field.value, explain(field, problem)) for field, problem in rejected.problems.items()
            ]) from None
        return reply(Filed(reference=reference), 201)

    return api
