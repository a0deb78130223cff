"""`twostep` at a shell: a mistake is one line that names cause and mend, with exit status 1 (2 where the command line
itself is wrong); answers fit programs."""

from __future__ import annotations

import io
import json
import logging
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import text

from bot import cli
from bot.db import Database
from tests.echo_engine import EchoEngine

Twostep = Callable[..., tuple[int, str, str]]


@pytest.fixture
def twostep(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Twostep:
    """`twostep("db", "revision", TWOSTEP_PORT="x")`: exit status, output and errors, in an empty folder."""

    def run(*words: str, stdin: bytes = b"", **environment: str) -> tuple[int, str, str]:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("TWOSTEP_DATA_DIR", str(tmp_path / "data"))
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["twostep", *words])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8"))
        root = logging.getLogger()
        handlers, level = list(root.handlers), root.level
        try:
            with pytest.raises(SystemExit) as ended:
                cli.main()
        finally:
            root.handlers[:], root.level = handlers, level
        code = ended.value.code
        return code if isinstance(code, int) else 0, *capsys.readouterr()

    return run


def test_help_answers_at_once() -> None:
    """To say what it can do, `twostep` loads neither database, server, numbers nor Rasa."""
    slow = ("sqlalchemy", "alembic", "sanic", "phonenumbers", "rasa", "numpy", "twilio", "aiohttp")
    code = f"import bot.cli, sys; print(*(name for name in {slow!r} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=cli.PROJECT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def is_one_line(errors: str, *named: str) -> bool:
    """True when the errors are one line with all of these in it."""
    return errors.startswith("twostep: ") and errors.count("\n") == 1 and all(word in errors for word in named)


@pytest.mark.parametrize(("words", "named"), [
    (("nosuch",), ("nosuch", "`twostep --help`")), (("db", "nosuch"), ("nosuch", "`twostep db --help`")),
    (("report", "--by", "fortnight"), ("--by", "'day', 'week', 'month'", "`twostep report --help`")),
    (("report", "--nosuch"), ("--nosuch",)), (("forget",), ("CONVERSATION|PHONE",)), (("forget", "a", "b"), ("(b)",)),
    (("serve", "--port", "x"), ("--port", "must be a valid integer")), (("demo-traffic", "--days", "99"), ("30",)),
])
def test_a_command_line_that_is_wrong(twostep: Twostep, words: tuple[str, ...], named: tuple[str, ...]) -> None:
    """One line names what is wrong and where to read on, with exit status 2; no box."""
    status, output, errors = twostep(*words)
    assert (status, output) == (2, "")
    assert is_one_line(errors, *named), errors


@pytest.mark.parametrize("words", [(), ("db",), ("accounts",)])
def test_no_command_at_all(twostep: Twostep, words: tuple[str, ...]) -> None:
    """Without a command the help is shown, and no error beside it."""
    status, output, errors = twostep(*words)
    assert (status, errors) == (2, "")
    assert "Usage: twostep" in output


@pytest.mark.parametrize("words", [
    ("db", "revision"), ("db", "reseal"), ("accounts", "list"), ("report",), ("serve", "--port", "9"),
])
@pytest.mark.parametrize(("environment", "named"), [
    ({"TWOSTEP_DATABASE_URL": "postgresql+psycopg://u:secret@127.0.0.1:1/x"}, ("TWOSTEP_DATABASE_URL", "refused")),
    ({"TWOSTEP_DATA_DIR": "a-file"}, ("a-file", "TWOSTEP_DATA_DIR")),
    ({"TWOSTEP_DATA_DIR": "noise"}, ("noise/twostep.sqlite3", "not a database")),
])
def test_a_database_that_cannot_be_used(
    twostep: Twostep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...],
    environment: dict[str, str], named: tuple[str, ...],
) -> None:
    """A database that is away, a folder that cannot be made and a file that is none are named, without a secret."""
    monkeypatch.setattr(cli, "_train_apart", lambda: None)
    (tmp_path / "a-file").touch()
    (tmp_path / "noise").mkdir()
    (tmp_path / "noise" / "twostep.sqlite3").write_bytes(b"noise, not a database " * 300)
    status, output, errors = twostep(*words, **environment)
    assert (status, output) == (1, "")
    assert is_one_line(errors, *named), errors
    assert "secret" not in errors


