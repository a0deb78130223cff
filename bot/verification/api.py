"""The sign-in as JSON operations (design.md, HTTP contract)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Self

from pydantic import BaseModel, Field, model_validator
from sanic import HTTPResponse, Request

from bot.accounts.model import Session
from bot.http.api import Api, Auth, no_content, reply, rfc3339
from bot.http.bodies import Body
from bot.http.problem import (
    Conflict,
    FieldError,
    Invalid,
    Limit,
    Unauthenticated,
    Unavailable,
    Wait,
    WrongCode,
    problem_response,
)
from bot.verification import guessing
from bot.verification.door import UNIFORM, WRONG, Door, by
from bot.verification.handoff_store import KeyReused
from bot.verification.model import Channel, Verdict
from bot.verification.sending import Destination
from bot.verification.service import NotWaiting, SendsUnavailable

KEY_LENGTH = 128
CodeText = Annotated[str, Field(pattern=r"^[0-9]{6}$", description="six digits, as text")]
ParseAddress = Callable[[Channel, str], str]
"""A number or an address in one spelling; raises ValueError with words for the patient."""


class Credentials(Body):
    username: Annotated[str, Field(min_length=1, max_length=256)]
    password: Annotated[str, Field(min_length=1, max_length=1024)]


class OfferedChannel(BaseModel):
    channel: Channel
    destination: str
    recommended: bool


class SignInBegun(BaseModel):
    challenge: str
    channels: list[OfferedChannel]
    expires_at: str


class WantedChannel(Body):
    channel: Annotated[Channel, Field(strict=False)]


class CodeSent(BaseModel):
    destination: str
    resend_after: int
    expires_in: int
    reference: str


class EnteredCode(Body):
    code: CodeText


class Welcome(BaseModel):
    name: str


class ContactPointView(BaseModel):
    channel: Channel
    destination: str


class Me(BaseModel):
    name: str
    contact_points: list[ContactPointView]


class NewContactPoint(Body):
    mobile: Annotated[str | None, Field(max_length=64)] = None
    email: Annotated[str | None, Field(max_length=254)] = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.mobile is None) == (self.email is None):
            raise ValueError("give either mobile or email")
        return self


class ChangeBegun(BaseModel):
    destination: str
    expires_in: int


class HandoffView(BaseModel):
    handoff: str
    expires_in: int


def sign_in_api(door: Door, parse_address: ParseAddress) -> Api:
    """The operations of a browser."""
    api = Api("Sign-in")
    service = door.service

    @api.post(
        "/v1/sign-in", body=Credentials, replies={202: SignInBegun}, problems=(Unauthenticated, Limit)
    )
    async def sign_in(request: Request, body: Credentials) -> HTTPResponse:
        """First step: username and password. Sets the pre-auth cookie; nobody is signed in yet."""
        begun = await door.begin(request, body.username, body.password)
        if begun is None:
            return problem_response(Unauthenticated(UNIFORM))  # byte by byte the same for everybody
        response = reply(SignInBegun(
            challenge=begun.challenge, channels=offered(begun.destinations), expires_at=rfc3339(begun.expires_at)
        ), 202)
        door.pre_auth.set(request, response, begun.token)
        return response

    @api.post(
        "/v1/challenges/<challenge:str>/code", auth=Auth.PRE_AUTH, body=WantedChannel, replies={202: CodeSent},
        problems=(Unauthenticated, Wait, Limit, Conflict),
        headers={"Idempotency-Key": "the same key again gives the same answer and sends nothing more"},
    )
    async def send_code(request: Request, body: WantedChannel, challenge: str) -> HTTPResponse:
        """Send a code, the first or another one; a new code makes the old one useless."""
        key = idempotency_key(request, required=False)
        try:
            sent = await service.send_code(
                door.pre_auth.read(request), challenge, body.channel, by(request), key=key
            )
        except KeyReused:
            raise Conflict from None
        except SendsUnavailable:
            raise Unavailable(retry_after=5) from None
        match sent:
            case NotWaiting():
                raise Unauthenticated
            case Verdict():
                raise door.refusal(sent)
        return reply(CodeSent(
            destination=sent.destination, resend_after=sent.resend_after, expires_in=sent.expires_in,
            reference=sent.reference,
        ), 202)

    @api.post(
        "/v1/challenges/<challenge:str>/verify", auth=Auth.PRE_AUTH, body=EnteredCode, replies={200: Welcome},
        problems=(Unauthenticated, WrongCode, Wait, Limit),
    )
    async def verify(request: Request, body: EnteredCode, challenge: str) -> HTTPResponse:
        """Second step: the code. Sets the session cookie."""
        token = door.pre_auth.read(request)
        if token is None:
            raise Unauthenticated
        result = await door.verify(request, token, challenge, body.code)
        if isinstance(result, guessing.WrongCode):
            return problem_response(WrongCode(WRONG))
        response = reply(Welcome(name=result.name))
        # The pre-auth cookie stays: a code that is tried a second time gets the answer of every code that is no good.
        door.session_cookie.set(request, response, result.token)
        return response

    @api.post("/v1/sign-out", auth=Auth.SESSION, replies={204: None})
    async def sign_out(request: Request) -> HTTPResponse:
        """End the session, if there is one."""
        await service.sign_out(door.session_cookie.read(request))
        response = no_content()
        door.session_cookie.clear(request, response)
        return response

    @api.get("/v1/me", auth=Auth.SESSION, replies={200: Me}, problems=(Unauthenticated,))
    async def me(request: Request) -> HTTPResponse:
        """Who is signed in, and where codes go (masked)."""
        session = await _signed_in(door, request)
        points = await door.points.of(session.account.id)
        return reply(Me(name=session.account.name, contact_points=[
            ContactPointView(channel=point.channel, destination=point.masked) for point in points
        ]))

    @api.patch(
        "/v1/me/contact-points", auth=Auth.SESSION, body=NewContactPoint, replies={202: ChangeBegun},
        problems=(Unauthenticated, Wait, Limit, Conflict),
    )
    async def change(request: Request, body: NewContactPoint) -> HTTPResponse:
        """Ask for a new mobile number or email address; a code goes to it."""
        session = await _signed_in(door, request)
        channel, text = (Channel.SMS, body.mobile) if body.mobile is not None else (Channel.EMAIL, body.email)
        try:
            address = parse_address(channel, text or "")
        except ValueError as error:
            field = "mobile" if channel is Channel.SMS else "email"
            raise Invalid("Some fields are not valid.", errors=[FieldError(field, str(error))]) from None
        try:
            sent = await door.points.change(session, channel, address, by(request))
        except SendsUnavailable:
            raise Unavailable(retry_after=5) from None
        if isinstance(sent, Verdict):
            raise door.refusal(sent)
        return reply(ChangeBegun(destination=sent.destination, expires_in=sent.expires_in), 202)

    @api.post(
        "/v1/me/contact-points/confirm", auth=Auth.SESSION, body=EnteredCode, replies={200: ContactPointView},
        problems=(Unauthenticated, WrongCode, Wait, Limit),
    )
    async def confirm(request: Request, body: EnteredCode) -> HTTPResponse:
        """Take the new contact point into use; the old one is told."""
        session = await _signed_in(door, request)
        result = await door.confirm(request, session, body.code)
        if isinstance(result, guessing.WrongCode):
            return problem_response(WrongCode(WRONG))
        return reply(ContactPointView(channel=result.channel, destination=result.destination))

    @api.post("/v1/handoffs", auth=Auth.PRE_AUTH, replies={201: HandoffView}, problems=(Unauthenticated,))
    async def hand_over(request: Request) -> HTTPResponse:
        """A token with which the chat can ask for another code of this sign-in; one is live at a time."""
        made = await service.hand_over(door.pre_auth.read(request), by(request))
        if made is None:
            raise Unauthenticated
        return reply(HandoffView(handoff=made[0], expires_in=made[1]), 201)

    return api


def offered(destinations: tuple[Destination, ...]) -> list[OfferedChannel]:
    """Where a code can go; text is the recommended way, unless the number opted out, and email never is."""
    return [
        OfferedChannel(
            channel=point.channel, destination=point.masked,
            recommended=point.channel is Channel.SMS and not point.opted_out,
        )
        for point in destinations
    ]


def idempotency_key(request: Request, *, required: bool) -> str | None:
    """The Idempotency-Key header.

    Raises:
        Invalid: it is missing where it must be there, too long, or not printable ASCII.
    """
    keys = request.headers.getall("idempotency-key", [])
    if not keys and not required:
        return None
    if len(keys) != 1 or not 1 <= len(keys[0]) <= KEY_LENGTH or not (keys[0].isascii() and keys[0].isprintable()):
        raise Invalid(f"Send one Idempotency-Key of 1 to {KEY_LENGTH} characters.")
    return str(keys[0])


async def _signed_in(door: Door, request: Request) -> Session:
    session = await door.session(request)
    if session is None:
        raise Unauthenticated
    return session
