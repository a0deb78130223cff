"""The `twostep` command. Each command parses its arguments, calls the topic's own code, and prints.

Heavy imports stand inside the commands, so that `twostep --help` answers at once.
"""

from __future__ import annotations

import asyncio
import errno
import io
import json
import logging
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from typer.exceptions import TyperException

from bot.accounts.terminal import Office, accounts_commands
from bot.channels.terminal import sms_commands
from bot.insights.terminal import add_insights_commands
from bot.settings import Settings, SettingsError, load_settings

if TYPE_CHECKING:
    from bot.db import Clock, Database
    from bot.insights.service import Insights
    from bot.insights.traffic import Lines

PROJECT = Path(__file__).parents[1]

app = typer.Typer(
    name="twostep", help="Help with two-step sign-in: the assistant, its backend, and their tools.",
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
)
db = typer.Typer(help="The database's tables.", no_args_is_help=True)
app.add_typer(db, name="db")
app.add_typer(accounts_commands(lambda: _open_office()), name="accounts")
add_insights_commands(
    app, open_insights=lambda: _open_insights(), open_talk=lambda clock: _open_talk(clock),
    conversations_of=lambda who: _conversations_of(who), zone=lambda: ZoneInfo(_settings().time_zone),
)
out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


class UserError(Exception):
    """What the operator did cannot work; the message names the cause and the mend, in one line."""


# --- serving ----------------------------------------------------------------------------------------------------


@app.command()
def serve(
    only: Annotated[str, typer.Option(help="`verification`: the backend alone, for a bot elsewhere.")] = "",
    host: Annotated[str | None, typer.Option(help="Address to listen on (TWOSTEP_HOST).")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on (TWOSTEP_PORT).")] = None,
) -> None:
    """Serve the assistant, the pages and the backend."""
    if only not in ("", "verification"):
        raise UserError(f"--only {only} is not known: leave it out, or write --only verification")
    settings = _settings(host=host, port=port)
    from bot.app import run

    if not only:
        _train_apart()
    try:
        run(settings, only=only, announce=out.print)
    except OSError as error:
        setting = "TWOSTEP_PORT" if error.errno in (errno.EADDRINUSE, errno.EACCES) else "TWOSTEP_HOST"
        reason = error.strerror or error
        raise UserError(f"{settings.host}:{settings.port}: {reason}; choose another {setting}") from None


@app.command()
def train(force: Annotated[bool, typer.Option(help="Train all of it again.")] = False) -> None:
    """Train the model, if anything it is made from has changed."""
    if not _train(force=force):
        out.print("The model is up to date: nothing to train.")


@app.command()
def chat() -> None:
    """Talk to the assistant in the terminal; `quit` ends."""
    settings = _settings()
    _train(force=False)
    asyncio.run(_chat(settings))


@app.command()
def ask(
    text: Annotated[list[str] | None, typer.Argument(help="Questions; without any, one a line from stdin.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    conversation: Annotated[bool, typer.Option(help="Keep one conversation for all questions.")] = False,
) -> None:
    """Answer questions, each in a fresh conversation."""
    settings = _settings()
    _train(force=False)
    questions = iter(text) if text else _lines(sys.stdin)
    asyncio.run(_ask(settings, questions, as_json=as_json, keep=conversation))


@app.command()
def evaluate(
    file: Annotated[Path, typer.Argument(
        help='A JSON Lines file of {"text": ..., "intent": ...}, and "after": the topic answered before, if any.'
    )],
    picture: Annotated[Path | None, typer.Option(help="Write the confusion picture to this SVG file.")] = None,
) -> None:
    """Measure understanding on labelled questions."""
    lines = _labelled(file)
    if picture is not None and not picture.parent.is_dir():
        raise UserError(f"{picture}: there is no folder {picture.parent}")
    _train(force=False)
    from bot.assistant import load_understanding
    from bot.nlu.evaluation import evaluate as measure

    out.print(measure(lines, load_understanding(PROJECT), picture=picture))


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []})
def rasa(context: typer.Context) -> None:
    """Rasa's own command line inside this environment, such as `twostep rasa data validate`."""
    import bot.engine  # noqa: F401  # prepares the ground for Rasa

    sys.argv = ["rasa", *context.args]
    from rasa.__main__ import main as rasa_main

    rasa_main()


@app.command()
def doctor() -> None:
    """Check settings, database, model, audit, Twilio and SMTP; say how to mend what is wrong."""
    settings = _settings()
    from bot.doctor import examine

    bad = 0
    for finding in examine(settings, PROJECT):
        out.print(f"[green]ok[/]    {finding.what}" if finding.ok else f"[red]wrong[/] {finding.what}: {finding.mend}")
        bad += not finding.ok
    if bad:
        raise UserError(f"{bad} of these need mending")


@db.command("upgrade")
def db_upgrade() -> None:
    """Bring the tables to the newest revision. `serve` does this by itself."""
    from bot.db import Database, is_newer

    database = Database(_settings().database)
    current, newest = database.revision()
    if is_newer(current):
        raise UserError(f"the database is of a newer release ({current}; newest here: {newest}): update twostep")
    database.migrate()
    out.print(f"The database is at revision {newest}.")


@db.command("revision")
def db_revision() -> None:
    """Tell the database's revision and the newest one."""
    from bot.db import Database

    current, newest = Database(_settings().database).revision()
    out.print(f"database: {current or 'empty'}, newest: {newest}")


@db.command("reseal")
def db_reseal() -> None:
    """Encrypt what is kept with the first secret of TWOSTEP_SECRET_KEY, after a new one was put there."""
    settings = _settings()
    from bot.db import Database
    from bot.privacy import load_keys
    from bot.resealing import reseal

    async def run() -> int:
        database = Database(settings.database)
        await asyncio.to_thread(database.migrate)
        try:
            return await reseal(database, load_keys(settings.secret_key.get_secret_value(), settings.data_dir))
        finally:
            await database.close()

    try:
        out.print(f"{asyncio.run(run())} values are encrypted with the current secret.")
    except ValueError as error:
        raise UserError(f"{error}; add it at the end of TWOSTEP_SECRET_KEY") from None


def _line(settings: Settings, url: str) -> Any:
    if not url:
        _train(force=False)
    from bot.app import create_app
    from bot.texting import simulated_line

    return simulated_line(settings, url, create_app)


app.add_typer(sms_commands(lambda: _settings(), _line, UserError), name="sms")


# --- what the commands share ---------------------------------------------------------------------------------------


def _settings(**overrides: Any) -> Settings:
    return load_settings(**{name: value for name, value in overrides.items() if value is not None})


def _train(*, force: bool) -> bool:
    from bot.engine.training import Project, is_current, train

    project = Project(PROJECT)
    if not force and is_current(project):
        return False
    with err.status("training") as status:
        return train(project, force=force, progress=status.update)


def _train_apart() -> None:
    """Train in a process of its own: what training loads would stay in a server's memory for good (about 200 MB)."""
    from bot.engine.training import Project, TrainingFailed, is_current

    if is_current(Project(PROJECT)):
        return
    if subprocess.run([sys.executable, "-m", "bot.cli", "train"], cwd=PROJECT, check=False).returncode:
        raise TrainingFailed("the model could not be trained; see above")


def _lines(stream: Any) -> Iterator[str]:
    return (line.strip() for line in stream if line.strip())


def _in_utf8() -> None:
    """Read and write UTF-8 whatever the locale says; bytes that are no text become marks instead of an error."""
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="replace")


