"""Every setting, parsed once from the environment (or `.env`) into one frozen object.

Names are `TWOSTEP_` plus the field in capitals; `.env.example` explains each.
"""

from __future__ import annotations

import re
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Annotated, Any, NamedTuple, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import (
    AnyHttpUrl,
    BeforeValidator,
    Field,
    NonNegativeInt,
    PositiveInt,
    SecretStr,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

HTTP_URL = TypeAdapter(AnyHttpUrl)
SENDER = re.compile(r"\+[1-9]\d{7,14}|\d{3,8}|MG\w+")
MAILBOX = re.compile(r"[^\s@<>,;:\"]+@[^\s@<>,;:\"]+")


class Mode(StrEnum):
    """`demo`: simulated phone and inbox, made-up patients. `production`: real ones, no default secret."""

    DEMO = "demo"
    PRODUCTION = "production"


class SmsKeywords(StrEnum):
    """Who answers STOP, START and HELP: Twilio's own opt-out handling, or twostep."""

    TWILIO = "twilio"
    OURS = "ours"


class Rate(NamedTuple):
    """At most `count` in a sliding window of `seconds`."""

    count: int  # type: ignore[assignment]  # tuple.count is not needed here
    seconds: int


def _split(value: Any) -> Any:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _rate(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    count, slash, seconds = value.partition("/")
    if not (slash and count.strip().isdecimal() and seconds.strip().isdecimal() and int(count) and int(seconds)):
        raise ValueError("write COUNT/SECONDS, such as 20/60")
    return Rate(int(count), int(seconds))


def _check_http(value: str) -> None:
    try:
        HTTP_URL.validate_python(value)
    except ValidationError:
        raise ValueError("write an address such as https://help.example.org") from None


def _networks(value: Any) -> Any:
    try:
        return tuple(ip_network(part, strict=False) for part in _split(value))
    except ValueError:
        raise ValueError("write networks such as 10.0.0.0/8, comma-separated") from None


def _port_is_one(url: str) -> bool:
    """False where what stands after the colon is no port."""
    try:
        return urlsplit(url).port != 0
    except ValueError:
        return False


def _is_url(address: str) -> bool:
    """True for what SQLAlchemy can read, whose passwords may hold what other addresses may not."""
    from sqlalchemy import make_url  # loads slowly
    from sqlalchemy.exc import ArgumentError

    try:
        make_url(address)
    except (ArgumentError, ValueError):
        return False
    return True


def _origin(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/") or parts.query:
        raise ValueError("write origins such as https://www.example.org, without a path")
    return f"{parts.scheme}://{parts.netloc}".lower()


Waits = Annotated[tuple[NonNegativeInt, ...], NoDecode, BeforeValidator(_split)]
Limit = Annotated[Rate, NoDecode, BeforeValidator(_rate)]
Networks = Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode, BeforeValidator(_networks)]
Origins = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]


class SettingsError(Exception):
    """A setting is missing or wrong; the message names it and says how to mend it."""


class Settings(BaseSettings):
    """What the operator decides. Frozen: nothing changes it after start."""

    model_config = SettingsConfigDict(
        env_prefix="TWOSTEP_", env_file=".env", env_file_encoding="utf-8", extra="ignore", frozen=True,
        env_ignore_empty=True,
    )

    mode: Mode = Mode.DEMO
    data_dir: Path = Path(".twostep")
    database_url: str = ""
    redis_url: str = ""
    secret_key: SecretStr = SecretStr("")
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 8000
    public_url: str = ""
    trusted_proxies: Networks = ()
    allowed_origins: Origins = ()

    # The organization, the one place for its values (facts.md of the practice's own approval).
    practice: str = "Crystal Run Healthcare"
    portal: str = "the online NextGen patient portal (PXP)"
    contact_page: str = "https://CrystalRunHealthcare.com/Contact"
    contact_reason: str = "Patient Portal"
    phone: str = "845-703-6999"
    time_zone: str = "America/New_York"
    notice: str = ""

    twilio_account_sid: str = ""
    twilio_auth_token: SecretStr = SecretStr("")
    twilio_api_url: str = "https://api.twilio.com"
    code_sender: str = ""
    help_sender: str = ""
    sms_keywords: SmsKeywords = SmsKeywords.TWILIO
    sms_regions: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)] = ("US",)
    sms_per_sender: Limit = Rate(10, 60)
    sms_per_sender_day: PositiveInt = 100
    smtp_url: SecretStr = SecretStr("")
    mail_from: str = ""
    contact_inbox: str = ""

    bot_credential: SecretStr = SecretStr("")
    verification_url: str = ""
    metrics_token: SecretStr = SecretStr("")
    retention_days: PositiveInt = 30
    minutes_per_contact: PositiveInt = 6

    code_lifetime: PositiveInt = 600
    code_tries: PositiveInt = 5
    guess_wait: NonNegativeInt = 30
    guess_wait_longest: PositiveInt = 3600
    guess_disable_after: PositiveInt = 20
    send_waits: Waits = (30, 60, 120)
    sends_per_sign_in: PositiveInt = 4
    sends_per_hour: PositiveInt = 8
    sends_per_day: PositiveInt = 15
    sends_per_day_total: PositiveInt = 5000
    bot_resends: PositiveInt = 2
    sms_resend_wait: PositiveInt = 120
    sms_resends_per_day: PositiveInt = 3
    failures_per_address: Limit = Rate(30, 600)
    challenge_lifetime: PositiveInt = 1800
    handoff_lifetime: PositiveInt = 300
    chat_per_session: Limit = Rate(20, 60)
    chat_per_address: Limit = Rate(60, 60)
    contact_per_address: Limit = Rate(10, 600)
    turn_timeout: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 5.0

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value: str) -> str:
        scheme, _, rest = value.partition("://")
        is_file = scheme == "sqlite+aiosqlite" and rest.startswith("/") and rest not in ("/", "/:memory:")
        if value and not is_file and not (scheme == "postgresql+psycopg" and _is_url(value)):
            raise ValueError("write sqlite+aiosqlite:///FILE or postgresql+psycopg://USER:PASSWORD@HOST/NAME")
        return value

    @field_validator("redis_url")
    @classmethod
    def _known_redis(cls, value: str) -> str:
        if value and not (value.startswith(("redis://", "rediss://", "unix://")) and _port_is_one(value)):
            raise ValueError("write redis://HOST:PORT/NUMBER")
        return value

    @field_validator("allowed_origins")
    @classmethod
    def _plain_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_origin(origin) for origin in value)

    @field_validator("host")
    @classmethod
    def _bare_host(cls, value: str) -> str:
        if not value.isascii() or any(mark in value for mark in "/@[] "):
            raise ValueError("write an address or a name without scheme and port, such as 127.0.0.1")
        return value

    @field_validator("public_url", "contact_page", "twilio_api_url")
    @classmethod
    def _http_url(cls, value: str) -> str:
        if value:
            _check_http(value)
        return value.rstrip("/")

    @field_validator("send_waits")
    @classmethod
    def _some_waits(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if not value:
            raise ValueError("write seconds separated by commas, such as 30,60,120")
        return value

    @field_validator("public_url")
    @classmethod
    def _without_path(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.path or parts.query or parts.fragment:
            raise ValueError("write the address without a path, such as https://help.example.org")
        return value

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, OSError, ValueError):
            raise ValueError("write a name of the time zone database, such as America/New_York") from None
        return value

    @field_validator("phone")
    @classmethod
    def _dialled(cls, value: str) -> str:
        if sum(character.isdecimal() for character in value) < 7:
            raise ValueError("write a phone number such as 845-555-0100")
        return value

    @field_validator("practice", "portal", "contact_reason", "phone", "notice")
    @classmethod
    def _one_line(cls, value: str) -> str:
        if not value.isprintable():
            raise ValueError("write one line")
        return value.strip()

    @field_validator("code_sender", "help_sender")
    @classmethod
    def _sender(cls, value: str) -> str:
        if value and not SENDER.fullmatch(value):
            raise ValueError("write a number such as +18455550100, a short code, or a messaging service's SID (MG...)")
        return value

    @field_validator("sms_regions")
    @classmethod
    def _regions(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        from phonenumbers import SUPPORTED_REGIONS  # loads slowly, and the usual needs no check

        regions = tuple(region.upper() for region in value)
        if not regions or not SUPPORTED_REGIONS.issuperset(regions):
            raise ValueError("write ISO codes of countries, comma-separated, such as US,CA")
        return regions

    @field_validator("mail_from", "contact_inbox")
    @classmethod
    def _mailbox(cls, value: str) -> str:
        if value and not MAILBOX.fullmatch(value):
            raise ValueError("write an email address such as help@example.org")
        return value

    @field_validator("verification_url")
    @classmethod
    def _verification(cls, value: str) -> str:
        if value not in ("", "none"):
            _check_http(value)
        return value.rstrip("/")

    @field_validator("smtp_url")
    @classmethod
    def _smtp(cls, value: SecretStr) -> SecretStr:
        url = value.get_secret_value()
        named = url.startswith(("smtp://", "smtps://")) and urlsplit(url).hostname and _port_is_one(url)
        if url and not named:
            raise ValueError("write smtp://USER:PASSWORD@HOST:587 (STARTTLS) or smtps://USER:PASSWORD@HOST:465")
        return value

    @field_validator("secret_key")
    @classmethod
    def _long_enough_each(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value() and any(len(part.strip()) < 32 for part in value.get_secret_value().split(",")):
            raise ValueError("use at least 32 characters for each, such as the output of `openssl rand -hex 32`")
        return value

    @field_validator("bot_credential")
    @classmethod
    def _long_enough(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value() and len(value.get_secret_value()) < 32:
            raise ValueError("use at least 32 characters, such as the output of `openssl rand -hex 32`")
        return value

    @model_validator(mode="after")
    def _production_is_complete(self) -> Self:
        if self.mode is Mode.DEMO:
            if self.twilio_account_sid and self._twilio_is_real and not self._is_loopback:
                raise ValueError(
                    "TWOSTEP_MODE=demo would text real people from a public address: "
                    "set TWOSTEP_MODE=production, or TWOSTEP_HOST=127.0.0.1"
                )
            return self
        needed = {"TWOSTEP_PUBLIC_URL": self.public_url}
        if self.database_url.startswith("postgresql") or self.redis_url:
            # Made for several machines: a key that each made for itself would part them without a word.
            needed["TWOSTEP_SECRET_KEY"] = self.secret_key.get_secret_value()
        if not self.faq_only:  # also beside another portal contact requests are taken here, and must reach somebody
            needed |= {
                "TWOSTEP_BOT_CREDENTIAL": self.bot_credential.get_secret_value(),
                "TWOSTEP_SMTP_URL": self.smtp_url.get_secret_value(),
                "TWOSTEP_CONTACT_INBOX": self.contact_inbox,
            }
        if self.is_portal:
            needed |= {
                "TWOSTEP_TWILIO_ACCOUNT_SID": self.twilio_account_sid,
                "TWOSTEP_TWILIO_AUTH_TOKEN": self.twilio_auth_token.get_secret_value(),
                "TWOSTEP_CODE_SENDER": self.code_sender,
            }
        missing = [name for name, value in needed.items() if not value]
        if missing:
            raise ValueError(f"TWOSTEP_MODE=production needs {', '.join(missing)}")
        return self

    @property
    def _twilio_is_real(self) -> bool:
        return (urlsplit(self.twilio_api_url).hostname or "").endswith("twilio.com")

    @property
    def _is_loopback(self) -> bool:
        try:
            host_is_loopback = ip_address(self.host).is_loopback
        except ValueError:
            host_is_loopback = self.host == "localhost"
        return host_is_loopback and urlsplit(self.own_url).hostname in ("127.0.0.1", "localhost", "::1", self.host)

    @property
    def is_portal(self) -> bool:
        """True when people sign in here: the verification backend is this process's."""
        return not self.verification_url

    @property
    def faq_only(self) -> bool:
        """True when the portal sends its own codes: no backend, no resend (design.md, third way to run it)."""
        return self.verification_url == "none"

    @property
    def demo(self) -> bool:
        """True in demo mode."""
        return self.mode is Mode.DEMO

    @property
    def own_url(self) -> str:
        """The address that browsers and Twilio use, without a trailing slash."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.public_url or f"http://{host}:{self.port}"

    @property
    def https(self) -> bool:
        """True when browsers reach us over TLS; decides the cookies' names and HSTS."""
        return self.own_url.startswith("https://")

    @property
    def code_life(self) -> str:
        """How long a code is good, as it is said."""
        minutes, seconds = divmod(self.code_lifetime, 60)
        count, unit = (self.code_lifetime, "second") if seconds else (minutes, "minute")
        return f"{count} {unit}" if count == 1 else f"{count} {unit}s"

    @property
    def organization(self) -> dict[str, str]:
        """The practice's values under the names that domain.yml and the pages use for them."""
        phone = "".join(filter(str.isdecimal, self.phone))
        return {
            "practice": self.practice,
            "portal": self.portal,
            "contact_page": self.contact_page,
            "contact_label": self.contact_page.partition("://")[2],
            "contact_reason": self.contact_reason,
            "phone": self.phone,
            "code_life": self.code_life,
            "phone_link": f"tel:+{phone if len(phone) > 10 else '1' + phone}",
            "sign_in_link": self._page("/sign-in"),
            "me_link": self._page("/me"),
        }

    def _page(self, path: str) -> str:
        """A page of ours as a message names it: nothing where the portal has its own; a link where that would be
        https, since messages hold no other, else (the demo) the address to read."""
        if self.verification_url:
            return ""
        return f" ([open it]({self.own_url}{path}))" if self.https else f" ({self.own_url.partition('://')[2]}{path})"

    @property
    def database(self) -> str:
        """The database's address: the given one, or the embedded SQLite file in the data directory."""
        return self.database_url or f"sqlite+aiosqlite:///{self.data_dir / 'twostep.sqlite3'}"


def load_settings(**overrides: Any) -> Settings:
    """Read the environment; `overrides` win over it (used by the command line and the tests).

    Raises:
        SettingsError: with one line that names each bad setting and never shows its value.
    """
    try:
        return Settings(**overrides)
    except ValidationError as error:
        lines = []
        for problem in error.errors(include_input=False, include_url=False):
            name = f"TWOSTEP_{problem['loc'][0]}".upper() if problem["loc"] else ""
            message = problem["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
            message = message.partition(", unable to parse")[0]
            lines.append(f"{name}: {message}" if name else message)
        raise SettingsError("; ".join(dict.fromkeys(lines))) from None
