"""What `twostep doctor` checks, and how to mend what is wrong."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from uuid import uuid4

from pydantic_settings import DotEnvSettingsSource

from bot.audit.store import AuditStore
from bot.db import Database, DatabaseUnusable, is_newer
from bot.http.limits import Limiter
from bot.privacy import Keys, KeysUnusable, load_keys
from bot.settings import Settings
from bot.verification.client import HttpVerification
from bot.verification.model import ClientUnavailable


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
    yield from _examine_names()
    keys = None
    try:
        keys = load_keys(settings.secret_key.get_secret_value(), settings.data_dir)
        yield Finding("keys")
    except KeysUnusable as error:
        yield Finding("keys", False, str(error))
    yield from _examine_database(settings, keys)
    yield from _examine_delivery(settings)
    current = is_current(Project(root))
    yield Finding("model", current, "" if current else "run `twostep train`")
    if settings.redis_url:
        try:
            asyncio.run(_ping(Limiter(settings.redis_url)))
            yield Finding("Redis")
        except Exception as error:
            yield Finding("Redis", False, f"it does not answer ({type(error).__name__}): check TWOSTEP_REDIS_URL")


def _examine_names() -> Iterator[Finding]:
    """A misspelt setting is read by nobody, and nobody would notice."""
    known = {f"TWOSTEP_{name.upper()}" for name in Settings.model_fields}
    given = {name.upper() for name in (*os.environ, *DotEnvSettingsSource(Settings).env_vars)}
    for name in sorted(given - known):
        if name.startswith("TWOSTEP_") and not name.startswith("TWOSTEP_TEST_"):
            meant = get_close_matches(name, known, 1)
            mend = f"is {meant[0]} meant?" if meant else "take it out; .env.example has all settings"
            yield Finding(name, False, f"there is no such setting: {mend}")


def _examine_database(settings: Settings, keys: Keys | None) -> Iterator[Finding]:
    try:
        database = Database(settings.database)
        current, newest = database.revision()
    except DatabaseUnusable as error:
        yield Finding("database", False, str(error))
        return
    if is_newer(current):
        yield Finding(
            f"database: revision {current}", False, f"it is of a newer release (newest here: {newest}): update twostep"
        )
        return
    yield Finding(
        f"database: revision {current or 'none'}", current == newest,
        "" if current == newest else f"run `twostep db upgrade` (newest: {newest})",
    )
    if current == newest and keys:
        damage = asyncio.run(_audit_damage(database, keys))
        yield Finding("audit record", not damage, "; ".join(damage[:3]))


async def _audit_damage(database: Database, keys: Keys) -> list[str]:
    try:
        return [str(damage) for damage in await AuditStore(database, keys).verify()]
    finally:
        await database.close()


def _examine_delivery(settings: Settings) -> Iterator[Finding]:
    if settings.faq_only:
        return
    if settings.is_portal:
        yield from _examine_texts(settings)
    else:
        yield asyncio.run(_ask_portal(settings))
    if settings.smtp_url.get_secret_value():
        yield Finding(
            "SMTP: From address", bool(settings.mail_from), "" if settings.mail_from else "set TWOSTEP_MAIL_FROM"
        )
    elif settings.demo:
        yield Finding("email: the simulated inbox")


def _examine_texts(settings: Settings) -> Iterator[Finding]:
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


async def _ask_portal(settings: Settings) -> Finding:
    """Ask the portal elsewhere for a code of a conversation that nobody has: it sends nothing, and says so."""
    client = HttpVerification(settings.verification_url, settings.bot_credential.get_secret_value())
    try:
        await client.redeem(f"doctor-{uuid4().hex}", idempotency_key=str(uuid4()))
    except ClientUnavailable as error:
        mend = f"{error}: check TWOSTEP_VERIFICATION_URL and TWOSTEP_BOT_CREDENTIAL"
        return Finding("the portal's bot endpoints", False, mend)
    finally:
        await client.close()
    return Finding("the portal's bot endpoints")


async def _ping(limiter: Limiter) -> None:
    await limiter.ping()
