"""The only place that wires things: settings in, one Sanic application out. Every part can be replaced."""

from __future__ import annotations

import asyncio
import logging
import signal
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvloop
from sanic import HTTPResponse, Request, Sanic

from bot.channels.api import COOKIE, ChatSession, chat_api
from bot.channels.limits import ChatLimits
from bot.channels.model import Bind, Exposed, Intake, OptOuts, bind_nothing, expose_nothing
from bot.channels.service import ChatService, mask_contacts
from bot.channels.sms import current_sender
from bot.channels.store import ConversationStore
from bot.db import Clock, Database, system_clock
from bot.engine.model import Engine, Kind, Reply
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
from bot.privacy import Keys, load_keys
from bot.settings import Settings
from bot.texting import Texting, build_texting
from bot.verification.model import VerificationClient

if TYPE_CHECKING:
    from bot.engine.rasa_engine import RasaEngine
    from bot.engine.training import Project

log = logging.getLogger("twostep.app")

PROJECT = Path(__file__).parents[1]

DEMO_PASSWORD = "correct horse battery staple"

Hook = Callable[[], Awaitable[None]]


@dataclass(kw_only=True)
class Parts:
    """What `create_app` puts together; None means the usual one.

    Args:
        engine: answers messages.
        bind, exposed: the verification backend, as the chat sees it.
        intake: what the engine may see of a text.
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
    bind: Bind = bind_nothing
    exposed: Exposed = expose_nothing
    intake: Intake = mask_contacts
    opt_outs: OptOuts | None = None
    record: Record = record_nothing
    clock: Clock = system_clock
    apis: Sequence[Api] = ()
    checks: dict[str, Check] = field(default_factory=dict)
    before: Sequence[Hook] = ()
    after: Sequence[Hook] = ()
    migrate: bool = True


def create_app(settings: Settings, parts: Parts | None = None) -> Sanic[Any, Any]:
    """An application that serves everything the settings ask for. Nothing connects before it is served."""
    parts = parts or Parts()
    database = parts.database or Database(settings.database)
    keys = parts.keys or load_keys(settings.secret_key.get_secret_value(), settings.data_dir)
    limiter = parts.limiter or Limiter(settings.redis_url)
    metrics = parts.metrics or Metrics()
    engine = parts.engine or load_assistant(settings, PROJECT, database)
    chat = ChatService(
        ConversationStore(database), engine, keys, failure_reply(settings), bind=parts.bind, exposed=parts.exposed,
        intake=parts.intake, record=metrics.counting(parts.record), clock=parts.clock,
    )
    texting = _texting(settings, parts, database, keys, engine, limiter, metrics.counting(parts.record))
    session = ChatSession(SignedCookie(COOKIE, settings, keys))
    apis = [
        chat_api(chat, session, ChatLimits(limiter, settings.chat_per_session, settings.chat_per_address)),
        *parts.apis,
        *texting.apis,
        operations_api(
            {"database": database.ping, **parts.checks}, {"limiter": limiter.ping}, metrics.registry,
            settings.metrics_token.get_secret_value(),
        ),
        _home(Pages(settings)),
        assets_api(load_assets()),
    ]
    app = new_app(settings, apis, observe=_observer(metrics))
    app.ctx.chat = chat
    app.ctx.texting = texting
    app.ctx.database = database

    async def start(app: Sanic[Any, Any]) -> None:
        if parts.migrate:
            await asyncio.to_thread(database.migrate)
        for hook in parts.before:
            await hook()

    async def stop(app: Sanic[Any, Any]) -> None:
        await chat.drain()
        await texting.drain()
        for hook in reversed(parts.after):
            await hook()
        await database.close()

    app.register_listener(start, "before_server_start")
    app.register_listener(stop, "after_server_stop")
    return app


def _texting(
    settings: Settings, parts: Parts, database: Database, keys: Keys, engine: Engine, limiter: Limiter, record: Record
) -> Texting:
    from bot.audit.store import AuditStore
    from bot.delivery.opt_outs import SenderOptOuts
    from bot.delivery.store import OutboxStore

    opt_outs = parts.opt_outs or SenderOptOuts(
        database, OutboxStore(database, keys), AuditStore(database, keys), parts.clock, settings.code_sender
    )
    return build_texting(
        settings, database, keys, engine, limiter, failure_reply(settings), opt_outs, exposed=parts.exposed,
        intake=parts.intake, record=record, clock=parts.clock,
    )


def failure_reply(settings: Settings) -> Reply:
    """What the patient reads when the engine itself broke."""
    page = settings.contact_page
    return Reply(
        f"Sorry, something went wrong on our side. Please try again in a moment. A person can help you too: fill in "
        f"the [contact form]({page}) with the reason '{settings.contact_reason}', or call "
        f"[{settings.phone}](tel:{settings.phone}).",
        kind=Kind.ERROR, contact_route=True,
    )


def _home(pages: Pages) -> Api:
    api = Api("Pages")

    @api.page("GET", "/")
    async def home(request: Request) -> HTTPResponse:
        """The demo portal's first page."""
        return pages.render("home.html")

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


# --- the assistant ------------------------------------------------------------------------------------------------


def topic_labels(project: Project) -> dict[str, str]:
    """The topics' names on buttons, from domain.yml, the one place for words."""
    import yaml

    domain = yaml.safe_load(project.domain.read_text(encoding="utf-8"))
    return dict(domain["responses"]["utter_topic_labels"][0]["custom"])


