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
