"""What `twostep doctor` checks, and how to mend what is wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bot.audit.store import AuditStore
from bot.db import Database
from bot.http.limits import Limiter
from bot.privacy import load_keys
from bot.settings import Settings


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
    yield from _examine_delivery(settings)
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
    if current == newest and not settings.verification_url:
        damage = asyncio.run(_audit_damage(settings, database))
        yield Finding("audit record", not damage, "; ".join(damage[:3]))


async def _audit_damage(settings: Settings, database: Database) -> list[str]:
    keys = load_keys(settings.secret_key.get_secret_value(), settings.data_dir)
    try:
        return [str(damage) for damage in await AuditStore(database, keys).verify()]
    finally:
        await database.close()


def _examine_delivery(settings: Settings) -> Iterator[Finding]:
    if settings.verification_url:
        return
    if settings.twilio_account_sid:
        for name, value in (
            ("TWOSTEP_TWILIO_AUTH_TOKEN", settings.twilio_auth_token.get_secret_value()),
            ("TWOSTEP_CODE_SENDER", settings.code_sender),
        ):
            yield Finding(f"Twilio: {name}", bool(value), "" if value else f"set {name}")
        https = settings.https
        mend = "" if https else "set TWOSTEP_PUBLIC_URL to an https address, or delivery reports cannot arrive"
        yield Finding("Twilio: public address", https, mend)
    elif settings.demo:
        yield Finding("text messages: the simulated phone")
    if settings.smtp_url.get_secret_value():
        yield Finding(
            "SMTP: From address", bool(settings.mail_from), "" if settings.mail_from else "set TWOSTEP_MAIL_FROM"
        )
    elif settings.demo:
        yield Finding("email: the simulated inbox")


async def _ping(limiter: Limiter) -> None:
    await limiter.ping()
