"""What the JSON operations and the pages of a sign-in share: cookies, limits by address, refusals in words."""

from __future__ import annotations

from sanic import Request

from bot.accounts.model import SESSION_LIFETIME, PasswordsBusy, Session
from bot.audit.model import Actor, By
from bot.http.cookies import SignedCookie
from bot.http.problem import Conflict, Invalid, Limit, Problem, Unavailable, Wait
from bot.privacy import Keys
from bot.settings import Settings
from bot.verification.contact_points import Changed, ContactPoints
from bot.verification.failures import AddressFailures
from bot.verification.guessing import GuessLater, WrongCode
from bot.verification.model import Refusal, Verdict
from bot.verification.service import Begun, SignedIn, SignInService

UNIFORM = "The username or password is not right."
WRONG = "Check that it is the newest code and that it is not too old, or ask for another one."


class NoTexts(Conflict):
    """A code cannot be texted there."""

    title = "This number wants no text messages"


class Door:
    """Cookies in, problems out."""

    def __init__(
        self, service: SignInService, points: ContactPoints, failures: AddressFailures, settings: Settings, keys: Keys
    ) -> None:
        self.service = service
        self.points = points
        self.failures = failures
        self.pre_auth = SignedCookie("twostep_preauth", settings, keys, max_age=settings.challenge_lifetime)
        self.session_cookie = SignedCookie("twostep_session", settings, keys, max_age=SESSION_LIFETIME)
        self._phone = settings.phone

    async def begin(self, request: Request, username: str, password: str) -> Begun | None:
        """The first step, within the address's limit of failures.

        Raises:
            Limit: too many failures from this address.
            Unavailable: too many passwords wait to be checked.
        """
        address = request.ctx.client_address
        await self._within_limit(address)
        gate = _AddressGate(self.failures, address)
        try:
            begun = await self.service.begin(username, password, by(request), gate=gate)
        except PasswordsBusy:
            raise Unavailable(retry_after=5) from None
        if gate.closed:
            await self._within_limit(address)
        return begun

    async def verify(self, request: Request, token: str, challenge: str, code: str) -> SignedIn | WrongCode:
        """The second step, within the address's limit of failures; a session that the browser had ends.

        Raises:
            Limit: too many failures from this address.
            Wait: too many wrong codes for this account.
        """
        await self._within_limit(request.ctx.client_address)
        result = await self.service.verify(token, challenge, code, by(request))
        match result:
            case GuessLater():
                raise Wait("Too many wrong codes. Please wait.", retry_after=result.retry_after)
            case WrongCode():
                await self.failures.count(request.ctx.client_address)
            case SignedIn():
                await self.service.sign_out(self.session_cookie.read(request))
        return result

    async def confirm(self, request: Request, session: Session, code: str) -> Changed | WrongCode:
        """Confirm a new contact point, within the address's limit of failures.

        Raises:
            Limit, Wait: as for `verify`.
        """
        await self._within_limit(request.ctx.client_address)
        result = await self.points.confirm(session, code, by(request))
        match result:
            case GuessLater():
                raise Wait("Too many wrong codes. Please wait.", retry_after=result.retry_after)
            case WrongCode():
                await self.failures.count(request.ctx.client_address)
        return result

    async def session(self, request: Request) -> Session | None:
        """Who is signed in here."""
        return await self.service.session(self.session_cookie.read(request))

    def refusal(self, verdict: Verdict) -> Problem:
        """Why no code goes, in words."""
        match verdict.refusal:
            case Refusal.TOO_SOON:
                return Wait("A code was sent a moment ago. Please wait before you ask for another one.",
                            retry_after=verdict.retry_after)
            case Refusal.OPTED_OUT:
                return NoTexts("This number asked for no more text messages (STOP). Choose email, or text START.")
            case Refusal.NO_DESTINATION:
                return Invalid("The account has nothing to send such a code to. Choose another way.")
            case Refusal.FACTOR_DISABLED:
                return Limit(f"Codes are switched off for this account. Please call {self._phone}.")
            case Refusal.SIGN_IN_LIMIT | Refusal.BOT_LIMIT | Refusal.SMS_LIMIT:
                return Limit("No more codes for this sign-in. Please start again.")
            case _:
                return Limit(f"No more codes for now. Please try later, or call {self._phone}.",
                             retry_after=verdict.retry_after)

    async def _within_limit(self, address: str) -> None:
        wait = await self.failures.wait(address)
        if wait:
            raise Limit("Too many failed attempts. Please try again later.", retry_after=wait)


class _AddressGate:
    """`bot.accounts.model.Gate` for one address."""

    def __init__(self, failures: AddressFailures, address: str) -> None:
        self._failures = failures
        self._address = address
        self.closed = False

    async def allowed(self) -> bool:
        self.closed = await self._failures.wait(self._address) > 0
        return not self.closed

    async def failed(self) -> None:
        await self._failures.count(self._address)


def by(request: Request) -> By:
    """The person at the browser."""
    return By(Actor.USER, request.ctx.request_id)
