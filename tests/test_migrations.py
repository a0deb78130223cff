"""The migrations make exactly the tables that the code uses, on both databases, and can be run again."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, create_engine, text

import bot.channels.store  # noqa: F401 (its tables are part of the metadata)
from bot.db import Database, metadata
from bot.insights.store import SUMS

pytestmark = pytest.mark.asyncio


async def test_tables_are_the_codes(database: Database) -> None:
    """Nothing differs between the migrated database and the tables that the stores declare."""

    def differences(connection: Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "include_object": _declared})
        return list(compare_metadata(context, metadata))

    async with database.read() as connection:
        assert await connection.run_sync(differences) == []


def _declared(item: object, name: str | None, kind: str, reflected: bool, other: object) -> bool:
    # Tables of topics that are not imported here have migrations of their own to answer for.
    return not (kind == "table" and reflected and name not in metadata.tables)


async def test_migrating_again(database: Database) -> None:
    """A second start finds nothing to do."""
    database.migrate()
    current, newest = database.revision()
    assert current == newest


async def test_a_release_before_starts_on_a_newer_ones_tables(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """While replicas are exchanged, or when a release is taken back, the older code starts and changes nothing."""
    async with database.write() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    try:
        database.migrate()
        assert database.revision()[0] == "9999"
        assert "newer release" in caplog.text
    finally:
        async with database.write() as connection:
            await connection.execute(text("UPDATE alembic_version SET version_num = :newest"), {
                "newest": database.revision()[1],
            })


async def test_counted_days_outlive_their_new_order(database: Database) -> None:
    """What was counted before the table was put in order is counted after it, there and back."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parents[1] / "bot" / "migrations"))
    config.set_main_option("path_separator", "os")
    engine = create_engine(database.url.set(drivername="sqlite" if database.is_sqlite else "postgresql+psycopg"))
    counted = {"day": "2026-11-24", "channel": "web", "topic": "ask_landline", "outcome": "error", "reason": ""}
    counted |= {name: str(number) for number, name in enumerate(("episodes", *SUMS), 1)}
    with engine.begin() as connection:
        values = ", ".join(f"'{value}'" for value in counted.values())
        connection.execute(text(f"INSERT INTO insight_days ({', '.join(counted)}) VALUES ({values})"))
    for move, revision in ((command.downgrade, "0004"), (command.upgrade, "head")):
        with engine.connect() as connection:
            config.attributes["connection"] = connection
            move(config, revision)
            connection.commit()
        with engine.connect() as connection:
            row = connection.execute(text("SELECT * FROM insight_days")).mappings().one()
            assert {name: str(value) for name, value in row.items()} == counted
    engine.dispose()
