"""One site for all tests of this folder; each leaves it whole."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from tests.conftest import PostgreSQLServer, RedisServer, missing
from tests.engine.conftest import model  # noqa: F401  # the replicas serve the trained model
from tests.replicas.site import Site


@pytest.fixture(scope="session")
def whole_site(
    postgresql_server: PostgreSQLServer, tmp_path_factory: pytest.TempPathFactory, model: object  # noqa: F811
) -> Iterator[Site]:
    """Two replicas behind nginx."""
    for program in ("nginx", "redis-server"):
        if shutil.which(program) is None:
            missing(program)
    folder = tmp_path_factory.mktemp("site")
    redis = RedisServer(folder)
    redis.start()
    site = Site(folder, postgresql_server, redis, postgresql_server.new_database("site", survives_crash=True))
    try:
        site.start()
        yield site
    finally:
        site.stop()
        redis.stop()


@pytest.fixture
def site(whole_site: Site) -> Site:
    """The site with everything up."""
    return whole_site
