"""`make bench`: what a message costs from door to door, beside stock Rasa. Bounded; loopback only.

Prints a table and writes results/benchmarks.json and results/benchmarks.png. README.md here says what is measured and
how to make the environment of stock Rasa.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.benchmarks import servers
from tests.benchmarks.load import (
    Measured,
    NewConversation,
    every,
    growth,
    held_out,
    measure,
    resident_megabytes,
    stock,
    together,
    web,
)
from tests.benchmarks.servers import RESULTS, ROOT, Server

CLIENTS = (1, 8, 32)
TURNS_EACH = 4  # parts that a measurement is taken in, the servers by turns
ACTION = ["please send me a new code", "send me a new code", "can you send me another code please"]
SAMPLE = ["hi", "I am feeling great", "bye", "are you a bot", "I feel sad", "yes", "no", "that did not help", "perfect"]
ACTION_ANSWER = "sign"  # of utter_no_sign_in: the action asked, and no sign-in waits
FILL = """
WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {count})
INSERT INTO {table} SELECT {columns} FROM n
"""

Figures = dict[str, Any]
Begin = Callable[[int], NewConversation]


def note(what: str) -> None:
    """Tell what is being done, where the table does not go."""
    print(what, file=sys.stderr, flush=True)


def embedded(texts: list[str]) -> list[bool]:
    """For each text, whether the sentence encoder runs for it."""
    from bot.assistant import load_understanding

    understand = load_understanding(ROOT)
    return [bool(understand(text, {})["understanding"]["embedded"]) for text in texts]


def figures(measured: Measured) -> Figures:
    """What the table and the picture show of one run."""
    return {
        "median_ms": measured.median, "p99_ms": measured.p99, "per_second": measured.throughput,
        "cpu_ms": measured.cpu, "per_core": measured.per_core,
    }


def warm(server: Server, begin: Begin, questions: list[str]) -> None:
    """Let a server answer what it answers slower the first time; the action must be one.

    Raises:
        RuntimeError: the action did not answer.
    """
    send = begin(server.port)()
    for text in [*questions[:40], *ACTION]:
        send(text)
    answer = begin(server.port)()(ACTION[0])
    if ACTION_ANSWER not in answer:
        raise RuntimeError(f"the action did not answer: {answer!r}")


def messages(running: Mapping[str, tuple[Server, Begin]], questions: list[str], count: int) -> dict[str, Figures]:
    """Questions and turns with an action at each number of clients, by each server.

    The servers take turns: where the machine grows slower meanwhile, as a virtual one does, it is slower for all.
    """
    found: dict[str, Figures] = {name: {"questions": {}, "action": {}} for name in running}
    for server, begin in running.values():
        warm(server, begin, questions)
    for kind, texts in (("questions", questions), ("action", ACTION)):
        for clients in CLIENTS:
            note(f"  {kind}, {clients} clients")
            parts: dict[str, list[Measured]] = {name: [] for name in running}
            for number in range(TURNS_EACH):
                first = number * len(texts) // TURNS_EACH
                for name, (server, begin) in running.items():
                    conversations = [begin(server.port) for _ in range(clients)]
                    turned = [*texts[first:], *texts[:first]]
                    parts[name].append(measure(conversations, turned, server.processes, count // TURNS_EACH))
            for name, measured in parts.items():
                found[name][kind][str(clients)] = figures(together(measured))
    note("  a conversation of 200 turns")
    for name, (server, begin) in running.items():
        found[name]["growth"] = growth(begin(server.port), questions, server.processes, 2 if name == "twostep" else 1)
        found[name]["memory_mb"] = resident_megabytes(server.processes)
        found[name]["cold_start_s"] = server.cold_start
    return found


def measure_messages(environment: Path | None, questions: list[str], count: int, epochs: int) -> dict[str, Figures]:
    """twostep in one process on SQLite, beside stock Rasa with its action server and SQLite where it is at hand."""
    found: dict[str, Figures] = {}
    with ExitStack() as stack:
        path = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if environment:
            note("stock Rasa: train, where that was not done")
            project, training = servers.stock_project(environment, epochs)
        note("twostep: start")
        ours = stack.enter_context(servers.twostep(path))
        running: dict[str, tuple[Server, Begin]] = {"twostep": (ours, web)}
        beside = stack.enter_context(ExitStack())
        if environment:
            note("stock Rasa: start")
            running["stock"] = (beside.enter_context(servers.stock(environment, project)), stock)
        found = messages(running, questions, count)
        beside.close()
        with_encoder = embedded(questions)
        found["twostep"]["embedded_share"] = sum(with_encoder) / len(with_encoder)
        for name, wanted in (("without", False), ("with", True)):
            note(f"  {name} the embedding")
            texts = list(every(questions, [encoder is wanted for encoder in with_encoder]))
            found["twostep"][f"{name}_embedding"] = figures(measure([web(ours.port)], texts, ours.processes, count))
    if environment:
        note("stock Rasa: its own sample project")
        with servers.stock(environment, servers.sample_project(environment)) as server:
            begin = stock(server.port)
            measure([begin], SAMPLE, server.processes, 40)
            found["stock"]["sample"] = figures(measure([begin], SAMPLE, server.processes, count))
            found["stock"]["sample_memory_mb"] = resident_megabytes(server.processes[:1])
        found["stock"] |= {
            "training_s": training["seconds"], "training_cpu_s": training["cpu"], "epochs": training["epochs"],
            "size_mb": servers.stock_size(environment),
        }
    return found


def measure_rest(questions: list[str], count: int) -> Figures:
    """A million messages in the database, training and size of twostep."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        note("  1,000,000 messages in the database")
        with servers.twostep(path):
            pass  # makes the tables
        fill(path / "twostep.sqlite3", 1_000_000)
        with servers.twostep(path) as server:
            warm(server, web, questions)
            million = figures(measure([web(server.port)], questions, server.processes, count))
    note("  training")
    seconds, cpu = servers.twostep_training()
    return {"million": million, "training_s": seconds, "training_cpu_s": cpu, "size_mb": servers.twostep_size()}


