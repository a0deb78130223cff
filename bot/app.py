"""The only place that wires things: settings in, one Sanic application out. Every part can be replaced."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import uvloop
from sanic import HTTPResponse, Request, Sanic

from bot.accounts.demo import PASSWORD
from bot.accounts.passwords import Passwords
from bot.accounts.terminal import Office
from bot.assistant import assistant_for
from bot.audit.model import Actor, By
from bot.audit.store import AuditStore
from bot.backend import Backend, build_backend
from bot.channels.api import COOKIE, ChatSession, chat_api
from bot.channels.limits import ChatLimits
from bot.channels.model import Bind, Exposed, Intake, OptOuts, expose_nothing
from bot.channels.service import mask_contacts
from bot.channels.store import ConversationStore
from bot.contact.desk import ContactDesk
from bot.contact.store import ContactStore
from bot.db import Clock, Database, system_clock
from bot.delivery.opt_outs import SenderOptOuts
from bot.delivery.store import OutboxStore
from bot.desk import NoticeWatch, Teachable, both, build_insights, console_apis
from bot.engine.model import Engine
from bot.events import Record, record_nothing
from bot.http.api import Api
from bot.http.assets import assets_api, load_assets
from bot.http.cookies import SignedCookie
from bot.http.limits import Limiter
from bot.http.logs import log_as_json
from bot.http.metrics import Metrics
from bot.http.operations import Check, operations_api
from bot.http.pages import Pages
from bot.http.server import new_app, serving
from bot.insights.notice import StaffNotice
from bot.insights.retention import Prune, Retention
from bot.insights.traffic import Lines
from bot.insights.unanswered import Unanswered
from bot.privacy import Keys, load_keys
from bot.settings import Rate, Settings
from bot.texting import Texting, build_texting
from bot.verification.model import new_code
from bot.webchat import build_webchat, transcript_of

log = logging.getLogger("twostep.app")

PROJECT = Path(__file__).parents[1]

Hook = Callable[[], Awaitable[None]]


@dataclass(kw_only=True)
class Parts:
    """What `create_app` puts together; None means the usual one.

    Args:
        engine: answers messages.
        bind, exposed: the verification backend, as the chat sees it.
        intake: what the engine may see of a text.
        passwords, make_code: cheap hashes and known codes, for tests.
        opt_outs: who wants no more texts.
        record: told of every event, after the counters.
        apis: more operations (sign-in, verification, contact, SMS, console).
        checks: more parts without which the service is not ready.
        before: awaited after the migrations and before the first request, in order (outbox worker and the like).
        after: awaited after the last request, in reverse order, before the database closes.
        migrate: False when the tables are someone else's business (tests, `twostep db upgrade`).
    """

    engine: Engine | None = None
    database: Database | None = None
    keys: Keys | None = None
    limiter: Limiter | None = None
    metrics: Metrics | None = None
    bind: Bind | None = None
    exposed: Exposed | None = None
    intake: Intake | None = None
    passwords: Passwords | None = None
    make_code: Callable[[], str] = new_code
    opt_outs: OptOuts | None = None
    record: Record = record_nothing
    clock: Clock = system_clock
    apis: Sequence[Api] = ()
    checks: dict[str, Check] = field(default_factory=dict)
    before: Sequence[Hook] = ()
    after: Sequence[Hook] = ()
    migrate: bool = True


def create_app(settings: Settings, parts: Parts | None = None, *, only: str = "") -> Sanic[Any, Any]:
    """An application that serves everything the settings ask for. Nothing connects before it is served.

    Args:
        only: "verification" leaves the assistant out, for a bot that runs elsewhere.
    """
    parts = parts or Parts()
    database = parts.database or Database(settings.database)
    keys = parts.keys or load_keys(settings.secret_key.get_secret_value(), settings.data_dir)
    limiter = parts.limiter or Limiter(settings.redis_url)
    metrics = parts.metrics or Metrics()
    store = ConversationStore(database)
    insights = build_insights(settings, database, parts.clock, store=store)
    queue = Unanswered(database, transcript=store.history, settle=insights.settle)
    notice = StaffNotice(database, parts.clock)
    record = metrics.counting(both(insights.record, parts.record))
    session = ChatSession(SignedCookie(COOKIE, settings, keys))
    backend = build_backend(
        settings, database, keys, parts.clock, record, limiter, conversation_of=session.conversation,
        transcript=partial(transcript_of, store), passwords=parts.passwords, make_code=parts.make_code,
        assistant=only != "verification",
    )
    apis: list[Api] = [*backend.apis, *parts.apis]
    before: list[Hook] = [insights.start, backend.start, *parts.before]
    after: list[Hook] = [insights.stop, backend.stop, *parts.after]
    prunes: dict[str, Prune] = {"insights": insights.prune, "backend": backend.prune}
    prunes["contact work"] = ContactDesk(database, ContactStore(database, keys), keys, parts.clock).prune
    if settings.is_portal:  # staff signs in to the portal of this process
        apis += console_apis(
            settings, database, keys, parts.clock, insights, queue, notice, backend, sign_in="/sign-in"
        )
    chat = texting = None
    if only != "verification":
        engine = parts.engine or assistant_for(settings, database, backend, after, parts.clock)
        chat = build_webchat(
            settings, store, engine, keys, backend, record, parts.clock,
            bind=parts.bind, exposed=parts.exposed, intake=parts.intake,
        )
        apis += [chat_api(chat, session, ChatLimits(limiter, settings.chat_per_session, settings.chat_per_address))]
        after.append(chat.drain)
        prunes["chat"] = chat.prune
        texting = _texting(settings, parts, database, keys, engine, limiter, record, backend)
        apis += texting.apis
        prunes["texting"] = texting.prune
        after.append(texting.drain)
        _show_staff_work(queue, notice, engine, before, after)
        apis.append(_pages(Pages(settings), settings.own_url, home=not settings.is_portal))
    apis += [
        operations_api(
            {"database": database.ping, **parts.checks}, {"limiter": limiter.ping}, metrics.registry,
            settings.metrics_token.get_secret_value(),
        ),
        assets_api(load_assets({
            "phone": settings.phone,
            "contact": settings.contact_page if settings.faq_only else f"{settings.own_url}/contact",
        })),
    ]
    prunes["log"] = lambda before: database.wipe_log()
    retention = Retention(settings.retention_days, parts.clock, prunes)
    before.append(retention.start)
    after.append(retention.stop)
    app = new_app(settings, apis, observe=_observer(metrics))
    app.ctx.database = database
    app.ctx.backend = backend
    app.ctx.chat = chat
    app.ctx.insights = insights
    app.ctx.texting = texting
    app.ctx.retention = retention

    async def start(app: Sanic[Any, Any]) -> None:
        if parts.migrate:
            await asyncio.to_thread(database.migrate)
        for hook in before:
            await hook()

    async def stop(app: Sanic[Any, Any]) -> None:
        for hook in reversed(after):
            await hook()
        await limiter.close()
        await database.close()

    app.register_listener(start, "before_server_start")
    app.register_listener(stop, "after_server_stop")
    return app


def _show_staff_work(
    queue: Unanswered, notice: StaffNotice, engine: Engine, before: list[Hook], after: list[Hook]
) -> None:
    """What staff decides reaches patients, and what patients wrote is named for staff, where the engine can do it."""
    if isinstance(engine, Teachable):
        queue.judge_with(engine.nearest)
        watch = NoticeWatch(notice, partial(setattr, engine, "notice"))
        before.append(watch.start)
        after.append(watch.stop)


def _texting(
    settings: Settings, parts: Parts, database: Database, keys: Keys, engine: Engine, limiter: Limiter, record: Record,
    backend: Backend,
) -> Texting:
    opt_outs = parts.opt_outs or SenderOptOuts(
        database, OutboxStore(database, keys), AuditStore(database, keys), parts.clock, settings.code_sender
    )
    client = backend.verification_client
    exposed = parts.exposed or (client.exposed if client else expose_nothing)
    return build_texting(
        settings, database, keys, engine, limiter, opt_outs, exposed=exposed,
        intake=parts.intake or mask_contacts, record=record, clock=parts.clock,
    )


def _pages(pages: Pages, service: str, *, home: bool) -> Api:
    api = Api("Pages")

    if home:  # with the backend in this process, it is the portal's

        @api.page("GET", "/")
        async def first(request: Request) -> HTTPResponse:
            """The first page."""
            return pages.render("home.html")

    @api.page("GET", "/embedding")
    async def embedding(request: Request) -> HTTPResponse:
        """How another web site takes the assistant in."""
        return pages.render("embedding.html", service=service)

    return api


def _observer(metrics: Metrics) -> Callable[[Request, int, float], None]:
    requests = logging.getLogger("twostep.request")

    def observe(request: Request, status: int, seconds: float) -> None:
        metrics.observe(request, status, seconds)
        requests.info(
            "request",
            extra={
                "request_id": request.ctx.request_id, "method": request.method,
                "route": f"/{request.route.path}" if request.route else "unknown", "status": status,
                "seconds": round(seconds, 4),
            },
        )

    return observe


@asynccontextmanager
async def open_talk(settings: Settings, clock: Clock) -> AsyncIterator[Lines]:
    """Chat and texts with everything behind them, counted, at the time that a clock tells; nothing is sent."""
    database = Database(settings.database)
    await asyncio.to_thread(database.migrate)
    keys = load_keys(settings.secret_key.get_secret_value(), settings.data_dir)
    store = ConversationStore(database)
    insights = build_insights(settings, database, clock, store=store)
    record = insights.record
    after: list[Hook] = [database.close, insights.settle]
    backend = build_backend(
        settings, database, keys, clock, record, Limiter(settings.redis_url), transcript=partial(transcript_of, store)
    )
    after.append(backend.stop)
    engine, parts = assistant_for(settings, database, backend, after, clock), Parts(clock=clock)
    # A month's texts in a minute are not what the limits are for.
    patient = settings.model_copy(update={"sms_per_sender": Rate(10_000, 1), "sms_per_sender_day": 10_000})
    try:
        yield Lines(
            build_webchat(settings, store, engine, keys, backend, record, clock),
            _texting(patient, parts, database, keys, engine, Limiter(), record, backend),
        )
    finally:
        for hook in reversed(after):
            await hook()


# --- serving ------------------------------------------------------------------------------------------------------


def run(settings: Settings, *, only: str = "", announce: Callable[[str], None] = print) -> None:
    """Serve until the process is told to stop (SIGINT, SIGTERM), then let running requests finish.

    Raises:
        OSError: the address is in use, or not ours.
    """
    log_as_json()
    app = create_app(settings, only=only)

    async def serve() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        async with serving(app, host=settings.host, port=settings.port):
            for line in welcome(settings, only):
                announce(line)
            # What is loaded now stays: the collector need not look through it again and again.
            gc.collect()
            gc.freeze()
            await stop.wait()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve())


def welcome(settings: Settings, only: str) -> list[str]:
    """What the operator reads at start."""
    lines = [f"twostep serves on {settings.own_url}"]
    if settings.demo:
        portal = "the portal, with the chat" if settings.is_portal else "the chat"
        places = [
            ("the portal" if only else portal, "/", True),
            ("the phone and the inbox", "/demo/outbox", not settings.faq_only),
            ("the staff console", "/staff", settings.is_portal),
            ("the API", "/docs", True),
        ]
        lines += [f"  {what:<27} {settings.own_url}{path}" for what, path, there in places if there]
        if settings.is_portal:
            lines += [
                "  demo patients: alex (mobile and email), robin (mobile), sam (email); staff: casey, morgan",
                f"  their password: {PASSWORD}",
            ]
    if settings.demo and settings.host not in ("127.0.0.1", "localhost", "::1"):
        lines.append(f"  warning: demo mode listens on {settings.host}, where others can reach its demo accounts")
    return lines


# --- people ---------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def open_office(settings: Settings) -> AsyncIterator[Office]:
    """Accounts for one command of the command line."""
    database = Database(settings.database)
    await asyncio.to_thread(database.migrate)
    keys = load_keys(settings.secret_key.get_secret_value(), settings.data_dir)
    backend = build_backend(settings, database, keys, system_clock, record_nothing, Limiter(settings.redis_url))

    staff = By(Actor.STAFF)
    try:
        yield Office(
            backend.accounts, partial(backend.sign_in.enable_factor, by=staff),
            partial(backend.sign_in.withdraw_codes, by=staff),
        )
    finally:
        await backend.stop()
        await database.close()
