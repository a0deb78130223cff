"""The web chat over HTTP. The conversation is minted here and lives in a signed cookie; nothing sent chooses it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator
from sanic import HTTPResponse, Request

from bot.channels.limits import ChatLimits
from bot.channels.model import CHOICE_PATTERN, TEXT_LIMIT, Message
from bot.channels.service import ChatService, EmptyText, NoConversation, OtherContent, UnknownChoice
from bot.http.api import Api, Auth, no_content, reply, rfc3339
from bot.http.bodies import Body, Query
from bot.http.cookies import SignedCookie
from bot.http.problem import Conflict, FieldError, Forbidden, Invalid, Limit, NotFound, Unauthenticated, Unavailable

log = logging.getLogger("twostep.chat")

COOKIE = "twostep_chat"


class NewSession(Body):
    """How the patient would like to be spoken to; another language than ours becomes English."""

    language: Annotated[str, Field(max_length=35, json_schema_extra={"pattern": r"^[^\x00]*$"})] | None = None


def _one_of_two(schema: dict[str, Any]) -> None:
    """Document that exactly one of text and payload is given, never null."""
    schema["oneOf"] = [{"required": ["text"]}, {"required": ["payload"]}]
    for name in ("text", "payload"):
        field = schema["properties"][name]
        field.update(field.pop("anyOf")[0])
        field.pop("default", None)
    schema["properties"]["text"]["pattern"] = r"^[^\x00]*[^\s\x00-\x1f\x7f-\x9f][^\x00]*$"


class NewMessage(Body):
    """What the patient says: typed, or a button's payload."""

    model_config = ConfigDict(json_schema_extra=_one_of_two)

    id: UUID
    text: Annotated[str, Field(min_length=1, max_length=TEXT_LIMIT)] | None = None
    payload: Annotated[str, Field(pattern=CHOICE_PATTERN)] | None = None

    @model_validator(mode="after")
    def _either(self) -> Self:
        if (self.text is None) == (self.payload is None):
            raise ValueError("needs either text or payload")
        return self


class NewFeedback(Body):
    """Whether a message of the bot's helped."""

    message: Annotated[str, Field(min_length=1, max_length=64)]
    helpful: bool


class HandoffToken(Body):
    """The token of a waiting sign-in."""

    handoff: Annotated[str, Field(pattern=r"^[!-~]{1,200}$")]


class After(Query):
    """Only messages after this number."""

    after: Annotated[int, Field(ge=0, lt=2**31)] = 0


class ButtonView(BaseModel):
    """A choice; send `payload` back to choose it."""

    title: str
    payload: str


class MessageView(BaseModel):
    """One message. `text` is plain, with [label](https, tel or mailto link) only."""

    model_config = ConfigDict(populate_by_name=True)

    id: str
    seq: int
    sender: Annotated[str, Field(alias="from", pattern="^(patient|bot)$")]
    text: str
    kind: Annotated[str, Field(pattern="^(message|answer|prompt|fallback|notice|error)$")]
    buttons: list[ButtonView]
    at: str


class SessionView(BaseModel):
    """A conversation from its beginning."""

    messages: list[MessageView]
    language: str


class MessagesView(BaseModel):
    """Messages in order."""

    messages: list[MessageView]


class ChatSession:
    """Which conversation a request belongs to."""

    def __init__(self, cookie: SignedCookie) -> None:
        self.cookie = cookie

    def conversation(self, request: Request) -> str | None:
        """The conversation of the request's cookie, None without one; it may be forgotten already."""
        return self.cookie.read(request)

    def required(self, request: Request) -> str:
        """The conversation.

        Raises:
            Unauthenticated: no cookie, or a forged one.
        """
        conversation = self.conversation(request)
        if conversation is None:
            raise Unauthenticated("Begin a conversation first.")
        return conversation