def fill(database: Path, count: int) -> None:
    """Put finished conversations of 40 messages each into an SQLite database, with the engine's memory of them."""
    now = time.time_ns() // 1_000_000  # young ones: retention would be busy with deleting old ones
    parts = {
        "chat_conversations (id, language, last_seq, at, active_at)":
            (count // 40, f"'old' || i, 'en', 40, {now} - i, {now} - i"),
        "chat_messages (conversation, seq, id, turn, sender, text, kind, topic, choices, at)":
            (count, "'old' || (i / 40), 1 + i % 40, printf('m%035d', i), printf('t%035d', i / 2), "
                    "CASE WHEN i % 2 THEN 'bot' ELSE 'patient' END, 'a text of the usual length, about as long as an "
                    f"answer of the assistant is on average in a chat', 'message', NULL, '[]', {now}"),
        "chat_turns (conversation, id, content, seq, done, lease)":
            (count // 2, "'old' || (i / 20), printf('t%035d', i), 'x', 1 + 2 * (i % 20), 1, 0"),
        "tracker_events (conversation, position, data, at)":
            (count, "'old' || (i / 40), i % 40, '{\"event\": \"action\", \"name\": \"action_listen\"}', 1"),
        "tracker_states (conversation, data, position, at)": (count // 40, "'old' || i, '[]', 40, 1"),
    }
    with sqlite3.connect(database) as connection:
        for table, (rows, columns) in parts.items():
            connection.execute(FILL.format(count=rows, table=table, columns=columns))
    connection.close()


def measure_processes(questions: list[str], count: int) -> Figures:
    """One and two processes on PostgreSQL and Redis, 32 clients spread over them."""
    from tests.conftest import PostgreSQLServer, RedisServer

    binaries = next(iter(Path("/usr/lib/postgresql").glob("*/bin")), None)
    if binaries is None:
        note("twostep on PostgreSQL: left out, it is not installed")
        return {}
    found: Figures = {}
    with ExitStack() as stack:
        postgresql, redis = PostgreSQLServer(binaries), None
        stack.callback(postgresql.remove)
        postgresql.make()
        postgresql.start()
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        redis = RedisServer(folder)
        redis.start()
        stack.callback(redis.stop)
        shared = {
            "TWOSTEP_DATABASE_URL": postgresql.new_database("bench", survives_crash=True),
            "TWOSTEP_REDIS_URL": redis.url,
        }
        running: list[Server] = []
        for number in (1, 2):
            note(f"twostep on PostgreSQL and Redis: {number} processes")
            running.append(stack.enter_context(servers.twostep(folder, **shared)))
            conversations = [web(running[client % number].port) for client in range(32)]
            processes = [process for server in running for process in server.processes]
            measure(conversations, questions[:64], processes, 64)  # warm
            found[str(number)] = figures(measure(conversations, questions, processes, count * 2))
    return found


def rows(found: Figures) -> list[tuple[str, str, str, str]]:
    """The table: what, twostep, stock Rasa, how they compare."""
    ours, theirs = found["twostep"], found.get("stock")
    lines: list[tuple[str, str, str, str]] = []

    def add(what: str, of: Callable[[Figures], float], unit: str, digits: int = 1, *, more: bool = False) -> None:
        mine = of(ours)
        other = of(theirs) if theirs else None
        ratio = "" if other is None else f"{mine / other:.1f} times" if more else f"{100 * mine / other:.0f} %"
        lines.append((
            what, f"{mine:.{digits}f} {unit}", "" if other is None else f"{other:.{digits}f} {unit}", ratio
        ))

    for kind, name in (("questions", "questions"), ("action", "turns with an action")):
        add(f"{name}: messages a second a core", lambda f, k=kind: f[k]["1"]["per_core"], "", 0, more=True)
        for clients in map(str, CLIENTS):
            add(f"  {clients} clients: messages a second", lambda f, k=kind, c=clients: f[k][c]["per_second"], "", 0,
                more=True)
            add("    median", lambda f, k=kind, c=clients: f[k][c]["median_ms"], "ms")
            add("    99th percentile", lambda f, k=kind, c=clients: f[k][c]["p99_ms"], "ms")
    for name in ("without", "with"):
        part = ours[f"{name}_embedding"]
        share = ours["embedded_share"] if name == "with" else 1 - ours["embedded_share"]
        lines.append((
            f"one client, {name} the embedding ({share:.0%} of the test file)",
            f"median {part['median_ms']:.1f}, p99 {part['p99_ms']:.1f} ms, CPU {part['cpu_ms']:.1f} ms", "", "",
        ))
    if theirs:
        part = theirs["sample"]
        lines.append((
            "stock Rasa's own sample project, one client", "",
            f"median {part['median_ms']:.1f}, p99 {part['p99_ms']:.1f} ms, {part['per_second']:.0f} a second, "
            f"{theirs['sample_memory_mb']:.0f} MB", "",
        ))
    add("memory", lambda f: f["memory_mb"], "MB", 0)
    add("cold start", lambda f: f["cold_start_s"], "s")
    add("install size, without byte code", lambda f: f["size_mb"], "MB", 0)
    epochs = f" ({theirs['epochs']:.0f} of 100 epochs)" if theirs else ""
    add(f"training, CPU{epochs}", lambda f: f["training_cpu_s"], "s", 0)
    add(f"training, wall clock{epochs}", lambda f: f["training_s"], "s", 0)
    add("CPU of the 200th turn to that of the 5th", lambda f: f["growth"][1] / f["growth"][0], "times", 2)
    million, fresh = ours["million"], ours["questions"]["1"]
    lines.append((
        "with 1,000,000 messages in the database",
        f"median {million['median_ms']:.1f} ms, CPU {million['cpu_ms']:.1f} ms (empty: {fresh['median_ms']:.1f}, "
        f"{fresh['cpu_ms']:.1f})", "", "",
    ))
    for number, part in (found.get("processes") or {}).items():
        lines.append((
            f"PostgreSQL and Redis, {number} process{'es' if number != '1' else ''}, 32 clients",
            f"{part['per_second']:.0f} a second, median {part['median_ms']:.0f} ms, {part['per_core']:.0f} a second a "
            "core", "", "",
        ))
    return lines


def main() -> None:
    """Measure, print, draw."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--stock", type=Path, help="folder of an environment with stock Rasa 3.6.21")
    parser.add_argument("--stock-epochs", type=int, default=100, help="for its training; the default pipeline's 100")
    parser.add_argument("--messages", type=int, default=320, help="of each measurement")
    parser.add_argument("--questions", type=int, default=160, help="of the test file, evenly taken")
    parser.add_argument("--table", action="store_true", help="only print what was measured last")
    arguments = parser.parse_args()
    record = RESULTS / "benchmarks.json"
    if not arguments.table:
        questions = held_out(ROOT / "tests" / "nlu" / "held_out.jsonl", arguments.questions)
        found: Figures = measure_messages(
            arguments.stock and arguments.stock.expanduser(), questions, arguments.messages, arguments.stock_epochs
        )
        found["twostep"] |= measure_rest(questions, arguments.messages)
        found["processes"] = measure_processes(questions, arguments.messages)
        RESULTS.mkdir(exist_ok=True)
        record.write_text(json.dumps(found, indent=1))
    found = json.loads(record.read_text())
    table = Table("measured", "twostep", *(["stock Rasa", "twostep to stock"] if "stock" in found else []))
    for line in rows(found):
        table.add_row(*line[: len(table.columns)])
    Console(width=150).print(table)
    from tests.benchmarks.picture import draw

    print(draw(found, RESULTS / "benchmarks.png"))


if __name__ == "__main__":
    main()
