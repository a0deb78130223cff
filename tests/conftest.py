"""Real counterparts for every test: both databases, Redis, a served application, Chromium."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
import pytest_asyncio
import redis
from psycopg import sql
from sanic import Sanic

from bot.db import Database
from bot.http.server import serving
from bot.privacy import Keys
from bot.settings import Settings


def missing(what: str) -> None:
    """Skip, unless the run must leave nothing out."""
    if os.environ.get("TWOSTEP_TEST_REQUIRE_ALL") == "1":
        pytest.fail(f"{what} is needed: TWOSTEP_TEST_REQUIRE_ALL=1")
    pytest.skip(f"{what} is not installed")


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _migrated(url: str) -> None:
    Database(url).migrate()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file that tests copy."""
    path = tmp_path_factory.mktemp("sqlite") / "template.sqlite3"
    _migrated(f"sqlite+aiosqlite:///{path}")
    return path


class PostgreSQLServer:
    """A PostgreSQL cluster of the tests; `stop` and `start` make it go away and come back."""

    def __init__(self, binaries: Path) -> None:
        self.port = free_port()
        self.address = f"postgresql+psycopg://twostep@127.0.0.1:{self.port}"
        self._binaries = binaries
        # It refuses to run as root.
        self._as_postgres: list[str] = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
        self._folder = Path(f"/tmp/twostep-postgresql-{uuid4().hex[:8]}")
        self._data = self._folder / "data"

    def make(self) -> None:
        """Make its files."""
        self._folder.mkdir()
        if self._as_postgres:
            shutil.chown(self._folder, "postgres")
        self._run("initdb", "-D", self._data, "-U", "twostep", "-A", "trust", "--no-sync", "-E", "UTF8")

    def start(self) -> None:
        """Start it and wait until it answers."""
        options = (
            f"-h 127.0.0.1 -p {self.port} -k {self._folder} -c fsync=off -c full_page_writes=off "
            "-c synchronous_commit=off -c max_connections=200"
        )
        self._run("pg_ctl", "-D", self._data, "-w", "-l", self._folder / "log", "start", "-o", options)

    def stop(self) -> None:
        """End it at once, as a crash would."""
        if self.running:
            self._run("pg_ctl", "-D", self._data, "-m", "immediate", "stop")

    @property
    def running(self) -> bool:
        """True between `start` and `stop`."""
        return (self._data / "postmaster.pid").exists()

    @property
    def processes(self) -> list[int]:
        """The postmaster and its children."""
        postmaster = int((self._data / "postmaster.pid").read_text().splitlines()[0])
        children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
        return [postmaster, *map(int, children)]

    def new_database(self, name: str, *, survives_crash: bool = False) -> str:
        """A migrated database; its address.

        Args:
            survives_crash: what was committed is there after `stop`, as in production; otherwise tests are faster.
        """
        with psycopg.connect(f"{self.address.replace('+psycopg', '')}/postgres", autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
            if survives_crash:
                connection.execute(
                    sql.SQL("ALTER DATABASE {} SET synchronous_commit = on").format(sql.Identifier(name))
                )
        _migrated(f"{self.address}/{name}")
        return f"{self.address}/{name}"

    def remove(self) -> None:
        """End it and delete its files."""
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _run(self, program: str, *arguments: str | Path) -> None:
        subprocess.run(
            [*self._as_postgres, self._binaries / program, *arguments], check=True, capture_output=True,
            cwd=self._folder,
        )


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgreSQLServer]:
    """A PostgreSQL cluster of this run with a migrated database `test`."""
    found = [*Path("/usr/lib/postgresql").glob("*/bin"), Path(shutil.which("initdb") or "/nowhere/initdb").parent]
    binaries = next((path for path in found if (path / "initdb").exists()), Path("/nowhere"))
    if not (binaries / "initdb").exists():
        missing("PostgreSQL")
    server = PostgreSQLServer(binaries)
    try:
        server.make()
        server.start()
        server.new_database("test")
        yield server
    finally:
        server.remove()


@pytest.fixture(scope="session")
def postgresql(postgresql_server: PostgreSQLServer) -> str:
    """The address of this run's cluster, without a database's name."""
    return postgresql_server.address


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a fresh, migrated database; the test runs once for each kind."""
    if request.param == "sqlite":
        path = tmp_path / "test.sqlite3"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        yield f"sqlite+aiosqlite:///{path}"
        return
    address = request.getfixturevalue("postgresql")
    with psycopg.connect(f"{address.replace('+psycopg', '')}/test", autocommit=True) as connection:
        # Emptying tables is ten times faster than a new database; what an earlier test left open must not block it.
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'test' AND pid <> pg_backend_pid()"
        )
        rows = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        tables = [name for (name,) in rows if name != "alembic_version"]
        connection.execute(sql.SQL("TRUNCATE {} CASCADE").format(sql.SQL(", ").join(map(sql.Identifier, tables))))
    yield f"{address}/test"


@pytest_asyncio.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A fresh, migrated database; the test runs once for each kind."""
    made = Database(database_url, pool_timeout=60)  # a slow machine is no failure
    yield made
    await made.close()


@pytest_asyncio.fixture
async def sqlite_database(sqlite_template: Path, tmp_path: Path) -> AsyncIterator[Database]:
    """A fresh, migrated SQLite database, for tests that are not about the database."""
    path = tmp_path / "test.sqlite3"
    shutil.copy(sqlite_template, path)
    made = Database(f"sqlite+aiosqlite:///{path}")
    yield made
    await made.close()


@pytest.fixture
def keys() -> Keys:
    """Keys of a made-up master secret."""
    return Keys(b"a master secret for the tests only")


class RedisServer:
    """A Redis of the tests; `stop` and `start` make it go away and come back."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        binary = shutil.which("redis-server")
        assert binary
        self._process = subprocess.Popen(
            [binary, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(self._folder)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        with redis.Redis.from_url(self.url) as client:
            for _ in range(500):
                try:
                    client.ping()
                    return
                except redis.ConnectionError:
                    time.sleep(0.01)
        raise RuntimeError("redis-server did not start")

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process = None

    @property
    def process(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    def flush(self) -> None:
        """Forget everything; starts it where a test had stopped it."""
        if self._process is None:
            self.start()
        with redis.Redis.from_url(self.url) as client:
            client.flushall()


@pytest.fixture(scope="session")
def _redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    if shutil.which("redis-server") is None:
        missing("redis-server")
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def redis_server(_redis_server: RedisServer) -> RedisServer:
    """An empty Redis."""
    _redis_server.flush()
    return _redis_server


@pytest.fixture
def settings_for(tmp_path: Path) -> Callable[..., Settings]:
    """Makes settings without any environment; the data directory is the test's own."""

    def make(**values: Any) -> Settings:
        no_file: dict[str, Any] = {"_env_file": None}
        return Settings(**no_file, **{"data_dir": tmp_path / "data", **values})

    return make


Serve = Callable[..., Awaitable[httpx.AsyncClient]]


@pytest_asyncio.fixture
async def serve() -> AsyncIterator[Serve]:
    """`await serve(app, port=0)`: serves the application for the test's length; gives a client for its address."""
    async with AsyncExitStack() as stack:

        async def start(app: Sanic[Any, Any], port: int = 0) -> httpx.AsyncClient:
            actual = await stack.enter_async_context(serving(app, port=port))
            address = f"http://127.0.0.1:{actual}"
            client = httpx.AsyncClient(base_url=address, trust_env=False, timeout=60)  # a slow machine is no failure
            return await stack.enter_async_context(client)

        yield start


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of Debian's Chromium."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        missing("Chromium")
    assert path
    return path
