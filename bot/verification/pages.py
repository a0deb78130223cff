"""The sign-in and personal information as pages that work without JavaScript.

A form that did something answers with 303 to a page of ours (so that reloading does nothing again); one that did not
is shown again with what is wrong. Passwords and codes are never shown again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from sanic import HTTPResponse, Request

from bot.accounts.model import Role
from bot.http.api import Api, Auth, see_other
from bot.http.bodies import read_form
from bot.http.pages import Pages
from bot.http.problem import Problem, Unavailable, Wait
from bot.verification import guessing
from bot.verification.api import ParseAddress
from bot.verification.door import UNIFORM, WRONG, Door, by
from bot.verification.model import Channel, Verdict, is_code
from bot.verification.service import NotWaiting, SendsUnavailable

PASSWORD_FIELD = 1024  # characters read of the fields
USERNAME_FIELD = 256
SIX_DIGITS = "The code has six digits."
SENDS_UNAVAILABLE = "No message can be sent just now. Please try again in a moment."

NOTHING: Mapping[str, str] = MappingProxyType({})


def portal_pages(
    pages: Pages, door: Door, parse_address: ParseAddress, demo_patients: Sequence[tuple[str, str]], demo_password: str
) -> Api:
    """The demo portal.

    Args:
        demo_patients: user name and what the account has, shown on the sign-in page; empty outside demo mode.
        demo_password: theirs.
    """
    api = Api("Portal pages")
    service = door.service

    def sign_in_form(
        status: int, *, username: str = "", notice: str = "", errors: Mapping[str, str] = NOTHING
    ) -> HTTPResponse:
        return pages.render(
            "sign_in.html", status, username=username, notice=notice, errors=each(errors, "username", "password"),
            demo_patients=demo_patients, demo_password=demo_password if demo_patients else "",
        )

    @api.page("GET", "/")
    async def home(request: Request) -> HTTPResponse:
        """The portal's first page."""
        return pages.render("home.html", signed_in=await door.session(request) is not None)

    @api.page("GET", "/sign-in")
    async def show_sign_in(request: Request) -> HTTPResponse:
        """First step."""
        return sign_in_form(200)

    @api.page("POST", "/sign-in")
    async def sign_in(request: Request) -> HTTPResponse:
        """Check the password, lead on to the code."""
        form = read_form(request)
        username, password = form.get("username", "")[:USERNAME_FIELD], form.get("password", "")[:PASSWORD_FIELD]
        if not username or not password:
            return sign_in_form(400, username=username, errors={
                name: f"Please enter your {name}." for name in ("username", "password") if not form.get(name)
            })
        try:
            begun = await door.begin(request, username, password)
        except Problem as problem:
            return with_wait(sign_in_form(problem.status, username=username, notice=words(problem)), problem)
        if begun is None:
            return sign_in_form(401, username=username, notice=UNIFORM)
        response = see_other("/code")
        door.pre_auth.set(request, response, begun.token)
        return response

    async def code_form(request: Request, status: int = 200, notice: str = "", *, wrong: str = "") -> HTTPResponse:
        progress = await service.progress(door.pre_auth.read(request))
        if progress is None and await door.session(request) is not None:
            return see_other("/me")  # the form was sent twice, or the browser went back
        if progress is None:
            return sign_in_form(401, notice="Please sign in with username and password first.")
        return pages.render(
            "code.html", status, progress=progress, wait=span(progress.resend_after), notice=notice, wrong=wrong,
            handoff_url="/v1/handoffs",
        )

    @api.page("GET", "/code", auth=Auth.PRE_AUTH)
    async def show_code(request: Request) -> HTTPResponse:
        """Second step: choose where the code goes, type it."""
        return await code_form(request)

    @api.page("POST", "/code/send", auth=Auth.PRE_AUTH)
    async def send_code(request: Request) -> HTTPResponse:
        """Send a code, the first or another one."""
        form = read_form(request)
        token = door.pre_auth.read(request)
        progress = await service.progress(token)
        if progress is None or form.get("channel") not in list(Channel):
            return await code_form(request, 400, "Please choose where the code should go.")
        try:
            sent = await service.send_code(token, progress.challenge, Channel(form["channel"]), by(request))
        except SendsUnavailable:
            return await code_form(request, 503, SENDS_UNAVAILABLE)
        if isinstance(sent, NotWaiting):
            return await code_form(request)
        if isinstance(sent, Verdict):
            problem = door.refusal(sent)
            return with_wait(await code_form(request, problem.status, words(problem)), problem)
        return see_other("/code")

    @api.page("POST", "/code", auth=Auth.PRE_AUTH)
    async def verify(request: Request) -> HTTPResponse:
        """Check the code, open the session."""
        code = _typed(read_form(request))
        token = door.pre_auth.read(request)
        progress = await service.progress(token)
        if progress is None or token is None:
            return await code_form(request)
        if not is_code(code):
            return await code_form(request, 400, wrong=SIX_DIGITS)
        try:
            result = await door.verify(request, token, progress.challenge, code)
        except Problem as problem:
            return with_wait(await code_form(request, problem.status, words(problem)), problem)
        if isinstance(result, guessing.WrongCode):
            return await code_form(request, 400, wrong=f"That code did not work. {WRONG}")
        response = see_other("/me")
        door.session_cookie.set(request, response, result.token)
        return response

    async def me_page(
        request: Request, status: int = 200, notice: str = "", *, good: str = "",
        errors: Mapping[str, str] = NOTHING,
    ) -> HTTPResponse:
        session = await door.session(request)
        if session is None:
            return sign_in_form(401, notice="Please sign in to see this page.")
        points = await door.points.of(session.account.id)
        return pages.render(
            "me.html", status, name=session.account.name, notice=notice, good=good, signed_in=True,
            staff=session.account.role != Role.PATIENT,
            points={channel.value: None for channel in Channel} | {point.channel.value: point for point in points},
            errors=each(errors, "mobile", "email"),
        )

    @api.page("GET", "/me", auth=Auth.SESSION)
    async def show_me(request: Request) -> HTTPResponse:
        """Personal information: where codes go."""
        saved = request.query_string == "saved"
        return await me_page(request, good="Saved. Your next code goes there." if saved else "")

    @api.page("POST", "/me", auth=Auth.SESSION)
    async def change(request: Request) -> HTTPResponse:
        """Ask for a new mobile number or email address."""
        form = read_form(request)
        session = await door.session(request)
        if session is None:
            return await me_page(request)
        field, channel = ("mobile", Channel.SMS) if "mobile" in form else ("email", Channel.EMAIL)
        try:
            address = parse_address(channel, form.get(field, "")[:254])
            sent = await door.points.change(session, channel, address, by(request))
        except ValueError as error:
            return await me_page(request, 400, errors={field: str(error)})
        except SendsUnavailable:
            return await me_page(request, 503, SENDS_UNAVAILABLE)
        if isinstance(sent, Verdict):
            problem = door.refusal(sent)
            return with_wait(await me_page(request, problem.status, words(problem)), problem)
        return see_other("/me/confirm")

    async def confirm_form(request: Request, status: int = 200, notice: str = "", *, wrong: str = "") -> HTTPResponse:
        session = await door.session(request)
        if session is None:
            return await me_page(request)
        pending = await door.points.pending(session)
        if pending is None:  # nothing waits for a code, or not any more
            return see_other("/me")
        return pages.render("confirm.html", status, notice=notice, wrong=wrong, pending=pending, signed_in=True)

    @api.page("GET", "/me/confirm", auth=Auth.SESSION)
    async def show_confirm(request: Request) -> HTTPResponse:
        """The code that went to the new number or address."""
        return await confirm_form(request)

    @api.page("POST", "/me/confirm", auth=Auth.SESSION)
    async def confirm(request: Request) -> HTTPResponse:
        """Take the new number or address into use."""
        code = _typed(read_form(request))
        session = await door.session(request)
        if session is None:
            return await me_page(request)
        if not is_code(code):
            return await confirm_form(request, 400, wrong=SIX_DIGITS)
        try:
            result = await door.confirm(request, session, code)
        except Problem as problem:
            return with_wait(await confirm_form(request, problem.status, words(problem)), problem)
        if isinstance(result, guessing.WrongCode):
            return await confirm_form(request, 400, wrong=f"That code did not work. {WRONG}")
        return see_other("/me?saved")

    @api.page("GET", "/sign-out")
    async def show_sign_out(request: Request) -> HTTPResponse:
        """Ask before signing out."""
        return pages.render("sign_out.html", signed_in=await door.session(request) is not None)

    @api.page("POST", "/sign-out")
    async def sign_out(request: Request) -> HTTPResponse:
        """End the session."""
        await service.sign_out(door.session_cookie.read(request))
        response = see_other("/sign-out")
        door.session_cookie.clear(request, response)
        return response

    return api


def words(problem: Problem) -> str:
    """A problem as a sentence on a page."""
    said = problem.detail or problem.title
    if isinstance(problem, Wait | Unavailable) and problem.retry_after:
        said = f"{said.rstrip('.')}. Try again in {span(problem.retry_after)}."
    return said


def span(seconds: int) -> str:
    """A wait as people say it."""
    if seconds < 120:
        return "1 second" if seconds == 1 else f"{seconds} seconds"
    return f"{-(-seconds // 60)} minutes"


def with_wait(response: HTTPResponse, problem: Problem) -> HTTPResponse:
    """Add Retry-After where the problem has one."""
    if problem.retry_after is not None:
        response.headers["Retry-After"] = str(problem.retry_after)
    return response


def each(given: Mapping[str, str], *fields: str) -> dict[str, str]:
    """A text for each field of a form, empty where none was given: templates want all of them."""
    return {field: given.get(field, "") for field in fields}


def _typed(form: dict[str, str]) -> str:
    """The code without the blanks and dashes that people type or paste."""
    return "".join(character for character in form.get("code", "")[:64] if character not in " -\t\n\u00a0")