def faq_actions(labels: Mapping[str, str]) -> list[Any]:
    """The actions where the portal sends its own codes."""
    from actions.faq_only import ActionNotArrivedElsewhere, ActionOfferResendElsewhere, ActionResendElsewhere

    return [
        *_talk_actions(labels),
        ActionOfferResendElsewhere(),
        ActionResendElsewhere(),
        ActionNotArrivedElsewhere(),
    ]


def backend_actions(labels: Mapping[str, str], verification: VerificationClient) -> list[Any]:
    """The actions with a verification backend to ask."""
    from actions.by_text import ActionOfferResendByText, ActionResendByText, ByText
    from actions.resend import ActionNotArrived, ActionOfferResend, ActionResend

    return [
        *_talk_actions(labels),
        ByText(ActionOfferResendByText(), ActionOfferResend(verification)),
        ByText(ActionResendByText(verification, current_sender), ActionResend(verification)),
        ByText(ActionOfferResendByText(), ActionNotArrived(verification)),
    ]


def _talk_actions(labels: Mapping[str, str]) -> list[Any]:
    from actions.doubt import ActionAskBetween, ActionMiss
    from actions.replies import ActionAffirm, ActionDeny

    return [ActionAffirm(), ActionDeny(), ActionAskBetween(labels), ActionMiss(labels)]


def load_assistant(
    settings: Settings, root: Path, database: Database, *, actions: Sequence[Any] | None = None
) -> RasaEngine:
    """The engine with its actions, words and locks.

    Args:
        root: the folder of config.yml, domain.yml, data/ and models/.
        actions: those to run; the FAQ-only ones when not given.
    """
    from bot.engine.locks import choose_locks
    from bot.engine.rasa_engine import load_engine
    from bot.engine.training import Project

    project = Project(root)
    return load_engine(
        project.model,
        database,
        choose_locks(settings.database, settings.redis_url),
        actions=faq_actions(topic_labels(project)) if actions is None else actions,
        organization=settings.organization,
        turn_timeout=settings.turn_timeout,
    )


@asynccontextmanager
async def terminal_assistant(settings: Settings, root: Path) -> AsyncIterator[RasaEngine]:
    """The assistant for a terminal: its conversations live in a temporary database and are gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="twostep-") as folder:
        database = Database(f"sqlite+aiosqlite:///{folder}/terminal.sqlite3")
        await asyncio.to_thread(database.migrate)
        engine = load_assistant(settings, root, database)
        try:
            yield engine
        finally:
            await engine.close()
            await database.close()


def load_understanding(root: Path) -> Callable[[str], dict[str, Any]]:
    """What the model makes of a text, without a conversation: Rasa's parse data, for measuring."""
    from bot.engine.training import Project
    from bot.engine.understanding import load_understanding as load

    return load(Project(root).model)


# --- serving ------------------------------------------------------------------------------------------------------


def run(settings: Settings, *, only: str = "", announce: Callable[[str], None] = print) -> None:
    """Serve until the process is told to stop (SIGINT, SIGTERM), then let running requests finish.

    Raises:
        OSError: the address is in use, or not ours.
    """
    log_as_json()
    app = create_app(settings)

    async def serve() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        async with serving(app, host=settings.host, port=settings.port):
            for line in welcome(settings, only):
                announce(line)
            await stop.wait()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve())


def welcome(settings: Settings, only: str) -> list[str]:
    """What the operator reads at start."""
    lines = [f"twostep serves on {settings.own_url}"]
    if settings.demo and not only:
        lines += [
            f"  the portal, with the chat   {settings.own_url}/",
            f"  the phone and the inbox     {settings.own_url}/demo/outbox",
            f"  the staff console           {settings.own_url}/staff",
            f"  the API                     {settings.own_url}/docs",
            "  demo patients: alex (mobile and email), robin (mobile), sam (email); staff: casey, morgan",
            f"  their password: {DEMO_PASSWORD}",
        ]
    if settings.demo and settings.host not in ("127.0.0.1", "localhost", "::1"):
        lines.append(f"  warning: demo mode listens on {settings.host}, where others can reach its demo accounts")
    return lines


# --- the doctor ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Finding:
    """One thing that was checked; `mend` says what to do where it is not in order."""

    what: str
    ok: bool = True
    mend: str = ""


def examine(settings: Settings, root: Path) -> Iterator[Finding]:
    """Check settings, keys, database, model and limits' store, in the order in which they need each other."""
    from bot.engine.training import Project, is_current

    yield Finding(f"settings: {settings.mode} mode, {settings.own_url}")
    try:
        load_keys(settings.secret_key.get_secret_value(), settings.data_dir)
        yield Finding("keys")
    except (OSError, ValueError) as error:
        yield Finding("keys", False, f"{error}; set TWOSTEP_SECRET_KEY, or mend {settings.data_dir / 'keys'}")
    yield from _examine_database(settings)
    current = is_current(Project(root))
    yield Finding("model", current, "" if current else "run `twostep train`")
    if settings.redis_url:
        try:
            asyncio.run(_ping(Limiter(settings.redis_url)))
            yield Finding("Redis")
        except Exception as error:
            yield Finding("Redis", False, f"it does not answer ({type(error).__name__}): check TWOSTEP_REDIS_URL")


def _examine_database(settings: Settings) -> Iterator[Finding]:
    database = Database(settings.database)
    try:
        current, newest = database.revision()
    except Exception as error:
        yield Finding("database", False, f"it does not answer ({type(error).__name__}): check TWOSTEP_DATABASE_URL")
        return
    yield Finding(
        f"database: revision {current or 'none'}", current == newest,
        "" if current == newest else f"run `twostep db upgrade` (newest: {newest})",
    )


async def _ping(limiter: Limiter) -> None:
    await limiter.ping()
