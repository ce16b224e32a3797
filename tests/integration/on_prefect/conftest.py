"""A real Prefect server for the tests of this folder."""

from collections.abc import Iterator

import pytest
from prefect.client.orchestration import SyncPrefectClient

from tests.integration.on_prefect.site import Site, api_of, free_url


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Run one Prefect server on SQLite for all files; each has deployments and workers of its own on it."""
    site = Site(tmp_path_factory.mktemp("site"))
    try:
        site.start_server()
        yield site
    finally:
        site.close()


@pytest.fixture
def api(site: Site) -> Iterator[SyncPrefectClient]:
    """Let flows of this process and the yielded client talk to the real server."""
    with api_of(site) as client:
        yield client


@pytest.fixture(scope="session")
def dead_url() -> str:
    """Give the URL of an API that nobody serves."""
    return free_url()