def chat_api(service: ChatService, session: ChatSession, limits: ChatLimits) -> Api:
    """The operations of the web chat."""
    api = Api("Chat")

    @api.post(
        "/chat/session", body=NewSession, body_optional=True, replies={200: SessionView, 201: SessionView},
        problems=(Limit,),
    )
    async def begin_session(request: Request, body: NewSession) -> HTTPResponse:
        """Begin a conversation, or go on with the one that the cookie names."""
        conversation = session.conversation(request)
        if conversation is not None and (language := await service.language(conversation)) is not None:
            history = await service.history(conversation)
            return reply(SessionView(messages=_views(history), language=language))
        await limits.address(request.ctx.client_address)
        conversation, greeting, language = await service.begin(body.language)
        response = reply(SessionView(messages=_views(greeting), language=language), 201)
        session.cookie.set(request, response, conversation)
        return response

    @api.get(
        "/chat/session", auth=Auth.CHAT, query=After, replies={200: MessagesView}, problems=(Unauthenticated,)
    )
    async def read_session(request: Request, query: After) -> HTTPResponse:
        """Both sides' messages after a number."""
        try:
            return reply(MessagesView(messages=_views(await service.history(session.required(request), query.after))))
        except NoConversation:
            raise Unauthenticated("Begin a conversation first.") from None

    @api.delete("/chat/session", auth=Auth.CHAT, replies={204: None}, problems=(Unauthenticated,))
    async def end_session(request: Request) -> HTTPResponse:
        """Forget the conversation, here and in the engine."""
        conversation = session.required(request)
        if await service.language(conversation) is None:
            raise Unauthenticated("Begin a conversation first.")
        await service.forget(conversation)
        response = no_content()
        session.cookie.clear(request, response)
        return response

    @api.put(
        "/chat/session/handoff", auth=Auth.CHAT, body=HandoffToken, replies={204: None},
        problems=(Unauthenticated, Forbidden, Limit),
    )
    async def hand_over(request: Request, body: HandoffToken) -> HTTPResponse:
        """Let the conversation help with a sign-in that waits for its code."""
        conversation = session.required(request)
        if await service.language(conversation) is None:
            raise Unauthenticated("Begin a conversation first.")
        await limits.address(request.ctx.client_address)
        try:
            bound = await service.bind(conversation, body.handoff)
        except Exception as error:
            log.error("bind failed", extra={"request_id": request.ctx.request_id, "error": type(error).__name__})
            raise Unavailable(retry_after=5) from None
        if not bound:
            raise Forbidden("This sign-in cannot be tied to this conversation.")
        return no_content()

    @api.post(
        "/chat/messages", auth=Auth.CHAT, body=NewMessage, replies={200: MessagesView},
        problems=(Unauthenticated, NotFound, Conflict, Limit),
    )
    async def say(request: Request, body: NewMessage) -> HTTPResponse:
        """Say something, or choose a button; the bot's replies. Safe to repeat with the same id."""
        conversation, message, said = session.required(request), str(body.id), body.text or ""
        try:
            if not await service.known_turn(conversation, message, said, body.payload):
                await limits.address(request.ctx.client_address)
                await limits.session(conversation)
            replies = await service.say(
                conversation, message, said, body.payload, request_id=request.ctx.request_id
            )
        except NoConversation:
            raise Unauthenticated("Begin a conversation first.") from None
        except OtherContent:
            raise Conflict("This message id was used for another message.") from None
        except UnknownChoice:
            raise NotFound("This is not a choice of this conversation.") from None
        except EmptyText:
            raise Invalid(errors=[FieldError("text", "needs at least 1 character that can be read")]) from None
        return reply(MessagesView(messages=_views(replies)))

    @api.post(
        "/chat/feedback", auth=Auth.CHAT, body=NewFeedback, replies={204: None},
        problems=(Unauthenticated, NotFound, Limit),
    )
    async def judge(request: Request, body: NewFeedback) -> HTTPResponse:
        """Say whether a message of the bot's helped; the last word counts."""
        conversation = session.required(request)
        if await service.language(conversation) is None:
            raise Unauthenticated("Begin a conversation first.")
        await limits.address(request.ctx.client_address)
        if not await service.judge(conversation, body.message.lower(), body.helpful):
            raise NotFound("There is no such message.")
        return no_content()

    return api


def _views(messages: Sequence[Message]) -> list[MessageView]:
    return [
        MessageView(
            id=message.id, seq=message.seq, sender=message.sender.value, text=message.text, kind=message.kind,
            buttons=[ButtonView(title=choice.title, payload=choice.payload) for choice in message.choices],
            at=rfc3339(message.at),
        )
        for message in messages
    ]
