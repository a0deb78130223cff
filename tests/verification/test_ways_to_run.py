"""The three ways to run (design.md), as the backend sees them; migrations; housekeeping."""

from __future__ import annotations

from collections.abc import Callable

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, func, select

from bot.db import Database, metadata
from bot.settings import Settings
from bot.verification.client import HttpVerification, LocalVerification
from bot.verification.store import challenges, codes
from tests.portal import CREDENTIAL, Portal, portal_on, served

OWN_TABLES = frozenset({
    "accounts", "contact_points", "sessions", "factors", "challenges", "codes", "handoffs", "sent_per_day",
    "idempotent_replies", "outbox", "opt_outs", "contact_requests", "contact_drafts", "audit", "audit_heads",
})


async def test_faq_only_has_no_backend(sqlite_database: Database, settings_for: Callable[..., Settings]) -> None:
    """With TWOSTEP_VERIFICATION_URL=none there is no sign-in and no client; /contact leads to the practice's page."""
    async with portal_on(sqlite_database, settings_for(verification_url="none")) as portal, served(portal):
        assert portal.backend.verification_client is None
        async with portal.browser() as browser:
            assert (await browser.get("/sign-in")).status_code == 404
            assert (await browser.post("/v1/sign-in", json={})).status_code == 404
            assert 'href="https://CrystalRunHealthcare.com/Contact"' in (await browser.get("/contact")).text
            refused = await browser.post("/v1/contact", json={
                "name": "Kim", "reply_to": "kim@example.com", "reason": "Billing", "message": "Hello"
            })
            assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")


async def test_another_portal_verifies(sqlite_database: Database, settings_for: Callable[..., Settings]) -> None:
    """With a URL the client asks that portal, no sign-in is served here, and contact requests are still taken."""
    settings = settings_for(verification_url="https://portal.example.org", bot_credential=CREDENTIAL)
    async with portal_on(sqlite_database, settings) as portal, served(portal):
        assert isinstance(portal.backend.verification_client, HttpVerification)
        async with portal.browser() as browser:
            assert (await browser.get("/sign-in")).status_code == 404
            assert (await browser.get("/contact")).status_code == 200


async def test_by_default_the_backend_is_here(lite: Portal) -> None:
    """Without a URL everything is in this process."""
    assert isinstance(lite.backend.verification_client, LocalVerification)


async def test_production_shows_no_demo(sqlite_database: Database, settings_for: Callable[..., Settings]) -> None:
    """In production neither outbox nor demo patients are shown or made."""
    settings = settings_for(
        mode="production", public_url="https://portal.example.org", bot_credential=CREDENTIAL,
        twilio_account_sid="AC1", twilio_auth_token="t", code_sender="+18455550100",
        smtp_url="smtps://u:p@mail.example.org", contact_inbox="office@example.org",
    )
    async with portal_on(sqlite_database, settings) as portal, served(portal), portal.browser() as browser:
        assert (await browser.get("/demo/outbox.json")).status_code == 404
        page = await browser.get("/sign-in")
        assert page.status_code == 200 and "correct horse" not in page.text


def test_the_migrations_make_the_tables_that_the_code_expects(database_url: str) -> None:
    """Nothing of ours differs between the migrated database and the metadata."""
    engine = create_engine(database_url.replace("+aiosqlite", ""))

    def own(name: str | None, kind: str, parents: object) -> bool:
        return kind != "table" or name in OWN_TABLES

    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={
            "include_name": own,
            "include_object": lambda _, name, kind, reflected, __: kind != "table" or name in OWN_TABLES,
        })
        assert compare_metadata(context, metadata) == []
    engine.dispose()


async def test_housekeeping_keeps_what_limits_need(portal: Portal) -> None:
    """Pruning deletes old sign-ins with their codes and leaves those of the last day."""
    async def count() -> tuple[int, int]:
        async with portal.database.read() as connection:
            return tuple(  # type: ignore[return-value]
                [(await connection.execute(select(func.count()).select_from(table))).scalar_one()
                 for table in (challenges, codes)]
            )

    async with portal.browser() as browser:
        await portal.sign_in(browser)
        await portal.begin(browser)
        await portal.bind(browser, "c-1")
        portal.clock.forward(40 * 86_400)
        await portal.sign_in(browser)
    await portal.backend.prune(portal.clock() - 30 * 86_400_000)
    assert await count() == (1, 1)
