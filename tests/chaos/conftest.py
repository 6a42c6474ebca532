"""One stack whose parts are killed, the ledger that watches it from outside, and worlds for crashes at one call.

It works on the lane of echoes: their tasks take as long as a test asks.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import servers
from crash_world import World, Worlds
from live_stack import LiveStack, live_stack
from proxied_node import ProxiedNode, Servers, proxied_node
from storm.ledger import Ledger, lay_out_witness

WORLDS = 128

# It takes as long as one asks for, and only then (`make soak`).
collect_ignore = [] if "CHAOS_SOAK_S" in os.environ else ["test_soak.py"]


@pytest.fixture(scope="package")
def ledger_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Valkey]:
    # It is never killed, and must not cost the disk what the records need.
    with servers.valkey(tmp_path_factory.mktemp("ledger"), appendfsync="no") as server:
        yield server


@pytest.fixture(scope="package")
def witness(tmp_path_factory: pytest.TempPathFactory, ledger_server: servers.Valkey) -> Path:
    """The project whose `echo` tells the ledger."""
    return lay_out_witness(tmp_path_factory.mktemp("witness") / "project", ledger_port=ledger_server.port)


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory, witness: Path) -> Iterator[LiveStack]:
    env = {"ORCH_PROJECT_DIR": str(witness)}
    with live_stack(tmp_path_factory.mktemp("stack"), lanes=("io",), env=env) as stack:
        yield stack


@pytest.fixture(scope="package")
def triton_server(tmp_path_factory: pytest.TempPathFactory, witness: Path) -> Iterator[servers.Triton]:
    """The node's, whose executions the ledger sees as well."""
    with servers.triton(tmp_path_factory.mktemp("triton"), root=witness, models=("echo", "rehearsal")) as server:
        yield server


@pytest.fixture
def ledger(ledger_server: servers.Valkey) -> Iterator[Ledger]:
    """An empty page of it."""
    ledger = Ledger(ledger_server.url)
    ledger.client.eval("return redis.call('FLUSHALL')", 0)
    yield ledger
    ledger.client.close()


@pytest.fixture(scope="package")
def node(
    tmp_path_factory: pytest.TempPathFactory, s3_server: servers.SeaweedFs, triton_server: servers.Triton
) -> Iterator[ProxiedNode]:
    """Its Valkey is its own: tests kill it, and a folder in the place of its snapshot keeps it from saving one."""
    folder = tmp_path_factory.mktemp("node")
    (folder / "snapshot").mkdir()
    with (
        servers.valkey(folder, extra=("--dbfilename", "snapshot")) as valkey,
        proxied_node(folder, Servers(valkey, s3_server, triton_server)) as node,
    ):
        yield node


@pytest.fixture(scope="package")
def worlds(
    s3_server: servers.SeaweedFs, triton_server: servers.Triton, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Worlds]:
    with servers.valkey(tmp_path_factory.mktemp("worlds"), extra=("--databases", str(WORLDS))) as valkey:
        yield Worlds(valkey, s3_server, triton_server, tmp_path_factory.mktemp("crashes"))


@pytest.fixture
def world(worlds: Worlds) -> Iterator[World]:
    with worlds.open() as world:
        yield world
