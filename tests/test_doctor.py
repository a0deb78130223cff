"""`twostep doctor` looks at what it says it looks at."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import delete

from bot.audit.model import Actor, By
from bot.audit.store import AuditStore, audit, audit_heads
from bot.db import Database
from bot.doctor import Finding, examine
from bot.privacy import load_keys
from bot.settings import Settings
from tests.portal import CREDENTIAL, portal_on, served


def test_a_damaged_audit_record_is_named(
    sqlite_template: Path, tmp_path: Path, settings_for: Callable[..., Settings]
) -> None:
    """A whole record is in order; after a process's rows were taken away together with their head it is not."""
    path = tmp_path / "doctor.sqlite3"
    shutil.copy(sqlite_template, path)
    settings = settings_for(database_url=f"sqlite+aiosqlite:///{path}")
    keys = load_keys("", settings.data_dir)

    async def work(*, spoil: bool) -> None:
        database = Database(settings.database)
        async with database.write() as connection:
            if spoil:
                await connection.execute(delete(audit).where(audit.c.stream == "one"))
                await connection.execute(delete(audit_heads).where(audit_heads.c.stream == "one"))
            else:
                for stream in ("one", "two"):
                    await AuditStore(database, keys, stream=stream).append(connection, By(Actor.STAFF), "tried", at=1)
        await database.close()

    def finding() -> Finding:
        return next(found for found in examine(settings, tmp_path) if found.what == "audit record")

    asyncio.run(work(spoil=False))
    assert finding().ok
    asyncio.run(work(spoil=True))
    assert (finding().ok, finding().mend) == (False, "a stream is missing at row 2 of register")


async def test_a_portal_elsewhere_that_refuses_the_credential_is_named(
    sqlite_template: Path, tmp_path: Path, sqlite_database: Database, settings_for: Callable[..., Settings]
) -> None:
    """The credential that fits is in order; another one, and a portal that is not there, are findings."""
    shutil.copy(sqlite_template, tmp_path / "bot.sqlite3")

    async def finding(url: str, credential: str) -> Finding:
        settings = settings_for(
            verification_url=url, bot_credential=credential,
            database_url=f"sqlite+aiosqlite:///{tmp_path / 'bot.sqlite3'}",
        )
        found = await asyncio.to_thread(lambda: list(examine(settings, tmp_path)))
        return next(one for one in found if one.what == "the portal's bot endpoints")

    async with portal_on(sqlite_database, settings_for(bot_credential=CREDENTIAL)) as portal, served(portal):
        assert (await finding(portal.url, CREDENTIAL)).ok
        refused = await finding(portal.url, "x" * 36)
    gone = await finding(portal.url, CREDENTIAL)
    assert not refused.ok and refused.mend.startswith("redeem answered 401: check ")
    assert not gone.ok and "TWOSTEP_VERIFICATION_URL" in gone.mend
