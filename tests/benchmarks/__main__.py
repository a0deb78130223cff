"""`python -m tests.benchmarks`: what a message costs, from door to door. Bounded; loopback only; prints a table.

`--stock URL` measures a stock Rasa server beside it (README.md here says how to start one).
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import httpx
from rich.console import Console
from rich.table import Table

from tests.conftest import free_port

ROOT = Path(__file__).parents[2]
TICK = 1000 / os.sysconf("SC_CLK_TCK")  # milliseconds
QUESTIONS = [
    "will they charge me for the text?", "my flip phone don't do that, whats plan b", "i never got the code",
    "what is the capital of france", "do I need my password still", "how long is the code good for",
    "I have a new cell number", "can u send it to my landline", "why do i have to do this every time",
    "my grandson set this up for me years ago and now there is a new screen that wants something I do not have",
]

Row = tuple[str, str]
Send = Callable[[str], None]


def cpu_milliseconds(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * TICK


def resident_megabytes(pid: int) -> float:
    """Resident memory of a process."""
    match = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert match
    return int(match[1]) / 1024


@contextmanager
def served() -> Iterator[tuple[subprocess.Popen[bytes], str, float]]:
    """`twostep serve` in a folder of its own; gives the process, its address, and the seconds until it answered."""
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        environment = {
            **os.environ, "TWOSTEP_DATA_DIR": folder, "TWOSTEP_PORT": str(port),
            "TWOSTEP_CHAT_PER_SESSION": "100000/60", "TWOSTEP_CHAT_PER_ADDRESS": "100000/60",
        }
        began = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-m", "bot.cli", "serve"], env=environment, cwd=ROOT,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        try:
            address = f"http://127.0.0.1:{port}"
            for _ in range(1200):
                try:
                    if httpx.get(f"{address}/health/ready", trust_env=False).status_code == 200:
                        break
                except httpx.TransportError:
                    time.sleep(0.1)
            yield process, address, time.monotonic() - began
        finally:
            process.terminate()
            process.wait(20)


def web(address: str) -> Send:
    """Sends messages of one new web conversation."""
    client = httpx.Client(base_url=address, trust_env=False, timeout=30)
    client.post("/chat/session", json={}).raise_for_status()
    return lambda text: client.post("/chat/messages", json={"id": str(uuid4()), "text": text}).raise_for_status()


def stock(address: str) -> Send:
    """Sends messages of one new conversation to Rasa's own REST channel."""
    client = httpx.Client(base_url=address, trust_env=False, timeout=30)
    sender = str(uuid4())
    return lambda text: client.post(
        "/webhooks/rest/webhook", json={"sender": sender, "message": text}
    ).raise_for_status()


def message_cost(send: Callable[[], Send], pid: int, messages: int = 200) -> list[Row]:
    """Latency and CPU of typed questions, twenty to a conversation."""
    seconds, talk = [], send()
    for text in QUESTIONS:
        talk(text)  # warm
    before = cpu_milliseconds(pid)
    for number in range(messages):
        if number % 20 == 0:
            talk = send()
        began = time.perf_counter()
        talk(f"{QUESTIONS[number % len(QUESTIONS)]} {number}")
        seconds.append((time.perf_counter() - began) * 1000)
    cpu = (cpu_milliseconds(pid) - before) / messages
    cuts = statistics.quantiles(seconds, n=100)
    return [
        ("CPU a message, mean", f"{cpu:.1f} ms"),
        ("latency, median", f"{statistics.median(seconds):.1f} ms"),
        ("latency, 99th percentile", f"{cuts[98]:.1f} ms"),
    ]


def growth(send: Callable[[], Send], pid: int) -> list[Row]:
    """CPU of the turns around the 5th and around the 200th of conversations, ten turns at a time."""
    early, late = [], []
    for _ in range(3):
        talk = send()
        spans = []
        for turn in range(1, 206):
            if turn in (2, 196):
                before = cpu_milliseconds(pid)
            talk(f"{QUESTIONS[turn % len(QUESTIONS)]} {turn}")
            if turn in (11, 205):
                spans.append((cpu_milliseconds(pid) - before) / 10)
        early.append(spans[0])
        late.append(spans[1])
    ratio = statistics.mean(late) / statistics.mean(early)
    spent = f"{statistics.mean(early):.1f} / {statistics.mean(late):.1f} ms = {ratio:.2f}"
    return [("CPU, turns 2-11 / 196-205", spent)]


def measure_ours() -> list[Row]:
    """All figures of `twostep serve`."""
    with served() as (process, address, seconds):
        rows = [("cold start until ready", f"{seconds:.1f} s")]
        rows += message_cost(lambda: web(address), process.pid)
        rows += growth(lambda: web(address), process.pid)
        rows.append(("resident memory", f"{resident_megabytes(process.pid):.0f} MB"))
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        train = (
            "from bot.engine.training import Project, train; from pathlib import Path; import os, sys;"
            "os.chdir(sys.argv[1]); train(Project(Path('.')), force=True, progress=lambda step: None)"
        )
        for name in ("config.yml", "domain.yml", "data"):
            (Path(folder) / name).symlink_to(ROOT / name)
        subprocess.run(
            [sys.executable, "-c", train, folder], check=True, capture_output=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
    rows.append(("training from scratch", f"{time.monotonic() - began:.0f} s"))
    size = sum(f.stat().st_size for f in Path(sys.prefix).rglob("*") if f.is_file() and not f.is_symlink())
    rows.append(("environment on disk", f"{size / 1e6:.0f} MB"))
    return rows


def main() -> None:
    """Run all, print a table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks")
    parser.add_argument("--stock", help="address of a stock Rasa server, with --stock-pid")
    parser.add_argument("--stock-pid", type=int)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    ours = dict(measure_ours())
    theirs: dict[str, str] = {}
    if arguments.stock:
        theirs = dict([
            *message_cost(lambda: stock(arguments.stock), arguments.stock_pid),
            *growth(lambda: stock(arguments.stock), arguments.stock_pid),
            ("resident memory", f"{resident_megabytes(arguments.stock_pid):.0f} MB"),
        ])
    if arguments.json:
        print(json.dumps({"twostep": ours, "stock": theirs}))
        return
    table = Table("measured", "twostep", *(["stock Rasa"] if theirs else []))
    for what, value in ours.items():
        table.add_row(what, value, *([theirs.get(what, "")] if theirs else []))
    Console().print(table)


if __name__ == "__main__":
    main()
