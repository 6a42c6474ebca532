"""One stack whose parts are killed, and the ledger that watches it from outside.

It works on the lane of echoes: their tasks take as long as a test asks.
"""

from collections.abc import Iterator

import pytest
import servers
from live_stack import LiveStack, live_stack
from proxied_node import ProxiedNode, Servers, proxied_node
from storm.ledger import Ledger, lay_out_witness


@pytest.fixture(scope="session")
def ledger_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Valkey]:
    # It is never killed, and must not cost the disk what the records need.
    with servers.valkey(tmp_path_factory.mktemp("ledger"), appendfsync="no") as server:
        yield server


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory, ledger_server: servers.Valkey) -> Iterator[LiveStack]:
    project = lay_out_witness(tmp_path_factory.mktemp("witness") / "project", ledger_port=ledger_server.port)
    env = {"ORCH_PROJECT_DIR": str(project)}
    with live_stack(tmp_path_factory.mktemp("stack"), lanes=("io",), env=env) as stack:
        yield stack


@pytest.fixture
def ledger(ledger_server: servers.Valkey) -> Iterator[Ledger]:
    """An empty page of it."""
    ledger = Ledger(ledger_server.url)
    ledger.client.eval("return redis.call('FLUSHALL')", 0)
    yield ledger
    ledger.client.close()


@pytest.fixture(scope="session")
def node(
    tmp_path_factory: pytest.TempPathFactory, s3_server: servers.SeaweedFs, triton_server: servers.Triton
) -> Iterator[ProxiedNode]:
    """Its Valkey is its own: tests kill it."""
    folder = tmp_path_factory.mktemp("node")
    with (
        servers.valkey(folder) as valkey,
        proxied_node(folder, Servers(valkey, s3_server, triton_server)) as node,
    ):
        yield node
