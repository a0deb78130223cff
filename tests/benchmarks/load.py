"""Clients that cost little themselves, and what they measure: latency, throughput, the servers' CPU time and memory."""

from __future__ import annotations

import json
import os
import re
import socket
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

TICK = 1000 / os.sysconf("SC_CLK_TCK")  # milliseconds
TURNS = 20  # messages of a conversation before the next one begins

Send = Callable[[str], str]
"""Sends one message of a conversation; the reply's text."""

NewConversation = Callable[[], Send]


def cpu_milliseconds(processes: Sequence[int]) -> float:
    """User and system time of processes so far."""
    total = 0.0
    for process in processes:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        total += (int(fields[11]) + int(fields[12])) * TICK
    return total


def resident_megabytes(processes: Sequence[int]) -> float:
    """Resident memory of processes."""
    total = 0.0
    for process in processes:
        match = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())
        assert match
        total += int(match[1]) / 1024
    return total


class Client:
    """One connection that stays open: a bare socket, since `http.client` takes half a millisecond of each message."""

    def __init__(self, port: int) -> None:
        self._connection = socket.create_connection(("127.0.0.1", port), timeout=120)
        self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._answers = self._connection.makefile("rb")
        self._host = f"127.0.0.1:{port}"
        self._cookie = ""

    def post(self, path: str, body: object) -> object:
        """Send JSON; the answer's."""
        content = json.dumps(body).encode()
        lines = [
            f"POST {path} HTTP/1.1", f"Host: {self._host}", "Content-Type: application/json",
            f"Content-Length: {len(content)}", *([f"Cookie: {self._cookie}"] if self._cookie else []), "", "",
        ]
        self._connection.sendall("\r\n".join(lines).encode() + content)
        status, headers = self._answers.readline().split()[1:2], {}
        while line := self._answers.readline().rstrip():
            name, _, value = line.partition(b":")
            headers[name.lower()] = value.strip().decode()
        answer = self._answers.read(int(headers.get(b"content-length", "0")))
        if status not in ([b"200"], [b"201"]):
            raise RuntimeError(f"{path}: {status} {answer[:200]!r}")
        if cookie := headers.get(b"set-cookie"):
            self._cookie = cookie.partition(";")[0]
        return json.loads(answer)

    def restart(self) -> None:
        """Be somebody else on the same connection."""
        self._cookie = ""


def web(port: int) -> NewConversation:
    """Conversations of twostep's web chat."""
    client = Client(port)

    def begin() -> Send:
        client.restart()
        client.post("/chat/session", {})

        def send(text: str) -> str:
            answer = client.post("/chat/messages", {"id": str(uuid4()), "text": text})
            return " ".join(message["text"] for message in answer["messages"])  # type: ignore[index, call-overload]

        return send

    return begin


def stock(port: int) -> NewConversation:
    """Conversations of Rasa's own REST channel."""
    client = Client(port)

    def begin() -> Send:
        sender = str(uuid4())

        def send(text: str) -> str:
            answer = client.post("/webhooks/rest/webhook", {"sender": sender, "message": text})
            return " ".join(message.get("text", "") for message in answer)  # type: ignore[attr-defined]

        return send

    return begin


@dataclass(frozen=True)
class Measured:
    """Milliseconds for each message, messages a second, and the servers' CPU milliseconds a message."""

    milliseconds: list[float]
    throughput: float
    cpu: float

    @property
    def median(self) -> float:
        """Half of the messages were faster."""
        return statistics.median(self.milliseconds)

    @property
    def p99(self) -> float:
        """Of 100 messages 99 were faster."""
        return statistics.quantiles(self.milliseconds, n=100)[98]

    @property
    def per_core(self) -> float:
        """Messages a second that one core could do."""
        return 1000 / self.cpu


def together(parts: Sequence[Measured]) -> Measured:
    """Several measurements of equally many messages as one."""
    return Measured(
        [took for part in parts for took in part.milliseconds],
        statistics.harmonic_mean(part.throughput for part in parts),
        statistics.mean(part.cpu for part in parts),
    )


def measure(
    conversations: Sequence[NewConversation], texts: Sequence[str], processes: Sequence[int], messages: int
) -> Measured:
    """So many messages in all, by as many clients at once as there are conversations."""
    numbers, lock, spent, errors = iter(range(messages)), threading.Lock(), [], []

    def talk(new: NewConversation) -> None:
        send, said = new(), 0
        try:
            while True:
                with lock:
                    number = next(numbers, None)
                if number is None:
                    return
                if said == TURNS:
                    send, said = new(), 0
                began = time.perf_counter()
                send(texts[number % len(texts)])
                took = (time.perf_counter() - began) * 1000
                said += 1
                with lock:
                    spent.append(took)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=talk, args=(new,)) for new in conversations]
    before, began = cpu_milliseconds(processes), time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - began
    if errors:
        raise errors[0]
    return Measured(spent, messages / seconds, (cpu_milliseconds(processes) - before) / messages)


def growth(
    new: NewConversation, texts: Sequence[str], processes: Sequence[int], rounds: int = 2
) -> tuple[float, float, float, float]:
    """CPU milliseconds a turn around the 5th and the 200th turn, and the medians of their latency."""
    cpu: tuple[list[float], list[float]] = ([], [])
    took: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        send = new()
        for turn in range(1, 206):
            if turn in (2, 196):
                before = cpu_milliseconds(processes)
            began = time.perf_counter()
            send(texts[turn % 10])  # ten texts, so that both spans say the same
            if 2 <= turn <= 11 or turn >= 196:
                took[turn >= 196].append((time.perf_counter() - began) * 1000)
            if turn in (11, 205):
                cpu[turn >= 196].append((cpu_milliseconds(processes) - before) / 10)
    return (
        statistics.mean(cpu[0]), statistics.mean(cpu[1]), statistics.median(took[0]), statistics.median(took[1])
    )


def held_out(path: Path, count: int) -> list[str]:
    """Every n-th question of the project's own test file, so many of them."""
    lines = [json.loads(line)["text"] for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    step = len(lines) / count
    return [lines[int(number * step)] for number in range(count)]


def every(items: Sequence[str], keep: Sequence[bool]) -> Iterator[str]:
    """The items to keep."""
    return (item for item, wanted in zip(items, keep, strict=True) if wanted)
