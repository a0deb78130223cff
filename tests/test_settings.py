"""Each setting that makes no sense is named in one line that says what to write, and its value is not repeated."""

from __future__ import annotations

import os
import re

import pytest

from bot.settings import Settings, SettingsError, load_settings
from bot.verification.model import Limits

WRONG = {
    "mode": ["staging"],
    "database_url": ["mysql://h/x", "sqlite+aiosqlite://", "sqlite+aiosqlite:///:memory:", "postgresql+psycopg://h:p0rt/x"],
    "redis_url": ["http://h", "redis://h:p0rt/0"],
    "secret_key": ["short-one"],
    "host": ["http://127.0.0.2", "not a host"],
    "port": ["0", "99999", "p0rt"],
    "public_url": ["help.example.org", "ftp://help.example.org", "https://help.example.org/chat", "https://"],
    "trusted_proxies": ["10.0.0.0/33", "our-proxy"],
    "allowed_origins": ["*", "https://portal.example.org/page"],
    "contact_page": ["javascript:alert(1)"],
    "practice": ["Two\nlines"],
    "phone": ["call us"],
    "time_zone": ["Mars/Olympus", "../../etc/passwd", "America"],
    "notice": ["two\nlines"],
    "twilio_api_url": ["api.twilio.test"],
    "code_sender": ["845-555-0100"],
    "help_sender": ["Clinic"],
    "sms_keywords": ["maybe"],
    "sms_regions": ["XX", "United States"],
    "sms_per_sender": ["10", "0/60", "a/b"],
    "smtp_url": ["http://h", "smtp://", "smtp://h:p0rt"],
    "mail_from": ["the clinic", "a@example.org\nBcc: b@example.org"],
    "contact_inbox": ["front desk"],
    "bot_credential": ["short-one"],
    "verification_url": ["None"],
    "retention_days": ["0", "-7", "1.5"],
    "send_waits": [",", "-1", "30;60"],
    "turn_timeout": ["0", "inf", "nan"],
}
COUNTS = {
    name: ["-7", "many", *(["0"] if name != "guess_wait" else [])] for name, field in Settings.model_fields.items()
    if field.annotation is int and name != "port"
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in {**COUNTS, **WRONG}.items() for value in values]
)
def test_a_value_that_makes_no_sense_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """The line names the setting once; neither a secret nor an address with a password in it is shown."""
    monkeypatch.setenv(f"TWOSTEP_{name.upper()}", value)
    with pytest.raises(SettingsError) as refused:
        load_settings(_env_file=None)
    said = str(refused.value)
    assert said.startswith(f"TWOSTEP_{name.upper()}: ")
    assert said.count("TWOSTEP_") == 1 and "\n" not in said
    assert "short-one" not in said and "p0rt" not in said


@pytest.mark.parametrize(("name", "value"), [
    ("database_url", "sqlite+aiosqlite:////var/lib/twostep/x.sqlite3"), ("database_url", "sqlite+aiosqlite:///x.sqlite3"),
    ("database_url", "postgresql+psycopg:///twostep?host=/run/postgresql"),
    ("database_url", "postgresql+psycopg://clinic:p#ss?w@db.example.org:5432/twostep"), ("redis_url", "unix:///run/redis.sock"),
    ("host", "::1"), ("public_url", "https://help.example.org/"), ("trusted_proxies", "10.0.0.7/8, ::1"),
    ("code_sender", "MG0123456789abcdef0123456789abcdef"), ("help_sender", "43221"), ("sms_regions", "us, CA"),
    ("smtp_url", "smtps://clinic:p%40ss@mail.example.org"), ("phone", "+44 20 7946 0000"), ("time_zone", "UTC"),
    ("verification_url", "none"), ("send_waits", "1,1,1"), ("turn_timeout", "0.5"),
])
def test_a_value_that_makes_sense_is_taken(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """What the documentation offers is accepted."""
    monkeypatch.setenv(f"TWOSTEP_{name.upper()}", value)
    assert getattr(load_settings(_env_file=None), name)


def test_regions_may_be_written_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """`us` is US: otherwise no number would be good enough, and nobody would know why."""
    monkeypatch.setenv("TWOSTEP_SMS_REGIONS", "us,ca")
    assert load_settings(_env_file=None).sms_regions == ("US", "CA")


def test_the_limits_that_are_promised_are_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every number of security.md's promise that can be set, as it is when nobody sets it."""
    for name in os.environ:
        if name.startswith("TWOSTEP_"):
            monkeypatch.delenv(name)
    settings = load_settings(_env_file=None)
    promised = {
        "code_lifetime": 600, "code_tries": 5, "guess_wait": 30, "guess_wait_longest": 3600, "guess_disable_after": 20,
        "failures_per_address": (30, 600), "send_waits": (30, 60, 120), "sends_per_sign_in": 4, "sends_per_hour": 8,
        "sends_per_day": 15, "sms_regions": ("US",), "challenge_lifetime": 1800, "handoff_lifetime": 300,
        "bot_resends": 2, "sms_resend_wait": 120, "sms_resends_per_day": 3,
        "contact_per_address": (10, 600),
    }
    assert {name: getattr(settings, name) for name in promised} == promised
    assert Limits() == Limits(**{name: getattr(settings, name) for name in Limits.__dataclass_fields__})


@pytest.mark.parametrize(("url", "missing"), [
    ("", {"BOT_CREDENTIAL", "SMTP_URL", "CONTACT_INBOX", "TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "CODE_SENDER"}),
    ("https://portal.example.org", {"BOT_CREDENTIAL", "SMTP_URL", "CONTACT_INBOX"}),
    ("none", set()),
])
def test_production_needs_what_its_way_to_run_uses(
    monkeypatch: pytest.MonkeyPatch, url: str, missing: set[str]
) -> None:
    """Beside another portal too: a contact request that is taken must reach somebody."""
    monkeypatch.setenv("TWOSTEP_MODE", "production")
    monkeypatch.setenv("TWOSTEP_PUBLIC_URL", "https://help.example.org")
    monkeypatch.setenv("TWOSTEP_VERIFICATION_URL", url)
    try:
        load_settings(_env_file=None)
        said = ""
    except SettingsError as refused:
        said = str(refused)
    assert {name.removeprefix("TWOSTEP_") for name in re.findall(r"TWOSTEP_\w+", said)} - {"MODE"} == missing
