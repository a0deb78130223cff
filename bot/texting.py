"""The wiring of help by text message, beside `bot.app`: settings and shared parts in, operations and hooks out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from secrets import token_hex
from typing import Any

from pydantic import SecretStr
from sanic import Sanic

from bot.channels.limits import SmsLimits
from bot.channels.model import Exposed, Intake, OptOuts, expose_nothing
from bot.channels.service import ChatService, mask_contacts
from bot.channels.sms import CHANNEL, Inbound, SmsService
from bot.channels.sms_api import sms_api
from bot.channels.sms_store import SmsStore
from bot.channels.store import ConversationStore
from bot.channels.terminal import Line
from bot.db import Clock, Database, system_clock
from bot.engine.model import Engine
from bot.events import Record, record_nothing
from bot.http.api import Api
from bot.http.limits import Limiter
from bot.http.server import serving
from bot.http.twilio_form import TwilioForms
from bot.privacy import Keys, load_keys
from bot.settings import Settings, SmsKeywords
from bot.words import failure_reply, sms_words


@dataclass(frozen=True, kw_only=True)
class Texting:
    """What the application takes from here. `drain` when the server stops; `prune` before a time (ms) by retention."""

    apis: tuple[Api, ...]
    service: SmsService
    drain: Callable[[], Awaitable[None]]
    prune: Callable[[int], Awaitable[None]]

    async def text(self, number: str, text: str) -> list[str]:
        """A text from this number (E.164) without Twilio between; what is answered."""
        return await self.service.answer(Inbound(token_hex(16), number, "", text), request_id="demo-traffic")


def build_texting(
    settings: Settings, database: Database, keys: Keys, engine: Engine, limiter: Limiter,
    opt_outs: OptOuts, *, exposed: Exposed = expose_nothing, intake: Intake = mask_contacts,
    record: Record = record_nothing, clock: Clock = system_clock,
) -> Texting:
    """Put help by text message together; nothing connects before the first text."""
    failure = failure_reply(settings, CHANNEL)
    chat = ChatService(
        ConversationStore(database), engine, keys, failure, channel=CHANNEL, exposed=exposed, intake=intake,
        record=record, clock=clock,
    )
    store = SmsStore(database)
    service = SmsService(
        chat, store, SmsLimits(limiter, settings.sms_per_sender, settings.sms_per_sender_day), opt_outs, keys,
        sms_words(settings), failure, answers_keywords=settings.sms_keywords is SmsKeywords.OURS, clock=clock,
    )
    forms = TwilioForms(settings.model_copy(update={"twilio_auth_token": SecretStr(signing_token(settings, keys))}))
    api = sms_api(service, forms, code_sender=settings.code_sender)
    return Texting(apis=(api,), service=service, drain=service.drain, prune=store.prune)


def signing_token(settings: Settings, keys: Keys) -> str:
    """What inbound texts are signed with: Twilio's token. In demo mode without one, a secret of this installation, so
    that `twostep sms simulate` can sign. Empty: nobody can."""
    token = settings.twilio_auth_token.get_secret_value()
    return token or (keys.derive("demo:twilio-token").hex() if settings.demo else "")


@asynccontextmanager
async def simulated_line(
    settings: Settings, url: str, make_app: Callable[[Settings], Sanic[Any, Any]]
) -> AsyncIterator[Line]:
    """Where and how `twostep sms simulate` hands over its texts.

    Args:
        url: of a running server; empty to serve from this process while the block lasts.
        make_app: makes the application to serve.
    """
    keys = load_keys(settings.secret_key.get_secret_value(), settings.data_dir)
    token = signing_token(settings, keys)
    ours = settings.help_sender or settings.code_sender
    if url:
        yield Line(url.rstrip("/"), settings.own_url, token, ours)
        return
    async with serving(make_app(settings)) as port:
        yield Line(f"http://127.0.0.1:{port}", settings.own_url, token, ours)
