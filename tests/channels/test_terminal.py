"""`twostep sms simulate`: a phone in the terminal, through the real endpoint with real signatures."""

from __future__ import annotations

import io
from contextlib import asynccontextmanager

import pytest
import typer
from pydantic import SecretStr
from typer.testing import CliRunner

from bot.channels.terminal import Line, LineBroken, Phone, sms_commands
from bot.http.server import serving
from bot.privacy import load_keys
from bot.texting import signing_token, simulated_line
from tests.channels.patient import PUBLIC, TOKEN, texting_app
from tests.conftest import free_port
from tests.echo_engine import EchoEngine


class Wrong(Exception):
    """What the command line shows in one line."""


async def test_texts_take_the_whole_way(settings_for, sqlite_database, keys, serve):
    """A phone's text is signed, sent over HTTP and answered by the application."""
    client = await serve(texting_app(settings_for, EchoEngine(), sqlite_database, keys))
    phone = Phone(Line(str(client.base_url), PUBLIC, TOKEN, "+18455550100"))
    assert (await phone.text("what is this"))[0].endswith("echo: what is this")
    assert await phone.text("STOP") == []


async def test_a_wrong_token_is_said_with_its_mend(settings_for, sqlite_database, keys, serve):
    """A refused signature names the setting that both sides must share."""
    client = await serve(texting_app(settings_for, EchoEngine(), sqlite_database, keys))
    with pytest.raises(LineBroken, match="TWOSTEP_TWILIO_AUTH_TOKEN"):
        await Phone(Line(str(client.base_url), PUBLIC, "f" * 32, "")).text("hi")


async def test_a_server_that_is_not_there_is_said_with_its_mend():
    """Nobody at the address: one line says what to start."""
    with pytest.raises(LineBroken, match="twostep serve"):
        await Phone(Line(f"http://127.0.0.1:{free_port()}", PUBLIC, TOKEN, "")).text("hi")


async def test_without_twilio_a_demo_signs_with_a_secret_of_its_own(settings_for, sqlite_database, keys):
    """In demo mode the simulator needs no setting; its secret is the installation's, and production has none."""
    settings = settings_for()
    async with simulated_line(
        settings, "", lambda given: texting_app(
            settings_for, EchoEngine(), sqlite_database, load_keys("", given.data_dir), public_url="",
            twilio_auth_token=SecretStr(""),
        ),
    ) as line:
        assert (await Phone(line).text("hi"))[0].endswith("echo: hi")
    assert signing_token(settings_for(twilio_auth_token=SecretStr(TOKEN)), keys) == TOKEN
    production = settings_for(mode="production", verification_url="none", public_url=PUBLIC)
    assert signing_token(production, keys) == ""


def test_the_command_reads_lines_and_shows_answers(settings_for, sqlite_template, tmp_path, keys, monkeypatch):
    """Each line is a text; the answer stands with its segments, silence is shown, and the end of input ends it."""
    import shutil

    from bot.db import Database

    shutil.copy(sqlite_template, tmp_path / "cli.sqlite3")

    @asynccontextmanager
    async def line(settings, url):
        database = Database(f"sqlite+aiosqlite:///{tmp_path / 'cli.sqlite3'}")
        async with serving(texting_app(settings_for, EchoEngine(), database, keys)) as port:
            yield Line(f"http://127.0.0.1:{port}", PUBLIC, TOKEN, "")

    app = typer.Typer()
    app.add_typer(sms_commands(settings_for, line, Wrong), name="sms")
    done = CliRunner().invoke(app, ["sms", "simulate"], input="hello\n\nSTOP\n")
    assert done.exit_code == 0, done.output
    assert "echo: hello\n  (1 segment)\n" in done.output
    assert done.output.rstrip().endswith("(no answer)")


def test_a_broken_line_is_one_line_for_the_user(settings_for):
    """The command turns a broken line into the command line's own error."""

    @asynccontextmanager
    async def line(settings, url):
        yield Line(f"http://127.0.0.1:{free_port()}", PUBLIC, TOKEN, "")

    app = typer.Typer()
    app.add_typer(sms_commands(settings_for, line, Wrong), name="sms")
    done = CliRunner().invoke(app, ["sms", "simulate", "--from", "+18455550143"], input="hello\n")
    assert isinstance(done.exception, Wrong)
    assert io.StringIO(str(done.exception)).read().count("\n") == 0