def _labelled(file: Path) -> list[tuple[str, str, tuple[str, ...]]]:
    try:
        content = file.read_text(encoding="utf-8-sig")  # Windows' editors put a byte order mark first
    except OSError as error:
        raise UserError(f"{file}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise UserError(f"{file} is not text in UTF-8: save it as UTF-8") from None
    lines = []
    for number, line in enumerate(content.split("\n"), 1):
        if line.strip():
            try:
                entry = json.loads(line)
                text, intent, after = entry["text"], entry["intent"], entry.get("after", "")
                if not all(isinstance(value, str) for value in (text, intent, after)):
                    raise TypeError
                lines.append((text, intent, tuple(after.split())))
            except (ValueError, KeyError, TypeError):
                raise UserError(f'{file}:{number}: write {{"text": ..., "intent": ...}}') from None
    if not lines:
        raise UserError(f"{file} has no lines")
    return lines


def _open_office() -> AbstractAsyncContextManager[Office]:
    from bot.app import open_office

    return open_office(_settings())


def _open_insights() -> AbstractAsyncContextManager[Insights]:
    from bot.desk import open_insights

    def forget_engine(database: Database) -> Callable[[str], Awaitable[Any]]:
        import bot.engine  # noqa: F401  # prepares the ground for Rasa
        from bot.db import system_clock
        from bot.engine.tracker_store import AsyncTrackerStore

        return AsyncTrackerStore(None, database, system_clock).forget

    return open_insights(_settings(), forget_engine)


def _open_talk(clock: Clock) -> AbstractAsyncContextManager[Lines]:
    settings = _settings()
    if not settings.demo:
        raise UserError("demo-traffic is for the demo: set TWOSTEP_MODE=demo and another TWOSTEP_DATA_DIR")
    _train(force=False)
    from bot.app import open_talk

    return open_talk(settings, clock)


def _conversations_of(who: str) -> list[str]:
    from bot.desk import conversations_of

    return conversations_of(_settings(), who)


async def _ask(settings: Settings, questions: Iterator[str], *, as_json: bool, keep: bool) -> None:
    from bot.assistant import terminal_assistant
    from bot.privacy import redact_codes

    one = uuid4().hex
    async with terminal_assistant(settings, PROJECT) as engine:
        for text in questions:
            door = redact_codes(text[:1000])
            answer = await engine.answer(one if keep else uuid4().hex, door.text, channel="terminal")
            found = answer.understanding
            if not as_json:
                out.print(f"[bold]> {_escape(text)}[/]")
                for reply in answer.replies:
                    out.print(_escape(reply.text))
                    for button in reply.buttons:
                        out.print(f"  - {_escape(button.title)}")
                continue
            print(json.dumps({
                "text": text,
                "intent": found.intent,
                "confidence": round(found.confidence, 4),
                "decision": found.decision,
                "candidates": list(found.candidates),
                "intents": list(found.intents),
                "language": "en",
                "messages": [
                    {"text": r.text, "kind": r.kind, "buttons": [{"title": b.title} for b in r.buttons]}
                    for r in answer.replies
                ],
            }, ensure_ascii=False), flush=True)


async def _chat(settings: Settings) -> None:
    from bot.assistant import terminal_assistant
    from bot.privacy import redact_codes

    conversation = uuid4().hex
    async with terminal_assistant(settings, PROJECT) as engine:
        replies = await engine.greet(conversation, channel="terminal")
        while True:
            choices = 0
            for reply in replies:
                out.print(f"[cyan]{_escape(reply.text)}[/]")
                for button in reply.buttons:
                    choices += 1
                    out.print(f"  [bold]{choices}[/] {_escape(button.title)}")
            replies = ()  # an empty line says nothing twice
            try:
                text = await asyncio.to_thread(input, "you> ")
            except (EOFError, KeyboardInterrupt):
                return
            if text.strip().lstrip("/") in ("exit", "quit"):
                return
            if text.strip():
                replies = (await engine.answer(conversation, redact_codes(text).text, channel="terminal")).replies


def _escape(text: str) -> str:
    return text.replace("[", "\\[")


def main() -> None:
    """Entry point: a mistake of the user's is one line on stderr, never a traceback or a box; exit status 2 where the
    command line itself is wrong, else 1."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    _in_utf8()
    try:
        raise SystemExit(app(prog_name="twostep", standalone_mode=False) or 0)
    except typer.Abort:
        raise SystemExit(1) from None
    except TyperException as error:
        raise SystemExit(_misused(error)) from None
    except Exception as error:
        mistake = _mistake(error)
        if mistake is None:
            raise
        err.print(f"[red]twostep:[/] {_escape(mistake)}")
        raise SystemExit(1) from None


def _misused(error: TyperException) -> int:
    """Say what is wrong with a command line; the exit status."""
    message = getattr(error, "format_message", error.__str__)().replace("Value error, ", "")
    message = message.replace("Input should be", "must be").partition(", unable to parse")[0]
    if message:  # without one the help was asked for by giving no command, and stands there
        context = getattr(error, "ctx", None)
        see = context.command_path if context else "twostep"
        err.print(f"[red]twostep:[/] {_escape(' '.join(message.split()).rstrip('.'))}; see `{see} --help`")
    return int(getattr(error, "exit_code", 2))


def _mistake(error: Exception) -> str | None:
    """One line for the operator; None for a fault of ours. The parts load slowly, so only when there is an error."""
    if isinstance(error, (UserError, SettingsError)):
        return str(error)
    from bot.db import UNAVAILABLE, DatabaseUnusable, cause_of
    from bot.engine.training import TrainingFailed
    from bot.privacy import KeysUnusable

    if isinstance(error, UNAVAILABLE):
        return f"the database: {cause_of(error)}; `twostep doctor` may tell more"
    return str(error) if isinstance(error, (DatabaseUnusable, KeysUnusable, TrainingFailed)) else None


if __name__ == "__main__":
    main()
