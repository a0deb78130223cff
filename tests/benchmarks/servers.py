"""Starts what is measured, on loopback, and ends it: twostep, and stock Rasa with its action server."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from tests.conftest import free_port

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
RESULTS = ROOT / "results"
DEADLINE = 300  # seconds for a start
FREELY = {"TWOSTEP_CHAT_PER_SESSION": "1000000/60", "TWOSTEP_CHAT_PER_ADDRESS": "1000000/60"}


@dataclass(frozen=True)
class Server:
    """A running server: the port for messages, its processes, the seconds until it answered."""

    port: int
    processes: tuple[int, ...]
    cold_start: float


@contextmanager
def _running(command: list[str | Path], environment: dict[str, str], folder: Path, url: str) -> Iterator[Server]:
    began = time.monotonic()
    process = subprocess.Popen(
        command, env=environment, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        while not _answers(url):
            if process.poll() is not None or time.monotonic() - began > DEADLINE:
                raise RuntimeError(f"{command[0]} does not answer on {url}")
            time.sleep(0.02)
        yield Server(int(re.findall(r":(\d+)", url)[0]), (process.pid,), time.monotonic() - began)
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False


@contextmanager
def twostep(folder: Path, **settings: str) -> Iterator[Server]:
    """`twostep serve` in demo mode with its data in a folder."""
    port = free_port()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("TWOSTEP_")},
        "TWOSTEP_DATA_DIR": str(folder), "TWOSTEP_PORT": str(port), **FREELY, **settings,
    }
    command = [sys.executable, "-m", "bot.cli", "serve"]
    with _running(command, environment, ROOT, f"http://127.0.0.1:{port}/health/ready") as server:
        yield server


def twostep_training() -> tuple[float, float]:
    """Seconds, and seconds of CPU, of a training from scratch."""
    script = (
        "from bot.engine.training import Project, train; from pathlib import Path; import os, sys;"
        "os.chdir(sys.argv[1]); train(Project(Path('.')), force=True, progress=lambda step: None)"
    )
    with tempfile.TemporaryDirectory() as folder:
        for name in ("config.yml", "domain.yml", "data"):
            (Path(folder) / name).symlink_to(ROOT / name)
        return _timed([sys.executable, "-c", script, folder], {**os.environ, "PYTHONPATH": str(ROOT)}, ROOT)


def twostep_size() -> float:
    """Megabytes on disk of what serving needs, without byte code: the locked packages and the project."""
    from importlib.metadata import distribution

    total = sum(
        file.stat().st_size for name in ("bot", "actions", "data", "models") for file in (ROOT / name).rglob("*")
        if file.is_file() and file.suffix != ".pyc"
    )
    # A set: a package has a line for each kind of system.
    for name in set(re.findall(r"^([A-Za-z0-9_.-]+)==", (ROOT / "requirements.lock").read_text(), re.MULTILINE)):
        try:
            files = distribution(name).files or []
        except ModuleNotFoundError:  # for another system
            continue
        for file in files:
            path = Path(str(file.locate()))
            if path.suffix != ".pyc" and path.is_file():
                total += path.stat().st_size
    return total / 1e6


# --- stock Rasa ---------------------------------------------------------------------------------------------------


def stock_project(environment: Path, epochs: int) -> tuple[Path, dict[str, float]]:
    """A stock project of our data and domain with its trained model, and what its training took. Kept in results/."""
    folder = RESULTS / "stock"
    record = folder / "trained.json"
    if record.exists():
        return folder, json.loads(record.read_text())
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    shutil.copytree(ROOT / "data", folder / "data")
    shutil.copy(HERE / "stock_actions.py", folder / "actions.py")
    from bot.settings import Settings

    domain = (ROOT / "domain.yml").read_text(encoding="utf-8")
    for name, value in Settings(_env_file=None).organization.items():  # type: ignore[call-arg]
        domain = domain.replace(f"{{{name}}}", value)
    (folder / "domain.yml").write_text(domain, encoding="utf-8")
    config = (HERE / "stock_config.yml").read_text()
    (folder / "config.yml").write_text(re.sub(r"epochs: \d+", f"epochs: {epochs}", config))
    seconds, cpu = _timed([environment / "bin" / "rasa", "train"], _stock_environment(), folder)
    record.write_text(json.dumps({"epochs": epochs, "seconds": seconds, "cpu": cpu}))
    return folder, json.loads(record.read_text())


def sample_project(environment: Path) -> Path:
    """The project that `rasa init` makes and trains. Kept in results/."""
    folder = RESULTS / "sample"
    if not list(folder.glob("models/*.tar.gz")):
        folder.mkdir(parents=True, exist_ok=True)
        rasa = environment / "bin" / "rasa"
        _timed([rasa, "init", "--no-prompt", "--init-dir", folder], _stock_environment(), folder)
    return folder


@contextmanager
def stock(environment: Path, project: Path) -> Iterator[Server]:
    """`rasa run` and `rasa run actions` with an SQLite tracker store."""
    rasa, port, actions_port = environment / "bin" / "rasa", free_port(), free_port()
    with ExitStack() as stack:
        database = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "rasa.db"
        endpoints = database.with_name("endpoints.yml")
        endpoints.write_text(
            f"action_endpoint:\n  url: http://127.0.0.1:{actions_port}/webhook\n"
            f"tracker_store:\n  type: SQL\n  dialect: sqlite\n  db: {database}\n"
        )
        credentials = database.with_name("credentials.yml")
        credentials.write_text("rest:\n")
        actions = stack.enter_context(_running(
            [rasa, "run", "actions", "--port", str(actions_port)], _stock_environment(), project,
            f"http://127.0.0.1:{actions_port}/health",
        ))
        server = stack.enter_context(_running(
            [rasa, "run", "--port", str(port), "--endpoints", endpoints, "--credentials", credentials,
             "--enable-api"],
            _stock_environment(), project, f"http://127.0.0.1:{port}/status",
        ))
        yield Server(server.port, (*server.processes, *actions.processes), server.cold_start)


def stock_size(environment: Path) -> float:
    """Megabytes on disk, without byte code."""
    return sum(
        file.stat().st_size for file in environment.rglob("*")
        if file.is_file() and not file.is_symlink() and file.suffix != ".pyc"
    ) / 1e6


def _stock_environment() -> dict[str, str]:
    return {**os.environ, "RASA_TELEMETRY_ENABLED": "false", "TF_CPP_MIN_LOG_LEVEL": "3", "SANIC_ACCESS_LOG": "false"}


def _timed(command: list[str | Path], environment: dict[str, str], folder: Path) -> tuple[float, float]:
    before, began = os.times(), time.monotonic()
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {done.stderr[-500:]}")
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return time.monotonic() - began, cpu