@pytest.mark.parametrize("words", [("accounts", "list"), ("db", "reseal"), ("report",)])
def test_keys_that_cannot_be_used(twostep: Twostep, tmp_path: Path, words: tuple[str, ...]) -> None:
    """A spoilt file of keys is named, with what to do."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "keys").write_text("short\n")
    status, _, errors = twostep(*words)
    assert status == 1
    assert is_one_line(errors, "data/keys", "TWOSTEP_SECRET_KEY"), errors


@pytest.mark.parametrize(("words", "named"), [
    (("--host", "203.0.113.9"), "TWOSTEP_HOST"), (("--host", "nowhere.invalid"), "TWOSTEP_HOST"),
    (("--only", "chat"), "--only verification"),
])
def test_an_address_that_cannot_be_served(
    twostep: Twostep, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], named: str
) -> None:
    """An address that is not ours is no fault of the port."""
    monkeypatch.setattr(cli, "_train_apart", lambda: None)
    status, _, errors = twostep("serve", *words)
    assert status == 1
    assert is_one_line(errors, named) and "TWOSTEP_PORT" not in errors, errors


def test_a_database_of_a_newer_release(twostep: Twostep, tmp_path: Path, sqlite_template: Path) -> None:
    """`db upgrade` and `doctor` do not call it upgraded, nor send to an upgrade that cannot help."""
    (tmp_path / "data").mkdir()
    file = tmp_path / "data" / "twostep.sqlite3"
    shutil.copy(sqlite_template, file)
    with Database(f"sqlite+aiosqlite:///{file}")._plain_connection() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        connection.commit()
    status, output, errors = twostep("db", "upgrade")
    assert (status, output) == (1, "")
    assert is_one_line(errors, "9999", "newer release"), errors
    _, output, _ = twostep("doctor")
    [found] = [line for line in output.splitlines() if "database" in line]
    assert found.startswith("wrong database: revision 9999: ") and "newer release" in found and "upgrade" not in found


def test_the_doctor_survives_what_it_finds(twostep: Twostep, tmp_path: Path) -> None:
    """A folder that cannot be made and spoilt keys beside a good database are findings, not a crash."""
    (tmp_path / "a-file").touch()
    status, output, errors = twostep("doctor", TWOSTEP_DATA_DIR="a-file")
    assert status == 1 and is_one_line(errors), errors
    assert {"keys", "database"} <= {line.split()[1].rstrip(":") for line in output.splitlines() if "wrong" in line}
    twostep("db", "upgrade", TWOSTEP_DATA_DIR="data")
    (tmp_path / "data" / "keys").write_text("short\n")
    status, output, errors = twostep("doctor", TWOSTEP_DATA_DIR="data")
    assert status == 1 and is_one_line(errors), errors
    assert "wrong keys" in output and "ok    database" in output


def test_the_doctor_names_settings_that_nobody_reads(twostep: Twostep, tmp_path: Path) -> None:
    """A misspelt name is said, with the one that was meant, whether in the environment or in `.env`."""
    (tmp_path / ".env").write_text("TWOSTEP_NOTISE=Texts are late\nOTHER=1\n")
    status, output, _ = twostep("doctor", TWOSTEP_RETENTION_DAY="7")
    assert status == 1
    assert "TWOSTEP_RETENTION_DAY: " in output and "TWOSTEP_RETENTION_DAYS" in output
    assert "TWOSTEP_NOTISE: " in output and "TWOSTEP_NOTICE" in output
    assert "OTHER" not in output


@pytest.mark.parametrize(("content", "named"), [
    (b"\xff\xfe\x00", "not text in UTF-8"), (b"", "has no lines"), (b'{"text": 1, "intent": "greet"}', ":1: write"),
    (b'\n{"text": "hi"}', ":2: write"), (b"[]", ":1: write"), (None, "directory"),
])
def test_files_that_cannot_be_evaluated(
    twostep: Twostep, tmp_path: Path, content: bytes | None, named: str
) -> None:
    """Noise, nothing, other types, a missing field and a folder are each one line."""
    if content is None:
        (tmp_path / "lines.jsonl").mkdir()
    else:
        (tmp_path / "lines.jsonl").write_bytes(content)
    status, _, errors = twostep("evaluate", "lines.jsonl")
    assert status == 1
    assert is_one_line(errors, "lines.jsonl", named), errors


def test_a_picture_that_cannot_be_written(twostep: Twostep, tmp_path: Path) -> None:
    """The folder of the picture is missed before anything is measured.

    A byte order mark in the file is no mistake, nor is a separator of lines inside a text.
    """
    (tmp_path / "lines.jsonl").write_text('\ufeff{"text": "hi\u2028you", "intent": "greet"}\r\n', encoding="utf-8")
    status, output, errors = twostep("evaluate", "lines.jsonl", "--picture", "nowhere/confusion.svg")
    assert (status, output) == (1, "")
    assert is_one_line(errors, "nowhere"), errors


def test_bytes_that_are_no_text_are_questions_too(twostep: Twostep) -> None:
    """Each line that is not empty is answered with one line of JSON, in UTF-8 whatever came in, in the contract's form.

    (design.md, Command line.)
    """
    _, output, errors = twostep(
        "ask", "--json", stdin=b"\xff\xfe\x00\n\n   \nwill they charge me for the text?\n\xe2\x9d\xa4\n"
    )
    lines = [json.loads(line) for line in output.encode("utf-8").decode("utf-8").splitlines()]
    assert [line["text"] for line in lines][1:] == ["will they charge me for the text?", "❤"], errors
    for line in lines:
        assert list(line) == [
            "text", "intent", "confidence", "decision", "candidates", "intents", "language", "messages"
        ]
    assert [(line["intent"], line["decision"]) for line in lines] == [
        ("out_of_scope", "fallback"), ("ask_text_charges", "answer"), ("out_of_scope", "fallback")
    ]
    assert lines[1]["messages"][0]["text"].startswith("Your carrier may charge")


def test_an_empty_line_in_the_chat_says_nothing_twice(twostep: Twostep, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reply stands once in the terminal, however often Enter is pressed after it."""

    @asynccontextmanager
    async def echoes(*_: object) -> AsyncIterator[EchoEngine]:
        yield EchoEngine()

    said = iter(["my number changed", "", "  ", "quit"])
    monkeypatch.setattr("bot.assistant.terminal_assistant", echoes)
    monkeypatch.setattr(cli, "_train", lambda **_: False)
    monkeypatch.setattr("builtins.input", lambda _: next(said))
    _, output, _ = twostep("chat")
    assert output.count("echo: my number changed") == 1
