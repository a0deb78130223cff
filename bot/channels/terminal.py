"""`twostep sms`: a patient's phone in the terminal. What is typed takes the whole way: signed like Twilio's, over HTTP,
through the real operation; what comes back is read from its TwiML."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from secrets import token_hex
from typing import TYPE_CHECKING, Annotated, Any
from xml.etree import ElementTree

import typer

if TYPE_CHECKING:
    from bot.settings import Settings

PHONE = "+18455550142"  # of a demo patient
OURS = "+18455550100"  # where no number of ours is set


@dataclass(frozen=True, slots=True)
class Line:
    """Where texts go: the server's address, the public one that is signed, the token, our number."""

    server: str
    signed_for: str
    token: str
    ours: str


class LineBroken(Exception):
    """The server did not take a text; the message says why and what to do."""


OpenLine = Callable[["Settings", str], AbstractAsyncContextManager[Line]]


class Phone:
    """One phone on the line."""

    def __init__(self, line: Line, number: str = PHONE) -> None:
        self._line = line
        self._number = number

    def form(self, text: str, **more: str) -> dict[str, str]:
        """What Twilio would send for a text."""
        sid = f"SM{token_hex(16)}"
        return {
            "MessageSid": sid, "SmsMessageSid": sid, "SmsSid": sid, "AccountSid": f"AC{'0' * 32}",
            "ApiVersion": "2010-04-01", "From": self._number, "To": self._line.ours or OURS, "Body": text,
            "NumMedia": "0", "NumSegments": "1", "SmsStatus": "received", **more,
        }

    async def text(self, text: str, **more: str) -> list[str]:
        """Send a text; what comes back.

        Raises:
            LineBroken
        """
        import aiohttp
        from twilio.request_validator import RequestValidator

        form = self.form(text, **more)
        signature = RequestValidator(self._line.token).compute_signature(f"{self._line.signed_for}/sms/inbound", form)
        try:
            async with aiohttp.ClientSession() as session, session.post(
                f"{self._line.server}/sms/inbound", data=form, headers={"X-Twilio-Signature": signature}
            ) as response:
                answer = await response.text()
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise LineBroken(
                f"{self._line.server} does not answer ({type(error).__name__}): "
                "start `twostep serve`, or leave out --url"
            ) from None
        if response.status == 403:
            raise LineBroken(
                "the signature was refused: give both sides the same TWOSTEP_TWILIO_AUTH_TOKEN and TWOSTEP_PUBLIC_URL"
            )
        if response.status != 200:
            raise LineBroken(f"{self._line.server} answered {response.status}")
        return texts_of(answer)


def texts_of(twiml: str) -> list[str]:
    """The texts in a TwiML answer."""
    return [(message.text or "") for message in ElementTree.fromstring(twiml).iter("Message")]  # noqa: S314  # our own


def sms_commands(settings: Callable[[], Settings], open_line: OpenLine, wrong: type[Exception]) -> typer.Typer:
    """The commands `twostep sms ...`.

    Args:
        open_line: gives the line for settings and a server's address.
        wrong: raised with one line for the user when the line is broken.
    """
    sms = typer.Typer(help="Help by text message.", no_args_is_help=True)

    @sms.callback()
    def group() -> None:
        """Help by text message."""

    @sms.command()
    def simulate(
        number: Annotated[str, typer.Option("--from", help="The patient's number.")] = PHONE,
        url: Annotated[str, typer.Option(help="A running server; without it, this process serves.")] = "",
    ) -> None:
        """Text with the assistant in the terminal, through the real endpoint with real signatures."""
        try:
            asyncio.run(_conversation(open_line(settings(), url), number))
        except LineBroken as error:
            raise wrong(str(error)) from None

    return sms


async def _conversation(opening: AbstractAsyncContextManager[Line], number: str) -> None:
    from bot.channels.render_sms import segments

    async with opening as line:
        phone = Phone(line, number)
        say: Any = print
        if sys.stdin.isatty():
            say(f"You text from {number}. Ctrl-D ends this.")
        while (text := await asyncio.to_thread(_read)) is not None:
            if not text.strip():
                continue
            answers = await phone.text(text)
            for answer in answers:
                say(f"{answer}\n  ({segments(answer)} segment{'s' if segments(answer) > 1 else ''})", flush=True)
            if not answers:
                say("  (no answer)", flush=True)


def _read() -> str | None:
    try:
        return input("you> " if sys.stdin.isatty() else "")
    except (EOFError, KeyboardInterrupt):
        return None
